// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace bpfmap {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "Which architecture does seccomp call this processor's?"
#endif

constexpr uint32_t kWaits[] = {
    SYS_bpf,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_ppoll,
    SYS_pselect6,
    SYS_statfs,
    SYS_fstatfs,
    SYS_perf_event_open,
    SYS_clock_nanosleep,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
    SYS_poll,
    SYS_select,
    SYS_pause,
#endif
#ifdef SYS_nanosleep
    SYS_nanosleep,
#endif
};

constexpr uint32_t kOpens[] = {
    SYS_openat,
#ifdef SYS_open
    SYS_open,
#endif
};

constexpr sock_filter Load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

// If what was loaded equals `value`, goes on with the next instruction, else
// passes `skip` of them.
constexpr sock_filter UnlessEqualSkip(uint32_t value, uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}

constexpr sock_filter Return(uint32_t action) {
  return BPF_STMT(BPF_RET | BPF_K, action);
}

std::vector<sock_filter> Instructions(bool opens) {
  // The low half of an argument.
  constexpr std::size_t kFlags = offsetof(seccomp_data, args) + 3 * 8;
  std::vector<sock_filter> filter = {
      Load(offsetof(seccomp_data, arch)),
      UnlessEqualSkip(kArchitecture, 1),
      BPF_STMT(BPF_JMP | BPF_JA, 1),
      Return(SECCOMP_RET_ALLOW),
      Load(offsetof(seccomp_data, nr)),
      UnlessEqualSkip(SYS_mmap, 4),
      Load(kFlags),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 1),
      Return(SECCOMP_RET_ALLOW),
      Return(SECCOMP_RET_USER_NOTIF),
  };
  // Requests of ioctl(2) for perf events, whose second byte is '$'.
  constexpr std::size_t kRequest = offsetof(seccomp_data, args) + 1 * 8;
  const sock_filter perf_requests[] = {
      UnlessEqualSkip(SYS_ioctl, 5),
      Load(kRequest),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
      UnlessEqualSkip('$' << 8, 1),
      Return(SECCOMP_RET_USER_NOTIF),
      Return(SECCOMP_RET_ALLOW),
  };
  filter.insert(filter.end(), std::begin(perf_requests),
                std::end(perf_requests));
  std::vector<uint32_t> numbers(std::begin(kWaits), std::end(kWaits));
  if (opens) {
    numbers.insert(numbers.end(), std::begin(kOpens), std::end(kOpens));
  }
  for (const uint32_t number : numbers) {
    filter.push_back(UnlessEqualSkip(number, 1));
    filter.push_back(Return(SECCOMP_RET_USER_NOTIF));
  }
  filter.push_back(Return(SECCOMP_RET_ALLOW));
  return filter;
}

}  // namespace

int InstallFilter(bool opens) {
  std::vector<sock_filter> instructions = Instructions(opens);
  const sock_fprog program = {static_cast<uint16_t>(instructions.size()),
                              instructions.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  const long fd = syscall(
      SYS_seccomp, SECCOMP_SET_MODE_FILTER,
      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
      &program);
  return fd >= 0 ? static_cast<int>(fd) : -errno;
}

}  // namespace bpfmap
