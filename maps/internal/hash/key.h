// SPDX-License-Identifier: Apache-2.0

// Keys as the tables of hash maps see them: how they are hashed and compared.
//
// Keys of 4, 8 and 16 bytes are held in registers and compared in one or two
// steps; all others go byte by byte. DispatchKey() chooses once per operation.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_KEY_H_
#define BPFMAP_MAPS_INTERNAL_HASH_KEY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/hash/hash_function.h"
#include "bpfmap/profiles/platform/unaligned.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

// A key of any size.
class AnyKey {
 public:
  AnyKey(const void* key, uint32_t size) : key_(key), size_(size) {}

  template <typename Function>
  ABSL_ATTRIBUTE_ALWAYS_INLINE auto Hash(const Function& hash) const {
    return hash(key_, size_);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Equals(const std::byte* shared) const {
    if (!kHasAtomic8 && size_ == 4) {  // most keys
      return LoadWord<uint32_t>(shared) ==
             platform::LoadUnaligned<uint32_t>(key_);
    }
    return EqualBytes(shared, key_, size_);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void CopyTo(std::byte* shared) const {
    if (!kHasAtomic8 && size_ == 4) {
      StoreWord(shared, platform::LoadUnaligned<uint32_t>(key_));
    } else {
      StoreBytes(shared, key_, size_);
    }
  }
  // The same key of the general kind, which must not outlive this one.
  AnyKey Any() const { return *this; }
  const void* data() const { return key_; }

 private:
  const void* key_;
  uint32_t size_;
};

// A key that is one machine word.
template <typename Word>
class WordKey {
 public:
  explicit WordKey(const void* key)
      : word_(platform::LoadUnaligned<Word>(key)) {}

  template <typename Function>
  auto Hash(const Function& hash) const {
    return hash.Finish(hash.Mix(hash.Start(sizeof word_), word_));
  }
  bool Equals(const std::byte* shared) const {
    return LoadWord<Word>(shared) == word_;
  }
  void CopyTo(std::byte* shared) const { StoreWord(shared, word_); }
  AnyKey Any() const { return AnyKey(&word_, sizeof word_); }

 private:
  Word word_;
};

// A key of 16 bytes. It is loaded by halves where it is needed: two words that
// are handed on together tend to travel through memory, and to wait there.
class TwoWordKey {
 public:
  explicit TwoWordKey(const void* key)
      : key_(static_cast<const std::byte*>(key)) {}

  uint64_t Hash(const HashFunction& hash) const {
    const uint64_t start = hash.Start(2 * kWord);
    return hash.Finish(hash.Mix(hash.Mix(start, Word(0)), Word(kWord)));
  }
  bool Equals(const std::byte* shared) const {
    return LoadWord<uint64_t>(shared) == Word(0) &&
           LoadWord<uint64_t>(shared + kWord) == Word(kWord);
  }
  void CopyTo(std::byte* shared) const {
    StoreWord(shared, Word(0));
    StoreWord(shared + kWord, Word(kWord));
  }
  AnyKey Any() const { return AnyKey(key_, 2 * kWord); }

 private:
  static constexpr std::size_t kWord = sizeof(uint64_t);

  uint64_t Word(std::size_t offset) const {
    uint64_t word;
    std::memcpy(&word, key_ + offset, sizeof word);
    return word;
  }

  const std::byte* key_;
};

// Calls visitor(key) with the kind of key that suits `size`. On a small machine
// that is AnyKey, so that there is one copy of what the visitor does.
template <Profile P, typename Visitor>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline auto DispatchKey(const void* key,
                                                     uint32_t size,
                                                     Visitor visitor) {
  // A compiler that knows the caller's key would warn that it is too small for
  // the branches that are for other sizes. This makes it forget.
  asm("" : "+r"(key));
  if constexpr (!kIsSmall<P>) {
    if (size == 4) return visitor(WordKey<uint32_t>(key));
    if constexpr (kHasAtomic8) {
      if (size == 8) return visitor(WordKey<uint64_t>(key));
      if (size == 16) return visitor(TwoWordKey(key));
    }
  }
  return visitor(AnyKey(key, size));
}

// The same for lookups, of which a small machine has two copies.
template <Profile P, typename Visitor>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline auto DispatchLookupKey(const void* key,
                                                           uint32_t size,
                                                           Visitor visitor) {
  if constexpr (kIsSmall<P>) {
    if (size == 4) return visitor(WordKey<uint32_t>(key));
  }
  return DispatchKey<P>(key, size, visitor);
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_KEY_H_
