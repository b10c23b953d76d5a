// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/file_mark.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "bpfmap/profiles/cloud.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constexpr int kOwnerShift = 34;
constexpr int kInodeShift = 2;
constexpr uint64_t kMostOwner = (uint64_t{1} << 28) - 1;
constexpr uint64_t kMostInode = 0xffffffff;
constexpr uint64_t kMayRead = 1;
constexpr uint64_t kMayWrite = 2;

// The random number; 0: none yet. It stands for itself: relaxed.
constinit std::atomic<uint64_t> owner{0};

uint64_t Owner() {
  uint64_t number = owner.load(std::memory_order_relaxed);
  if (number != 0) return number;
  const uint64_t drawn = Cloud::RandomSeed() % kMostOwner + 1;
  return owner.compare_exchange_strong(number, drawn, std::memory_order_relaxed)
             ? drawn
             : number;
}

}  // namespace

void FileMark::Put(int fd) const {
  if (inode > kMostInode) return;
  const uint64_t position = Owner() << kOwnerShift | inode << kInodeShift |
                            (may_read ? kMayRead : 0) |
                            (may_write ? kMayWrite : 0);
  RawSyscall(SYS_lseek, fd, static_cast<long>(position), SEEK_SET);
}

bool FileMark::Read(int fd) {
  const long position = RawSyscall(SYS_lseek, fd, 0, SEEK_CUR);
  if (position < 0) return false;
  const auto bits = static_cast<uint64_t>(position);
  const uint64_t number = bits >> kOwnerShift;
  if (number == 0 || number != owner.load(std::memory_order_relaxed)) {
    return false;
  }
  inode = bits >> kInodeShift & kMostInode;
  may_read = (bits & kMayRead) != 0;
  may_write = (bits & kMayWrite) != 0;
  return true;
}

}  // namespace bpfmap
