// SPDX-License-Identifier: Apache-2.0

// Maps in processes that lack what most have: limits, sandboxes, strange forks.
//
// Each case runs in a child of its own, which can then do all that it could
// otherwise.

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/pins.h"
#include "bpfmap/syscall/refused_call.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

// Ends a child that finds something wrong.
void Require(bool condition, int line) {
  if (condition) return;
  std::fprintf(stderr, "line %d: errno %d\n", line, errno);
  _exit(1);
}
#define REQUIRE(condition) Require((condition), __LINE__)

// Whether `function` returns in a child.
template <typename Function>
bool InChild(Function function) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    function();
    _exit(0);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

// Whether it can be told here when a file is closed.
bool hears_of_closing = true;

void RequireLetGo(uint32_t id) {
  if (hears_of_closing) REQUIRE(IsLetGo(id));
}

void UseElements() {
  const int fd = CreateFd(kHash);
  REQUIRE(fd >= 0);
  const uint32_t key = 1;
  const uint64_t value = 10;
  uint64_t found = 0;
  REQUIRE(Update(fd, &key, &value) == 0);
  REQUIRE(Lookup(fd, &key, &found) == 0 && found == 10);
  REQUIRE(Lookup(fd, reinterpret_cast<void*>(8), &found) == -EFAULT);
  REQUIRE(Lookup(fd, &key, reinterpret_cast<void*>(8)) == -EFAULT);
  // Memory that cannot be written is not written.
  void* const page =
      mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(Lookup(fd, &key, page) == -EFAULT);
  munmap(page, 4096);
  const uint32_t id = IdOf(fd);
  close(fd);
  RequireLetGo(id);
}

void UseBigValue() {
  constexpr uint32_t kSize = 100'000;
  const int fd = CreateFd({.type = MapType::kHash,
                           .key_size = 4,
                           .value_size = kSize,
                           .max_entries = 2});
  REQUIRE(fd >= 0);
  const uint32_t key = 1;
  std::vector<char> value(kSize, 'x');
  std::vector<char> found(kSize);
  REQUIRE(Update(fd, &key, value.data()) == 0);
  REQUIRE(Lookup(fd, &key, found.data()) == 0 && found == value);
  close(fd);
}

void UseRights() {
  MapDef def = kHash;
  def.map_flags = kRdOnly;
  const int fd = CreateFd(def);
  REQUIRE(fd >= 0);
  const uint32_t key = 1;
  uint64_t value = 10;
  REQUIRE(Update(fd, &key, &value) == -EPERM);
  REQUIRE(Lookup(fd, &key, &value) == -ENOENT);
  close(fd);
}

void UseMemory() {
  for (const MapDef& def : {kMapped, kRing}) {
    const int fd = CreateFd(def);
    REQUIRE(fd >= 0);
    void* const memory =
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REQUIRE(memory != MAP_FAILED);
    *static_cast<uint64_t*>(memory) = 8;
    const uint32_t id = IdOf(fd);
    REQUIRE(id != 0);
    close(fd);
    REQUIRE(NextId(id - 1) == static_cast<long>(id));
    munmap(memory, 4096);
    RequireLetGo(id);
  }
}

void UsePins() {
  constexpr char kPath[] = "/sys/fs/bpf/limits";
  const int fd = CreateFd(kHash);
  const uint32_t id = IdOf(fd);
  REQUIRE(Pin(fd, kPath) == 0);
  close(fd);
  const int found = static_cast<int>(Get(kPath));
  REQUIRE(found >= 0 && IdOf(found) == id);
  REQUIRE(ProcessPins::Global().Unlink(kPath) == 0);
  REQUIRE(Get(kPath) == -ENOENT);
  close(found);
  REQUIRE(IsLetGo(id));
}

void UseAll() {
  UseElements();
  UseBigValue();
  UseRights();
  UseMemory();
  UsePins();
}

TEST(LimitsTest, WithNoInotifyInstance) {
  EXPECT_TRUE(InChild([] {
    REQUIRE(RefuseCall(SYS_inotify_init1, EMFILE));
    UseAll();
  }));
}

TEST(LimitsTest, WithNoInotifyWatch) {
  EXPECT_TRUE(InChild([] {
    REQUIRE(RefuseCall(SYS_inotify_add_watch, ENOSPC));
    UseAll();
  }));
}

TEST(LimitsTest, WithNoInotifyManyMapsAreLetGo) {
  EXPECT_TRUE(InChild([] {
    REQUIRE(RefuseCall(SYS_inotify_init1, EMFILE));
    std::vector<int> fds;
    for (int i = 0; i < 100; ++i) fds.push_back(CreateFd(kHash));
    for (int fd : fds) close(fd);
    REQUIRE(NextId(0) == -ENOENT);
    for (int i = 0; i < 2000; ++i) close(CreateFd(i % 2 ? kHash : kMapped));
    REQUIRE(NextId(0) == -ENOENT);
  }));
}

TEST(LimitsTest, WithNoAccessToProcessMemory) {
  for (int error : {EPERM, ENOSYS}) {
    EXPECT_TRUE(InChild([error] {
      REQUIRE(RefuseCall(SYS_process_vm_readv, error));
      UseAll();
      REQUIRE(RefuseCall(SYS_process_vm_writev, error));
      UseAll();
    }));
  }
}

TEST(LimitsTest, WithNoNamespaceToMountIn) {
  constexpr long kFsopen = 430;
  EXPECT_TRUE(InChild([] {
    REQUIRE(RefuseCall(kFsopen, EPERM));
    UseAll();
    std::exit(0);  // removes the directory
  }));
}

// A root without anything in it; in a user namespace, if need be.
bool EnterEmptyRoot() {
  char path[] = "/tmp/bpfmap_test.XXXXXX";
  if (mkdtemp(path) == nullptr) return false;
  if (geteuid() != 0 && unshare(CLONE_NEWUSER) != 0) return false;
  const int root = open(path, O_PATH | O_CLOEXEC);
  // It is gone when the child is.
  const bool done = rmdir(path) == 0 && fchdir(root) == 0 && chroot(".") == 0;
  close(root);
  return done;
}

TEST(LimitsTest, WithoutProc) {
  EXPECT_TRUE(InChild([] {
    REQUIRE(EnterEmptyRoot());
    REQUIRE(access("/proc", F_OK) != 0);
    hears_of_closing = false;
    UseElements();
    UseRights();
    UseMemory();
  }));
}

TEST(LimitsTest, WithFewDescriptors) {
  EXPECT_TRUE(InChild([] {
    const rlimit few = {64, 64};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    UseAll();
    for (int i = 0; i < 16; ++i) REQUIRE(CreateFd(kRing) >= 0);
  }));
}

// Without handlers of fork(): what the parent hears of is the parent's.
TEST(LimitsTest, ChildOfCloneTakesNoNewsFromItsParent) {
  EXPECT_TRUE(InChild([] {
    const int fd = CreateFd(kHash);
    const uint32_t id = IdOf(fd);
    int up[2];
    int down[2];
    REQUIRE(pipe(up) == 0 && pipe(down) == 0);
    char byte = 0;
    const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
      close(fd);
      REQUIRE(write(up[1], &byte, 1) == 1 && read(down[0], &byte, 1) == 1);
      UseElements();
      _exit(0);
    }
    REQUIRE(read(up[0], &byte, 1) == 1);
    close(fd);
    REQUIRE(write(down[1], &byte, 1) == 1);
    int status = -1;
    REQUIRE(waitpid(static_cast<pid_t>(child), &status, 0) == child);
    REQUIRE(status == 0);
    REQUIRE(IsLetGo(id));
  }));
}

}  // namespace
}  // namespace bpfmap
