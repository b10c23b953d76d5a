// SPDX-License-Identifier: Apache-2.0
//
// Where a program goes among those that are attached already, as flags of
// BPF_LINK_CREATE and BPF_PROG_ATTACH say it.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_ATTACH_PLACE_H_
#define BPFMAP_SYSCALL_ATTACH_PLACE_H_

#include <cstdint>
#include <string>

#include "bpfmap/syscall/attached_programs.h"

namespace bpfmap {

// BPF_F_* of attaching.
inline constexpr uint32_t kAllowOverride = 1 << 0, kAllowMulti = 1 << 1;
inline constexpr uint32_t kReplaceProgram = 1 << 2;
inline constexpr uint32_t kBefore = 1 << 3, kAfter = 1 << 4;
inline constexpr uint32_t kRelativeId = 1 << 5, kRelativeLink = 1 << 13;
inline constexpr uint32_t kPlaceFlags =
    kBefore | kAfter | kRelativeId | kRelativeLink;

// The program that something goes next to.
struct Relative {
  uint32_t flags = 0;
  uint32_t fd_or_id = 0;
  uint64_t revision = 0;  // what the hook must be at; 0: any
};

//   EBADF, EINVAL, ENOENT  of the descriptor or the id
//   ESTALE                 the hook was changed
//   ERANGE                 both before and after; it is not attached there
long FindPlace(const Relative& relative, const std::string& hook,
               uint64_t target, AttachPlace* place);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_ATTACH_PLACE_H_
