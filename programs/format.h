// SPDX-License-Identifier: Apache-2.0
//
// FormatText: the printf of programs, for bpf_trace_printk() and
// bpf_snprintf().
//
// Linux prepares the arguments in a buffer of 512 bytes, and prints them from
// there. So does this: what does not fit, and what is left out where the text
// is full, are as there.
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

// The spaces of addresses that a string may be in.
enum class StringSpace { kKernel, kUser, kAny };

// Sets *text to the string at an address: up to a 0, or `most` bytes. Returns
// false, and what there was, if a byte before that cannot be read.
using ReadString = std::function<bool(uint64_t address, std::size_t most,
                                      StringSpace space, std::string* text)>;

// Sets *text to `format`, filled with `arguments`, as long as there were room
// for `room` bytes, the 0 at the end included, and *length to the length that
// Linux says it has. Where that is more, *text is cut.
//   EINVAL  a conversion that programs do not have, a byte that is no ASCII, or
//           more conversions than arguments
//   ENOSPC  the arguments do not fit
Errno FormatText(const char* format, std::span<const uint64_t> arguments,
                 const ReadString& read, std::size_t room, std::string* text,
                 std::size_t* length);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_FORMAT_H_
