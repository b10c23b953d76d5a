// SPDX-License-Identifier: Apache-2.0

// packet_histogram: how large packets are, and of which protocol.
//
//   packet_histogram            counts in the recording that comes with it
//   packet_histogram FILE       counts in a pcap file of yours
//
// Packets come from a recording instead of a network card, and are spread over
// four virtual CPUs as a card with four queues would do it. The program
// (packet_histogram_program.h) runs for each of them; this file, the user-space
// side, prints what it counted.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/profiles/cpu.h"
#include "examples/input_file.h"
#include "examples/packet_histogram_program.h"
#include "examples/pcap.h"

namespace bpfmap::examples {
namespace {

constexpr int kCpus = 4;

absl::Status PrintSizes(BpfMap* map) {
  const auto sizes = TypedMap<uint32_t, uint64_t>::Create(map);
  if (!sizes.ok()) return sizes.status();
  std::vector<uint64_t> counts;
  auto entries = sizes->Entries();
  for (const auto& [bucket, count] : entries) counts.push_back(count);
  if (!entries.status().ok()) return entries.status();

  uint32_t first = 0, last = 0;  // [first, last): buckets with packets
  uint64_t most = 1;
  for (uint32_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    if (last == 0) first = i;
    last = i + 1;
    most = std::max(most, counts[i]);
  }
  absl::PrintF("%16s  %7s\n", "BYTES", "PACKETS");
  for (uint32_t i = first; i < last; ++i) {
    constexpr uint64_t kWidth = 40;
    const uint64_t width = (counts[i] * kWidth + most - 1) / most;
    absl::PrintF("%6d .. %6d  %7d%s%s\n", uint64_t{1} << i,
                 (uint64_t{2} << i) - 1, counts[i], width > 0 ? "  " : "",
                 std::string(width, '*'));
  }
  return absl::OkStatus();
}

absl::Status PrintTraffic(BpfMap* map) {
  absl::PrintF("\n%8s  %7s  %9s  %s\n", "PROTOCOL", "PACKETS", "BYTES",
               "PACKETS BY CPU");
  const char* const names[kProtocols] = {"other", "TCP", "UDP"};
  const auto traffic = TypedMap<Protocol, PerCpu<Traffic>>::Create(map);
  if (!traffic.ok()) return traffic.status();
  auto entries = traffic->Entries();
  for (const auto& [protocol, parts] : entries) {
    std::string by_cpu;
    for (const Traffic& part : parts) {
      absl::StrAppendFormat(&by_cpu, " %4d", part.packets);
    }
    absl::PrintF("%8s  %7d  %9d %s\n", names[static_cast<uint32_t>(protocol)],
                 parts.Sum(&Traffic::packets), parts.Sum(&Traffic::bytes),
                 by_cpu);
  }
  return entries.status();
}

absl::Status Run(const std::string& path) {
  const auto packets = ReadPcap(path);
  if (!packets.ok()) return packets.status();
  SetPossibleCpus(kCpus);  // before the maps
  const auto sizes = CreateMap(SizesDef());
  if (!sizes.ok()) return sizes.status();
  const auto traffic = CreateMap(TrafficDef());
  if (!traffic.ok()) return traffic.status();

  const PacketHistogramMaps maps = {
      .sizes = SizesMap::Create(sizes->get()).value(),
      .traffic = TrafficMap::Create(traffic->get()).value()};
  for (const Packet& packet : *packets) {
    const ScopedCpu cpu(CpuOf(packet, kCpus));
    OnPacket(maps, packet);
  }
  const absl::Status printed = PrintSizes(sizes->get());
  return printed.ok() ? PrintTraffic(traffic->get()) : printed;
}

}  // namespace
}  // namespace bpfmap::examples

int main(int argc, char** argv) {
  using namespace bpfmap::examples;  // NOLINT
  const absl::Status status = Run(
      argc > 1 ? UserPath(argv[1]) : RecordingPath(argv[0], "loopback.pcap"));
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "packet_histogram: %s\n", status.message());
  return 1;
}
