// SPDX-License-Identifier: Apache-2.0
//
// HelperTypes: which programs may call a helper, by their type.
//
// These are the answers of Linux 6.18 to a program of each type that calls each
// helper; where they hang on expected_attach_type too, all of these types are
// taken together. A kernel refuses what its configuration leaves out, which is
// not known here. Types that are loaded for a function of the kernel (tracing,
// struct_ops, ext, lsm), and lirc_mode2, may call all helpers here.
//
// Thread-safe.

#ifndef BPFMAP_PROGRAMS_HELPER_TYPES_H_
#define BPFMAP_PROGRAMS_HELPER_TYPES_H_

#include <cstdint>

#include "bpfmap/programs/program_type.h"

namespace bpfmap {

// None for a number that no helper has.
ProgramTypes HelperTypes(uint32_t number);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_HELPER_TYPES_H_
