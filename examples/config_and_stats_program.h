// SPDX-License-Identifier: Apache-2.0

// The BPF side of config_and_stats: a filter of packets that user space sets up
// while it runs, and that says what it did.
//
// The two most common uses of arrays: a struct that user space writes and the
// program reads, in an array of 1; and a struct for each network interface,
// the other way round, in an array that the interface's number is an index of.

#ifndef BPFMAP_EXAMPLES_CONFIG_AND_STATS_PROGRAM_H_
#define BPFMAP_EXAMPLES_CONFIG_AND_STATS_PROGRAM_H_

#include <cstdint>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "examples/pcap.h"

namespace bpfmap::examples {

// All zeros, as an array starts: lets everything pass.
struct Config {
  uint32_t largest;  // bytes; longer packets are dropped; 0 is no limit
  uint32_t drops_udp;
};

// struct {
//   __uint(type, BPF_MAP_TYPE_ARRAY);
//   __uint(max_entries, 1);
//   __type(key, u32);
//   __type(value, struct config);
// } config SEC(".maps");
inline MapDef ConfigDef() {
  return {.type = MapType::kArray,
          .key_size = sizeof(uint32_t),
          .value_size = sizeof(Config),
          .max_entries = 1,
          .name = "config"};
}

struct InterfaceStats {
  uint64_t packets;
  uint64_t bytes;
  uint64_t too_long;  // dropped
  uint64_t udp;       // dropped
};

inline constexpr uint32_t kInterfaces = 256;

// The same with a struct interface_stats for each of 256 interfaces.
inline MapDef StatsDef() {
  return {.type = MapType::kArray,
          .key_size = sizeof(uint32_t),
          .value_size = sizeof(InterfaceStats),
          .max_entries = kInterfaces,
          .name = "interfaces"};
}

using ConfigMap = ProgramMap<uint32_t, Config>;
using StatsMap = ProgramMap<uint32_t, InterfaceStats>;

struct ConfigAndStatsMaps {
  ConfigMap config;
  StatsMap stats;
};

enum class Verdict { kDrop = 1, kPass = 2 };  // XDP_DROP, XDP_PASS

// __sync_fetch_and_add(&counter, n): other CPUs may add at the same time.
inline void AtomicAdd(uint64_t& counter, uint64_t n) {
  __atomic_fetch_add(&counter, n, __ATOMIC_RELAXED);
}

// SEC("xdp"): `interface` is ctx->ingress_ifindex.
inline Verdict OnReceive(const ConfigAndStatsMaps& maps, uint32_t interface,
                         const Packet& packet) {
  // bpf_map_lookup_elem(&config, &zero). User space may write at the same time:
  // each member is read once, and what it decides does not depend on the
  // others.
  const Config* const config = maps.config.Lookup(0);
  // bpf_map_lookup_elem(&interfaces, &interface): null for number 256 and up.
  InterfaceStats* const stats = maps.stats.Lookup(interface);
  if (config == nullptr || stats == nullptr) return Verdict::kPass;

  AtomicAdd(stats->packets, 1);
  AtomicAdd(stats->bytes, packet.length);
  const uint32_t largest = __atomic_load_n(&config->largest, __ATOMIC_RELAXED);
  if (largest != 0 && packet.length > largest) {
    AtomicAdd(stats->too_long, 1);
    return Verdict::kDrop;
  }
  if (__atomic_load_n(&config->drops_udp, __ATOMIC_RELAXED) != 0) {
    const auto flow = FlowOf(packet);
    if (flow && flow->protocol == kUdp) {
      AtomicAdd(stats->udp, 1);
      return Verdict::kDrop;
    }
  }
  return Verdict::kPass;
}

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_CONFIG_AND_STATS_PROGRAM_H_
