// SPDX-License-Identifier: Apache-2.0
//
// struct_ops: registers the congestion control of struct_ops.bpf.c, takes it
// back, and prints the answers.

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "tests/objects/struct_ops.skel.h"

namespace {

constexpr uint32_t kMostBytes = 4096;
constexpr uint32_t kZero = 0;
constexpr uint32_t kOne = 1;

struct KernelTypes {
  uint32_t value;
  uint32_t value_size;
  uint32_t dummy_value;
  uint32_t dummy_value_size;
  uint32_t structure;
  int btf_fd;  // of some types
};

// Prints `text` with an answer in the place of each '%'. In a list in braces
// the first is asked for first.
void Print(const char* text, std::initializer_list<int> answers) {
  const int* answer = answers.begin();
  for (; *text != 0; ++text) {
    if (*text != '%') {
      std::putchar(*text);
    } else {
      std::printf("%d", *answer++);
    }
  }
}

// Returns the descriptor.
int Make(uint32_t type, uint32_t key_size, uint32_t value_size,
         uint32_t max_entries, uint32_t flags, int btf_fd) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = flags;
  options.btf_fd = static_cast<uint32_t>(btf_fd);
  options.btf_vmlinux_value_type_id = type;
  return bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, nullptr, key_size, value_size,
                        max_entries, &options);
}

int Closed(int fd) {
  if (fd < 0) return fd;
  close(fd);
  return 0;
}

void Creations(const KernelTypes& types) {
  const uint32_t size = types.value_size;
  const auto create = [&](uint32_t type, uint32_t key_size, uint32_t value_size,
                          uint32_t max_entries, uint32_t flags) {
    return Closed(
        Make(type, key_size, value_size, max_entries, flags, types.btf_fd));
  };
  Print("created %, dummy %; types: none %, struct %, 1 %, large %",
        {create(types.value, 4, size, 1, 0),
         create(types.dummy_value, 4, types.dummy_value_size, 1, 0),
         create(0, 4, size, 1, 0), create(types.structure, 4, size, 1, 0),
         create(1, 4, size, 1, 0), create(1U << 30, 4, size, 1, 0)});
  Print(
      "; key of 8 %, value longer %, 2 elements %, 0 elements %",
      {create(types.value, 8, size, 1, 0),
       create(types.value, 4, size + 1, 1, 0),
       create(types.value, 4, size, 2, 0), create(types.value, 4, size, 0, 0)});
  std::printf("; key of 8 and type 1 %d; flags", create(1, 8, size, 1, 0));
  for (int bit = 0; bit < 20; ++bit) {
    if (bit == 13) continue;  // a link
    std::printf(" %d", create(types.value, 4, size, 1, 1U << bit));
  }
  Print("; BTF not open %, none %\n",
        {Closed(Make(types.value, 4, size, 1, 0, 999)),
         Closed(Make(types.value, 4, size, 1, 0, 0))});
}

void Commands(int map, uint32_t size) {
  unsigned char value[kMostBytes] = {};
  uint32_t next;
  Print("lookup %, of 1 %, with LOCK %; update: zeros %",
        {bpf_map_lookup_elem(map, &kZero, value),
         bpf_map_lookup_elem(map, &kOne, value),
         bpf_map_lookup_elem_flags(map, &kZero, value, BPF_F_LOCK),
         bpf_map_update_elem(map, &kZero, value, 0)});
  Print(", NOEXIST %, of 1 %",
        {bpf_map_update_elem(map, &kZero, value, BPF_NOEXIST),
         bpf_map_update_elem(map, &kOne, value, 0)});
  for (const uint32_t at : {0U, 4U, 8U, 64U, size - 1}) {
    value[at] = 1;
    Print(", with byte % %",
          {static_cast<int>(at), bpf_map_update_elem(map, &kZero, value, 0)});
    value[at] = 0;
  }
  Print("; delete %, of 1 %; first %, after 0 %, after 1 %",
        {bpf_map_delete_elem(map, &kZero), bpf_map_delete_elem(map, &kOne),
         bpf_map_get_next_key(map, nullptr, &next),
         bpf_map_get_next_key(map, &kZero, &next),
         bpf_map_get_next_key(map, &kOne, &next)});
  uint32_t count = 1;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  Print("; take %, batch %, freeze %\n",
        {bpf_map_lookup_and_delete_elem(map, &kZero, value),
         bpf_map_update_batch(map, &kZero, value, &count, &options),
         bpf_map_freeze(map)});
}

uint32_t IdOf(const bpf_program* program, uint32_t* attach_type) {
  bpf_prog_info info = {};
  uint32_t size = sizeof info;
  bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size);
  *attach_type = info.attach_btf_id;
  return info.id;
}

void PrintState(const char* when, struct_ops* skeleton,
                const KernelTypes& types) {
  const int map = bpf_map__fd(skeleton->maps.control);
  unsigned char value[kMostBytes] = {};
  const int error = bpf_map_lookup_elem(map, &kZero, value);
  uint32_t header[2];
  std::memcpy(header, value, sizeof header);
  uint64_t function;
  std::memcpy(&function, value + 64, sizeof function);
  uint32_t attach_type;
  const uint32_t id = IdOf(skeleton->progs.threshold, &attach_type);
  std::printf(
      "%s: lookup %d, users %u, state %u, ssthresh %s, program of the struct "
      "%d\n",
      when, error, header[0], header[1],
      function == 0    ? "none"
      : function == id ? "is the program"
                       : "is another",
      static_cast<int>(attach_type == types.structure));
}

int Attach(bpf_map* map) {
  bpf_link* const link = bpf_map__attach_struct_ops(map);
  if (link == nullptr) return -errno;
  bpf_link__disconnect(link);
  bpf_link__destroy(link);
  return 0;
}

void Register(struct_ops* skeleton, const KernelTypes& types) {
  const int map = bpf_map__fd(skeleton->maps.control);
  bpf_map_info info = {};
  uint32_t size = sizeof info;
  bpf_obj_get_info_by_fd(map, &info, &size);
  std::printf("info: type of the value %d, BTF %d, types %u and %u, flags %u\n",
              static_cast<int>(info.btf_vmlinux_value_type_id == types.value),
              static_cast<int>(info.btf_id != 0), info.btf_key_type_id,
              info.btf_value_type_id, info.map_flags);
  PrintState("loaded", skeleton, types);
  Print("attach %, again %, twin %, lacking %, reserved name %\n",
        {Attach(skeleton->maps.control), Attach(skeleton->maps.control),
         Attach(skeleton->maps.twin), Attach(skeleton->maps.lacking),
         Attach(skeleton->maps.reserved)});
  PrintState("registered", skeleton, types);
  std::printf("delete %d", bpf_map_delete_elem(map, &kZero));
  Print(", again %, attach %, twin %\n",
        {bpf_map_delete_elem(map, &kZero), Attach(skeleton->maps.control),
         Attach(skeleton->maps.twin)});
  PrintState("deleted", skeleton, types);
  bpf_map_delete_elem(bpf_map__fd(skeleton->maps.twin), &kZero);
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  btf* const kernel = btf__load_vmlinux_btf();
  btf* const some = btf__new_empty();
  btf__add_int(some, "int", 4, BTF_INT_SIGNED);
  btf__load_into_kernel(some);
  const auto find = [&](const char* name) {
    return static_cast<uint32_t>(
        btf__find_by_name_kind(kernel, name, BTF_KIND_STRUCT));
  };
  const auto size_of = [&](uint32_t type) {
    return static_cast<uint32_t>(btf__resolve_size(kernel, type));
  };
  const uint32_t value = find("bpf_struct_ops_tcp_congestion_ops");
  const uint32_t dummy = find("bpf_struct_ops_bpf_dummy_ops");
  const KernelTypes types = {
      .value = value,
      .value_size = size_of(value),
      .dummy_value = dummy,
      .dummy_value_size = size_of(dummy),
      .structure = find("tcp_congestion_ops"),
      .btf_fd = btf__fd(some),
  };
  Creations(types);
  Commands(Make(value, 4, types.value_size, 1, 0, types.btf_fd),
           types.value_size);
  Commands(Make(dummy, 4, types.dummy_value_size, 1, 0, types.btf_fd),
           types.dummy_value_size);
  struct_ops* const skeleton = struct_ops__open_and_load();
  if (skeleton == nullptr) {
    std::perror("load");
    return 1;
  }
  Register(skeleton, types);
  struct_ops__destroy(skeleton);
  return 0;
}
