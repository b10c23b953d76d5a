// SPDX-License-Identifier: Apache-2.0
//
// xdp_edge: loads xdp_edge.bpf.c through its skeleton, runs its programs on
// packets, and prints what becomes of them and what the counters say then.
//
// It knows nothing of bpfmap: see packet_counter.cc.

#include "examples/xdp_edge.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "examples/bpf_run.h"
#include "examples/frame.h"
#include "examples/xdp_edge.skel.h"

namespace {

using bpfmap::examples::Answer;
using bpfmap::examples::Describe;
using bpfmap::examples::Echo;
using bpfmap::examples::EthernetFrame;
using bpfmap::examples::Frame;
using bpfmap::examples::Ipv4;
using bpfmap::examples::Ipv6;
using bpfmap::examples::Must;
using bpfmap::examples::RunOnFrame;
using bpfmap::examples::Tagged;
using bpfmap::examples::Tcp;
using bpfmap::examples::Udp;
using bpfmap::examples::WithChecksums;

constexpr const char* kActions[ACTIONS] = {"aborted", "drop", "pass", "tx",
                                           "redirect"};
constexpr const char* kHere = "192.0.2.1";
constexpr const char* kThere = "198.51.100.7";

Frame Ping(std::size_t bytes) {
  return WithChecksums(EthernetFrame(
      0x0800, Ipv4(kThere, kHere, 1, Echo(8, 1, Frame(bytes, 'p')))));
}

Frame Ping6() {
  return WithChecksums(EthernetFrame(
      0x86dd,
      Ipv6("2001:db8::7", "2001:db8::1", 58, Echo(128, 1, Frame(57, 'p')))));
}

Frame Datagram(uint16_t port, std::size_t bytes) {
  return WithChecksums(EthernetFrame(
      0x0800, Ipv4(kThere, kHere, 17, Udp(40'000, port, Frame(bytes, 'd')))));
}

void Run(const char* what, const bpf_program* program, const Frame& frame) {
  const Answer answer = RunOnFrame(program, frame);
  std::printf("%s: %s, %s%s\n", what,
              answer.retval < ACTIONS ? kActions[answer.retval] : "?",
              Describe(answer.frame).c_str(),
              answer.frame == frame ? ", unchanged" : "");
}

// The id of a tag that was taken off is in front of the packet, and the context
// says where the packet starts.
void RunUntag(const char* what, const xdp_edge* edge, const Frame& frame) {
  xdp_md context = {};
  context.data_end = static_cast<uint32_t>(frame.size());
  Answer answer =
      RunOnFrame(edge->progs.edge_untag, frame, &context, sizeof context);
  untagged meta = {};
  const uint32_t size = context.data - context.data_meta;
  if (size == sizeof meta) {
    std::memcpy(&meta, answer.frame.data(), sizeof meta);
    answer.frame.erase(answer.frame.begin(), answer.frame.begin() + size);
  }
  std::printf("%s: %s, %u bytes in front say vlan %u, %s\n", what,
              kActions[answer.retval], size, meta.vlan,
              Describe(answer.frame).c_str());
}

tally Sum(const std::vector<tally>& cpus) {
  tally sum = {};
  for (const tally& cpu : cpus) {
    sum.packets += cpu.packets;
    sum.bytes += cpu.bytes;
  }
  return sum;
}

void PrintCounters(const xdp_edge* edge) {
  std::vector<tally> cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const std::size_t bytes = cpus.size() * sizeof(tally);
  for (uint32_t action = 0; action < ACTIONS; ++action) {
    Must("actions", bpf_map__lookup_elem(edge->maps.actions, &action,
                                         sizeof action, cpus.data(), bytes, 0));
    const tally sum = Sum(cpus);
    std::printf("%s: %llu packets, %llu bytes\n", kActions[action], sum.packets,
                sum.bytes);
  }
  for (uint16_t vlan : {0, 5}) {
    Must("vlans", bpf_map__lookup_elem(edge->maps.vlans, &vlan, sizeof vlan,
                                       cpus.data(), bytes, 0));
    const tally sum = Sum(cpus);
    std::printf("vlan %u: %llu packets, %llu bytes\n", vlan, sum.packets,
                sum.bytes);
  }
  std::printf("%llu echoes, %llu refusals, %llu malformed\n", edge->bss->echoes,
              edge->bss->refusals, edge->bss->malformed);
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  xdp_edge* const edge = Must("open", xdp_edge__open());
  edge->rodata->tag_vlan = 7;
  Must("load", xdp_edge__load(edge));

  const uint16_t port = 53;
  const uint8_t listener = 1;
  Must("open a port",
       bpf_map__update_elem(edge->maps.open_ports, &port, sizeof port,
                            &listener, sizeof listener, BPF_ANY));
  const bpf_program* const entry = edge->progs.edge;
  Run("a ping", entry, Ping(56));
  Run("a ping of odd length in a VLAN", entry, Tagged(5, Ping(57)));
  Run("a ping in two", entry, Tagged(5, Tagged(7, Ping(8))));
  Run("a ping of IPv6", entry, Ping6());
  Run("an answer", entry,
      WithChecksums(
          EthernetFrame(0x0800, Ipv4(kThere, kHere, 1, Echo(0, 1, Frame(8))))));
  Run("to an open port", entry, Datagram(53, 30));
  Run("to a closed port", entry, Datagram(54, 100));
  Run("to a closed port, nothing", entry, Datagram(54, 0));
  Run("a segment", entry,
      WithChecksums(EthernetFrame(
          0x0800, Ipv4(kThere, kHere, 6, Tcp(40'000, 54, 2, {})))));
  Run("no IP", entry, EthernetFrame(0x0806, Frame(28)));
  Run("a header that is cut off", entry, EthernetFrame(0x0800, Frame(8, 0x45)));
  edge->data->answers_pings = false;
  Run("a ping that nobody answers", entry, Ping(56));

  Run("a tag is put on", edge->progs.edge_tag, Ping(56));
  RunUntag("a tag is taken off", edge, Tagged(9, Ping(56)));
  RunUntag("no tag is there", edge, Ping(56));
  PrintCounters(edge);
  xdp_edge__destroy(edge);
  return 0;
}
