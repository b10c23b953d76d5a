// SPDX-License-Identifier: Apache-2.0

// Signal handlers may call here what they may call elsewhere.
//
// POSIX lists unlink(2), rename(2), stat(2), open(2), fork(2) and others as
// async-signal-safe: the thread may have been anywhere, in malloc() too.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>

#include "bpfmap/syscall/fork_gate.h"
#include "gtest/gtest.h"

// Counts what takes memory, in front of the C library's.
namespace {
constinit thread_local int times_allocated = 0;
}  // namespace

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) {
  ++times_allocated;
  return __libc_malloc(size);
}

namespace bpfmap {
namespace {

// How often `calls` takes memory.
template <typename Calls>
int TimesAllocated(Calls calls) {
  const int before = times_allocated;
  calls();
  return times_allocated - before;
}

TEST(SignalTest, CallsOnPathsTakeNoMemory) {
  for (const char* path : {"no_such_file", "/tmp/no_such_file", "./bpf/x",
                           "/sys/fs/bpf/no_such_pin", "/sys/fs/bpf/../bpf/x"}) {
    EXPECT_EQ(TimesAllocated([path] {
                struct stat file;
                EXPECT_EQ(unlink(path), -1);
                EXPECT_EQ(rmdir(path), -1);
                EXPECT_EQ(rename(path, path), -1);
                EXPECT_EQ(stat(path, &file), -1);
                EXPECT_EQ(access(path, F_OK), -1);
                EXPECT_EQ(open(path, O_RDONLY | O_CLOEXEC), -1);
              }),
              0)
        << path;
  }
  EXPECT_EQ(TimesAllocated([] {
              EXPECT_EQ(mkdir("/sys/fs/bpf/made", 0700), 0);
              EXPECT_EQ(rmdir("/sys/fs/bpf/made"), 0);
            }),
            0);
}

TEST(SignalTest, BadAddressIsFault) {
  const char* const nowhere = reinterpret_cast<const char*>(1);
  const char* volatile null = nullptr;
  EXPECT_EQ(unlink(nowhere), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(mkdir(null, 0700), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(rename("/sys/fs/bpf/x", nowhere), -1);
  EXPECT_TRUE(errno == EFAULT || errno == EXDEV);
}

volatile sig_atomic_t child_status = -1;

void Fork(int) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = -1;
  if (waitpid(child, &status, 0) == child) child_status = status;
}

TEST(SignalTest, HandlerMayForkWhileItsThreadIsInside) {
  struct sigaction action = {};
  action.sa_handler = &Fork;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  {
    const ForkGate::Inside inside;
    ASSERT_EQ(raise(SIGUSR1), 0);
    EXPECT_EQ(child_status, 0);
  }
  // The gate is as it was: others may fork.
  child_status = -1;
  Fork(0);
  EXPECT_EQ(child_status, 0);
}

}  // namespace
}  // namespace bpfmap
