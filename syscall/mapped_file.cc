// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/mapped_file.h"

#include <sys/sysmacros.h>

#include <cinttypes>
#include <memory>

namespace bpfmap {

bool FindMappingIn(std::FILE* maps, dev_t device, ino_t inode, uint64_t other,
                   MappedFile* found) {
  if (maps == nullptr) return false;
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    uint64_t start, end, number;
    unsigned major_number, minor_number;
    if (std::sscanf(line, "%" SCNx64 "-%" SCNx64 " %*4s %*x %x:%x %" SCNu64,
                    &start, &end, &major_number, &minor_number, &number) != 5 ||
        number != inode || makedev(major_number, minor_number) != device ||
        other - start < end - start) {
      continue;
    }
    *found = {start, end - start};
    return true;
  }
  return false;
}

bool FindOwnMapping(dev_t device, ino_t inode, uint64_t other,
                    MappedFile* found) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> maps(
      std::fopen("/proc/self/maps", "re"), &std::fclose);
  return FindMappingIn(maps.get(), device, inode, other, found);
}

}  // namespace bpfmap
