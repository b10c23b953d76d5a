// SPDX-License-Identifier: Apache-2.0
//
// The types of the running kernel, where it tells them: what programs of libbpf
// are relocated to, and what they are attached to by number.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_KERNEL_TYPES_H_
#define BPFMAP_SYSCALL_KERNEL_TYPES_H_

#include <string_view>

#include "bpfmap/programs/btf_types.h"

namespace bpfmap {

// Of /sys/kernel/btf/vmlinux, which is read once; null: there is none.
const BtfTypes* KernelTypes();

// Whether the kernel has a tracepoint of this name. Any, if it tells no types.
bool KernelHasTracepoint(std::string_view name);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_KERNEL_TYPES_H_
