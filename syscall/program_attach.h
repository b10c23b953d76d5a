// SPDX-License-Identifier: Apache-2.0
//
// What BPF_PROG_LOAD asks of where a program will be attached. Thread-safe:
// functions.
//
// Source: answers of Linux 6.18.

#ifndef BPFMAP_SYSCALL_PROGRAM_ATTACH_H_
#define BPFMAP_SYSCALL_PROGRAM_ATTACH_H_

#include <cstdint>

#include "bpfmap/programs/program_type.h"

namespace bpfmap {

// The attach type of a program: what was said, or what it is where 0 was.
uint32_t AttachTypeOf(ProgramType type, uint32_t expected);

// `btf_id` is what of the kernel it is for; `has_target`: another program.
//   EINVAL  not for this type
long CheckAttach(ProgramType type, uint32_t attach_type, uint32_t btf_id,
                 bool has_target);

// BPF_F_SLEEPABLE of `flags`.
//   EINVAL  set for a type that cannot sleep, or not set for one that must
long CheckSleepable(ProgramType type, uint32_t attach_type, uint32_t flags);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PROGRAM_ATTACH_H_
