// SPDX-License-Identifier: Apache-2.0
//
// Values in memory as text, by their types in a BTF.
//
//   {.pid = 7, .comm = "cc1"}

#ifndef BPFMAP_PROGRAMS_BTF_FORMAT_H_
#define BPFMAP_PROGRAMS_BTF_FORMAT_H_

#include <cstdint>
#include <span>
#include <string>

#include "bpfmap/programs/btf_types.h"

namespace bpfmap {

// The value that `bytes` are. Without a type (0), and where they are too few,
// numbers of 1, 2, 4 and 8 bytes are numbers, and others are shown in hex.
std::string FormatValue(const BtfTypes& types, uint32_t type,
                        std::span<const uint8_t> bytes);

// The part of a value of `type` that has `size` bytes at `offset`: ".pid",
// ".slots[3]", "" for the whole. *part is its type; 0 where no part is so.
std::string PartAt(const BtfTypes& types, uint32_t type, uint32_t offset,
                   uint32_t size, uint32_t* part);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_BTF_FORMAT_H_
