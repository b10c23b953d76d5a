// SPDX-License-Identifier: Apache-2.0
//
// SectionName: what the name of a program's section in an object file says: its
// type, and what it is to be attached to.
//
//   SEC("tracepoint/syscalls/sys_enter_openat")  kTracepoint, syscalls/sys_...
//   SEC("?xdp.frags")                            kXdp, not loaded unless asked
//
// Source: docs/libbpf/program_types.rst of the kernel.

#ifndef BPFMAP_PROGRAMS_SECTION_NAME_H_
#define BPFMAP_PROGRAMS_SECTION_NAME_H_

#include <string_view>

#include "bpfmap/programs/program_type.h"

namespace bpfmap {

struct SectionName {
  ProgramType type = ProgramType::kUnspec;  // for a name that says nothing
  std::string_view kind;    // "tracepoint", "cgroup/connect4", "fexit"
  std::string_view target;  // after the kind and a slash; may be empty
  bool autoload = true;     // no '?' before the kind
  bool sleepable = false;   // ".s" after the kind

  // Whether r1 is an array of arguments of 8 bytes each, at whose end the
  // result is: fexit and fmod_ret.
  bool has_result() const {
    return kind == "fexit" || kind == "fmod_ret" || kind == "lsm";
  }
};

// `name` must outlive the result.
SectionName ParseSectionName(std::string_view name);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_SECTION_NAME_H_
