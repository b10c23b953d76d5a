// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/socket_value.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/socket_array.h"
#include "bpfmap/syscall/caller.h"

namespace bpfmap {
namespace {

using Sockets = MapTraits::Sockets;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}

  int Domain() const { return Option(SOL_SOCKET, SO_DOMAIN); }
  bool IsTcp() const {
    return IsInternet() && Option(SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;
  }
  bool IsUdp() const {
    return IsInternet() && Option(SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP;
  }
  bool IsConnectedOrListens() const {
    tcp_info info = {};
    socklen_t size = sizeof info;
    if (getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
    return info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_LISTEN;
  }
  bool Listens() const { return Option(SOL_SOCKET, SO_ACCEPTCONN) == 1; }
  bool SharesPort() const { return Option(SOL_SOCKET, SO_REUSEPORT) == 1; }
  bool HasPort() const {
    sockaddr_in6 address = {};
    socklen_t size = sizeof address;
    // The port is at one place in addresses of both families.
    static_assert(offsetof(sockaddr_in6, sin6_port) ==
                  offsetof(sockaddr_in, sin_port));
    return getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) ==
               0 &&
           address.sin6_port != 0;
  }
  bool HasPeer() const {
    sockaddr_storage address;
    socklen_t size = sizeof address;
    return getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  }
  uint64_t Cookie() const {
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    getsockopt(fd_, SOL_SOCKET, SO_COOKIE, &cookie, &size);
    return cookie;
  }

 private:
  bool IsInternet() const {
    return Domain() == AF_INET || Domain() == AF_INET6;
  }
  int Option(int level, int name) const {
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(fd_, level, name, &value, &size);
    return value;
  }

  const int fd_;
};

// Whether a map takes the socket. Which error comes first is the map's.
long CheckSocket(Sockets sockets, const Socket& socket, uint64_t* refused) {
  const int domain = socket.Domain();
  *refused = 0;
  if (sockets == Sockets::kXdp) return domain == AF_XDP ? 0 : -EOPNOTSUPP;
  if (sockets == Sockets::kReuseport) {
    *refused = kRefusedSocket;
    if (!socket.IsTcp() && !socket.IsUdp()) {
      return -static_cast<long>(Errno::kNotSupp);
    }
    const bool in_group =
        socket.SharesPort() &&
        (socket.IsTcp() ? socket.Listens() : socket.HasPort());
    return in_group ? 0 : -EINVAL;
  }
  const bool taken = socket.IsTcp()   ? socket.IsConnectedOrListens()
                     : socket.IsUdp() ? socket.HasPort()
                                      : domain == AF_UNIX && socket.HasPeer();
  return taken ? 0 : -EOPNOTSUPP;
}

}  // namespace

long FindSocket(Sockets sockets, const void* value, uint64_t size,
                uint64_t* cookie) {
  *cookie = 0;
  uint64_t number = 0;
  std::memcpy(&number, value, static_cast<std::size_t>(size));
  if (number > INT_MAX && (size == 8 || sockets == Sockets::kAny)) {
    return -EINVAL;
  }
  const BorrowedFd borrowed(static_cast<int>(static_cast<uint32_t>(number)));
  struct stat file;
  if (borrowed.get() < 0 || fstat(borrowed.get(), &file) != 0) return -EBADF;
  if (!S_ISSOCK(file.st_mode)) return -ENOTSOCK;
  const Socket socket(borrowed.get());
  uint64_t refused;
  const long error = CheckSocket(sockets, socket, &refused);
  *cookie = error == 0 ? socket.Cookie() : refused;
  return error;
}

}  // namespace bpfmap
