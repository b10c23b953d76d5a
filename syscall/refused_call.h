// SPDX-License-Identifier: Apache-2.0

// RefuseCall: for tests, a process that may not make a system call.

#ifndef BPFMAP_SYSCALL_REFUSED_CALL_H_
#define BPFMAP_SYSCALL_REFUSED_CALL_H_

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cstddef>

namespace bpfmap {

// From now on, and for good, the system call of this number fails with `error`.
// Returns false if that cannot be had.
inline bool RefuseCall(long number, int error) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K,
               SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {sizeof code / sizeof *code, code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_REFUSED_CALL_H_
