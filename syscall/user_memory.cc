// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/user_memory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/certain_memory.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMostAtOnce = 1 << 30;  // the call has a limit of 2 GiB

// Whether the kernel refused process_vm_readv(2) or process_vm_writev(2). A
// hint, which saves asking again: relaxed.
constinit std::atomic<bool> is_refused{false};

enum class Direction { kFromUser, kToUser };

// Through a pipe: the kernel checks what it takes from memory, and what it puts
// there. Where there is no descriptor left, nothing is checked.
bool CopyThroughPipe(Direction direction, char* here, UserAddress there,
                     std::size_t size) {
  auto* const user = reinterpret_cast<char*>(there);
  const bool from_user = direction == Direction::kFromUser;
  char* const to = from_user ? here : user;
  const char* const from = from_user ? user : here;
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) {
    std::memcpy(to, from, size);
    return true;
  }
  bool done = true;
  for (std::size_t at = 0; at < size && done;) {
    // A pipe has room for a page in any case.
    const std::size_t part = std::min(size - at, kPage);
    const auto count = static_cast<long>(part);
    // Not by the C library: a sanitizer's checks whole arguments, and a string
    // is read beyond its end.
    done = RawSyscall(SYS_write, pipe[1], Word(from + at), count) == count &&
           RawSyscall(SYS_read, pipe[0], Word(to + at), count) == count;
    at += part;
  }
  close(pipe[0]);
  close(pipe[1]);
  return done;
}

bool Copy(Direction direction, void* here, UserAddress there,
          std::size_t size) {
  const int saved_errno = errno;
  char* at = static_cast<char*>(here);
  bool done = true;
  while (size != 0 && done && !is_refused.load(std::memory_order_relaxed)) {
    const std::size_t part = std::min(size, kMostAtOnce);
    const iovec local = {at, part};
    const iovec remote = {reinterpret_cast<void*>(there), part};
    const auto call = direction == Direction::kFromUser ? process_vm_readv
                                                        : process_vm_writev;
    const ssize_t copied = call(ForkGate::process(), &local, 1, &remote, 1, 0);
    if (copied < 0 && errno != EFAULT) {
      is_refused.store(true, std::memory_order_relaxed);
      break;
    }
    done = copied == static_cast<ssize_t>(part);
    at += part;
    there += part;
    size -= part;
  }
  if (size != 0 && done) done = CopyThroughPipe(direction, at, there, size);
  errno = saved_errno;
  return done;
}

}  // namespace

bool CopyFromUser(void* to, UserAddress from, std::size_t size) {
  if (Caller* const caller = Caller::Other()) {
    return caller->ReadMemory(to, from, size);
  }
  const ForkGate::Inside inside;
  if (CertainMemory::CanBeRead(from, size)) {
    std::memcpy(to, reinterpret_cast<const void*>(from), size);
    return true;
  }
  return Copy(Direction::kFromUser, to, from, size);
}

bool CopyToUser(UserAddress to, const void* from, std::size_t size) {
  if (Caller* const caller = Caller::Other()) {
    return caller->WriteMemory(to, from, size);
  }
  const ForkGate::Inside inside;
  if (CertainMemory::CanBeWritten(to, size)) {
    std::memcpy(reinterpret_cast<void*>(to), from, size);
    return true;
  }
  return Copy(Direction::kToUser, const_cast<void*>(from), to, size);
}

long CopyStringFromUser(char* to, UserAddress from, std::size_t size) {
  for (std::size_t done = 0; done < size;) {
    // Up to the end of a page: the next one need not be there.
    const std::size_t part =
        std::min(size - done, kPage - (from + done) % kPage);
    if (!CopyFromUser(to + done, from + done, part)) return -EFAULT;
    if (const void* end = std::memchr(to + done, 0, part)) {
      return static_cast<const char*>(end) - to;
    }
    done += part;
  }
  return -ENAMETOOLONG;
}

long CheckZeroInUser(UserAddress from, std::size_t size) {
  char bytes[kPage];
  while (size != 0) {
    const std::size_t part = std::min(size, sizeof bytes);
    if (!CopyFromUser(bytes, from, part)) return -EFAULT;
    if (std::any_of(bytes, bytes + part, [](char c) { return c != 0; })) {
      return -E2BIG;
    }
    from += part;
    size -= part;
  }
  return 0;
}

}  // namespace bpfmap
