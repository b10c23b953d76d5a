// SPDX-License-Identifier: Apache-2.0

// PerCpuArrayMap: BPF_MAP_TYPE_PERCPU_ARRAY. max_entries values by index, each
// with a slice of its own for every CPU; all of them are always there, zero at
// first.
//
// User view: a value is the slices of all possible CPUs, in order, of
// round_up(value_size, 8) bytes each; padding comes back as it was written.
// Each slice that a lookup copies is whole, and all are of the same Update, but
// for what programs did since: their stores and updates touch single slices,
// and the slices may be of different moments.
//
// Program view: a program sees the slice of the CPU that it runs on
// (profiles/cpu.h). A pointer stays on the live slice: updates write in place.
// Programs on different CPUs write to different cache lines, and share no lock.
//
// UpdateElem checks: the rights of programs (EACCES), null pointers (EFAULT),
// flags beyond BPF_EXIST (EINVAL), the index (E2BIG), BPF_NOEXIST (EEXIST),
// BPF_F_LOCK (EINVAL: values hold no lock).
//
// Source: Documentation/bpf/map_array.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_PER_CPU_ARRAY_MAP_H_
#define BPFMAP_MAPS_PER_CPU_ARRAY_MAP_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/per_cpu_array_slots.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class PerCpuArrayMap final : public MapBase<PerCpuArrayMap<P>, P> {
 public:
  using typename MapBase<PerCpuArrayMap<P>, P>::Memory;

  // `memory` must outlive the map.
  PerCpuArrayMap(const MapDef& def, Memory* memory)
      : MapBase<PerCpuArrayMap, P>(def),
        slots_(*memory, def.value_size, PossibleCpusOf<P>()),
        stores_(slots_.IsOneStore() && !HasAny(def.map_flags, kRdOnlyProg)) {}
  explicit PerCpuArrayMap(const MapDef& def) requires HasDefaultMemory<P>
      : PerCpuArrayMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      a size or max_entries of 0; a key that is not 4 bytes; a flag
  //               that per-CPU arrays do not have; a NUMA node; what
  //               CheckCommon() lists
  //   E2BIG       a value of more than 32768 bytes
  //   EOPNOTSUPP  a lock in the value (EACCES, if programs may not read and
  //               write it; EFAULT, if it is not at a multiple of 4)
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::PerCpuArraySlots<P>::MemoryNeeded(
        def.value_size, def.max_entries, PossibleCpusOf<P>());
  }

  // The program view.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr) return nullptr;
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return nullptr;
    // No call but the last one, for which nothing need be saved.
    const int cpu = KnownCpuOf<P>();
    return cpu >= 0 ? slots_.At(index, cpu) : LookupSlow(index);
  }
  Errno UpdateElem(const void* key, const void* value,
                   ElemFlags flags) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (stores_ && flags == kAny && key != nullptr && value != nullptr)
        [[likely]] {
      const uint32_t index = IndexOf(key);
      const int cpu = KnownCpuOf<P>();
      if (index < def_.max_entries && cpu >= 0) [[likely]] {
        slots_.Store(index, cpu, value);
        return Errno::kOk;
      }
    }
    return UpdateSlow(key, value, flags);
  }
  // The slice of CPU `cpu`; null if there is no such index or no such CPU.
  void* LookupPerCpuElem(const void* key, uint32_t cpu) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr) return nullptr;
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return nullptr;
    if (cpu >= static_cast<uint32_t>(slots_.cpus())) return nullptr;
    return slots_.At(index, static_cast<int>(cpu));
  }

  // What Linux answers in place of commands that arrays do not have.
  static constexpr Refusals kRefuses{.delete_key = Errno::kInval,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .lookup_and_delete_batch = Errno::kNotSupp,
                                     .delete_batch = Errno::kNotSupp,
                                     .delete_elem = Errno::kInval};
  static constexpr MapTraits kTraits{.key_types = MapTraits::KeyTypes::kIndex};

 private:
  friend MapBase<PerCpuArrayMap, P>;
  using MapBase<PerCpuArrayMap, P>::def_;
  using MapBase<PerCpuArrayMap, P>::rights_;

  // For MapBase.
  bool Allocate() { return slots_.Init(def_.max_entries); }
  uint64_t UserValueSize() const { return slots_.user_value_size(); }
  Errno Read(const void* key, void* value, ElemFlags) {
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    slots_.Read(index, value);
    return Errno::kOk;
  }
  template <View view>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    const uint32_t index = IndexOf(key);
    const Errno error = CheckPut(index, flags);
    if (error != Errno::kOk) return error;
    if constexpr (view == View::kProgram) {
      slots_.WriteSlice(index, CurrentCpuOf<P>(), value);
      return Errno::kOk;
    }
    internal::SeqLock<P>& seq_lock = slots_.SeqLockOf(index);
    WriterLock lock(seq_lock);
    if (rights_.frozen()) return Errno::kPerm;
    slots_.WriteLocked(seq_lock, index, value);
    return Errno::kOk;
  }
  Errno NextKey(const void* key, void* next_key) const {
    return CopyNextIndex(key, def_.max_entries, next_key);
  }
  Errno RunBatch(const LookupBatchCall& batch) {
    return LookupIndexBatch(
        batch, slots_.user_value_size(), [&] { return def_.max_entries; },
        [&](uint32_t index, void* value) { slots_.Read(index, value); });
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    slots_.WithAllLocked(change);
  }

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) override {
    return VisitIndices(def_.max_entries, visitor, flags, [&](uint32_t index) {
      return slots_.At(index, CurrentCpuOf<P>());
    });
  }

  Errno CheckPut(uint32_t index, ElemFlags flags) const {
    if ((flags & ~kLock) > kExist) return Errno::kInval;
    if (index >= def_.max_entries) return Errno::k2Big;
    if (HasAny(flags, kNoExist)) return Errno::kExist;
    if (HasAny(flags, kLock)) return Errno::kInval;
    return Errno::kOk;
  }

  // For a thread that does not know its CPU yet.
  ABSL_ATTRIBUTE_NOINLINE void* LookupSlow(uint32_t index) const {
    return slots_.At(index, CurrentCpuOf<P>());
  }
  // UpdateElem, for all cases.
  ABSL_ATTRIBUTE_NOINLINE Errno UpdateSlow(const void* key, const void* value,
                                           ElemFlags flags) {
    return MapBase<PerCpuArrayMap, P>::UpdateElem(key, value, flags);
  }

  internal::PerCpuArraySlots<P> slots_;
  // Whether an update by a program without flags is one store and nothing else.
  const bool stores_;
};

template <Profile P>
constexpr DefError PerCpuArrayMap<P>::Check(const MapDef& def) {
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kPerCpuArray, "type must be PERCPU_ARRAY"),
      CheckMaxEntries(def), CheckIndexKey(def), CheckHasValue(def),
      CheckFlags(
          def,
          kNumaNode | kRdOnly | kWrOnly | kRdOnlyProg | kWrOnlyProg | kTokenFd,
          "map_flags has a flag that PERCPU_ARRAY does not take"),
      CheckNoNumaNode(def), CheckPerCpuValueSize(def), CheckToken(def),
      CheckNameAndNoLock(def));
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PER_CPU_ARRAY_MAP_H_
