// SPDX-License-Identifier: Apache-2.0

// FuzzInput: what a fuzzer runs. Bytes become a sequence of bpf(2) commands,
// and of what programs do beside: they duplicate descriptors, store anything in
// mappings, and use the program view of what they have created.

#ifndef BPFMAP_SYSCALL_FUZZ_INPUT_H_
#define BPFMAP_SYSCALL_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>

namespace bpfmap {

// Each command is a few bytes that choose it, and then its attribute; a field
// that means a descriptor, an address or a size is made to mean one that is
// there, most of the time. Ends the program if a map or a descriptor is left
// behind, if errno changes, or if a program's record in a ring does.
void RunFuzzInput(const uint8_t* data, std::size_t size);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_FUZZ_INPUT_H_
