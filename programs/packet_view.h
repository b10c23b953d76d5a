// SPDX-License-Identifier: Apache-2.0
//
// PacketView: the bytes that a program of the network sees, with room around
// them.
//
//   begin      meta    data           data_end     end
//   | headroom | meta  | packet       | tailroom   |
//
// Does not own its memory. Not thread-safe.

#ifndef BPFMAP_PROGRAMS_PACKET_VIEW_H_
#define BPFMAP_PROGRAMS_PACKET_VIEW_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/programs/tunnel_key.h"

namespace bpfmap {

struct PacketView {
  uint8_t* begin = nullptr;
  uint8_t* meta = nullptr;
  uint8_t* data = nullptr;
  uint8_t* data_end = nullptr;
  uint8_t* end = nullptr;
  // The headers of an skb, which may lie before `data`; null: there is none.
  uint8_t* mac_header = nullptr;
  uint8_t* network_header = nullptr;
  TunnelKey tunnel;

  std::size_t size() const { return static_cast<std::size_t>(data_end - data); }
  std::size_t meta_size() const {
    return static_cast<std::size_t>(data - meta);
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_PACKET_VIEW_H_
