// SPDX-License-Identifier: Apache-2.0
//
// cgroups: puts the root of all cgroups into the array of cgroups.bpf.c, runs
// its programs, and prints what they say.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "tests/objects/cgroups.skel.h"

namespace {

// Where systemd mounts version 2 alone, and where beside version 1.
int OpenRoot() {
  const int root = open("/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY);
  return root >= 0 ? root : open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
}

int Put(const cgroups* skeleton, uint32_t index, int cgroup) {
  return bpf_map__update_elem(skeleton->maps.cgroups, &index, sizeof index,
                              &cgroup, sizeof cgroup, BPF_ANY);
}

void Ask(cgroups* skeleton, uint32_t index) {
  skeleton->bss->asked = index;
  LIBBPF_OPTS(bpf_test_run_opts, task);
  uint64_t arguments[2] = {};
  task.ctx_in = arguments;
  task.ctx_size_in = sizeof arguments;
  bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.of_task), &task);
  LIBBPF_OPTS(bpf_test_run_opts, packet);
  uint8_t bytes[14] = {};
  packet.data_in = bytes;
  packet.data_size_in = sizeof bytes;
  bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.of_packet), &packet);
  std::printf("%u: task %d, packet %d\n", index, static_cast<int>(task.retval),
              static_cast<int>(packet.retval));
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  cgroups* const skeleton = cgroups__open_and_load();
  if (skeleton == nullptr) {
    std::perror("load");
    return 1;
  }
  std::printf("the root: %d\n", Put(skeleton, 1, OpenRoot()));
  std::printf("another directory: %d\n",
              Put(skeleton, 0, open("/", O_RDONLY | O_DIRECTORY)));
  std::printf("no descriptor: %d\n", Put(skeleton, 0, -1));
  for (uint32_t index = 0; index <= 2; ++index) Ask(skeleton, index);
  cgroups__destroy(skeleton);
  return 0;
}
