// SPDX-License-Identifier: Apache-2.0

// FileMark: a file and the rights to it, told from a descriptor in one system
// call.
//
// fstat(2) and fcntl(2) tell both, in two calls of which one is slow. But each
// opening of a file has a position, which lseek(2) tells at once; and the files
// of BpfFdTable have no use for theirs. So each opening gets a position that no
// other file has:
//
//   bits 34..61  a random number of this process and its children, not 0
//   bits  2..33  the inode
//   bits  0..1   1: may be read; 2: may be written
//
// It is a short cut, and no proof to others: a program may set any position. A
// descriptor without a mark, such as one that was opened again through /proc,
// is looked at with fstat(2) and fcntl(2). O_PATH descriptors have no position.
//
// Thread-safe, and may be called in signal handlers: errno stays as it is.

#ifndef BPFMAP_SYSCALL_FILE_MARK_H_
#define BPFMAP_SYSCALL_FILE_MARK_H_

#include <sys/types.h>

namespace bpfmap {

struct FileMark {
  ino_t inode = 0;
  bool may_read = false;
  bool may_write = false;

  // Marks the opening of `fd`. Without effect where a mark has no room for the
  // inode, or the kernel refuses.
  void Put(int fd) const;

  // Returns false if `fd` has no mark of this process.
  bool Read(int fd);
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_FILE_MARK_H_
