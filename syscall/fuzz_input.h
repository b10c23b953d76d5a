// FuzzInput: what a fuzzer runs. Bytes become a sequence of bpf(2) commands.

#ifndef BPFMAP_SYSCALL_FUZZ_INPUT_H_
#define BPFMAP_SYSCALL_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>

namespace bpfmap {

// Each command is a few bytes that choose it, and then its attribute; a field
// that means a descriptor, an address or a size is made to mean one that is
// there, most of the time. Ends the program if a map is left behind.
void RunFuzzInput(const uint8_t* data, std::size_t size);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_FUZZ_INPUT_H_
