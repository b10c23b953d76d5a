// SPDX-License-Identifier: Apache-2.0

// CgroupArray: BPF_MAP_TYPE_CGROUP_ARRAY. Cgroups by index, for the question
// whether a task or a packet is under one of them; slots start empty.
//
// A cgroup is a handle of 4 bytes that is not 0. The map does not know what it
// stands for: any such number can be put in. (In Linux user space puts in a
// descriptor of a directory.) User space cannot read it back.
//
// Program view: LookupCgroup(index), for bpf_current_task_under_cgroup() and
// bpf_skb_under_cgroup(). Programs can neither look up, update nor delete: the
// verifier refuses them with EINVAL.
//
// Source: bpf-helpers(7) and the answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_CGROUP_ARRAY_H_
#define BPFMAP_MAPS_CGROUP_ARRAY_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/handle_array.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
class CgroupArray final : public HandleArray<CgroupArray<P>, P> {
 public:
  using typename HandleArray<CgroupArray, P>::Memory;

  // `memory` must outlive the map.
  CgroupArray(const MapDef& def, Memory* memory)
      : HandleArray<CgroupArray, P>(def, memory) {}
  explicit CgroupArray(const MapDef& def) requires HasDefaultMemory<P>
      : CgroupArray(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key or a value that is not 4 bytes; a
  //               flag that these arrays do not have; what CheckCommon() lists
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kCgroupArray, "type must be CGROUP_ARRAY"),
        CheckArrayOfNumbers(def, {}), CheckNameAndNoLock(def));
  }

  // The program view.

  // Sets *cgroup to the handle of the cgroup at `index`.
  //   E2BIG   index past the end
  //   EAGAIN  the slot is empty
  Errno LookupCgroup(uint32_t index, uint32_t* cgroup) const {
    if (index >= this->def().max_entries) return Errno::k2Big;
    *cgroup = this->HandleAt(index);
    return *cgroup == 0 ? Errno::kAgain : Errno::kOk;
  }

  // What Linux answers in place of commands that these arrays do not have.
  static constexpr Refusals kRefuses{.lookup = Errno::kNotSupp,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported, .value_is_cgroup = true};

 private:
  friend MapBase<CgroupArray, P>;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_CGROUP_ARRAY_H_
