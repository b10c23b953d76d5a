// SPDX-License-Identifier: Apache-2.0
//
// SharedAccess: what an instruction is about to do to memory that other CPUs
// see: values of maps, globals among them, and maps themselves.
//
// Not shared are the stack, the context, the packet, a ring record before it is
// submitted, maps that programs may not write, and the elements of an array, of
// which each has been there since it was made: a lookup of one is the same at
// any time. Neither are values of per-CPU maps, if each program has a CPU of
// its own.

#ifndef BPFMAP_PROGRAMS_SHARED_ACCESS_H_
#define BPFMAP_PROGRAMS_SHARED_ACCESS_H_

#include <cstdint>
#include <string>

#include "bpfmap/programs/observer.h"

namespace bpfmap {

// Whether another program could tell when the instruction runs, or change what
// it does. `alone`: no other program runs on this CPU.
bool IsSharedAccess(const Step& step, bool alone);

// The access, in words: "reads 7 from map counts, byte 8" or "calls
// bpf_map_update_elem() on map counts". REQUIRES: IsSharedAccess().
std::string DescribeAccess(const Step& step);

// The effect of a call of bpf_spin_lock(), bpf_spin_unlock(), or of a helper
// with BPF_F_LOCK.
struct LockUse {
  uint64_t takes = 0;  // the address of a lock; 0: none
  uint64_t opens = 0;
  bool passes = false;  // takes some lock, and gives it back
};
LockUse LockUseOf(const Step& step);

// Whether the instruction is a call of a helper, which will set r0.
bool IsHelperCall(const Step& step);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_SHARED_ACCESS_H_
