// SPDX-License-Identifier: Apache-2.0

// DetachedTmpfs: a directory in memory that has no path.
//
// Thread-safe, and may be called in signal handlers.

#ifndef BPFMAP_SYSCALL_DETACHED_TMPFS_H_
#define BPFMAP_SYSCALL_DETACHED_TMPFS_H_

namespace bpfmap {

// Returns a descriptor of a tmpfs that is mounted nowhere. Its files are gone
// with the last descriptor. Or -errno: EPERM and others where neither this
// process nor a child in a user namespace may mount, ENOSYS before Linux 5.2.
int DetachedTmpfs();

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_DETACHED_TMPFS_H_
