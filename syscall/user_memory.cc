// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/user_memory.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bpfmap/syscall/caller.h"

namespace bpfmap {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMostAtOnce = 1 << 30;  // the call has a limit of 2 GiB

// `call` is process_vm_readv or process_vm_writev.
template <typename Call>
bool Copy(Call call, void* here, UserAddress there, std::size_t size) {
  const int saved_errno = errno;
  const pid_t self = getpid();
  char* at = static_cast<char*>(here);
  bool done = true;
  while (size != 0 && done) {
    const std::size_t part = std::min(size, kMostAtOnce);
    const iovec local = {at, part};
    const iovec remote = {reinterpret_cast<void*>(there), part};
    const ssize_t copied = call(self, &local, 1, &remote, 1, 0);
    done = copied == static_cast<ssize_t>(part);
    at += part;
    there += part;
    size -= part;
  }
  errno = saved_errno;
  return done;
}

}  // namespace

bool CopyFromUser(void* to, UserAddress from, std::size_t size) {
  if (Caller* const caller = Caller::Other()) {
    return caller->ReadMemory(to, from, size);
  }
  return Copy(process_vm_readv, to, from, size);
}

bool CopyToUser(UserAddress to, const void* from, std::size_t size) {
  if (Caller* const caller = Caller::Other()) {
    return caller->WriteMemory(to, from, size);
  }
  return Copy(process_vm_writev, const_cast<void*>(from), to, size);
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
