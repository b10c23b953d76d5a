// SPDX-License-Identifier: Apache-2.0

// cache_with_timeout: how large should a cache be, and how long should it keep?
//
//   cache_with_timeout          tries with the recording that comes with it
//   cache_with_timeout FILE     tries with a pcap file of yours
//
// Replays the flows of a recording through caches of several sizes and
// timeouts. The program's clock (cache_with_timeout_program.h) shows the time
// stamps of the packets, so that seconds pass in no time.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/profiles/cpu.h"
#include "examples/cache_with_timeout_program.h"
#include "examples/input_file.h"
#include "examples/pcap.h"

namespace bpfmap::examples {
namespace {

absl::Status Try(const std::vector<Packet>& packets, uint32_t max_flows,
                 uint64_t timeout_ms) {
  const auto flows = CreateMap(FlowsDef(max_flows));
  if (!flows.ok()) return flows.status();
  uint64_t now_ns = 0;
  const FlowCache cache = {.flows = FlowsMap::Create(flows->get()).value(),
                           .timeout_ns = timeout_ms * 1'000'000,
                           .now_ns = [&] { return now_ns; }};
  int hits = 0, expired = 0, misses = 0;
  for (const Packet& packet : packets) {
    const auto flow = FlowOf(packet);
    if (!flow) continue;
    now_ns = packet.time_ns;
    switch (OnFlow(cache, *flow)) {
      case Cached::kHit:
        ++hits;
        break;
      case Cached::kExpired:
        ++expired;
        break;
      case Cached::kMiss:
        ++misses;
        break;
    }
  }

  // The user view: looking does not make a flow younger.
  const auto typed = TypedMap<Flow, CachedFlow>::Create(flows->get());
  if (!typed.ok()) return typed.status();
  int present = 0, alive = 0;
  auto entries = typed->Entries();
  for (const auto& [flow, cached] : entries) {
    ++present;
    if (now_ns - cached.last_ns <= cache.timeout_ns) ++alive;
  }
  if (!entries.status().ok()) return entries.status();
  absl::PrintF("%5d  %7d ms  %5d  %7d  %6d  %7d  %5d\n", max_flows, timeout_ms,
               hits, expired, misses, misses - present, alive);
  return absl::OkStatus();
}

absl::Status Run(const std::string& path) {
  const auto packets = ReadPcap(path);
  if (!packets.ok()) return packets.status();
  // The keys that an LRU map evicts depend on the number of CPUs, as on Linux.
  SetPossibleCpus(1);
  absl::PrintF("%5s  %10s  %5s  %7s  %6s  %7s  %5s\n", "FLOWS", "TIMEOUT",
               "HITS", "EXPIRED", "MISSES", "EVICTED", "ALIVE");
  for (const uint32_t max_flows : {8, 32, 128}) {
    for (const uint64_t timeout_ms : {20, 200, 2000}) {
      absl::Status tried = Try(*packets, max_flows, timeout_ms);
      if (!tried.ok()) return tried;
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace bpfmap::examples

int main(int argc, char** argv) {
  using namespace bpfmap::examples;  // NOLINT
  const absl::Status status = Run(
      argc > 1 ? UserPath(argv[1]) : RecordingPath(argv[0], "loopback.pcap"));
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "cache_with_timeout: %s\n", status.message());
  return 1;
}
