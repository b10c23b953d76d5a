// SPDX-License-Identifier: Apache-2.0

// PerCpuSlots: elements that have a slice of bytes for each CPU.
//
// The slices of one CPU lie together and start on a cache line of their own:
//
//   | CPU 0: slice of element 0 | of element 1 | ... | CPU 1: slice of ...
//   ^ areas_                                         ^ areas_ + area_size_
//                               ^ Offset of element 1
//
// So no CPU writes to a line that another one writes to, not even where slices
// are a few bytes long, and none of the memory goes to padding. With an
// element's slices side by side, eight counters of eight CPUs would be one line
// that travels between them with each increment.
//
// A slice is value_size bytes, rounded up to 8. User space reads and writes all
// of it, programs only the value_size bytes. An element is named by the offset
// of its slice in the area of each CPU, which is the same for all of them.
//
// Not thread-safe: the caller decides which thread may touch a slice, and when.

#ifndef BPFMAP_MAPS_INTERNAL_PER_CPU_SLOTS_H_
#define BPFMAP_MAPS_INTERNAL_PER_CPU_SLOTS_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class PerCpuSlots {
 public:
  // One word, so that it is loaded and stored as a whole.
  using Offset = std::size_t;

  PerCpuSlots(uint32_t value_size, int cpus)
      : value_size_(value_size),
        slice_size_(RoundUp8(value_size)),
        cpus_(cpus) {}
  PerCpuSlots(const PerCpuSlots&) = delete;
  PerCpuSlots& operator=(const PerCpuSlots&) = delete;

  // Bytes of the block that Init() is given, which are a part of an Arena.
  static constexpr uint64_t MemoryNeeded(uint32_t value_size, uint64_t elements,
                                         int cpus) {
    return AreaSize(RoundUp8(value_size), elements) * cpus;
  }

  // Makes `elements` elements, all zero, in `block`, which must outlive them.
  void Init(std::byte* block, uint64_t elements) {
    areas_ = block;
    area_size_ = AreaSize(slice_size_, elements);
  }

  int cpus() const { return cpus_; }
  std::size_t slice_size() const { return slice_size_; }

  // From the number of an element to its offset, and back.
  Offset OffsetOf(std::size_t element) const { return element * slice_size_; }
  std::size_t ElementAt(Offset offset) const { return offset / slice_size_; }

  // A pointer to a slice, aligned to 8.
  std::byte* At(Offset offset, int cpu) const {
    return areas_ + static_cast<uint32_t>(cpu) * area_size_ + offset;
  }

  // One slice as user space knows it, with its padding.
  void CopyOut(void* slice, Offset offset, int cpu) const {
    LoadBytes(slice, At(offset, cpu), slice_size_);
  }
  void CopyIn(Offset offset, int cpu, const void* slice) {
    StoreBytes(At(offset, cpu), slice, slice_size_);
  }

  // All slices, one after the other.
  std::size_t user_value_size() const { return cpus_ * slice_size_; }
  void CopyAllOut(void* value, Offset offset) const {
    std::byte* slice = static_cast<std::byte*>(value);
    for (int cpu = 0; cpu < cpus_; ++cpu, slice += slice_size_) {
      CopyOut(slice, offset, cpu);
    }
  }
  void CopyAllIn(Offset offset, const void* value) {
    const std::byte* slice = static_cast<const std::byte*>(value);
    for (int cpu = 0; cpu < cpus_; ++cpu, slice += slice_size_) {
      CopyIn(offset, cpu, slice);
    }
  }

  // One slice as a program writes it.
  void Write(Offset offset, int cpu, const void* value) {
    StoreBytes(At(offset, cpu), value, value_size_);
  }
  // The same for a new element: the other slices are zero.
  void Fill(Offset offset, int cpu, const void* value) {
    for (int i = 0; i < cpus_; ++i) ClearBytes(At(offset, i), slice_size_);
    Write(offset, cpu, value);
  }

 private:
  static constexpr uint64_t AreaSize(uint64_t slice_size, uint64_t elements) {
    return Arena<P>::AlignedSize(slice_size * elements);
  }

  const uint32_t value_size_;
  const std::size_t slice_size_;
  const int cpus_;
  std::byte* areas_ = nullptr;  // one after the other, one for each CPU
  std::size_t area_size_ = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PER_CPU_SLOTS_H_
