// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/detached_tmpfs.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

// Of <linux/mount.h>, which older headers lack. Same on every machine.
constexpr long kFsopen = 430;
constexpr long kFsconfig = 431;
constexpr long kFsmount = 432;
constexpr long kCloseOnExec = 1;
constexpr long kSetString = 1;
constexpr long kCreate = 6;
constexpr long kNoSuidDevExec = 0x2 | 0x4 | 0x8;

int Mount() {
  const long context = RawSyscall(kFsopen, Word("tmpfs"), kCloseOnExec);
  if (context < 0) return static_cast<int>(context);
  RawSyscall(kFsconfig, context, kSetString, Word("mode"), Word("0755"));
  long result = RawSyscall(kFsconfig, context, kCreate);
  if (result == 0) {
    result = RawSyscall(kFsmount, context, kCloseOnExec, kNoSuidDevExec);
  }
  RawSyscall(SYS_close, context);
  return static_cast<int>(result);
}

// "ID ID 1": an id stands for itself.
class IdMap {
 public:
  explicit IdMap(unsigned id) {
    Append(id);
    Append(id);
    text_[length_++] = '1';
  }
  long WriteTo(const char* path) const { return Write(path, text_, length_); }

  static long Write(const char* path, const char* text, std::size_t size) {
    const long fd =
        RawSyscall(SYS_openat, AT_FDCWD, Word(path), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return fd;
    const long written =
        RawSyscall(SYS_write, fd, Word(text), static_cast<long>(size));
    RawSyscall(SYS_close, fd);
    return written < 0 ? written : 0;
  }

 private:
  void Append(unsigned id) {
    char digits[10];
    int count = 0;
    do {
      digits[count++] = static_cast<char>('0' + id % 10);
      id /= 10;
    } while (id != 0);
    while (count != 0) text_[length_++] = digits[--count];
    text_[length_++] = ' ';
  }

  char text_[24];
  std::size_t length_ = 0;
};

struct Child {
  unsigned user;
  unsigned group;
  int result;
};

// Runs in a child that has the memory and the descriptors of its parent, which
// waits. The mount outlives the namespaces.
ABSL_ATTRIBUTE_NO_SANITIZE_ADDRESS ABSL_ATTRIBUTE_NO_SANITIZE_THREAD int
MountAsRoot(void* argument) {
  auto* const child = static_cast<Child*>(argument);
  IdMap::Write("/proc/self/setgroups", "deny", 4);
  long error = IdMap(child->user).WriteTo("/proc/self/uid_map");
  if (error == 0) error = IdMap(child->group).WriteTo("/proc/self/gid_map");
  child->result = error == 0 ? Mount() : static_cast<int>(error);
  RawSyscall(SYS_exit, 0);
  return 0;
}

// Keeps all signals from this thread, while it lives: a child that shares the
// memory would run the program's handlers.
class NoSignals {
 public:
  NoSignals() {
    const uint64_t all = ~uint64_t{0};
    RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, Word(&all), Word(&previous_),
               sizeof all);
  }
  ~NoSignals() {
    RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, Word(&previous_), 0,
               sizeof previous_);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  uint64_t previous_ = 0;  // as the kernel has it
};

}  // namespace

int DetachedTmpfs() {
  const int direct = Mount();
  if (direct != -EPERM) return direct;
  alignas(16) char stack[16384];
  Child child = {static_cast<unsigned>(RawSyscall(SYS_geteuid)),
                 static_cast<unsigned>(RawSyscall(SYS_getegid)), -EPERM};
  // It sends no signal as it ends, and the program's wait() does not see it.
  const NoSignals none;
  const int saved_errno = errno;
  const int id =
      clone(&MountAsRoot, stack + sizeof stack,
            CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS,
            &child);
  const int error = errno;
  errno = saved_errno;
  if (id < 0) return -error;
  RawSyscall(SYS_wait4, id, 0, __WCLONE);
  return child.result;
}

}  // namespace bpfmap
