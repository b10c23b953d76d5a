// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/network_device.h"

#include <net/if.h>

#include <cerrno>

namespace bpfmap {

bool HasNetworkDevice(uint32_t number) {
  constexpr uint32_t kLoopback = 1;
  if (number == kLoopback) return true;
  char name[IF_NAMESIZE];
  const int saved_errno = errno;
  const bool found = if_indextoname(number, name) != nullptr;
  errno = saved_errno;
  return found;
}

}  // namespace bpfmap
