// SPDX-License-Identifier: Apache-2.0

// BpfSyscall: bpf(2), answered by this process. START HERE.
//
//   long fd = BpfSyscall(BPF_MAP_CREATE, &attributes, sizeof attributes);
//
// It takes what the system call takes and returns what the kernel returns: a
// result, or -errno. errno itself stays as it is. Nothing needs any rights.
//
// Programs that use the C library need not be changed: with
//   //syscall:libbpfmap_preload.so   in LD_PRELOAD, or with
//   //syscall:override               linked in,
// syscall(__NR_bpf, ...) and the calls listed below arrive here.
//
// Commands: BPF_MAP_CREATE, BPF_MAP_LOOKUP_ELEM, _UPDATE_ELEM, _DELETE_ELEM,
// _GET_NEXT_KEY, _LOOKUP_AND_DELETE_ELEM, the four batches, _FREEZE;
// BPF_OBJ_PIN, _GET, _GET_INFO_BY_FD; BPF_MAP_GET_NEXT_ID, _GET_FD_BY_ID;
// BPF_BTF_LOAD, _GET_NEXT_ID, _GET_FD_BY_ID; BPF_PROG_LOAD, _TEST_RUN,
// _BIND_MAP, _GET_NEXT_ID, _GET_FD_BY_ID; BPF_LINK_CREATE, _UPDATE, _DETACH,
// _GET_NEXT_ID, _GET_FD_BY_ID; BPF_RAW_TRACEPOINT_OPEN. Any other command is
// EINVAL, as in a kernel that does not know it. A program that is attached runs
// when it is told to (fire.h).
//
// Memory of the caller is touched by the kernel (user_memory.h), if it is not
// certain to be there (certain_memory.h): a bad address is EFAULT.
//
// Descriptors (bpf_fd_table.h): each is a real one, of a memfd, so that
// close(2), dup(2), fcntl(2), sockets and limits mean what they mean. Its
// object is looked up by inode on every call, so a number that another file got
// is never taken for a map. The kernel says through inotify(7) when neither a
// descriptor nor a mapping is left, or where it cannot, a flock(2) does
// (opening_probe.h); no call is intercepted for that. A map
// lives while one of them, a pin, an outer map or a program refers to it; its
// memory is given back at the next call that opens something or asks for ids.
//   Weighed and left: taking close(2) and dup(2) over misses what libraries,
//   sockets and fork(2) do; looking through /proc/self/fd from time to time
//   takes a descriptor that moves at that moment for closed; a socket's other
//   end tells of the last close, but costs a second descriptor and has no
//   memory that could be mapped.
//
// mmap(2): the descriptor of an array with BPF_F_MMAPABLE or of a ring buffer
// is its memory (mappable.h): plain mmap(2) maps it, and stores are seen on
// both sides. CheckMmap() adds Linux's rules about who may map what.
//
// epoll(7): the kernel refuses memfds, so a set gets an eventfd instead, which
// EpollDescriptor() and RefreshEpoll() make say what the ring would. So does
// poll(2). select(2) takes a ring for ready at any time.
//
// Pins (pins.h) are files below $BPFMAP_PIN_DIR or else /sys/fs/bpf, in a tmpfs
// of this process's own (pin_directory.h): the kernel answers for their names,
// rights and directories.
//
// After fork(2) the child has its own copy of all maps; only memory that can be
// mapped is shared, and the files of pins. A fork waits until no other thread
// is in here (fork_gate.h). It does not wait for those in the program view of a
// map: where such threads run, the child must exec, or leave that map alone. A
// ring has one process at a time that writes to it as programs do.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_BPF_SYSCALL_H_
#define BPFMAP_SYSCALL_BPF_SYSCALL_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "bpfmap/maps/local_map.h"

union bpf_attr;

namespace bpfmap {

long BpfSyscall(int command, bpf_attr* attributes, unsigned size);

// The map of a descriptor, for its program view; null if there is none.
// AsRingProducer() gives the program's side of a ring (maps/ring_producer.h):
//   const auto map = MapOfFd(fd);
//   Errno error = AsRingProducer(map)->Output(&event, sizeof event);
// Maps are of the Cloud profile, but for those that can be mapped, which have a
// profile of their own (mappable.h).
// An inner map that was replaced is let go at once: do not keep its pointer
// while others update the outer map.
std::shared_ptr<LocalMap> MapOfFd(int fd);

// Whether Linux would let `fd` be mapped so; 0 for what is no map. `address` is
// the one that was asked for: an arena has one address.
//   EACCES    a right of the descriptor, or of programs, is missing
//   EPERM     a writable part that may not be; code
//   EINVAL    a private mapping; more than there is; no BPF_F_MMAPABLE
//   E2BIG     more than 4 GiB of an arena
//   ENOTSUPP  a type that cannot be mapped
long CheckMmap(std::size_t length, int protection, int flags, int fd,
               off_t offset, const void* address = nullptr);

// The descriptor to give to mmap(2) for `fd`, where CheckMmap() says 0: a new
// one for a mapping of a map that cannot be written, so that mprotect(2) cannot
// make it one that can. The caller closes it. Otherwise `fd` itself.
int MmapDescriptor(int fd, int protection);

// The descriptor to give to epoll_ctl(2) for `fd`: that of an eventfd if it is
// a ring's, else `fd`.
int EpollDescriptor(int fd);

// To be called in front of epoll_wait(2): rings that were emptied, or filled,
// since they were ready are not ready any more.
void RefreshEpoll();

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_BPF_SYSCALL_H_
