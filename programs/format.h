// SPDX-License-Identifier: Apache-2.0
//
// FormatText: the printf of programs, for bpf_trace_printk() and
// bpf_snprintf().
//
// Source: bpf-helpers(7), Documentation/core-api/printk-formats.rst.

#ifndef BPFMAP_PROGRAMS_FORMAT_H_
#define BPFMAP_PROGRAMS_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "bpfmap/maps/errno.h"

namespace bpfmap {

// Reads the string at an address: up to a 0, or `most` bytes.
using ReadString =
    std::function<std::string(uint64_t address, std::size_t most)>;

// Sets *text to `format`, filled with `arguments`.
//   EINVAL  a conversion that programs do not have, a byte that is no ASCII, or
//           more conversions than arguments
Errno FormatText(const char* format, std::span<const uint64_t> arguments,
                 const ReadString& read, std::string* text);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_FORMAT_H_
