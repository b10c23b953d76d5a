// SPDX-License-Identifier: Apache-2.0
//
// Network namespaces, which programs are attached to. Thread-safe: a function.

#ifndef BPFMAP_SYSCALL_NETWORK_NAMESPACE_H_
#define BPFMAP_SYSCALL_NETWORK_NAMESPACE_H_

#include <cstdint>

namespace bpfmap {

// The number of the namespace that a descriptor of the caller is of, such as
// one of /proc/self/ns/net: its inode.
//   EBADF   it is not open
//   EINVAL  it is of something else
long NetworkNamespaceOfFd(int fd, uint64_t* number);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_NETWORK_NAMESPACE_H_
