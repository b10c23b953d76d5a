// SPDX-License-Identifier: Apache-2.0

// Runs a command in a sandbox that refuses system calls, with EPERM.
//
//   without_calls NUMBER... -- COMMAND [ARGUMENTS]

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { kMostCalls = 16, kRefused = 1 };  // EPERM

int main(int argc, char** argv) {
  struct sock_filter filter[2 * kMostCalls + 2];
  unsigned short length = 0;
  filter[length++] = (struct sock_filter)BPF_STMT(
      BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  int at = 1;
  for (; at < argc && at <= kMostCalls && strcmp(argv[at], "--") != 0; ++at) {
    filter[length++] = (struct sock_filter)BPF_JUMP(
        BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(argv[at]), 0, 1);
    filter[length++] = (struct sock_filter)BPF_STMT(
        BPF_RET | BPF_K, SECCOMP_RET_ERRNO | kRefused);
  }
  filter[length++] =
      (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {length, filter};
  if (at + 1 >= argc || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("without_calls");
    return 1;
  }
  execvp(argv[at + 1], argv + at + 1);
  perror(argv[at + 1]);
  return 1;
}
