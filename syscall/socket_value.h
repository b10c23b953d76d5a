// SPDX-License-Identifier: Apache-2.0
//
// Sockets, as maps of them hold them: user space gives a descriptor, and a map
// keeps the socket's cookie, the number that SO_COOKIE shows.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_SOCKET_VALUE_H_
#define BPFMAP_SYSCALL_SOCKET_VALUE_H_

#include <cstdint>

#include "bpfmap/maps/map_traits.h"

namespace bpfmap {

// Sets *cookie to what the map is given for the caller's value of `size` bytes,
// 4 or 8. If that is no socket that such a map takes, *cookie is 0 or
// kRefusedSocket, which the map refuses when it is due, and the result is:
//   EBADF       the descriptor is not open
//   EINVAL      it is no number of a descriptor; the socket shares no port
//   ENOTSOCK    it is of no socket
//   EOPNOTSUPP  the socket is of another kind, or in a state that is not taken
//   ENOTSUPP    the same of arrays of sockets that share a port
long FindSocket(MapTraits::Sockets sockets, const void* value, uint64_t size,
                uint64_t* cookie);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_SOCKET_VALUE_H_
