// SPDX-License-Identifier: Apache-2.0

// Caller: the process whose bpf(2) is answered: its memory, its descriptors,
// its paths and its identity.
//
// The core has two kinds of callers. Mostly it is this process, which needs no
// object: memory, descriptors and paths are its own. Or it is another process,
// which waits in the system call while a supervisor answers it; then
//
//   long result = AnswerBpf(&caller, command, attributes, size);
//
// makes `caller` the one that this thread answers. As `current` in the kernel,
// it is found by whatever copies from or to it, however deep: commands, batches
// and the helpers of a program that a test run runs.
//
// The caller may be hostile. It may change its memory at any time, so that two
// reads of one address differ; its other threads may close a descriptor between
// two looks at it; and it may end.
//
// An object is used by one thread at a time.

#ifndef BPFMAP_SYSCALL_CALLER_H_
#define BPFMAP_SYSCALL_CALLER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "bpfmap/syscall/mapped_file.h"

namespace bpfmap {

class PinTable;
struct Task;

// The file of a descriptor.
struct FileStatus {
  dev_t device = 0;
  ino_t inode = 0;
  mode_t mode = 0;
  int flags = 0;  // as of fcntl(F_GETFL)
};

class Caller {
 public:
  // The caller that this thread answers; null: this process itself.
  static Caller* Other();

  // Copy `size` bytes. Return false if not all of them can be read or written;
  // some may have been.
  virtual bool ReadMemory(void* to, uint64_t from, std::size_t size) = 0;
  virtual bool WriteMemory(uint64_t to, const void* from, std::size_t size) = 0;

  // Finds the file of descriptor `fd` of the caller.
  //   EBADF  it is not open
  virtual long FindFile(int fd, FileStatus* status) = 0;

  // A descriptor of this process for the file of descriptor `fd` of the caller,
  // to be closed after use. Or -errno: EBADF.
  virtual int BorrowFile(int fd) = 0;

  // Finds the process of descriptor `fd` of the caller, of pidfd_open(2).
  //   EBADF   it is not open, or is of no process
  //   ENOENT  the process has ended
  virtual long FindProcess(int fd, uint32_t* pid) = 0;

  // Gives the caller a descriptor of the file of `fd`, close-on-exec, and
  // closes `fd` in any case. It is the last that an answer does: the result is
  // that of the call. Or -errno: EMFILE.
  virtual long GiveFile(int fd) = 0;

  // The thread that called.
  virtual Task CurrentTask() = 0;

  // Whether that thread has a signal to handle, or has ended. Asked often.
  virtual bool Interrupted() = 0;

  // Whether any process that may have a descriptor of the caller's has mapped
  // the file for writing.
  virtual bool IsMappedForWriting(dev_t device, ino_t inode) = 0;

  // Finds where the process of that thread has mapped the file.
  virtual bool FindMapping(dev_t device, ino_t inode, MappedFile* found) = 0;

  // Where the caller's paths lead to.
  virtual PinTable& Pins() = 0;

 protected:
  ~Caller() = default;
};

// The same of the caller that this thread answers, this process or another.
//   EBADF  it is not open
long FindFile(int fd, FileStatus* status);
long FindProcess(int fd, uint32_t* pid);

// FindProcess() of a descriptor of this process.
long ProcessOfOwnFd(int fd, uint32_t* pid);

// A descriptor in this process for that of the caller that this thread answers,
// while it lives.
class BorrowedFd {
 public:
  explicit BorrowedFd(int fd);
  ~BorrowedFd();
  BorrowedFd(const BorrowedFd&) = delete;
  BorrowedFd& operator=(const BorrowedFd&) = delete;

  // Below 0: the caller's is not open.
  int get() const { return fd_; }

 private:
  const bool is_own_;
  const int fd_;
};

// Makes `caller` the one that this thread answers, while it lives. Null: this
// process.
class ScopedCaller {
 public:
  explicit ScopedCaller(Caller* caller);
  ~ScopedCaller();
  ScopedCaller(const ScopedCaller&) = delete;
  ScopedCaller& operator=(const ScopedCaller&) = delete;

 private:
  Caller* const previous_;
};

// bpf(2), answered to `caller`. `attributes` is an address of its memory.
long AnswerBpf(Caller* caller, int command, uint64_t attributes, unsigned size);

// Of the rest of bpf_syscall.h, CheckMmap() and the next are for descriptors of
// the caller that this thread answers.

// The eventfd of this process that says what the ring `fd` would say to epoll;
// -1: `fd` is no ring.
int RingEventFd(int fd);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_CALLER_H_
