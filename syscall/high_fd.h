// SPDX-License-Identifier: Apache-2.0

// Descriptors that this library keeps for itself. They are close-on-exec, and
// have high numbers: a program gets the numbers that it would get without.
//
// A program that closes all descriptors does not mean these: where close(2) and
// others are overridden (close_overrides.cc), they are not open to it.
//
// Thread-safe, and may be called in signal handlers.

#ifndef BPFMAP_SYSCALL_HIGH_FD_H_
#define BPFMAP_SYSCALL_HIGH_FD_H_

namespace bpfmap {

// Moves `fd` out of the way, if there is room there, and keeps it. Returns the
// descriptor, which is `fd` itself where that is -1.
int MoveToHighFd(int fd);

void CloseHighFd(int fd);

// `fd` was closed by others, and may be the program's by now.
void ForgetHighFd(int fd);

// Whether this library keeps `fd`.
bool IsHighFd(int fd);

// The lowest that this library keeps from `first` on; -1 if there is none.
int NextHighFd(unsigned first);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_HIGH_FD_H_
