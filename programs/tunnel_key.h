// SPDX-License-Identifier: Apache-2.0
//
// TunnelKey: what a packet of a tunnel has beside its bytes, as struct
// bpf_tunnel_key.

#ifndef BPFMAP_PROGRAMS_TUNNEL_KEY_H_
#define BPFMAP_PROGRAMS_TUNNEL_KEY_H_

#include <cstdint>
#include <vector>

namespace bpfmap {

struct TunnelKey {
  bool is_set = false;  // the packet has one
  bool is_ipv6 = false;
  uint32_t id = 0;
  // As programs see them: an IPv4 address is a number in the order of the host,
  // in the first word.
  uint32_t remote[4] = {};
  uint32_t local[4] = {};
  uint32_t label = 0;
  uint8_t tos = 0;
  uint8_t ttl = 0;
  uint16_t flags = 0;  // IP_TUNNEL_*_BIT
  std::vector<uint8_t> options;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_TUNNEL_KEY_H_
