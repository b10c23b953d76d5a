// SPDX-License-Identifier: Apache-2.0

// OwnMapping: a mapping of this process, as /proc/self/maps has it.
//
// Thread-safe, and may be called in signal handlers: it takes no memory.

#ifndef BPFMAP_SYSCALL_OWN_MAPPING_H_
#define BPFMAP_SYSCALL_OWN_MAPPING_H_

#include <cstdint>

namespace bpfmap {

struct OwnMapping {
  uint64_t start = 0;
  uint64_t end = 0;
  bool can_be_written = false;
  bool is_first_stack = false;  // [stack]: that of the program's first thread

  // Finds the one that has `address`. False if there is none, or no /proc.
  bool Find(uint64_t address);
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_OWN_MAPPING_H_
