// SPDX-License-Identifier: Apache-2.0

// Commands that get no memory say so, and change nothing: whichever of their
// allocations it is.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/pins.h"
#include "gtest/gtest.h"

namespace {

// How many allocations succeed before one fails; below 0: all.
constinit thread_local int until_failure = -1;

}  // namespace

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) {
  if (until_failure == 0) {
    until_failure = -1;
    errno = ENOMEM;
    return nullptr;
  }
  if (until_failure > 0) --until_failure;
  return __libc_malloc(size);
}

namespace bpfmap {
namespace {

int LowestFreeFd() {
  const int fd = dup(0);
  close(fd);
  return fd;
}

// Makes each allocation of `command` fail, one after the other. It
// returns a descriptor or an error, and no descriptor is left.
template <typename Command>
void FailEachAllocation(Command command) {
  const int lowest = LowestFreeFd();
  bool failed = true;
  int failures = 0;
  for (int i = 0; failed && i < 1000; ++i) {
    until_failure = i;
    const long result = command();
    failed = until_failure < 0;
    until_failure = -1;
    if (result < 0) {
      ASSERT_EQ(result, -ENOMEM) << "allocation " << i;
      ++failures;
    } else {
      close(static_cast<int>(result));
    }
    ASSERT_EQ(LowestFreeFd(), lowest) << "allocation " << i;
  }
  EXPECT_FALSE(failed);
  EXPECT_GT(failures, 0);
}

TEST(OutOfMemoryTest, CreateFailsAndLeavesNothing) {
  close(CreateFd(kHash));  // what is made once is there by now
  for (const MapDef& def : {kHash, kMapped, kRing}) {
    FailEachAllocation([&] { return CreateFd(def); });
  }
  EXPECT_EQ(NextId(0), -ENOENT);
}

TEST(OutOfMemoryTest, PinAndGetFailAndLeaveNothing) {
  constexpr char kPath[] = "/sys/fs/bpf/out_of_memory";
  const int fd = CreateFd(kHash);
  bool pinned = false;
  for (int i = 0; !pinned && i < 100; ++i) {
    until_failure = i;
    const long error = Pin(fd, kPath);
    until_failure = -1;
    pinned = error == 0;
    if (!pinned) {
      ASSERT_EQ(error, -ENOMEM);
      ASSERT_EQ(Get(kPath), -ENOENT);
    }
  }
  EXPECT_TRUE(pinned);
  FailEachAllocation([&] { return Get(kPath); });
  EXPECT_EQ(ProcessPins::Global().Unlink(kPath), 0);
  close(fd);
}

}  // namespace
}  // namespace bpfmap
