// SPDX-License-Identifier: Apache-2.0

// Calls that would take hours do not hold up others; they end with a signal,
// and with the process that made them. Nor do they end the supervisor where it
// can have no more threads.

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "run/raw_bpf.h"

enum { kSlow = 6, kMany = 12 };

static int LoadEmpty(void) {
  const struct bpf_insn instructions[] = {
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attr.insns = Address(instructions);
  attr.insn_cnt = 2;
  attr.license = Address("GPL");
  return RawBpf(BPF_PROG_LOAD, &attr);
}

static int RunForHours(int program) {
  char packet[14] = {0};
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.test.prog_fd = (uint32_t)program;
  attr.test.data_in = Address(packet);
  attr.test.data_size_in = sizeof packet;
  attr.test.repeat = UINT32_MAX;
  return RawBpf(BPF_PROG_TEST_RUN, &attr);
}

static void Ignore(int number) { (void)number; }

static int IsInBpf(pid_t process) {
  char path[64];
  long number = -1;
  snprintf(path, sizeof path, "/proc/%d/syscall", process);
  FILE* const file = fopen(path, "re");
  CHECK(file != NULL);
  if (fscanf(file, "%ld", &number) != 1) number = -1;  // it runs
  fclose(file);
  return number == SYS_bpf;
}

// More calls at once than the supervisor can have threads.
static void TooFewThreadsAreNoEnd(int program, int map) {
  const struct rlimit none = {1, 1};
  CHECK(prlimit(getppid(), RLIMIT_NPROC, &none, NULL) == 0);
  pid_t children[kMany];
  for (int i = 0; i < kMany; ++i) {
    children[i] = fork();
    CHECK(children[i] >= 0);
    if (children[i] == 0) {
      RunForHours(program);
      _exit(0);
    }
  }
  for (int i = 0; i < kMany; ++i) {
    while (!IsInBpf(children[i])) sched_yield();
  }
  for (int i = 0; i < kMany; ++i) kill(children[i], SIGKILL);
  for (int i = 0; i < kMany; ++i) {
    CHECK(waitpid(children[i], NULL, 0) == children[i]);
  }
  uint64_t value = 7;
  CHECK(Update(map, 1, &value) == 0 && Lookup(map, 1, &value) == 0);
  CHECK(value == 7);
}

int main(void) {
  const int program = LoadEmpty();
  const int map = Create(BPF_MAP_TYPE_HASH, 8, 1, 0);
  CHECK(program >= 0 && map >= 0);
  const struct sigaction action = {.sa_handler = Ignore};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  int ready[2];
  CHECK(pipe(ready) == 0);
  pid_t children[kSlow];
  for (int i = 0; i < kSlow; ++i) {
    children[i] = fork();
    if (children[i] != 0) continue;
    CHECK(write(ready[1], "", 1) == 1);
    CHECK(RunForHours(program) == -1 && errno == EINTR);
    _exit(0);
  }
  char byte;
  for (int i = 0; i < kSlow; ++i) CHECK(read(ready[0], &byte, 1) == 1);
  for (uint64_t i = 0; i < 1000; ++i) {
    uint64_t value = 0;
    CHECK(Update(map, 1, &i) == 0);
    CHECK(Lookup(map, 1, &value) == 0 && value == i);
  }
  int status;
  for (int i = 0; i < kSlow; ++i) {
    if (i % 2 == 0) {
      // It may come before the call; then another one has to.
      while (waitpid(children[i], &status, WNOHANG) == 0) {
        kill(children[i], SIGUSR1);
      }
      CHECK(status == 0);
    } else {
      kill(children[i], SIGKILL);
      CHECK(waitpid(children[i], &status, 0) == children[i]);
    }
  }
  TooFewThreadsAreNoEnd(program, map);
  CHECK(CountMaps() == 1);
  puts("nobody waited");
  return 0;
}
