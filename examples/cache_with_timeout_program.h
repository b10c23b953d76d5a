// SPDX-License-Identifier: Apache-2.0

// The BPF side of cache_with_timeout: which flows are alive.
//
// An LRU map never is full: the flows that were quiet longest leave. It knows
// nothing of time, so the value holds a time stamp, and what is too old counts
// as absent. The clock is a parameter, so that a test says what time it is.

#ifndef BPFMAP_EXAMPLES_CACHE_WITH_TIMEOUT_PROGRAM_H_
#define BPFMAP_EXAMPLES_CACHE_WITH_TIMEOUT_PROGRAM_H_

#include <cstdint>
#include <functional>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "examples/pcap.h"

namespace bpfmap::examples {

struct CachedFlow {
  uint64_t last_ns;  // when its last packet came
  uint64_t packets;
};

// struct {
//   __uint(type, BPF_MAP_TYPE_LRU_HASH);
//   __uint(max_entries, max_flows);
//   __type(key, struct flow);
//   __type(value, struct cached_flow);
// } flows SEC(".maps");
inline MapDef FlowsDef(uint32_t max_flows) {
  return {.type = MapType::kLruHash,
          .key_size = sizeof(Flow),
          .value_size = sizeof(CachedFlow),
          .max_entries = max_flows,
          .name = "flows"};
}

using FlowsMap = ProgramMap<Flow, CachedFlow>;

struct FlowCache {
  FlowsMap flows;
  uint64_t timeout_ns;
  std::function<uint64_t()> now_ns;  // bpf_ktime_get_ns()
};

enum class Cached {
  kHit,      // it was alive
  kExpired,  // it was there, but too old: it begins anew
  kMiss,     // it was not there
};

// SEC("xdp"): one packet of the flow.
inline Cached OnFlow(const FlowCache& cache, const Flow& flow) {
  const uint64_t now = cache.now_ns();
  // bpf_map_lookup_elem(&flows, &flow): also tells the map that it is in use.
  if (CachedFlow* const cached = cache.flows.Lookup(flow)) {
    const bool is_alive = now - cached->last_ns <= cache.timeout_ns;
    if (!is_alive) cached->packets = 0;
    cached->last_ns = now;
    ++cached->packets;
    return is_alive ? Cached::kHit : Cached::kExpired;
  }
  // bpf_map_update_elem(&flows, &flow, &fresh, BPF_ANY): another flow leaves if
  // there is no room. It cannot fail for long: the next packet comes.
  (void)cache.flows.Update(flow, {.last_ns = now, .packets = 1});
  return Cached::kMiss;
}

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_CACHE_WITH_TIMEOUT_PROGRAM_H_
