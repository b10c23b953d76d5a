// SPDX-License-Identifier: Apache-2.0

// OpeningProbe: whether anything refers to an opening of a file any more, told
// without inotify(7).
//
// The opening holds a shared flock(2), which ends with the last descriptor and
// mapping of it, in whatever process. The probe is another opening of the same
// file, which tries to get the lock for itself. It costs a descriptor.
//
// Not thread-safe.

#ifndef BPFMAP_SYSCALL_OPENING_PROBE_H_
#define BPFMAP_SYSCALL_OPENING_PROBE_H_

#include <sys/types.h>

namespace bpfmap {

class OpeningProbe {
 public:
  OpeningProbe() = default;
  // Of the opening that `fd` is of. It may not work: without /proc, or where
  // descriptors run out.
  explicit OpeningProbe(int fd);
  ~OpeningProbe();
  OpeningProbe(OpeningProbe&& other) noexcept;
  OpeningProbe& operator=(OpeningProbe&& other) noexcept;

  // Says no where it does not work.
  bool IsLeft() const;

 private:
  // Whether fd_ is still its own: the program may have closed it.
  bool IsOpen() const;

  int fd_ = -1;
  ino_t inode_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_OPENING_PROBE_H_
