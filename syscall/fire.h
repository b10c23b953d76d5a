// SPDX-License-Identifier: Apache-2.0
//
// Fire: makes something happen for the programs that are attached by bpf(2):
// those of its hook run, in Linux's order (attachment.h).
//
//   FireLine("pid=7 comm=cc1 tracepoint/syscalls/sys_enter_openat "
//            "args[1]=\"/etc/passwd\"");
//
// Contexts are laid out as the kernel's BTF says, if it has the struct, and
// otherwise as that of the program. So is the task_struct of `task.` words.
//
// Programs see the clock, the task and the CPU that the event says, and what it
// does not say as the world of the test has it that was begun in C
// (bpfmap_world.h), or else the system. A program that does wrong says so on
// standard error.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_FIRE_H_
#define BPFMAP_SYSCALL_FIRE_H_

#include <string>
#include <string_view>
#include <vector>

#include "bpfmap/programs/event_line.h"
#include "bpfmap/programs/program_result.h"

namespace bpfmap {

// The results in the order of the runs; none: nothing is attached to the hook.
std::vector<ProgramResult> Fire(const EventLine& event);

// A line (event_line.h); in C, bpfmap_fire() of bpfmap_world.h. Returns "", or
// a sentence: the line is wrong, or a program has no such field.
std::string FireLine(std::string_view line);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_FIRE_H_
