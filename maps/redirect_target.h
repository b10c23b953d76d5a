// SPDX-License-Identifier: Apache-2.0

// RedirectTarget: a value of DEVMAP, DEVMAP_HASH and CPUMAP, where
// bpf_redirect_map() sends packets to.
//
// The layout is that of struct bpf_devmap_val and struct bpf_cpumap_val of
// <linux/bpf.h>; a map whose value_size is 4 has the first number alone.

#ifndef BPFMAP_MAPS_REDIRECT_TARGET_H_
#define BPFMAP_MAPS_REDIRECT_TARGET_H_

#include <cstdint>

namespace bpfmap {

struct RedirectTarget {
  // The number of a network device; or the length of a CPU's queue, in packets.
  uint32_t number = 0;

  // The program that runs on each packet there: a handle, above 0 as a signed
  // number. 0 and below: there is none, and a lookup shows 0. The map does not
  // know what a handle stands for. (In Linux user space puts in a descriptor,
  // and is shown an id.)
  uint32_t program = 0;
};
static_assert(sizeof(RedirectTarget) == 8);

// A program that cannot be put in: an update fails when this is due.
inline constexpr uint32_t kNoSuchProgram = 0x80000000;

constexpr bool HasProgram(const RedirectTarget& target) {
  return static_cast<int32_t>(target.program) > 0;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_REDIRECT_TARGET_H_
