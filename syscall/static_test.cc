// SPDX-License-Identifier: Apache-2.0

// A static program, in which nothing is behind the calls that are overridden:
// they make the system call themselves.

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"

namespace bpfmap {
namespace {

int failures = 0;

void Expect(const char* what, long actual, long expected) {
  if (actual == expected) return;
  ++failures;
  std::printf("%s is %ld, not %ld; errno is %d\n", what, actual, expected,
              errno);
}

void CallAll() {
  const int fd = CreateFd({.type = MapType::kHash,
                           .key_size = 4,
                           .value_size = 8,
                           .max_entries = 16});
  const uint32_t key = 1;
  const uint64_t value = 10;
  Expect("update", Update(fd, &key, &value), 0);
  constexpr char kPath[] = "/sys/fs/bpf/pin";
  struct stat file;
  Expect("pin", Pin(fd, kPath), 0);
  Expect("stat", stat(kPath, &file), 0);
  Expect("unlink", unlink(kPath), 0);
  Expect("unlink of nothing", unlink("no_such_file"), -1);
  const int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
  Expect("open", other >= 0, 1);
  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event;
  Expect("epoll_wait", epoll_wait(set, &event, 1, 0), 0);
  pollfd polled = {set, POLLIN, 0};
  Expect("poll", poll(&polled, 1, 0), 0);
  Expect("close", close(other), 0);
  Expect("close", close(fd), 0);
}

}  // namespace
}  // namespace bpfmap

int main() {
  bpfmap::CallAll();
  return bpfmap::failures == 0 ? 0 : 1;
}
