// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/thread_handles.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using Handle = ThreadHandles::Handle;

TEST(ThreadHandlesTest, HandleOfProcessIsOfItsThreadsOnly) {
  const Handle handle(dup(STDERR_FILENO), getpid());
  EXPECT_TRUE(handle.MayBeOf(static_cast<pid_t>(syscall(SYS_gettid))));
  EXPECT_FALSE(handle.MayBeOf(getppid()));
}

TEST(ThreadHandlesTest, HandleOfThreadSaysItselfWhenItIsDead) {
  const Handle handle(dup(STDERR_FILENO), 0);
  EXPECT_TRUE(handle.MayBeOf(getppid()));
}

TEST(ThreadHandlesTest, ForgottenHandleIsOpenedAgain) {
  ThreadHandles& handles = ThreadHandles::Global();
  const auto first = handles.Find(getpid());
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(handles.Find(getpid()), first);
  handles.Forget(getpid());
  EXPECT_NE(handles.Find(getpid()), first);
}

TEST(ThreadHandlesTest, ThreadThatHasEndedHasNone) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(ThreadHandles::Global().Find(child), nullptr);
}

}  // namespace
}  // namespace bpfmap
