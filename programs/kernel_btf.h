// SPDX-License-Identifier: Apache-2.0
//
// The BTF of an object as a kernel takes it: without what only the loader of
// the object uses, sections of variables and functions of other places, whose
// numbers clang leaves for it to fill in. Numbers of types stay.
//
// Source: Documentation/bpf/btf.rst of the kernel.

#ifndef BPFMAP_PROGRAMS_KERNEL_BTF_H_
#define BPFMAP_PROGRAMS_KERNEL_BTF_H_

#include <cstdint>
#include <span>
#include <vector>

namespace bpfmap {

// Empty if `btf` is no BTF.
std::vector<uint8_t> BtfForKernel(std::span<const uint8_t> btf);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_KERNEL_BTF_H_
