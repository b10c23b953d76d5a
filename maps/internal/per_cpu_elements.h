// SPDX-License-Identifier: Apache-2.0

// PerCpuElements: the values of a per-CPU hash map, outside its table.
//
// The table (hash_table.h) holds for each key one word, the offset of its
// slices. So the table is a fast one whatever the size of a value and however
// many CPUs there are, and the slots that it has to spare are small.
//
// A freed element keeps its bytes until it is taken again; the one that was
// freed last is taken first, as in Linux.
//
// There are as many elements as keys. For this to be enough, an element is
// taken once the table has room for its key, and freed before the key leaves
// the table.
//
// Thread-safe, except for the slices: the shard of a key guards those of its
// value.

#ifndef BPFMAP_MAPS_INTERNAL_PER_CPU_ELEMENTS_H_
#define BPFMAP_MAPS_INTERNAL_PER_CPU_ELEMENTS_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/bounded_slot_freelist.h"
#include "bpfmap/maps/internal/per_cpu_slots.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class PerCpuElements {
 public:
  // Where the slices of an element are; see PerCpuSlots. The table holds it.
  using Offset = typename PerCpuSlots<P>::Offset;

  PerCpuElements(uint32_t value_size, int cpus)
      : numbers_(0), slots_(value_size, cpus) {}

  // Bytes of the block that Init() is given, which are a part of an Arena.
  static constexpr uint64_t MemoryNeeded(uint32_t value_size,
                                         uint32_t max_entries, int cpus) {
    return LinksSize(max_entries) +
           PerCpuSlots<P>::MemoryNeeded(value_size, max_entries, cpus);
  }

  // `block` is zeroed and must outlive the elements.
  void Init(std::byte* block, uint32_t max_entries) {
    links_ = reinterpret_cast<uint32_t*>(block);
    slots_.Init(block + LinksSize(max_entries), max_entries);
  }

  // REQUIRES: not all are taken.
  Offset Take() { return slots_.OffsetOf(numbers_.Take(*this) - 1); }
  void GiveBack(Offset offset) {
    const std::size_t number = slots_.ElementAt(offset) + 1;
    numbers_.GiveBack(*this, static_cast<uint32_t>(number));
  }

  // The slices of the elements.
  PerCpuSlots<P>& slots() { return slots_; }
  const PerCpuSlots<P>& slots() const { return slots_; }

  // For BoundedSlotFreelist, whose numbers start at 1. It has a lock of its own
  // around these.
  uint32_t NextFree(uint32_t number) const { return links_[number - 1]; }
  void SetNextFree(uint32_t number, uint32_t next) {
    links_[number - 1] = next;
  }

 private:
  static constexpr uint64_t LinksSize(uint32_t max_entries) {
    return Arena<P>::AlignedSize(uint64_t{max_entries} * sizeof(uint32_t));
  }

  // Counts nothing against a limit: that is up to the table.
  BoundedSlotFreelist<P, PerCpuElements> numbers_;
  uint32_t* links_ = nullptr;  // the list of free numbers
  PerCpuSlots<P> slots_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PER_CPU_ELEMENTS_H_
