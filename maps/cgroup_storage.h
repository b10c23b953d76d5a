// SPDX-License-Identifier: Apache-2.0

// CgroupStorage: BPF_MAP_TYPE_CGROUP_STORAGE and PERCPU_CGROUP_STORAGE. A value
// for each cgroup that a program is attached to, which Linux makes as it
// attaches the program.
//
// Nothing is attached here, so user space finds no keys. A program that runs
// has a value nevertheless, as in a test run on Linux: World::RunStorage() of
// programs/world.h has it, and not the map.
//
// Program view: bpf_get_local_storage(). Programs can neither look up, update
// nor delete: the verifier refuses them with EINVAL.
//
// Source: Documentation/bpf/map_cgroup_storage.rst; answers of Linux 6.18 in
// tests/objects/cgroup_storage.out. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_CGROUP_STORAGE_H_
#define BPFMAP_MAPS_CGROUP_STORAGE_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P, MapType kType>
class CgroupStorage final : public MapBase<CgroupStorage<P, kType>, P> {
  static_assert(kType == MapType::kCgroupStorage ||
                kType == MapType::kPerCpuCgroupStorage);

 public:
  using typename MapBase<CgroupStorage<P, kType>, P>::Memory;

  static constexpr uint32_t kLargestValue = IsPerCpu(kType) ? 32768 : 65407;

  CgroupStorage(const MapDef& def, Memory* /*memory*/)
      : MapBase<CgroupStorage, P>(def) {}
  explicit CgroupStorage(const MapDef& def) requires HasDefaultMemory<P>
      : CgroupStorage(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      a key that is not 8 bytes, a cgroup's id, or 16, with an
  //               attach type; a value of 0 bytes; a flag other than the rights
  //               and the NUMA node; max_entries that is not 0; what
  //               CheckCommon() lists
  //   E2BIG       a value of more than kLargestValue
  //   EOPNOTSUPP  a lock in a value of PERCPU_CGROUP_STORAGE
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == kType, "type must be that of the class"),
        Require(def.key_size == 8 || def.key_size == 16,
                "key_size must be 8, or 16 with an attach type"),
        CheckHasValue(def),
        Require(def.value_size <= kLargestValue,
                "value_size must be 65407 or less, for each CPU 32768",
                Errno::k2Big),
        CheckFlags(def,
                   kNumaNode | kRdOnly | kWrOnly | kRdOnlyProg | kWrOnlyProg,
                   "map_flags has a flag that this type does not take"),
        Require(def.max_entries == 0, "max_entries must be 0"),
        IsPerCpu(kType) ? CheckNameAndNoLock(def) : CheckNameAndLock(def));
  }

  static constexpr uint64_t MemoryNeeded(const MapDef&) { return 0; }

  // What Linux answers in place of commands that find no key, or that it does
  // not have.
  static constexpr Refusals kRefuses{.lookup = Errno::kNoEnt,
                                     .delete_key = Errno::kInval,
                                     .get_next_key = Errno::kNoEnt,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{};

 private:
  friend MapBase<CgroupStorage, P>;
  using MapBase<CgroupStorage, P>::def_;

  // For MapBase.
  bool Allocate() { return true; }
  uint64_t UserValueSize() const {
    const uint64_t size = def_.value_size;
    if (!IsPerCpu(kType)) return size;
    return ((size + 7) & ~uint64_t{7}) *
           static_cast<uint64_t>(PossibleCpusOf<P>());
  }
  template <View>
  Errno Put(const void*, const void*, ElemFlags flags) {
    return HasAny(flags, ~(kExist | kLock)) ? Errno::kInval : Errno::kNoEnt;
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    change();
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_CGROUP_STORAGE_H_
