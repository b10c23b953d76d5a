// SPDX-License-Identifier: Apache-2.0

// SupervisedCaller: a process that waits in a system call for the answer of
// this one.
//
// Memory is copied by process_vm_readv(2), or through /proc/PID/mem where that
// is refused; descriptors are looked at by pidfd_getfd(2). The kernel checks
// that this process may trace the other. Numbers of processes are reused: after
// a thread number was used, or before something is changed, the notification is
// checked to be still its own.
//
// One object for each call, used by one thread at a time.

#ifndef BPFMAP_RUN_SUPERVISED_CALLER_H_
#define BPFMAP_RUN_SUPERVISED_CALLER_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "bpfmap/programs/world.h"
#include "bpfmap/run/notification.h"
#include "bpfmap/run/pin_files.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/mapped_file.h"
#include "bpfmap/syscall/pins.h"

namespace bpfmap {

class SupervisedCaller final : public Caller {
 public:
  // All must outlive it.
  SupervisedCaller(const Listener& listener, const Notification& call,
                   PinFiles* pins)
      : listener_(listener), call_(call), pins_(*this, pins) {}
  ~SupervisedCaller();
  SupervisedCaller(const SupervisedCaller&) = delete;
  SupervisedCaller& operator=(const SupervisedCaller&) = delete;

  bool ReadMemory(void* to, uint64_t from, std::size_t size) override;
  bool WriteMemory(uint64_t to, const void* from, std::size_t size) override;
  long FindFile(int fd, FileStatus* status) override;
  int BorrowFile(int fd) override { return Borrow(fd); }
  long FindProcess(int fd, uint32_t* pid) override;
  long GiveFile(int fd) override;
  Task CurrentTask() override;
  bool Interrupted() override;
  bool IsMappedForWriting(dev_t device, ino_t inode) override;
  bool FindMapping(dev_t device, ino_t inode, MappedFile* found) override;
  PinTable& Pins() override { return pins_; }

  // A descriptor of this process for the file of the caller's, for the caller
  // of this to close; or -errno.
  int Borrow(int fd) const;

  // Opens what is at `path` for the caller, O_PATH | O_CLOEXEC and `flags`,
  // inside of its root. A relative path starts at its descriptor `directory`,
  // or with AT_FDCWD in its working directory. Or -errno.
  int OpenPath(int directory, const std::string& path, int flags) const;

  // Of the system, for /proc.
  pid_t thread() const { return call_.thread; }

 private:
  // Where relative paths start, as an absolute path inside of the caller's
  // root;
  // "" if there is none.
  std::string DirectoryPath(int directory) const;

  // Where the attribute of a command on an element is read, all of its page
  // that follows comes along, in the same call: its key and value often lie
  // there.
  bool ReadAhead(uint64_t from, std::size_t size);

  template <typename Vector, typename File>
  bool Copy(Vector vector, File file, void* here, uint64_t there,
            std::size_t size);

  const Listener& listener_;
  const Notification& call_;
  CallerPins pins_;
  int memory_ = -1;  // /proc/PID/mem, once it was needed
  bool has_read_ = false;
  // Whether the call was seen to be valid after the attribute was read.
  mutable bool is_known_valid_ = false;
  // Bytes that were read ahead.
  uint64_t ahead_from_ = 0;
  std::size_t ahead_size_ = 0;
  char ahead_[1024];
  // When Interrupted() looks again.
  std::chrono::steady_clock::time_point look_at_ = {};
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_SUPERVISED_CALLER_H_
