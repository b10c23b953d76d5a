// SPDX-License-Identifier: Apache-2.0

// Errno: the error numbers of Linux, on every operating system.
//
// The numbers are Linux's own (asm-generic), whatever <errno.h> of the host
// says, and include 524 (ENOTSUPP), which reaches user space from bpf(2) but
// stands in no C library header. A call that returns kOk succeeded.

#ifndef BPFMAP_MAPS_ERRNO_H_
#define BPFMAP_MAPS_ERRNO_H_

namespace bpfmap {

enum class [[nodiscard]] Errno : int{
    kOk = 0,
    kPerm = 1,        // EPERM: no right, or the map is frozen
    kNoEnt = 2,       // ENOENT: no such key; nothing left to walk
    k2Big = 7,        // E2BIG: the map is full; a size or an index is too large
    kBadF = 9,        // EBADF: a file descriptor that is not open
    kAgain = 11,      // EAGAIN: no room in a ring now
    kNoMem = 12,      // ENOMEM: memory is spent
    kAcces = 13,      // EACCES: what the verifier would refuse
    kFault = 14,      // EFAULT: a pointer that cannot be used
    kBusy = 16,       // EBUSY: in use
    kExist = 17,      // EEXIST: the key is there already
    kNoDev = 19,      // ENODEV: no such CPU
    kInval = 22,      // EINVAL: an argument no map of this type takes
    kNoSpc = 28,      // ENOSPC: the caller's buffer is too small for the next
                      // step; an LPM trie is full
    kRange = 34,      // ERANGE: addresses that an arena may not have
    kOverflow = 75,   // EOVERFLOW: a queue that is too long
    kOpNotSupp = 95,  // EOPNOTSUPP: as ENOTSUPP; which of them is the type's
    kInProgress = 115,  // EINPROGRESS: a struct that was taken back before
    kNotSupp = 524,     // ENOTSUPP: this type has no such operation
};

// The name as Linux spells it ("ENOENT"), or "E?" for a number that is not
// listed above (a kernel may answer with any).
constexpr const char* ErrnoName(Errno error) {
  switch (error) {
    case Errno::kOk:
      return "OK";
    case Errno::kPerm:
      return "EPERM";
    case Errno::kNoEnt:
      return "ENOENT";
    case Errno::k2Big:
      return "E2BIG";
    case Errno::kBadF:
      return "EBADF";
    case Errno::kAgain:
      return "EAGAIN";
    case Errno::kNoMem:
      return "ENOMEM";
    case Errno::kAcces:
      return "EACCES";
    case Errno::kFault:
      return "EFAULT";
    case Errno::kBusy:
      return "EBUSY";
    case Errno::kExist:
      return "EEXIST";
    case Errno::kNoDev:
      return "ENODEV";
    case Errno::kInval:
      return "EINVAL";
    case Errno::kNoSpc:
      return "ENOSPC";
    case Errno::kRange:
      return "ERANGE";
    case Errno::kOverflow:
      return "EOVERFLOW";
    case Errno::kOpNotSupp:
      return "EOPNOTSUPP";
    case Errno::kInProgress:
      return "EINPROGRESS";
    case Errno::kNotSupp:
      return "ENOTSUPP";
  }
  return "E?";
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_ERRNO_H_
