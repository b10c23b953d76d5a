// SPDX-License-Identifier: Apache-2.0

// ProgArray: BPF_MAP_TYPE_PROG_ARRAY. Programs by index, for tail calls; slots
// start empty.
//
// A program is a handle of 4 bytes that is not 0. The map does not know what it
// stands for: any such number can be put in, and is shown again as it is. (In
// Linux user space puts in a descriptor, and is shown an id.)
//
// Program view: a tail call jumps to LookupProgram(index), or continues after
// the call where that is 0. Programs can neither look up, update nor delete:
// the verifier refuses them with EINVAL.
//
// Source: bpf(2) and the answers of Linux 6.18 in tests/contract/golden/.
// Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_PROG_ARRAY_H_
#define BPFMAP_MAPS_PROG_ARRAY_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/handle_array.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
class ProgArray final : public HandleArray<ProgArray<P>, P> {
 public:
  using typename HandleArray<ProgArray, P>::Memory;

  // `memory` must outlive the map.
  ProgArray(const MapDef& def, Memory* memory)
      : HandleArray<ProgArray, P>(def, memory) {}
  explicit ProgArray(const MapDef& def) requires HasDefaultMemory<P>
      : ProgArray(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key or a value that is not 4 bytes; a
  //               flag that arrays of programs do not have; what CheckCommon()
  //               lists
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // The program view.

  // The handle of the program at `index`, or 0 where a tail call falls through:
  // the slot is empty, or the index past the end.
  uint32_t LookupProgram(uint32_t index) const { return this->HandleAt(index); }

  // What Linux answers in place of commands that arrays of programs do not
  // have.
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{.value_is_program = true};

 private:
  friend MapBase<ProgArray, P>;

  // For MapBase.
  Errno Read(const void* key, void* value, ElemFlags) const {
    const uint32_t program = LookupProgram(IndexOf(key));
    if (program == 0) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    std::memcpy(value, &program, sizeof program);
    return Errno::kOk;
  }
};

template <Profile P>
constexpr DefError ProgArray<P>::Check(const MapDef& def) {
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kProgArray, "type must be PROG_ARRAY"),
      CheckArrayOfNumbers(def, {}), CheckNameAndNoLock(def));
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PROG_ARRAY_H_
