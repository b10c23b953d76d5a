// SPDX-License-Identifier: Apache-2.0

// The BPF side of packet_histogram: a program that sees every packet, such as a
// socket filter, and counts.
//
// Two ways to count without losing any, though many CPUs run the program at
// once: numbers that all CPUs share, with atomics (an array); and numbers for
// each CPU, without (a per-CPU array). The second is faster and takes more
// memory, and user space has to sum up.

#ifndef BPFMAP_EXAMPLES_PACKET_HISTOGRAM_PROGRAM_H_
#define BPFMAP_EXAMPLES_PACKET_HISTOGRAM_PROGRAM_H_

#include <algorithm>
#include <bit>
#include <cstdint>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "examples/pcap.h"

namespace bpfmap::examples {

// Bucket i counts the packets of 2^i to 2^(i+1) - 1 bytes.
inline constexpr uint32_t kSizeBuckets = 17;

// struct {
//   __uint(type, BPF_MAP_TYPE_ARRAY);
//   __uint(max_entries, 17);
//   __type(key, u32);
//   __type(value, u64);
// } sizes SEC(".maps");
inline MapDef SizesDef() {
  return {.type = MapType::kArray,
          .key_size = sizeof(uint32_t),
          .value_size = sizeof(uint64_t),
          .max_entries = kSizeBuckets,
          .name = "sizes"};
}

enum class Protocol : uint32_t { kOther, kTcp, kUdp };
inline constexpr uint32_t kProtocols = 3;

struct Traffic {
  uint64_t packets;
  uint64_t bytes;
};

// The same, of type BPF_MAP_TYPE_PERCPU_ARRAY: a struct traffic by protocol.
inline MapDef TrafficDef() {
  return {.type = MapType::kPerCpuArray,
          .key_size = sizeof(uint32_t),
          .value_size = sizeof(Traffic),
          .max_entries = kProtocols,
          .name = "traffic"};
}

using SizesMap = ProgramMap<uint32_t, uint64_t>;
using TrafficMap = ProgramMap<Protocol, Traffic>;

struct PacketHistogramMaps {
  SizesMap sizes;
  TrafficMap traffic;
};

// SEC("socket"): `packet` is what the program's __sk_buff stands for.
inline void OnPacket(const PacketHistogramMaps& maps, const Packet& packet) {
  // The number of the highest bit: __builtin_clz, as the verifier wants no
  // loop without an end.
  const uint32_t bucket = std::min<uint32_t>(
      std::bit_width(packet.length | 1) - 1, kSizeBuckets - 1);
  // bpf_map_lookup_elem(&sizes, &bucket)
  if (uint64_t* const count = maps.sizes.Lookup(bucket)) {
    // __sync_fetch_and_add(count, 1)
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
  }

  const auto flow = FlowOf(packet);
  const Protocol protocol = !flow                    ? Protocol::kOther
                            : flow->protocol == kTcp ? Protocol::kTcp
                                                     : Protocol::kUdp;
  // bpf_map_lookup_elem(&traffic, &protocol): this CPU's part, which no other
  // CPU writes.
  if (Traffic* const traffic = maps.traffic.Lookup(protocol)) {
    ++traffic->packets;
    traffic->bytes += packet.length;
  }
}

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_PACKET_HISTOGRAM_PROGRAM_H_
