// SPDX-License-Identifier: Apache-2.0
//
// KernelAttach tells a kernel, at the load of a program, where it will be
// attached, since its verifier judges by it: at which hook, and for the types
// that follow pointers at which function or tracepoint of the kernel.
//
// Source: docs/libbpf/program_types.rst of the kernel, <linux/bpf.h>.

#ifndef BPFMAP_PROGRAMS_KERNEL_ATTACH_H_
#define BPFMAP_PROGRAMS_KERNEL_ATTACH_H_

#include <cstdint>
#include <string>

#include "bpfmap/programs/section_name.h"

namespace bpfmap {

struct KernelAttach {
  uint32_t type = 0;    // expected_attach_type of BPF_PROG_LOAD
  uint32_t btf_id = 0;  // attach_btf_id
};

// Returns "", or a sentence if the running kernel has no such place.
// Thread-safe.
std::string FindKernelAttach(const SectionName& section, KernelAttach* attach);

// The number of a function of the kernel (kfunc) that programs call by name; 0:
// it has none.
// Thread-safe.
uint32_t FindKernelFunction(const std::string& name);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_KERNEL_ATTACH_H_
