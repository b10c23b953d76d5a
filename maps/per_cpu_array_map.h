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
// tests/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_PER_CPU_ARRAY_MAP_H_
#define BPFMAP_MAPS_PER_CPU_ARRAY_MAP_H_

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/per_cpu_array_slots.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class PerCpuArrayMap final : public LocalMap {
 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<PerCpuArrayMap>;
  }

  // `memory` must outlive the map.
  PerCpuArrayMap(const MapDef& def, Memory* memory)
      : def_(def),
        rights_(def),
        slots_(*memory, def.value_size, PossibleCpusOf<P>()) {}
  explicit PerCpuArrayMap(const MapDef& def) requires requires {
    P::DefaultMemory();
  } : PerCpuArrayMap(def, &P::DefaultMemory()) {
  }
  PerCpuArrayMap(const PerCpuArrayMap&) = delete;
  PerCpuArrayMap& operator=(const PerCpuArrayMap&) = delete;

  // What Linux would say to `def`.
  //   EINVAL      a size or max_entries of 0; a key that is not 4 bytes; a flag
  //               that per-CPU arrays do not have; a NUMA node; what DefCheck
  //               lists
  //   E2BIG       a value of more than 32768 bytes
  //   EOPNOTSUPP  a lock in the value (EACCES, if programs may not read and
  //               write it; EFAULT, if it is not at a multiple of 4)
  static constexpr DefCheck Check(const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::PerCpuArraySlots<P>::MemoryNeeded(
        def.value_size, def.max_entries, PossibleCpusOf<P>());
  }

  // Makes the map usable. Errors of Check(), and ENOMEM; the map may then only
  // be destroyed. REQUIRES: called once, before any other method.
  Errno Init() {
    const DefCheck check = Check(def_);
    if (check) return check.error;
    return slots_.Init(def_.max_entries) ? Errno::kOk : Errno::kNoMem;
  }

  MapDef DoDef() const override { return def_; }

  // The program view.
  void* LookupElem(const void* key) override {
    if (key == nullptr) return nullptr;
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return nullptr;
    return slots_.At(index, CurrentCpuOf<P>());
  }
  Errno UpdateElem(const void* key, const void* value,
                   ElemFlags flags) override {
    if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
    if (key == nullptr || value == nullptr) return Errno::kFault;
    const uint32_t index = IndexOf(key);
    const Errno error = CheckPut(index, flags);
    if (error != Errno::kOk) return error;
    slots_.WriteSlice(index, CurrentCpuOf<P>(), value);
    return Errno::kOk;
  }
  Errno DeleteElem(const void*) override {
    if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
    return Errno::kInval;
  }

  // The slice of CPU `cpu`; null if there is no such index or no such CPU.
  void* LookupPerCpuElem(const void* key, uint32_t cpu) override {
    if (key == nullptr) return nullptr;
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return nullptr;
    if (cpu >= static_cast<uint32_t>(slots_.cpus())) return nullptr;
    return slots_.At(index, static_cast<int>(cpu));
  }

  // The user view.
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    if (error != Errno::kOk) return error;
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    slots_.Read(index, value);
    return Errno::kOk;
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
    return Put(key, value, flags);
  }
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    return error != Errno::kOk ? error : Errno::kInval;
  }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    const Errno error = rights_.CheckGetNextKey();
    if (error != Errno::kOk) return error;
    uint32_t next;
    if (!NextIndex(key, def_.max_entries, &next)) return Errno::kNoEnt;
    if (next_key == nullptr) return Errno::kFault;
    std::memcpy(next_key, &next, sizeof next);
    return Errno::kOk;
  }
  Errno DoLookupAndDelete(const void* key, void*, ElemFlags flags) override {
    const Errno error = rights_.CheckLookupAndDelete(key, flags);
    return error != Errno::kOk ? error : Errno::kNotSupp;
  }
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count, BatchFlags flags) override;
  Errno DoLookupAndDeleteBatch(const void*, void*, void*, void*,
                               uint32_t* count, BatchFlags) override {
    return rights_.RefuseBatch(count, /*reads=*/true, /*writes=*/true);
  }
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override;
  Errno DoDeleteBatch(const void*, uint32_t* count, BatchFlags) override {
    return rights_.RefuseBatch(count, /*reads=*/false, /*writes=*/true);
  }
  Errno DoFreeze() override {
    return rights_.Freeze([&](auto change) { slots_.WithAllLocked(change); });
  }

 private:
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

  // An update from the user view.
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    const uint32_t index = IndexOf(key);
    const Errno error = CheckPut(index, flags);
    if (error != Errno::kOk) return error;
    internal::SeqLock<P>& seq_lock = slots_.SeqLockOf(index);
    WriterLock lock(seq_lock);
    if (rights_.frozen()) return Errno::kPerm;
    slots_.WriteLocked(seq_lock, index, value);
    return Errno::kOk;
  }

  const MapDef def_;
  UserRights rights_;
  internal::PerCpuArraySlots<P> slots_;
};

template <Profile P>
constexpr DefCheck PerCpuArrayMap<P>::Check(const MapDef& def) {
  constexpr MapFlags kFlags =
      kNumaNode | kRdOnly | kWrOnly | kRdOnlyProg | kWrOnlyProg | kTokenFd;
  if (DefCheck check = CheckCommon(def)) return check;
  if (def.type != MapType::kPerCpuArray) {
    return {Errno::kInval, "type must be PERCPU_ARRAY"};
  }
  if (def.max_entries == 0) {
    return {Errno::kInval, "max_entries must be 1 or more"};
  }
  if (def.key_size != sizeof(uint32_t)) {
    return {Errno::kInval, "key_size must be 4: the key is an index"};
  }
  if (def.value_size == 0) {
    return {Errno::kInval, "value_size must be 1 or more"};
  }
  if (HasAny(def.map_flags, ~kFlags)) {
    return {Errno::kInval,
            "map_flags has a flag that PERCPU_ARRAY does not take"};
  }
  if (HasBoth(def.map_flags, kRdOnlyProg, kWrOnlyProg)) {
    return {Errno::kInval,
            "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other"};
  }
  if (DefCheck check = CheckNoNumaNode(def)) return check;
  if (DefCheck check = CheckPerCpuValueSize(def)) return check;
  if (DefCheck check = CheckToken(def)) return check;
  return CheckNameAndNoLock(def);
}

template <Profile P>
Errno PerCpuArrayMap<P>::DoLookupBatch(const void* in_batch, void* out_batch,
                                       void* keys, void* values,
                                       uint32_t* count, BatchFlags flags) {
  Errno error =
      rights_.CheckBatch(count, /*reads=*/true, /*writes=*/false, flags);
  if (error != Errno::kOk) return error;

  return LookupIndexBatch(
      in_batch, out_batch, keys, values, slots_.user_value_size(), count,
      [&] { return def_.max_entries; },
      [&](uint32_t index, void* value) { slots_.Read(index, value); });
}

template <Profile P>
Errno PerCpuArrayMap<P>::DoUpdateBatch(const void* keys, const void* values,
                                       uint32_t* count, BatchFlags flags) {
  return UpdateEach(
      rights_, keys, def_.key_size, values, slots_.user_value_size(), count,
      flags, [&](const void* key, const void* value, ElemFlags elem_flags) {
        return Put(key, value, elem_flags);
      });
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PER_CPU_ARRAY_MAP_H_
