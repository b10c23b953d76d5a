// SPDX-License-Identifier: Apache-2.0
//
// cgroup_storage: runs the program of cgroup_storage.bpf.c, asks its maps, and
// prints the answers.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "tests/objects/cgroup_storage.skel.h"

namespace {

void Run(cgroup_storage* skeleton, int times) {
  LIBBPF_OPTS(bpf_test_run_opts, run);
  uint8_t packet[64] = {};
  run.data_in = packet;
  run.data_size_in = sizeof packet;
  run.repeat = times;
  const int error =
      bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.count), &run);
  std::printf("%d times: %d, answer %u, counted %d and %u\n", times, error,
              run.retval, static_cast<int>(skeleton->bss->seen_shared),
              skeleton->bss->seen_cpu);
}

void Ask(const char* name, int map) {
  const bpf_cgroup_storage_key key = {.cgroup_inode_id = 1, .attach_type = 1};
  bpf_cgroup_storage_key next;
  uint64_t values[1024] = {};
  std::printf("%s: lookup %d, with LOCK %d", name,
              bpf_map_lookup_elem(map, &key, values),
              bpf_map_lookup_elem_flags(map, &key, values, BPF_F_LOCK));
  std::printf(", update with flags");
  for (const uint64_t flags : {0, 1, 2, 3, 4, 5, 6, 8, 10}) {
    std::printf(" %d", bpf_map_update_elem(map, &key, values, flags));
  }
  std::printf(", delete %d", bpf_map_delete_elem(map, &key));
  std::printf(", take %d", bpf_map_lookup_and_delete_elem(map, &key, values));
  std::printf(", first %d", bpf_map_get_next_key(map, nullptr, &next));
  std::printf(", next %d", bpf_map_get_next_key(map, &key, &next));
  uint32_t count = 1;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  std::printf(", batches %d",
              bpf_map_update_batch(map, &key, values, &count, &options));
  bpf_map_info info = {};
  uint32_t length = sizeof info;
  bpf_obj_get_info_by_fd(map, &info, &length);
  std::printf(", flags %u, freeze %d", info.map_flags, bpf_map_freeze(map));
  std::printf(", update %d\n", bpf_map_update_elem(map, &key, values, 0));
}

int Create(bpf_map_type type, uint32_t key_size, uint32_t value_size,
           uint32_t max_entries, uint32_t flags) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = flags;
  const int fd = bpf_map_create(type, nullptr, key_size, value_size,
                                max_entries, &options);
  if (fd < 0) return fd;
  close(fd);
  return 0;
}

void Creations(const char* name, bpf_map_type type) {
  std::printf("%s: keys of", name);
  for (const uint32_t size : {0, 4, 8, 12, 16, 24}) {
    std::printf(" %u: %d", size, Create(type, size, 8, 0, 0));
  }
  std::printf("; values of");
  for (const uint32_t size : {0, 1, 32768, 32769, 65407, 65408, 1 << 22}) {
    std::printf(" %u: %d", size, Create(type, 8, size, 0, 0));
  }
  std::printf("; max_entries 1: %d; flags", Create(type, 8, 8, 1, 0));
  for (int bit = 0; bit < 20; ++bit) {
    if (bit == 16) continue;  // a token
    std::printf(" %d", Create(type, 8, 8, 0, 1U << bit));
  }
  std::printf("; too large and max_entries: %d\n",
              Create(type, 8, 1 << 22, 1, 1));
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  Creations("shared", BPF_MAP_TYPE_CGROUP_STORAGE);
  Creations("each CPU", BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
  cgroup_storage* const skeleton = cgroup_storage__open_and_load();
  if (skeleton == nullptr) {
    std::perror("load");
    return 1;
  }
  Run(skeleton, 1);
  Run(skeleton, 1);
  Run(skeleton, 3);
  Ask("shared", bpf_map__fd(skeleton->maps.shared));
  Ask("each CPU", bpf_map__fd(skeleton->maps.each_cpu));
  cgroup_storage__destroy(skeleton);
  return 0;
}
