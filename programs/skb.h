// SPDX-License-Identifier: Apache-2.0
//
// The skb of a run, for helpers that change it.
//
// Not thread-safe: of a machine.

#ifndef BPFMAP_PROGRAMS_SKB_H_
#define BPFMAP_PROGRAMS_SKB_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bpfmap/programs/context.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/packet_view.h"

namespace bpfmap {

// What Linux lets an skb grow to (BPF_SKB_MAX_LEN), in bytes.
inline constexpr uint32_t kLargestSkb = 16384 - 320;

// The context. REQUIRES: the program is of one of kSkbTypes.
inline SkbContext& SkbOf(HelperCall& call) {
  return *static_cast<SkbContext*>(call.machine().input().context);
}

// Whether another packet was put around it. Lies where the context has padding,
// which no program and no caller sees.
inline uint8_t& IsEncapsulated(SkbContext* skb) { return skb->unused[0]; }

// Updates all that depends on the packet, after `helper` changed it: `len` of
// an skb, and its pointers, which are gone.
inline void PacketMoved(HelperCall& call, const char* helper) {
  Machine& machine = call.machine();
  const RunInput& input = machine.input();
  if (kSkbTypes.Has(machine.type()) &&
      input.context_size >= sizeof(SkbContext::len)) {
    SkbOf(call).len = static_cast<uint32_t>(machine.packet()->size());
  }
  machine.MovePacket(helper);
}

// Bytes that may be taken for a header after the end of a packet.
inline constexpr std::size_t kSkbTail = 64;

// Makes `size` bytes of zeros after the first `at` bytes of the packet, which
// move into the headroom. Returns false if there is no room. As on Linux, the
// packet may be shorter than `at`.
inline bool PushBytes(PacketView* packet, std::size_t at, std::size_t size) {
  at = std::min(at, static_cast<std::size_t>(packet->end - packet->data));
  if (size > static_cast<std::size_t>(packet->data - packet->begin)) {
    return false;
  }
  packet->data -= size;
  packet->meta = packet->data;
  std::memmove(packet->data, packet->data + size, at);
  std::memset(packet->data + at, 0, size);
  return true;
}

// Takes `size` bytes out after the first `at`.
// REQUIRES: there are so many.
inline void PopBytes(PacketView* packet, std::size_t at, std::size_t size) {
  std::memmove(packet->data + size, packet->data, at);
  packet->data += size;
  packet->meta = packet->data;
}

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_SKB_H_
