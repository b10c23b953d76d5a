// SPDX-License-Identifier: Apache-2.0
//
// MappedFile: where a process has mapped a file, as /proc/PID/maps tells it.

#ifndef BPFMAP_SYSCALL_MAPPED_FILE_H_
#define BPFMAP_SYSCALL_MAPPED_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <cstdio>

namespace bpfmap {

struct MappedFile {
  uint64_t start = 0;
  uint64_t size = 0;  // bytes
};

// Sets *found to the first mapping of the file in `maps`, which may be null,
// but for one that holds the address `other`. Returns whether there is one.
bool FindMappingIn(std::FILE* maps, dev_t device, ino_t inode, uint64_t other,
                   MappedFile* found);

// The same for this process.
bool FindOwnMapping(dev_t device, ino_t inode, uint64_t other,
                    MappedFile* found);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_MAPPED_FILE_H_
