// SPDX-License-Identifier: Apache-2.0
//
// Compares C++ types with those of a BTF, field by field.

#ifndef BPFMAP_PROGRAMS_TYPE_CHECK_H_
#define BPFMAP_PROGRAMS_TYPE_CHECK_H_

#include <cstdint>
#include <string>

#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/cpp_layout.h"

namespace bpfmap {

// "" if the C++ type may stand for `type`: it has as many bytes, and numbers
// where those of `type` are. Otherwise both layouts, side by side:
//
//   struct rule has 16 bytes     the C++ type has 8
//      0  __u64 until_ns         0  a number of 4 bytes
//      8  __u32 burst            4  a number of 4 bytes
//
// Bytes stand for anything (cpp_layout.h). Signs of numbers are not compared.
std::string CompareTypes(const BtfTypes& types, uint32_t type,
                         const CppLayout& layout);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_TYPE_CHECK_H_
