// SPDX-License-Identifier: Apache-2.0
//
// Cgroups, as arrays of them hold them: a cgroup is the low 32 bits of its
// inode's number, which is its id. Only cgroups of version 2 are found, as in
// Linux.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_CGROUP_H_
#define BPFMAP_SYSCALL_CGROUP_H_

#include <sys/types.h>

#include <cstdint>

namespace bpfmap {

// The cgroup whose directory `fd` of the caller is; 0: it is none.
uint32_t CgroupOfFd(int fd);

// Whether process `pid` is in the cgroup or in one below it.
bool IsUnderCgroup(pid_t pid, uint32_t cgroup);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_CGROUP_H_
