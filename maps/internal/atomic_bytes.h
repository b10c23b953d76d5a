// SPDX-License-Identifier: Apache-2.0

// Copying, comparing and clearing bytes that other threads may be writing.
//
// Map memory is always touched through these functions, with relaxed atomic
// accesses of 8 bytes (4 or 1 at the end). A reader that races with a writer
// sees a mixture of old and new words, which it then throws away (see
// seq_lock.h), but there is no data race, neither for the language nor for
// ThreadSanitizer. Where the machine has atomic accesses of 8 bytes, a run of 8
// bytes that is aligned to 8 is never mixed; elsewhere accesses are 4 bytes
// wide.
//
// `shared` pointers are into map memory and aligned to 8, or to 4 for a length
// below 8; `own` pointers are the caller's and need no alignment.

#ifndef BPFMAP_MAPS_INTERNAL_ATOMIC_BYTES_H_
#define BPFMAP_MAPS_INTERNAL_ATOMIC_BYTES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/profiles/platform/unaligned.h"

namespace bpfmap::internal {

inline constexpr bool kHasAtomic8 = __atomic_always_lock_free(8, nullptr);

constexpr uint64_t RoundUp8(uint64_t size) { return (size + 7) & ~uint64_t{7}; }

template <typename Word>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline Word LoadWord(const std::byte* shared) {
  return __atomic_load_n(reinterpret_cast<const Word*>(shared),
                         __ATOMIC_RELAXED);
}

template <typename Word>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void StoreWord(std::byte* shared,
                                                   Word word) {
  __atomic_store_n(reinterpret_cast<Word*>(shared), word, __ATOMIC_RELAXED);
}

// Calls visit(Word{}, offset) for the words that make up bytes [start, size).
// `start` is a multiple of 4.
template <typename Visitor>
bool ForEachWord(std::size_t start, std::size_t size, Visitor visit) {
  std::size_t at = start;
  if constexpr (kHasAtomic8) {
    if (at % 8 != 0 && size - at >= 4) {
      if (!visit(uint32_t{}, at)) return false;
      at += 4;
    }
    for (; size - at >= 8; at += 8) {
      if (!visit(uint64_t{}, at)) return false;
    }
  }
  for (; size - at >= 4; at += 4) {
    if (!visit(uint32_t{}, at)) return false;
  }
  for (; at < size; ++at) {
    if (!visit(uint8_t{}, at)) return false;
  }
  return true;
}

// LoadBytes and StoreBytes, a word at a time.
inline void LoadEachWord(std::byte* own, const std::byte* shared,
                         std::size_t size, std::size_t start) {
  ForEachWord(start, size, [&](auto word, std::size_t at) {
    word = LoadWord<decltype(word)>(shared + at);
    std::memcpy(own + at, &word, sizeof word);
    return true;
  });
}
inline void StoreEachWord(std::byte* shared, const std::byte* own,
                          std::size_t size, std::size_t start) {
  ForEachWord(start, size, [&](auto word, std::size_t at) {
    StoreWord(shared + at, platform::LoadUnaligned<decltype(word)>(own + at));
    return true;
  });
}

// LoadBytes and StoreBytes, for all cases. Four words at a time, as far as they
// go: half of the instructions for values of a cache line.
ABSL_ATTRIBUTE_NOINLINE inline void LoadManyBytes(std::byte* own,
                                                  const std::byte* shared,
                                                  std::size_t size,
                                                  std::size_t start) {
  if (start == 0) {
    constexpr std::size_t kWord = sizeof(uint64_t);
    for (; size - start >= 4 * kWord; start += 4 * kWord) {
      const std::byte* const from = shared + start;
      const uint64_t word0 = LoadWord<uint64_t>(from);
      const uint64_t word1 = LoadWord<uint64_t>(from + kWord);
      const uint64_t word2 = LoadWord<uint64_t>(from + 2 * kWord);
      const uint64_t word3 = LoadWord<uint64_t>(from + 3 * kWord);
      std::memcpy(own + start, &word0, kWord);
      std::memcpy(own + start + kWord, &word1, kWord);
      std::memcpy(own + start + 2 * kWord, &word2, kWord);
      std::memcpy(own + start + 3 * kWord, &word3, kWord);
    }
    if (start == size) return;
  }
  LoadEachWord(own, shared, size, start);
}
ABSL_ATTRIBUTE_NOINLINE inline void StoreManyBytes(std::byte* shared,
                                                   const std::byte* own,
                                                   std::size_t size,
                                                   std::size_t start) {
  if (start == 0) {
    constexpr std::size_t kWord = sizeof(uint64_t);
    for (; size - start >= 4 * kWord; start += 4 * kWord) {
      std::byte* const to = shared + start;
      const std::byte* const from = own + start;
      const auto word0 = platform::LoadUnaligned<uint64_t>(from);
      const auto word1 = platform::LoadUnaligned<uint64_t>(from + kWord);
      const auto word2 = platform::LoadUnaligned<uint64_t>(from + 2 * kWord);
      const auto word3 = platform::LoadUnaligned<uint64_t>(from + 3 * kWord);
      StoreWord(to, word0);
      StoreWord(to + kWord, word1);
      StoreWord(to + 2 * kWord, word2);
      StoreWord(to + 3 * kWord, word3);
    }
    if (start == size) return;
  }
  StoreEachWord(shared, own, size, start);
}

// Copies bytes [start, size) of `shared` to the same place in `own`.
inline void LoadBytes(void* own, const std::byte* shared, std::size_t size,
                      std::size_t start = 0) {
  if (kHasAtomic8 && start == 0 && size == 8) {  // most values
    const uint64_t word = LoadWord<uint64_t>(shared);
    std::memcpy(own, &word, sizeof word);
    return;
  }
  std::byte* const to = static_cast<std::byte*>(own);
  if constexpr (kHasAtomic8) {
    LoadManyBytes(to, shared, size, start);
  } else {
    LoadEachWord(to, shared, size, start);
  }
}

// Copies bytes [start, size) of `own` to the same place in `shared`.
inline void StoreBytes(std::byte* shared, const void* own, std::size_t size,
                       std::size_t start = 0) {
  if (kHasAtomic8 && start == 0 && size == 8) {  // most values
    StoreWord(shared, platform::LoadUnaligned<uint64_t>(own));
    return;
  }
  const std::byte* const from = static_cast<const std::byte*>(own);
  if constexpr (kHasAtomic8) {
    StoreManyBytes(shared, from, size, start);
  } else {
    StoreEachWord(shared, from, size, start);
  }
}

// Makes bytes [start, size) of `shared` zero.
inline void ClearBytes(std::byte* shared, std::size_t size,
                       std::size_t start = 0) {
  ForEachWord(start, size, [&](auto word, std::size_t at) {
    StoreWord(shared + at, decltype(word){0});
    return true;
  });
}

inline bool EqualBytes(const std::byte* shared, const void* own,
                       std::size_t size) {
  const std::byte* const other = static_cast<const std::byte*>(own);
  return ForEachWord(0, size, [&](auto word, std::size_t at) {
    return platform::LoadUnaligned<decltype(word)>(other + at) ==
           LoadWord<decltype(word)>(shared + at);
  });
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_ATOMIC_BYTES_H_
