// SPDX-License-Identifier: Apache-2.0
//
// object_runner: loads an object with libbpf, runs its programs on random
// packets and contexts with bpf_prog_test_run_opts(), and prints each result
// and, at the end, what the maps hold.
//
//   object_runner OBJECT SEED RUNS [VARIABLE=NUMBER]...
//
// It knows nothing of this library: where its output here and on the kernel is
// the same, the programs did the same. Variables of .rodata are set before the
// object is loaded. Arrays of programs that the object leaves empty are filled
// with its own programs, in their order.

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "bpfmap/syscall/random_packet.h"

namespace {

using Bytes = std::vector<uint8_t>;
using bpfmap::RandomPacket;

// Ends the program where `result` is an error, as libbpf reports one.
int Must(const std::string& what, int result) {
  if (result >= 0) return result;
  std::printf("%s: %s\n", what.c_str(), std::strerror(-result));
  std::exit(1);
}

template <typename T>
T* Must(const std::string& what, T* pointer) {
  if (pointer == nullptr) Must(what, -errno);
  return pointer;
}

// FNV-1a.
uint64_t HashOf(const Bytes& bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

// The object, loaded.
class Object {
 public:
  Object(const char* path, const std::vector<std::string>& variables)
      : object_(Must("open", bpf_object__open_file(path, nullptr))) {
    for (const std::string& variable : variables) Set(variable);
    Must("load", bpf_object__load(object_));
    FillProgramArrays();
    OpenRings();
  }
  ~Object() {
    user_ring_buffer__free(commands_);
    ring_buffer__free(rings_);
    bpf_object__close(object_);
  }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::vector<bpf_program*> Programs() const {
    std::vector<bpf_program*> programs;
    bpf_program* program;
    bpf_object__for_each_program(program, object_) programs.push_back(program);
    return programs;
  }

  // Sends programs some records, if the object has a ring for them that is not
  // full.
  void SendRecords(RandomPacket* random) const {
    if (commands_ == nullptr) return;
    for (uint32_t left = random->Below(4); left > 0; --left) {
      const Bytes bytes = random->Any(1 + random->Below(20));
      void* const record = user_ring_buffer__reserve(
          commands_, static_cast<uint32_t>(bytes.size()));
      const bool discards = random->Below(8) == 0;
      if (record == nullptr) continue;
      std::memcpy(record, bytes.data(), bytes.size());
      if (random->Below(4) == 0) *static_cast<uint8_t*>(record) = 7;
      if (discards) {
        user_ring_buffer__discard(commands_, record);
      } else {
        user_ring_buffer__submit(commands_, record);
      }
    }
  }

  // The records that programs sent since the last time.
  void PrintRecords() const {
    if (rings_ != nullptr) ring_buffer__consume(rings_);
  }

  void PrintMaps() const {
    bpf_map* map;
    bpf_object__for_each_map(map, object_) PrintMap(map);
  }

 private:
  // "name=number", for a variable of .rodata.
  void Set(const std::string& variable) {
    const std::size_t equals = variable.find('=');
    const std::string name = variable.substr(0, equals);
    const uint64_t number = std::stoull(variable.substr(equals + 1));
    const btf* const types = bpf_object__btf(object_);
    const int section =
        btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
    const btf_type* const type =
        btf__type_by_id(types, static_cast<uint32_t>(Must(".rodata", section)));
    const auto* info = reinterpret_cast<const btf_var_secinfo*>(type + 1);
    for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); ++i, ++info) {
      const btf_type* const found = btf__type_by_id(types, info->type);
      if (name != btf__name_by_offset(types, found->name_off)) continue;
      bpf_map* map;
      bpf_object__for_each_map(map, object_) {
        const std::string section_name = bpf_map__name(map);
        if (section_name.find(".rodata") == std::string::npos) continue;
        std::size_t size;
        auto* const bytes =
            static_cast<const uint8_t*>(bpf_map__initial_value(map, &size));
        Bytes changed(bytes, bytes + size);
        std::memcpy(&changed[info->offset], &number,
                    std::min<std::size_t>(info->size, sizeof number));
        Must("set", bpf_map__set_initial_value(map, changed.data(), size));
        return;
      }
    }
    Must(name, -ENOENT);
  }

  void FillProgramArrays() {
    bpf_map* map;
    bpf_object__for_each_map(map, object_) {
      if (bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY) continue;
      uint32_t index = 0, id;
      // Linux shows the ids of programs in arrays.
      bool empty = true;
      for (; index < bpf_map__max_entries(map); ++index) {
        empty &= bpf_map_lookup_elem(bpf_map__fd(map), &index, &id) != 0;
      }
      if (!empty) continue;
      index = 0;
      for (const bpf_program* program : Programs()) {
        const int fd = bpf_program__fd(program);
        if (index == bpf_map__max_entries(map)) break;
        bpf_map_update_elem(bpf_map__fd(map), &index, &fd, 0);
        ++index;
      }
    }
  }

  static void PrintMap(const bpf_map* map) {
    switch (bpf_map__type(map)) {
      case BPF_MAP_TYPE_RINGBUF:
      case BPF_MAP_TYPE_USER_RINGBUF:
      case BPF_MAP_TYPE_PROG_ARRAY:
      case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
      case BPF_MAP_TYPE_ARRAY_OF_MAPS:
      case BPF_MAP_TYPE_HASH_OF_MAPS:
        return;
      default:
        PrintElements(map);
    }
  }

  static void PrintElements(const bpf_map* map) {
    const int fd = bpf_map__fd(map);
    const bool per_cpu = bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_HASH ||
                         bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY ||
                         bpf_map__type(map) == BPF_MAP_TYPE_LRU_PERCPU_HASH;
    // Of a value per CPU that of CPU 0 is looked at. A kernel may have more
    // CPUs than this process is told.
    constexpr std::size_t kMostCpus = 256;
    const std::size_t size = bpf_map__value_size(map);
    Bytes value(per_cpu ? (size + 7) / 8 * 8 * kMostCpus : size);
    std::map<Bytes, uint64_t> elements;
    Bytes key(bpf_map__key_size(map)), next = key;
    for (void* at = nullptr; bpf_map_get_next_key(fd, at, next.data()) == 0;
         at = key.data()) {
      key = next;
      if (bpf_map_lookup_elem(fd, key.data(), value.data()) == 0) {
        elements[key] = HashOf(Bytes(value.begin(), value.begin() + size));
      }
    }
    for (const auto& [found, hash] : elements) {
      std::printf("map %s, ", bpf_map__name(map));
      for (const uint8_t byte : found) std::printf("%02x", byte);
      std::printf(": %016" PRIx64 "\n", hash);
    }
  }

  void OpenRings() {
    const auto print = [](void* name, void* data, std::size_t size) {
      const uint8_t* const bytes = static_cast<const uint8_t*>(data);
      std::printf("  %s:", static_cast<const char*>(name));
      for (std::size_t i = 0; i < size; ++i) {
        std::printf("%s%02x", i % 4 == 0 ? " " : "", bytes[i]);
      }
      std::printf("\n");
      return 0;
    };
    bpf_map* map;
    bpf_object__for_each_map(map, object_) {
      if (bpf_map__type(map) == BPF_MAP_TYPE_USER_RINGBUF) {
        commands_ =
            Must("user ring", user_ring_buffer__new(bpf_map__fd(map), nullptr));
      }
      if (bpf_map__type(map) != BPF_MAP_TYPE_RINGBUF) continue;
      void* const name = const_cast<char*>(bpf_map__name(map));
      const int fd = bpf_map__fd(map);
      if (rings_ == nullptr) {
        rings_ = Must("ring", ring_buffer__new(fd, print, name, nullptr));
      } else {
        Must("ring", ring_buffer__add(rings_, fd, print, name));
      }
    }
  }

  bpf_object* const object_;
  ring_buffer* rings_ = nullptr;          // all of them; null: there is none
  user_ring_buffer* commands_ = nullptr;  // null: there is none
};

// Runs of one program.
class Runner {
 public:
  Runner(bpf_program* program, RandomPacket* random)
      : program_(*program), random_(*random) {}

  void Run() {
    LIBBPF_OPTS(bpf_test_run_opts, test);
    switch (bpf_program__type(&program_)) {
      case BPF_PROG_TYPE_RAW_TRACEPOINT:
        context_ = random_.Any(96);
        break;
      case BPF_PROG_TYPE_SYSCALL:
        context_ = random_.Any(256);
        break;
      case BPF_PROG_TYPE_SK_LOOKUP:
        SetSkLookup();
        SetRoom(&test);
        break;
      case BPF_PROG_TYPE_FLOW_DISSECTOR:
        SetFlowKeys();
        SetPacket(&test);
        break;
      case BPF_PROG_TYPE_XDP:
        SetXdp();
        SetPacket(&test);
        break;
      default:
        SetSkb();
        SetPacket(&test);
    }
    if (!context_.empty()) {
      test.ctx_in = context_.data();
      test.ctx_size_in = static_cast<uint32_t>(context_.size());
    }
    const int result =
        bpf_prog_test_run_opts(bpf_program__fd(&program_), &test);
    std::printf("%s: %d, returns %u", bpf_program__name(&program_), result,
                test.retval);
    if (test.data_in != nullptr) {
      out_.resize(std::min<std::size_t>(out_.size(), test.data_size_out));
      std::printf(", %u bytes: %016" PRIx64, test.data_size_out, HashOf(out_));
    }
    if (test.ctx_out != nullptr) {
      std::printf(", context of %u:", test.ctx_size_out);
      for (std::size_t at = 0; at < context_out_.size(); at += 4) {
        uint32_t word;
        std::memcpy(&word, &context_out_[at], sizeof word);
        if (word != 0) std::printf(" %zu:%x", at, word);
      }
    }
    std::printf("\n");
  }

 private:
  void SetPacket(bpf_test_run_opts* test) {
    packet_ = random_.Make();
    out_.assign(2048, 0);
    test->data_in = packet_.data();
    test->data_size_in = static_cast<uint32_t>(packet_.size());
    test->data_out = out_.data();
    test->data_size_out = static_cast<uint32_t>(out_.size());
    SetRoom(test);
  }

  // One run in two asks for its context.
  void SetRoom(bpf_test_run_opts* test) {
    if (random_.Below(2) == 0) return;
    context_out_.assign(256, 0);
    test->ctx_out = context_out_.data();
    test->ctx_size_out = static_cast<uint32_t>(context_out_.size());
  }

  // One in two runs has a context, and one in eight of these is refused.
  void SetXdp() {
    context_.clear();
    if (random_.Below(2) == 0) return;
    xdp_md context = {};
    context.data_meta = random_.Below(4) == 0 ? 4 * random_.Below(3) : 0;
    context.data = 4 * random_.Below(3);
    context.ingress_ifindex = random_.Below(2);
    context.rx_queue_index = random_.Below(8) == 0 ? 1 : 0;
    if (random_.Below(2) == 0) {
      context = {};
      context.ingress_ifindex = random_.Below(2);
    }
    Set(context);
  }

  void SetSkLookup() {
    bpf_sk_lookup context = {};
    context.family = random_.Below(2) == 0 ? 2 : 10;
    context.protocol = random_.Below(4) == 0 ? 6 + 0x10000 : 17;
    context.remote_ip4 = random_.Below(256);
    context.remote_port = static_cast<uint16_t>(random_.Below(65536));
    context.local_ip4 = random_.Below(256);
    for (int i = 0; i < 4; ++i) {
      context.remote_ip6[i] = random_.Below(256);
      context.local_ip6[i] = random_.Below(256);
    }
    context.local_port = random_.Below(66000);
    if (random_.Below(16) == 0) context.family = random_.Below(12);
    if (random_.Below(16) == 0) context.ingress_ifindex = 1;
    Set(context);
  }

  void SetFlowKeys() {
    context_.clear();
    if (random_.Below(2) == 0) return;
    bpf_flow_keys context = {};
    context.flags = random_.Below(9);
    if (random_.Below(8) == 0) context.thoff = 1;
    Set(context);
  }

  void SetSkb() {
    context_.clear();
    if (random_.Below(2) == 0) return;
    __sk_buff context = {};
    context.mark = random_.Below(4);
    context.priority = random_.Below(4);
    context.ifindex = random_.Below(2);
    context.tstamp = random_.Below(1000);
    for (uint32_t& word : context.cb) word = random_.Below(3);
    context.gso_segs = random_.Below(3);
    context.gso_size = random_.Below(1500);
    if (random_.Below(8) == 0) context.len = 1;
    if (random_.Below(8) == 0) context.wire_len = random_.Below(2000);
    Set(context);
  }

  template <typename T>
  void Set(const T& context) {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(&context);
    context_.assign(bytes, bytes + sizeof context);
  }

  bpf_program& program_;
  RandomPacket& random_;
  Bytes packet_, context_, out_, context_out_;
};

// Values of this processor are those that programs see.
void StayOnOneCpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  Must("CPU 0", sched_setaffinity(0, sizeof one, &one) == 0 ? 0 : -errno);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(
        stderr, "usage: object_runner OBJECT SEED RUNS [VARIABLE=NUMBER]...\n");
    return 2;
  }
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  StayOnOneCpu();
  const Object object(argv[1], {argv + 4, argv + argc});
  RandomPacket random(std::strtoull(argv[2], nullptr, 10));
  const std::vector<bpf_program*> programs = object.Programs();
  for (long runs = std::atol(argv[3]); runs > 0; --runs) {
    object.SendRecords(&random);
    const auto which = random.Below(static_cast<uint32_t>(programs.size()));
    Runner(programs[which], &random).Run();
    object.PrintRecords();
  }
  object.PrintMaps();
  return 0;
}
