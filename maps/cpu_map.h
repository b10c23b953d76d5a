// SPDX-License-Identifier: Apache-2.0

// CpuMap: BPF_MAP_TYPE_CPUMAP. CPUs by number, which bpf_redirect_map() sends
// packets to; slots start empty.
//
// Values are RedirectTargets (redirect_target.h): how many packets the CPU's
// queue holds, and with a value_size of 8 maybe a program. The key is the CPU:
// the possible CPUs of the profile can be put in. An update with a queue of 0
// empties the slot.
//
// Program view: LookupElem(cpu) gives the target, for bpf_redirect_map(); null
// where the slot is empty. Programs themselves can neither look up, update nor
// delete: the verifier refuses them with EINVAL.
//
// Source: Documentation/bpf/map_cpumap.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_CPU_MAP_H_
#define BPFMAP_MAPS_CPU_MAP_H_

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
class CpuMap final : public RedirectArray<CpuMap<P>, P> {
 public:
  using typename RedirectArray<CpuMap, P>::Memory;

  // The CPUs that Linux can be built for: a kernel that was built for fewer
  // (CONFIG_NR_CPUS) refuses more entries than these.
  static constexpr uint32_t kMaxMaxEntries = 8192;
  // Packets.
  static constexpr uint32_t kLongestQueue = 16384;

  // `memory` must outlive the map.
  CpuMap(const MapDef& def, Memory* memory)
      : RedirectArray<CpuMap, P>(def, memory) {}
  explicit CpuMap(const MapDef& def) requires HasDefaultMemory<P>
      : CpuMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key that is not 4 bytes, a value that is
  //               not 4 or 8; a flag other than the NUMA node; what
  //               CheckCommon() lists
  //   E2BIG       max_entries of more than kMaxMaxEntries
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kCpuMap, "type must be CPUMAP"),
        CheckRedirectDef(def, kNumaNode),
        Require(def.max_entries <= kMaxMaxEntries,
                "max_entries must be 8192 or less", Errno::k2Big),
        CheckNameAndNoLock(def));
  }

  // Update() and Delete(), besides the rights:
  //   EINVAL     other flags than kAny, kNoExist and kExist; Delete: an index
  //              past the end
  //   E2BIG      Update: an index past the end
  //   EEXIST     kNoExist: every index is there
  //   EOVERFLOW  a queue of more than kLongestQueue
  //   ENODEV     no such CPU
  //   ENOMEM     kNoSuchProgram

  // What Linux answers in place of commands that it does not have.
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported,
      .targets = MapTraits::Targets::kCpus};

 private:
  friend MapBase<CpuMap, P>;
  friend RedirectArray<CpuMap, P>;

  // For RedirectArray.
  Errno CheckTarget(uint32_t cpu, RedirectTarget* target) const {
    if (target->number > kLongestQueue) return Errno::kOverflow;
    if (cpu >= static_cast<uint32_t>(PossibleCpusOf<P>())) {
      return Errno::kNoDev;
    }
    if (target->number == 0) target->program = 0;
    return target->program == kNoSuchProgram ? Errno::kNoMem : Errno::kOk;
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_CPU_MAP_H_
