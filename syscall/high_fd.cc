// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/high_fd.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>

#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

// Numbers beyond these are not known to be kept.
constexpr unsigned kNumbers = 65'536;
// Enough for most, and a descriptor table that a fork copies stays small.
constexpr rlim_t kHigh = 1000;

// A bit for each number. Each stands for itself, and guards nothing: relaxed.
constinit std::atomic<uint64_t> kept[kNumbers / 64] = {};

void Mark(int fd, bool is_kept) {
  const auto number = static_cast<unsigned>(fd);
  if (number >= kNumbers) return;
  const uint64_t bit = uint64_t{1} << (number % 64);
  if (is_kept) {
    kept[number / 64].fetch_or(bit, std::memory_order_relaxed);
  } else {
    kept[number / 64].fetch_and(~bit, std::memory_order_relaxed);
  }
}

}  // namespace

int MoveToHighFd(int fd) {
  if (fd < 0) return fd;
  rlimit limit;
  const int saved_errno = errno;
  const bool has_limit = getrlimit(RLIMIT_NOFILE, &limit) == 0;
  const auto high =
      static_cast<int>(has_limit ? std::min(limit.rlim_cur / 2, kHigh) : kHigh);
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, high);
  errno = saved_errno;
  if (moved >= 0) RawSyscall(SYS_close, fd);
  const int result = moved >= 0 ? moved : fd;
  Mark(result, true);
  return result;
}

void CloseHighFd(int fd) {
  ForgetHighFd(fd);
  RawSyscall(SYS_close, fd);
}

void ForgetHighFd(int fd) { Mark(fd, false); }

bool IsHighFd(int fd) {
  const auto number = static_cast<unsigned>(fd);
  return number < kNumbers &&
         (kept[number / 64].load(std::memory_order_relaxed) >> (number % 64) &
          1) != 0;
}

int NextHighFd(unsigned first) {
  for (unsigned number = first; number < kNumbers;) {
    const uint64_t bits =
        kept[number / 64].load(std::memory_order_relaxed) >> (number % 64);
    if (bits != 0) {
      return static_cast<int>(number) + std::countr_zero(bits);
    }
    number = (number / 64 + 1) * 64;
  }
  return -1;
}

}  // namespace bpfmap
