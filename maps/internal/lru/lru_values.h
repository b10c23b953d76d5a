// SPDX-License-Identifier: Apache-2.0

// LruValues and LruPerCpuValues: where the values of an LRU map are, and the
// callback for those that are evicted.
//
//   LruValues        Beside the keys, in the slots of the table. A new value is
//                    a new element.
//   LruPerCpuValues  Outside the table: each node has slices of its own, one
//                    for each CPU. A value is written in place.
//
// Not thread-safe: the caller decides which thread may touch a value, and when.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_LRU_VALUES_H_
#define BPFMAP_MAPS_INTERNAL_LRU_LRU_VALUES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/lru/eviction_callback.h"
#include "bpfmap/maps/internal/lru/lru_table.h"
#include "bpfmap/maps/internal/per_cpu_slots.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class LruValues {
 public:
  // `table` must outlive it.
  LruValues(LruTable<P>& table, const MapDef& def, typename P::Memory&,
            EvictionCallback on_eviction)
      : table_(table),
        user_size_(def.value_size),
        timer_offset_(def.timer_offset),
        on_eviction_(on_eviction) {}

  // How large a table's values are.
  static constexpr uint64_t SizeInTable(uint32_t value_size) {
    return value_size;
  }
  // Bytes that Init() takes from the memory for `nodes` elements.
  static constexpr uint64_t MemoryNeeded(uint32_t, uint32_t) { return 0; }
  bool Init() { return true; }

  // Bytes of a value in the user view.
  uint64_t user_size() const { return user_size_; }

  void CopyOut(void* value, std::byte* element) const {
    table_.CopyValueOut(value, element);
    if (timer_offset_ == kNoTimer) [[likely]]
      return;
    // It belongs to the programs' engine: see value_layout.h.
    std::memset(static_cast<std::byte*>(value) + timer_offset_, 0, kTimerSize);
  }

  void Evicted(std::byte* element) {
    on_eviction_(table_.KeyOf(element), table_.ValueOf(element));
  }

 private:
  LruTable<P>& table_;
  const uint64_t user_size_;
  const uint32_t timer_offset_;
  const EvictionCallback on_eviction_;
};

template <Profile P>
class LruPerCpuValues {
 public:
  // `table` and `memory` must outlive it.
  LruPerCpuValues(LruTable<P>& table, const MapDef& def,
                  typename P::Memory& memory, EvictionCallback on_eviction)
      : table_(table),
        value_size_(def.value_size),
        on_eviction_(on_eviction),
        arena_(memory),
        slots_(def.value_size, PossibleCpusOf<P>()) {}

  static constexpr uint64_t SizeInTable(uint32_t) { return 0; }
  static uint64_t MemoryNeeded(uint32_t value_size, uint32_t nodes) {
    return PerCpuSlots<P>::MemoryNeeded(value_size, nodes, PossibleCpusOf<P>());
  }

  // Returns false if there is no memory. REQUIRES: called once.
  bool Init() {
    const uint64_t size = MemoryNeeded(value_size_, table_.node_count());
    const uint64_t copy_size =
        on_eviction_.function == nullptr ? 0 : slots_.user_value_size();
    if (!arena_.Allocate(size + Arena<P>::AlignedSize(copy_size))) return false;
    slots_.Init(arena_.Take(size), table_.node_count());
    WriterLock lock(evicted_lock_);
    evicted_ = arena_.Take(copy_size);
    return true;
  }

  uint64_t user_size() const { return slots_.user_value_size(); }
  int cpus() const { return slots_.cpus(); }

  void* SliceOf(const std::byte* element, int cpu) const {
    return slots_.At(OffsetOf(table_.NodeOf(element)), cpu);
  }
  void CopyOut(void* value, const std::byte* element) const {
    slots_.CopyAllOut(value, OffsetOf(table_.NodeOf(element)));
  }

  // To be called before the first write of a node that had another element: who
  // copies without a lock, and sees that write, must see that the element has
  // left. The fence pairs with the one in Group::Validate().
  void BeginElement() { std::atomic_thread_fence(std::memory_order_release); }

  // The value of a node: all slices, as user space writes it; or that of one
  // CPU, as a program does. Fill() is for a new element, whose other slices are
  // zero then.
  void WriteAll(uint32_t node, const void* value) {
    slots_.CopyAllIn(OffsetOf(node), value);
  }
  void Write(uint32_t node, int cpu, const void* value) {
    slots_.Write(OffsetOf(node), cpu, value);
  }
  void Fill(uint32_t node, int cpu, const void* value) {
    slots_.Fill(OffsetOf(node), cpu, value);
  }

  // Shows the value as user space sees it.
  void Evicted(std::byte* element) {
    if (on_eviction_.function == nullptr) return;
    WriterLock lock(evicted_lock_);
    CopyOut(evicted_, element);
    on_eviction_(table_.KeyOf(element), evicted_);
  }

 private:
  // Nodes are numbered from 1 on.
  typename PerCpuSlots<P>::Offset OffsetOf(uint32_t node) const {
    return slots_.OffsetOf(node - 1);
  }

  LruTable<P>& table_;
  const uint32_t value_size_;
  const EvictionCallback on_eviction_;
  Arena<P> arena_;
  PerCpuSlots<P> slots_;
  typename P::Lock evicted_lock_;
  std::byte* evicted_ ABSL_GUARDED_BY(evicted_lock_) = nullptr;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_LRU_VALUES_H_
