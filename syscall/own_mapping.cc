// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/own_mapping.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <charconv>
#include <cstddef>
#include <string_view>

#include "bpfmap/syscall/raw_syscall.h"
#include "bpfmap/syscall/scoped_fd.h"

namespace bpfmap {
namespace {

// "7ffc1000-7ffc4000 rw-p 00000000 00:00 0     [stack]"
bool Parse(std::string_view line, OwnMapping* mapping) {
  const char* const end = line.data() + line.size();
  const auto start = std::from_chars(line.data(), end, mapping->start, 16);
  if (start.ec != std::errc() || start.ptr == end) return false;
  const auto stop = std::from_chars(start.ptr + 1, end, mapping->end, 16);
  if (stop.ec != std::errc() || end - stop.ptr < 5) return false;
  mapping->can_be_written = stop.ptr[1] == 'r' && stop.ptr[2] == 'w';
  mapping->is_first_stack = line.ends_with(" [stack]");
  return true;
}

}  // namespace

bool OwnMapping::Find(uint64_t address) {
  const ScopedFd file(RawSyscall(SYS_openat, AT_FDCWD, Word("/proc/self/maps"),
                                 O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return false;
  char line[256];  // what is longer has a name that does not matter
  std::size_t length = 0;
  char text[1024];
  for (;;) {
    const long size = RawSyscall(SYS_read, file.get(), Word(text), sizeof text);
    if (size <= 0) return false;
    for (const char c : std::string_view(text, static_cast<size_t>(size))) {
      if (c != '\n') {
        if (length < sizeof line) line[length++] = c;
        continue;
      }
      if (Parse({line, length}, this) && address < end) {
        return address >= start;
      }
      length = 0;
    }
  }
}

}  // namespace bpfmap
