// SPDX-License-Identifier: Apache-2.0
//
// packet_counter: loads packet_counter.bpf.o with libbpf, runs it on packets
// with bpf_prog_test_run_opts(), and prints what it says and what its maps hold
// then.
//
// It knows nothing of this repository. As root it uses the kernel; with
// //syscall:libbpfmap_preload.so preloaded, or //syscall:override linked in, it
// runs as any user, and prints the same:
//
//   packet_counter OBJECT

#include "examples/packet_counter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using Packet = std::vector<uint8_t>;

// Ends the program where `result` is an error, as libbpf reports one.
int Must(const char* what, int result) {
  if (result >= 0) return result;
  std::printf("%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

template <typename T>
T* Must(const char* what, T* pointer) {
  if (pointer == nullptr) Must(what, -1);
  return pointer;
}

void Put16(Packet* packet, std::size_t at, unsigned number) {
  (*packet)[at] = static_cast<uint8_t>(number >> 8);
  (*packet)[at + 1] = static_cast<uint8_t>(number);
}

// An IPv4 packet in an Ethernet frame.
Packet MakePacket(uint8_t protocol, unsigned port, std::size_t payload) {
  const std::size_t header = protocol == 6 ? 20 : 8;
  Packet packet(14 + 20 + header + payload);
  Put16(&packet, 12, 0x0800);
  packet[14] = 0x45;
  Put16(&packet, 16, static_cast<unsigned>(packet.size() - 14));
  packet[22] = 64;
  packet[23] = protocol;
  Put16(&packet, 34, 40'000);
  Put16(&packet, 36, port);
  if (protocol == 6) {
    packet[46] = 5 << 4;
  } else {
    Put16(&packet, 38, static_cast<unsigned>(header + payload));
  }
  return packet;
}

class Counter {
 public:
  explicit Counter(const char* path)
      : object_(Must("open", bpf_object__open_file(path, nullptr))) {
    SetBlockedPort(53);
    Must("load", bpf_object__load(object_));
    counter_ = Program("packet_counter");
  }
  ~Counter() { bpf_object__close(object_); }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  int Map(const char* name) const {
    return Must(name, bpf_object__find_map_fd_by_name(object_, name));
  }
  int Program(const char* name) const {
    return bpf_program__fd(
        Must(name, bpf_object__find_program_by_name(object_, name)));
  }

  void AddRules() {
    const uint32_t index = STAGE_RULES;
    const int rules = Program("packet_rules");
    Must("add rules", bpf_map_update_elem(Map("stages"), &index, &rules, 0));
  }

  void Run(const char* what, const Packet& packet) {
    Packet out(packet.size());
    LIBBPF_OPTS(bpf_test_run_opts, test);
    test.data_in = packet.data();
    test.data_size_in = static_cast<uint32_t>(packet.size());
    test.data_out = out.data();
    test.data_size_out = static_cast<uint32_t>(out.size());
    Must("run", bpf_prog_test_run_opts(counter_, &test));
    std::printf("%s: %u bytes, returns %u, %s\n", what, test.data_size_out,
                test.retval, out == packet ? "unchanged" : "changed");
  }

  void PrintServices() const {
    std::vector<service> keys;
    const int map = Map("services");
    for (service *at = nullptr, next; bpf_map_get_next_key(map, at, &next) == 0;
         at = &keys.back()) {
      keys.push_back(next);
    }
    std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) {
      return a.protocol != b.protocol ? a.protocol < b.protocol
                                      : a.port < b.port;
    });
    for (const service& key : keys) {
      traffic value = {};
      Must("lookup", bpf_map_lookup_elem(map, &key, &value));
      std::printf("protocol %u port %u: %llu packets, %llu bytes\n",
                  key.protocol, key.port, value.packets, value.bytes);
    }
  }

  void PrintProtocols() const {
    std::vector<uint64_t> counts(
        static_cast<std::size_t>(libbpf_num_possible_cpus()));
    for (uint32_t protocol : {1, 6, 17}) {
      Must("lookup",
           bpf_map_lookup_elem(Map("protocols"), &protocol, counts.data()));
      uint64_t sum = 0;
      for (uint64_t count : counts) sum += count;
      std::printf("protocol %u: %llu packets\n", protocol,
                  static_cast<unsigned long long>(sum));
    }
  }

  void PrintDrops() const {
    const auto print = [](void*, void* data, std::size_t) {
      drop event;
      std::memcpy(&event, data, sizeof event);
      std::printf("dropped: protocol %u port %u, %u bytes\n",
                  event.service.protocol, event.service.port, event.size);
      return 0;
    };
    ring_buffer* const ring =
        Must("ring", ring_buffer__new(Map("drops"), print, nullptr, nullptr));
    Must("consume", ring_buffer__consume(ring));
    ring_buffer__free(ring);
  }

  // The variables are a mapping that the program writes to while it runs.
  void PrintVariables() const {
    void* const page =
        mmap(nullptr, 4096, PROT_READ, MAP_SHARED, Map("packet_c.bss"), 0);
    if (page == MAP_FAILED) Must("mmap", -1);
    const auto* const variables = static_cast<const uint64_t*>(page);
    std::printf("in all: %llu and %llu\n",
                static_cast<unsigned long long>(variables[0]),
                static_cast<unsigned long long>(variables[1]));
    munmap(page, 4096);
  }

  // Through the mapping of .data, which the program reads.
  void SetSmallestPayload(uint32_t bytes) const {
    void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
                            Map("packet_c.data"), 0);
    if (page == MAP_FAILED) Must("mmap", -1);
    std::memcpy(page, &bytes, sizeof bytes);
    munmap(page, 4096);
  }

  void TryToChangeConstants() const {
    const uint32_t key = 0, value = 0;
    const int error =
        bpf_map_update_elem(Map("packet_c.rodata"), &key, &value, 0);
    std::printf("a change of constants: %s\n", std::strerror(-error));
  }

 private:
  void SetBlockedPort(uint16_t port) {
    bpf_map* const map = Must(
        "rodata", bpf_object__find_map_by_name(object_, "packet_c.rodata"));
    Must("set", bpf_map__set_initial_value(map, &port, sizeof port));
  }

  bpf_object* const object_;
  int counter_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: packet_counter OBJECT\n");
    return 2;
  }
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  Counter counter(argv[1]);
  counter.TryToChangeConstants();
  counter.Run("a name is asked for, without rules", MakePacket(17, 53, 30));
  counter.AddRules();
  counter.Run("a name is asked for", MakePacket(17, 53, 30));
  counter.Run("another port", MakePacket(17, 5353, 100));
  counter.Run("nothing asked for", MakePacket(17, 53, 0));
  counter.Run("a web page", MakePacket(6, 443, 1000));
  counter.Run("a ping", MakePacket(1, 0, 56));
  counter.Run("no IP", Packet(14, 0xff));
  counter.SetSmallestPayload(31);
  counter.Run("too little asked for", MakePacket(17, 53, 30));
  counter.PrintServices();
  counter.PrintProtocols();
  counter.PrintDrops();
  counter.PrintVariables();
  return 0;
}
