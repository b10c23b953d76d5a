// SPDX-License-Identifier: Apache-2.0
//
// The source lines and the names of functions of a program, from what comes
// with BPF_PROG_LOAD: the BTF, line_info and func_info.
//
// Source: Documentation/bpf/btf.rst of the kernel. Bytes that make no sense are
// left out; nothing is read outside of them.

#ifndef BPFMAP_PROGRAMS_LINE_INFO_H_
#define BPFMAP_PROGRAMS_LINE_INFO_H_

#include <cstdint>
#include <span>
#include <vector>

#include "bpfmap/programs/program.h"

namespace bpfmap {

// `records` are of `record_size` bytes each, 16 at least (struct
// bpf_line_info), of the byte order of the host.
std::vector<SourceLine> SourceLines(std::span<const uint8_t> btf,
                                    std::span<const uint8_t> records,
                                    uint32_t record_size);

// The same for struct bpf_func_info, 8 bytes at least.
std::vector<FunctionName> FunctionNames(std::span<const uint8_t> btf,
                                        std::span<const uint8_t> records,
                                        uint32_t record_size);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_LINE_INFO_H_
