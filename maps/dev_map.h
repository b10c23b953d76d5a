// SPDX-License-Identifier: Apache-2.0

// DevMap: BPF_MAP_TYPE_DEVMAP. Network devices by index, which
// bpf_redirect_map() sends packets to; slots start empty.
//
// Values are RedirectTargets (redirect_target.h): the number of a device, and
// with a value_size of 8 maybe a program. The map does not know which devices
// there are: any number below 2^31 can be put in. An update with number 0
// empties the slot.
//
// Program view: LookupElem(index) gives the target, for reading; null where the
// slot is empty. Programs can neither update nor delete: the verifier refuses
// them with EINVAL. Every map has kRdOnlyProg in its def(), though it cannot be
// asked for.
//
// Source: Documentation/bpf/map_devmap.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_DEV_MAP_H_
#define BPFMAP_MAPS_DEV_MAP_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/redirect_array.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/redirect_target.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
class DevMap final : public RedirectArray<DevMap<P>, P> {
 public:
  using typename RedirectArray<DevMap, P>::Memory;

  // `memory` must outlive the map.
  DevMap(const MapDef& def, Memory* memory)
      : RedirectArray<DevMap, P>(def, memory) {}
  explicit DevMap(const MapDef& def) requires HasDefaultMemory<P>
      : DevMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL  max_entries of 0; a key that is not 4 bytes, a value that is not
  //           4 or 8; a flag other than the rights of user space and the NUMA
  //           node; what CheckCommon() lists
  //   EACCES  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kDevMap, "type must be DEVMAP"),
        CheckRedirectDef(def, kNumaNode | kRdOnly | kWrOnly),
        CheckNameAndReadOnlyValue(def));
  }

  // Update() and Delete(), besides the rights:
  //   EINVAL  other flags than kAny, kNoExist and kExist; the number is 2^31 or
  //           more; a program with number 0; kNoSuchProgram; Delete: an index
  //           past the end
  //   E2BIG   Update: an index past the end
  //   EEXIST  kNoExist: every index is there

  // What Linux answers in place of commands that it does not have.
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapFlags kImpliedFlags = kRdOnlyProg;
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported,
      .targets = MapTraits::Targets::kDevices};

 private:
  friend MapBase<DevMap, P>;
  friend RedirectArray<DevMap, P>;

  // For RedirectArray.
  Errno CheckTarget(uint32_t /*index*/, RedirectTarget* target) const {
    const bool is_device = static_cast<int32_t>(target->number) >= 0;
    if (!is_device || target->program == kNoSuchProgram) return Errno::kInval;
    return target->number == 0 && HasProgram(*target) ? Errno::kInval
                                                      : Errno::kOk;
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_DEV_MAP_H_
