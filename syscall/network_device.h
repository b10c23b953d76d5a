// SPDX-License-Identifier: Apache-2.0
//
// Network devices, as maps of them hold them: the number (ifindex) alone.
//
// They are looked up where this process is, which may be another network
// namespace than the caller's.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_NETWORK_DEVICE_H_
#define BPFMAP_SYSCALL_NETWORK_DEVICE_H_

#include <cstdint>

namespace bpfmap {

// Whether there is a network device of this number. There is always the
// loopback, 1.
bool HasNetworkDevice(uint32_t number);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_NETWORK_DEVICE_H_
