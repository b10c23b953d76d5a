// SPDX-License-Identifier: Apache-2.0
//
// mesh_redirect: loads mesh_redirect.bpf.c through its skeleton, gives it
// services and policies, and sends packets both ways through it.
//
// It knows nothing of bpfmap: see packet_counter.cc.

#include "examples/mesh_redirect.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "examples/bpf_run.h"
#include "examples/frame.h"
#include "examples/mesh_redirect.skel.h"

namespace {

using bpfmap::examples::Answer;
using bpfmap::examples::Describe;
using bpfmap::examples::EthernetFrame;
using bpfmap::examples::Frame;
using bpfmap::examples::Ipv4;
using bpfmap::examples::Must;
using bpfmap::examples::RunOnFrame;
using bpfmap::examples::Tagged;
using bpfmap::examples::Tcp;
using bpfmap::examples::Udp;
using bpfmap::examples::WithChecksums;

enum : uint8_t { kTcp = 6, kUdp = 17 };
constexpr const char* kWeb = "10.96.0.10";
constexpr const char* kNames = "10.96.0.53";

__be32 AddressOf(const char* text) {
  in_addr address = {};
  inet_pton(AF_INET, text, &address);
  return address.s_addr;
}

endpoint Endpoint(const char* address, uint16_t port, uint8_t protocol) {
  return {AddressOf(address), htons(port), protocol, 0};
}

std::string Text(const endpoint& end) {
  char text[INET_ADDRSTRLEN];
  const in_addr address = {end.address};
  inet_ntop(AF_INET, &address, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(end.port));
}

template <typename Key, typename Value>
int Put(const bpf_map* map, const Key& key, const Value& value) {
  return bpf_map__update_elem(map, &key, sizeof key, &value, sizeof value,
                              BPF_ANY);
}

Frame Packet(const char* from, uint16_t port, const char* to, uint16_t to_port,
             uint8_t protocol, std::size_t bytes) {
  const Frame payload(bytes, 'x');
  return WithChecksums(EthernetFrame(
      0x0800, Ipv4(from, to, protocol,
                   protocol == kTcp ? Tcp(port, to_port, 2, payload)
                                    : Udp(port, to_port, payload))));
}

class Mesh {
 public:
  Mesh() : skeleton_(Must("open", mesh_redirect__open())) {
    skeleton_->rodata->backend_device = 1;
    skeleton_->rodata->quota = 300;
    Must("load", mesh_redirect__load(skeleton_));
  }
  ~Mesh() { mesh_redirect__destroy(skeleton_); }
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  // The outer map keeps the map of the service.
  void AddService(uint32_t id, const endpoint& at,
                  const std::vector<endpoint>& backends) {
    const int inner =
        Must("inner", bpf_map_create(BPF_MAP_TYPE_ARRAY, "inner", 4,
                                     sizeof(endpoint), 8, nullptr));
    uint32_t index = 0;
    for (const endpoint& backend : backends) {
      Must("backend", bpf_map_update_elem(inner, &index, &backend, BPF_ANY));
      ++index;
    }
    Must("backends", Put(skeleton_->maps.backends_of, id, inner));
    Must("service", Put(skeleton_->maps.services, at, service{id, index}));
    close(inner);
  }

  void Allow(uint32_t zone, const char* address, uint32_t length,
             uint32_t verdict) {
    const bpf_map* const policy = zone == ZONE_INSIDE
                                      ? skeleton_->maps.policy_inside
                                      : skeleton_->maps.policy_outside;
    Must("allow", Put(policy, prefix{length, AddressOf(address)}, verdict));
  }

  void In(const char* what, uint32_t zone, const Frame& frame) {
    Run(what, skeleton_->progs.mesh_in, zone, frame);
  }
  void Back(const char* what, const Frame& frame) {
    Run(what, skeleton_->progs.mesh_back, 0, frame);
  }
  void Account(const char* what, const Frame& frame) {
    std::printf("%s: %s\n", what,
                RunOnFrame(skeleton_->progs.mesh_account, frame).retval == 1
                    ? "allowed"
                    : "over quota");
  }

  void PrintDenials() const;
  void PrintUsages() const;
  void PrintCounts() const {
    std::printf("%llu connections, %llu packets without a backend\n",
                skeleton_->bss->new_connections,
                skeleton_->bss->without_backend);
  }
  // It loads, but Linux has no test run of its type.
  void TryToConnect() const {
    LIBBPF_OPTS(bpf_test_run_opts, test);
    const int program = bpf_program__fd(skeleton_->progs.mesh_connect);
    std::printf("a test run of mesh_connect: %d\n",
                bpf_prog_test_run_opts(program, &test));
  }
  void PrintInfo() const;

 private:
  static void Run(const char* what, const bpf_program* program, uint32_t zone,
                  const Frame& frame) {
    __sk_buff context = {};
    context.mark = zone;
    const Answer answer = RunOnFrame(program, frame, &context, sizeof context);
    std::printf("%s: %s, %s%s\n", what, ActionText(answer.retval).c_str(),
                Describe(answer.frame).c_str(),
                answer.frame == frame ? ", unchanged" : "");
  }
  static std::string ActionText(uint32_t action) {
    switch (action) {
      case 0:
        return "ok";
      case 2:
        return "shot";
      case 7:
        return "redirect";
      default:
        return std::to_string(action);
    }
  }

  mesh_redirect* const skeleton_;
};

void Mesh::PrintDenials() const {
  const auto print = [](void*, void* data, std::size_t) {
    denial denied;
    std::memcpy(&denied, data, sizeof denied);
    std::printf("denied in zone %u: %s > %s\n", denied.zone,
                Text(denied.connection.from).c_str(),
                Text(denied.connection.to).c_str());
    return 0;
  };
  ring_buffer* const ring =
      Must("ring", ring_buffer__new(bpf_map__fd(skeleton_->maps.denials), print,
                                    nullptr, nullptr));
  Must("consume", ring_buffer__consume(ring));
  ring_buffer__free(ring);
}

void Mesh::PrintUsages() const {
  std::vector<usage> cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  for (const char* address : {"10.244.1.5", "10.244.1.6"}) {
    const __be32 key = AddressOf(address);
    Must("usages",
         bpf_map__lookup_elem(skeleton_->maps.usages, &key, sizeof key,
                              cpus.data(), cpus.size() * sizeof(usage), 0));
    usage sum = {};
    for (const usage& cpu : cpus) {
      sum.packets += cpu.packets;
      sum.bytes += cpu.bytes;
    }
    std::printf("%s sent %llu packets, %llu bytes\n", address, sum.packets,
                sum.bytes);
  }
}

// The info of a program, and of a map that it uses.
void Mesh::PrintInfo() const {
  bpf_prog_info program = {};
  std::vector<uint32_t> maps(16);
  program.nr_map_ids = static_cast<uint32_t>(maps.size());
  program.map_ids = reinterpret_cast<uintptr_t>(maps.data());
  uint32_t size = sizeof program;
  Must("info",
       bpf_obj_get_info_by_fd(bpf_program__fd(skeleton_->progs.mesh_nat),
                              &program, &size));
  std::printf("%s: type %u, %u maps, GPL %u\n", program.name, program.type,
              program.nr_map_ids, program.gpl_compatible);
  bpf_map_info map = {};
  size = sizeof map;
  Must("info", bpf_obj_get_info_by_fd(bpf_map__fd(skeleton_->maps.policies),
                                      &map, &size));
  std::printf("%s: type %u, %u entries\n", map.name, map.type, map.max_entries);
}

void Configure(Mesh* mesh) {
  mesh->AddService(
      1, Endpoint(kWeb, 80, kTcp),
      {Endpoint("10.244.2.1", 8080, kTcp), Endpoint("10.244.2.2", 8080, kTcp),
       Endpoint("10.244.2.3", 8081, kTcp)});
  mesh->AddService(2, Endpoint(kNames, 53, kUdp),
                   {Endpoint("10.244.3.1", 5353, kUdp)});
  mesh->AddService(3, Endpoint(kWeb, 443, kTcp), {});
  mesh->Allow(ZONE_INSIDE, "10.244.0.0", 16, VERDICT_ALLOW);
  mesh->Allow(ZONE_INSIDE, "10.244.9.0", 24, VERDICT_DENY);
  mesh->Allow(ZONE_INSIDE, "10.244.9.9", 32, VERDICT_DIRECT);
  mesh->Allow(ZONE_OUTSIDE, "0.0.0.0", 0, VERDICT_DENY);
  mesh->Allow(ZONE_OUTSIDE, "203.0.113.0", 24, VERDICT_ALLOW);
}

void Redirect(Mesh* mesh) {
  const char* const pod = "10.244.1.5";
  mesh->In("a name", ZONE_INSIDE, Packet(pod, 40'000, kNames, 53, kUdp, 31));
  mesh->Back("its answer", Packet("10.244.3.1", 5353, pod, 40'000, kUdp, 99));
  mesh->Back("of no connection",
             Packet("10.244.3.1", 5353, pod, 40'001, kUdp, 99));
  for (uint16_t port = 40'000; port < 40'006; ++port) {
    mesh->In("a page", ZONE_INSIDE, Packet(pod, port, kWeb, 80, kTcp, 0));
  }
  mesh->In("more of it", ZONE_INSIDE, Packet(pod, 40'000, kWeb, 80, kTcp, 700));
  Frame tagged = Tagged(5, Packet(pod, 40'001, kWeb, 80, kTcp, 1));
  mesh->In("in a VLAN", ZONE_INSIDE, tagged);
  // Without a checksum, which UDP allows.
  Frame bare = Packet(pod, 40'007, kNames, 53, kUdp, 8);
  bare[40] = bare[41] = 0;
  mesh->In("without a checksum", ZONE_INSIDE, bare);
  mesh->In("no service", ZONE_INSIDE, Packet(pod, 1, kWeb, 81, kTcp, 0));
  mesh->In("no backends", ZONE_INSIDE, Packet(pod, 1, kWeb, 443, kTcp, 0));
  mesh->In("from outside", ZONE_OUTSIDE,
           Packet("203.0.113.9", 50'000, kWeb, 80, kTcp, 0));
  mesh->In("of a denied address", ZONE_OUTSIDE,
           Packet(pod, 1, kWeb, 80, kTcp, 0));
  mesh->In("of a denied subnet", ZONE_INSIDE,
           Packet("10.244.9.8", 1, kWeb, 80, kTcp, 0));
  mesh->In("of a proxy", ZONE_INSIDE,
           Packet("10.244.9.9", 1, kWeb, 80, kTcp, 0));
  mesh->In("of no zone", ZONES, Packet(pod, 1, kWeb, 80, kTcp, 0));
  mesh->In("no IP", ZONE_INSIDE, EthernetFrame(0x0806, Frame(28)));
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  Mesh mesh;
  Configure(&mesh);
  Redirect(&mesh);
  mesh.PrintDenials();
  for (const char* pod : {"10.244.1.5", "10.244.1.6", "10.244.1.5"}) {
    mesh.Account(pod, Packet(pod, 1, kWeb, 80, kTcp, 100));
  }
  mesh.Account("too much", Packet("10.244.1.5", 1, kWeb, 80, kTcp, 1));
  mesh.PrintUsages();
  mesh.PrintCounts();
  mesh.TryToConnect();
  mesh.PrintInfo();
  return 0;
}
