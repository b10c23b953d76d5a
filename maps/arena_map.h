// SPDX-License-Identifier: Apache-2.0

// ArenaMap: BPF_MAP_TYPE_ARENA. Pages of memory that a program and user space
// share, with pointers that are good on both sides.
//
// max_entries is the number of pages, map_extra the address at which user space
// maps them (0: where it likes). There are no elements: the commands on them
// are refused. ArenaPages (arena_pages.h) is what a program does with it.
//
// A page is there once a program has allocated it or user space has touched it.
// A program that reads another page reads zeros, and what it stores there is
// lost. With kSegvOnFault user space may not touch a page that no program has
// allocated: that is not enforced.
//
// It is on profiles whose memory is lazy: pages cost nothing until they are
// touched.
//
// Source: answers of Linux 6.18 in tests/objects/arena.out. Thread-safe, see
// bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_ARENA_MAP_H_
#define BPFMAP_MAPS_ARENA_MAP_H_

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
inline constexpr bool kHasArena = P::kLazyMemory;

// Memory that other mappings show as well: it says which pages they touched.
template <typename Memory>
concept TellsTouched = requires(Memory& memory, uint64_t offset) {
  // The first byte from `offset` on that was touched; past the end: none.
  { memory.NextTouched(offset) } -> std::same_as<uint64_t>;
  // Takes [offset, offset + size) away: it reads as zeros.
  memory.Drop(offset, offset);
};

template <Profile P>
class ArenaMap final : public MapBase<ArenaMap<P>, P>, public ArenaPages {
  static_assert(kHasArena<P>, "an arena needs lazy memory");

 public:
  using typename MapBase<ArenaMap<P>, P>::Memory;

  // Bytes. Memory that can be mapped has parts of whole pages.
  static constexpr uint32_t kPageSize =
      std::max<uint32_t>(4096, P::kCacheLineSize);
  static constexpr uint64_t kMostBytes = uint64_t{1} << 32;

  // `memory` must outlive the map.
  ArenaMap(const MapDef& def, Memory* memory)
      : MapBase<ArenaMap, P>(def),
        memory_(*memory),
        arena_(*memory),
        user_start_(def.map_extra) {}
  explicit ArenaMap(const MapDef& def) requires HasDefaultMemory<P>
      : ArenaMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL  a key or a value; no kMmapable; a flag other than that,
  //           kSegvOnFault and kNoUserConv; a map_extra within a page; what
  //           CheckCommon() lists
  //   E2BIG   more than 4 GiB
  //   ERANGE  no page, or pages on both sides of a multiple of 4 GiB
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    constexpr MapFlags kFlags = kMmapable | kSegvOnFault | kNoUserConv;
    const uint64_t bytes = uint64_t{def.max_entries} * kPageSize;
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kArena, "type must be ARENA"),
        CheckNoKey(def), Require(def.value_size == 0, "value_size must be 0"),
        Require(HasAny(def.map_flags, kMmapable),
                "map_flags must have BPF_F_MMAPABLE"),
        Require(!HasAny(def.map_flags, ~kFlags),
                "map_flags has a flag that ARENA does not take"),
        Require(def.max_entries != 0, "max_entries must be 1 or more"),
        Require(def.map_extra % kPageSize == 0,
                "map_extra must be the address of a page"),
        Require(bytes <= kMostBytes, "an arena has 4 GiB at most",
                Errno::k2Big),
        Require(def.map_extra >> 32 == (def.map_extra + bytes - 1) >> 32,
                "an arena may not cross a multiple of 4 GiB", Errno::kRange),
        CheckNameAndNoLock(def));
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(BytesOf(def) + kSlack) +
           internal::Arena<P>::AlignedSize(WordsOf(def) * sizeof(Word));
  }

  // Bytes that user space may map.
  static constexpr uint64_t MappableSize(const MapDef& def) {
    return BytesOf(def);
  }

  ArenaPages* arena_pages() override { return this; }

  static constexpr Refusals kRefuses{.lookup = Errno::kInval,
                                     .update = Errno::kOpNotSupp,
                                     .delete_key = Errno::kOpNotSupp,
                                     .get_next_key = Errno::kOpNotSupp,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kAcces};
  static constexpr MapTraits kTraits{.writable_pages =
                                         MapTraits::WritablePages::kAll};

 private:
  friend MapBase<ArenaMap, P>;
  using MapBase<ArenaMap, P>::def_;
  using Word = std::atomic<uint64_t>;

  // Bytes that the first page may lie after the start of its part.
  static constexpr uint64_t kSlack =
      P::kCacheLineSize % kPageSize == 0 ? 0 : kPageSize;
  static constexpr uint64_t BytesOf(const MapDef& def) {
    return uint64_t{def.max_entries} * kPageSize;
  }
  static constexpr uint64_t WordsOf(const MapDef& def) {
    return (uint64_t{def.max_entries} + 63) / 64;
  }

  bool IsMarked(uint64_t page) const {
    // Relaxed: the program orders what it does with the page.
    return (there_[page / 64].load(std::memory_order_relaxed) >> page % 64 &
            1) != 0;
  }
  void Mark(uint64_t page) {
    there_[page / 64].fetch_or(uint64_t{1} << page % 64,
                               std::memory_order_relaxed);
  }
  void Unmark(uint64_t page) {
    there_[page / 64].fetch_and(~(uint64_t{1} << page % 64),
                                std::memory_order_relaxed);
  }
  bool IsThere(uint64_t page) {
    if (IsMarked(page)) return true;
    if constexpr (TellsTouched<Memory>) {
      const uint64_t offset = page * kPageSize;
      if (memory_.NextTouched(offset) != offset) return false;
      Mark(page);
      return true;
    } else {
      return false;
    }
  }
  bool AnyThere(uint64_t first, uint64_t count) {
    for (uint64_t page = first; page < first + count; ++page) {
      if (IsThere(page)) return true;
    }
    return false;
  }
  // Marks what user space has touched.
  void MarkTouched() {
    if constexpr (TellsTouched<Memory>) {
      for (uint64_t page = 0; page < def_.max_entries; ++page) {
        if (IsMarked(page)) continue;
        page = memory_.NextTouched(page * kPageSize) / kPageSize;
        if (page < def_.max_entries) Mark(page);
      }
    }
  }
  // The first page of the shortest row of at least `count` pages that are not
  // there, as Linux chooses; max_entries if there is none. Of rows that are
  // equally long the last one counts. (Linux takes the one that became free
  // last.)
  uint64_t FindRow(uint64_t count);

  // For MapBase.
  bool Allocate();
  template <typename Change>
  void WithWritersStopped(Change change) {
    change();
  }

  // For ArenaPages.
  uint64_t DoUserStart() const override {
    return user_start_.load(std::memory_order_acquire);
  }
  void DoSetUserStart(uint64_t address) override {
    uint64_t unknown = 0;
    user_start_.compare_exchange_strong(unknown, address,
                                        std::memory_order_acq_rel);
  }
  uint64_t DoAllocatePages(uint64_t address, uint32_t count) override;
  void DoFreePages(uint64_t address, uint32_t count) override;
  bool DoAreThere(uint64_t offset, uint64_t size) override {
    const uint64_t last = (offset + size - 1) / kPageSize;
    for (uint64_t page = offset / kPageSize; page <= last; ++page) {
      if (!IsThere(page)) return false;
    }
    return true;
  }
  void* DoTouch(uint64_t offset, uint64_t size) override {
    const uint64_t last = (offset + size - 1) / kPageSize;
    WriterLock lock(lock_);
    for (uint64_t page = offset / kPageSize; page <= last; ++page) Mark(page);
    return pages_ + offset;
  }

  Memory& memory_;
  internal::Arena<P> arena_;
  std::atomic<uint64_t> user_start_;
  // Constant after Init().
  std::byte* pages_ = nullptr;
  Word* there_ = nullptr;  // a bit for each page that is known to be there
  typename P::Lock lock_;  // one allocates or frees at a time
};

template <Profile P>
bool ArenaMap<P>::Allocate() {
  if (!arena_.Allocate(MemoryNeeded(def_))) return false;
  std::byte* const part = arena_.Take(BytesOf(def_) + kSlack);
  const uint64_t past = reinterpret_cast<uintptr_t>(part) % kPageSize;
  pages_ = past == 0 ? part : part + (kPageSize - past);
  there_ = reinterpret_cast<Word*>(arena_.Take(WordsOf(def_) * sizeof(Word)));
  for (uint64_t i = 0; i < WordsOf(def_); ++i) new (&there_[i]) Word(0);
  SetMemory(pages_, BytesOf(def_), kPageSize);
  // Nobody maps it, so that pointers into it are those of this process.
  if constexpr (!TellsTouched<Memory>) DoSetUserStart(start());
  return true;
}

template <Profile P>
uint64_t ArenaMap<P>::FindRow(uint64_t count) {
  MarkTouched();
  const uint64_t pages = def_.max_entries;
  uint64_t best = pages;
  uint64_t best_length = pages + 1;
  for (uint64_t page = 0; page < pages; ++page) {
    if (IsMarked(page)) continue;
    const uint64_t first = page;
    while (page < pages && !IsMarked(page)) ++page;
    const uint64_t length = page - first;
    if (length >= count && length <= best_length) {
      best = first;
      best_length = length;
    }
  }
  return best;
}

template <Profile P>
uint64_t ArenaMap<P>::DoAllocatePages(uint64_t address, uint32_t count) {
  const uint64_t pages = def_.max_entries;
  if (count == 0 || count > pages) return 0;
  WriterLock lock(lock_);
  uint64_t first;
  if (address == 0) {
    first = FindRow(count);
    if (first == pages) return 0;
  } else {
    const uint32_t offset =
        static_cast<uint32_t>(ToLocal(address) - this->start());
    first = offset / kPageSize;
    if (offset % kPageSize != 0 || first > pages - count ||
        AnyThere(first, count)) {
      return 0;
    }
  }
  // Others may be touching what they map, which is zeros until then.
  if constexpr (!TellsTouched<Memory>) {
    std::memset(pages_ + first * kPageSize, 0, uint64_t{count} * kPageSize);
  }
  for (uint64_t i = 0; i < count; ++i) Mark(first + i);
  return DoUserStart() + first * kPageSize;
}

template <Profile P>
void ArenaMap<P>::DoFreePages(uint64_t address, uint32_t count) {
  const uint64_t pages = def_.max_entries;
  const uint64_t offset = ToLocal(address) - this->start();
  if (offset >= this->size()) return;
  const uint64_t first = offset / kPageSize;
  const uint64_t freed = std::min<uint64_t>(count, pages - first);
  WriterLock lock(lock_);
  for (uint64_t i = 0; i < freed; ++i) Unmark(first + i);
  if constexpr (TellsTouched<Memory>) {
    memory_.Drop(first * kPageSize, freed * kPageSize);
  }
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_ARENA_MAP_H_
