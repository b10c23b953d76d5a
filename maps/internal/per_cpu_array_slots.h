// SPDX-License-Identifier: Apache-2.0

// PerCpuArraySlots: the elements of a per-CPU array map, by index.
//
// Two kinds of seqlocks:
//   - Element i belongs to seqlock i & (seqlocks - 1). The user view, which
//     writes the slices of all CPUs, does so under this lock and inside a
//     WriteSection; so two such writes are never seen mixed.
//   - All slices of a CPU belong to a seqlock of that CPU. A slice is written
//     under this lock, inside a WriteSection or, where values are small enough,
//     by a single store. A program takes this lock alone, for which no other
//     CPU's program competes.
// The lock of an element comes before that of a CPU.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_PER_CPU_ARRAY_SLOTS_H_
#define BPFMAP_MAPS_INTERNAL_PER_CPU_ARRAY_SLOTS_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/per_cpu_slots.h"
#include "bpfmap/maps/internal/seq_lock.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class PerCpuArraySlots {
 public:
  PerCpuArraySlots(typename P::Memory& memory, uint32_t value_size, int cpus)
      : value_(value_size, ValueLayout::kNoLock),
        one_store_(value_.IsOneStore()),
        arena_(memory),
        slots_(value_size, cpus) {}

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t value_size, uint32_t size,
                                         int cpus) {
    return Arena<P>::AlignedSize(StripedSeqLocks<P>::MemoryNeeded(size)) +
           Arena<P>::AlignedSize(StripedSeqLocks<P>::MemoryNeeded(cpus)) +
           PerCpuSlots<P>::MemoryNeeded(value_size, size, cpus);
  }

  // Makes `size` elements, all zero. Returns false if there is no memory.
  // REQUIRES: called once, before anything else.
  bool Init(uint32_t size) {
    const int cpus = slots_.cpus();
    if (!arena_.Allocate(MemoryNeeded(value_.size(), size, cpus))) return false;
    seq_locks_.Init(arena_.Take(StripedSeqLocks<P>::MemoryNeeded(size)), size);
    cpu_seq_locks_.Init(arena_.Take(StripedSeqLocks<P>::MemoryNeeded(cpus)),
                        cpus);
    slots_.Init(
        arena_.Take(PerCpuSlots<P>::MemoryNeeded(value_.size(), size, cpus)),
        size);
    return true;
  }

  int cpus() const { return slots_.cpus(); }

  // Bytes of a value in the user view.
  std::size_t user_value_size() const { return slots_.user_value_size(); }

  // A pointer to the slice of a CPU, aligned to 8.
  std::byte* At(uint32_t index, int cpu) const {
    return slots_.At(slots_.OffsetOf(index), cpu);
  }

  SeqLock<P>& SeqLockOf(uint32_t index) const { return seq_locks_.Of(index); }

  // Copies all slices to `value`. Each of them is whole. They may be of
  // different moments, but not of different writes of the user view.
  void Read(uint32_t index, void* value) const {
    SeqLock<P>& seq_lock = SeqLockOf(index);
    // A mixture may reach `value`, and is then written over.
    if (!seq_lock.TryRead([&](uint32_t) { ReadSlices(index, value); })) {
      ReaderLock lock(seq_lock);
      ReadSlices(index, value);
    }
  }

  // Writes all slices from `value`.
  void WriteLocked(SeqLock<P>& seq_lock, uint32_t index, const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock) {
    WriteSection<P> write(seq_lock);
    const std::byte* slice = static_cast<const std::byte*>(value);
    for (int cpu = 0; cpu < cpus(); ++cpu, slice += slots_.slice_size()) {
      SeqLock<P>& cpu_seq_lock = cpu_seq_locks_.Of(cpu);
      WriterLock lock(cpu_seq_lock);
      WriteSection<P> write_slice(cpu_seq_lock);
      slots_.CopyIn(slots_.OffsetOf(index), cpu, slice);
    }
  }

  // Whether a program writes a slice by one store, which needs no lock to be
  // whole.
  bool IsOneStore() const { return one_store_; }

  // WriteSlice, where it is one store. REQUIRES: IsOneStore().
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Store(uint32_t index, int cpu,
                                          const void* value) {
    value_.CopyInByOneStore(At(index, cpu), value);
  }

  // Writes the slice of one CPU, as a program does.
  void WriteSlice(uint32_t index, int cpu, const void* value) {
    if (one_store_) return Store(index, cpu, value);
    SeqLock<P>& seq_lock = cpu_seq_locks_.Of(cpu);
    WriterLock lock(seq_lock);
    WriteSection<P> write(seq_lock);
    slots_.Write(slots_.OffsetOf(index), cpu, value);
  }

  // Runs `change` while no other thread holds the lock of any element.
  template <typename Change>
  void WithAllLocked(Change change) {
    seq_locks_.WithAllLocked(change);
  }

 private:
  void ReadSlices(uint32_t index, void* value) const {
    const auto offset = slots_.OffsetOf(index);
    std::byte* slice = static_cast<std::byte*>(value);
    for (int cpu = 0; cpu < cpus(); ++cpu, slice += slots_.slice_size()) {
      if (value_.IsOneWord()) {  // whole in any case
        slots_.CopyOut(slice, offset, cpu);
        continue;
      }
      SeqLock<P>& seq_lock = cpu_seq_locks_.Of(cpu);
      if (seq_lock.TryRead(
              [&](uint32_t) { slots_.CopyOut(slice, offset, cpu); })) {
        continue;
      }
      ReaderLock lock(seq_lock);
      slots_.CopyOut(slice, offset, cpu);
    }
  }

  const ValueLayout value_;
  const bool one_store_;
  Arena<P> arena_;
  StripedSeqLocks<P> seq_locks_;      // of elements
  StripedSeqLocks<P> cpu_seq_locks_;  // of CPUs
  PerCpuSlots<P> slots_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PER_CPU_ARRAY_SLOTS_H_
