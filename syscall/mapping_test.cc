// SPDX-License-Identifier: Apache-2.0

// Mappings of maps, and what maps need of the process, where mmap(2), close(2)
// and others are overridden.

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

// Whether a page that was mapped to be read cannot be made one to be written.
void ExpectStaysReadOnly(int fd, off_t offset) {
  void* const page = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, offset);
  ASSERT_NE(page, MAP_FAILED);
  EXPECT_EQ(mprotect(page, 4096, PROT_READ | PROT_WRITE), -1);
  EXPECT_EQ(errno, EACCES);
  EXPECT_EQ(mprotect(page, 4096, PROT_NONE), 0);
  EXPECT_EQ(mprotect(page, 4096, PROT_READ), 0);
  munmap(page, 4096);
}

TEST(MappingTest, ReadOnlyMappingStaysReadOnly) {
  const int array = CreateFd(kMapped);
  ExpectStaysReadOnly(array, 0);
  EXPECT_EQ(Freeze(array), 0);
  ExpectStaysReadOnly(array, 0);
  close(array);
  const int ring = CreateFd(kRing);
  ExpectStaysReadOnly(ring, 0);
  ExpectStaysReadOnly(ring, 4096);  // the producer's
  close(ring);
}

TEST(MappingTest, ReadOnlyMappingShowsAndKeepsMap) {
  const int fd = CreateFd(kMapped);
  const uint32_t id = IdOf(fd);
  void* const page = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(page, MAP_FAILED);
  const uint32_t key = 1;
  const uint64_t value = 10;
  EXPECT_EQ(Update(fd, &key, &value), 0);
  EXPECT_EQ(static_cast<volatile uint64_t*>(page)[1], 10u);
  close(fd);
  EXPECT_EQ(NextId(id - 1), static_cast<long>(id));
  munmap(page, 4096);
  EXPECT_TRUE(IsLetGo(id));
}

TEST(MappingTest, MappingThatCanBeWrittenStillCan) {
  const int fd = CreateFd(kMapped);
  void* const page =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ASSERT_NE(page, MAP_FAILED);
  EXPECT_EQ(Freeze(fd), -EBUSY);
  EXPECT_EQ(mprotect(page, 4096, PROT_READ), 0);
  EXPECT_EQ(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
  munmap(page, 4096);
  EXPECT_EQ(Freeze(fd), 0);
  close(fd);
}

// Whether `function` says so in a child.
template <typename Function>
bool InChild(Function function) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(function() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

TEST(MappingTest, LimitOfFileSizesIsNoneOfMaps) {
  EXPECT_TRUE(InChild([] {
    rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 0;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const bool made = CreateFd(kMapped) >= 0 && CreateFd(kRing) >= 0;
    getrlimit(RLIMIT_FSIZE, &limit);
    return made && limit.rlim_cur == 0;
  }));
}

TEST(MappingTest, HardLimitOfFileSizesIsNoMemory) {
  EXPECT_TRUE(InChild([] {
    // Without the right to raise the limit again, which root of a user
    // namespace has not.
    if (geteuid() == 0) static_cast<void>(!setresuid(65534, 65534, 65534));
    const rlimit none = {0, 0};
    return setrlimit(RLIMIT_FSIZE, &none) == 0 &&
           CreateFd(kMapped) == -ENOMEM && CreateFd(kRing) == -ENOMEM &&
           CreateFd({.type = MapType::kHash,
                     .key_size = 4,
                     .value_size = 8,
                     .max_entries = 16}) >= 0;
  }));
}

TEST(MappingTest, ProgramThatClosesAllFindsItsPins) {
  static constexpr char kPath[] = "/sys/fs/bpf/ring";
  const auto survives = [](auto close_all) {
    return InChild([close_all] {
      const int ring = CreateFd(kRing);
      const uint32_t id = IdOf(ring);
      if (Pin(ring, kPath) != 0) return false;
      close_all();
      const int again = static_cast<int>(Get(kPath));
      if (again < 0 || IdOf(again) != id || unlink(kPath) != 0) return false;
      close(again);
      return IsLetGo(id);
    });
  };
  EXPECT_TRUE(survives([] { closefrom(3); }));
  EXPECT_TRUE(survives([] { close_range(3, ~0U, 0); }));
  EXPECT_TRUE(survives([] { syscall(SYS_close_range, 3, ~0U, 0); }));
  EXPECT_TRUE(survives([] {
    for (int fd = 3; fd < 4096; ++fd) close(fd);
  }));
}

// bpf(2) is no point where a thread is cancelled.
TEST(MappingTest, CancelledThreadEndsAfterTheCall) {
  pthread_t thread;
  static int made;
  made = -1;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void*) -> void* {
                  pthread_cancel(pthread_self());
                  MapDef def = kMapped;
                  def.map_flags |= kRdOnly;
                  made = CreateFd(def);
                  pthread_testcancel();
                  return nullptr;
                },
                nullptr),
            0);
  void* result = nullptr;
  ASSERT_EQ(pthread_join(thread, &result), 0);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  EXPECT_GE(made, 0);
  close(made);
}

}  // namespace
}  // namespace bpfmap
