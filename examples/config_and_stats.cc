// SPDX-License-Identifier: Apache-2.0

// config_and_stats: a packet filter that is set up while it runs.
//
//   config_and_stats
//
// Replays two recordings of the same seconds, of lo (interface 1) and of a veth
// (interface 2), in the order of their time stamps. The program
// (config_and_stats_program.h) first lets everything pass; after a third of the
// packets user space, this file, drops those of more than 1500 bytes, and after
// two thirds UDP too. Then it prints what each interface saw.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/typed_map.h"
#include "examples/config_and_stats_program.h"
#include "examples/input_file.h"
#include "examples/pcap.h"

namespace bpfmap::examples {
namespace {

struct Received {
  uint32_t interface;
  Packet packet;
};

absl::StatusOr<std::vector<Received>> ReadBoth(absl::string_view program) {
  std::vector<Received> all;
  for (const auto& [interface, name] :
       {std::pair(1, "loopback.pcap"), std::pair(2, "veth.pcap")}) {
    auto packets = ReadPcap(RecordingPath(program, name));
    if (!packets.ok()) return packets.status();
    for (Packet& packet : *packets) {
      all.push_back({static_cast<uint32_t>(interface), std::move(packet)});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.packet.time_ns < b.packet.time_ns;
  });
  return all;
}

absl::Status PrintStats(const TypedMap<uint32_t, InterfaceStats>& stats) {
  absl::PrintF("%9s  %7s  %7s  %16s  %11s\n", "INTERFACE", "PACKETS", "BYTES",
               "DROPPED TOO LONG", "DROPPED UDP");
  auto entries = stats.Entries();
  for (const auto& [interface, seen] : entries) {
    if (seen.packets == 0) continue;
    absl::PrintF("%9d  %7d  %7d  %16d  %11d\n", interface, seen.packets,
                 seen.bytes, seen.too_long, seen.udp);
  }
  return entries.status();
}

absl::Status Run(absl::string_view program) {
  const auto received = ReadBoth(program);
  if (!received.ok()) return received.status();
  const auto config_map = CreateMap(ConfigDef());
  if (!config_map.ok()) return config_map.status();
  const auto stats_map = CreateMap(StatsDef());
  if (!stats_map.ok()) return stats_map.status();
  auto config = TypedMap<uint32_t, Config>::Create(config_map->get());
  if (!config.ok()) return config.status();
  const auto stats =
      TypedMap<uint32_t, InterfaceStats>::Create(stats_map->get());
  if (!stats.ok()) return stats.status();

  const ConfigAndStatsMaps maps = {
      .config = ConfigMap::Create(config_map->get()).value(),
      .stats = StatsMap::Create(stats_map->get()).value()};

  std::size_t passed = 0;
  for (std::size_t i = 0; i < received->size(); ++i) {
    absl::Status set;
    if (i == received->size() / 3) {
      set = config->Set(0, {.largest = 1500, .drops_udp = 0});
    } else if (i == received->size() / 3 * 2) {
      set = config->Set(0, {.largest = 1500, .drops_udp = 1});
    }
    if (!set.ok()) return set;
    const auto& [interface, packet] = (*received)[i];
    if (OnReceive(maps, interface, packet) == Verdict::kPass) ++passed;
  }
  absl::PrintF("passed: %d of %d packets\n\n", passed, received->size());
  return PrintStats(*stats);
}

}  // namespace
}  // namespace bpfmap::examples

int main(int, char** argv) {
  const absl::Status status = bpfmap::examples::Run(argv[0]);
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "config_and_stats: %s\n", status.message());
  return 1;
}
