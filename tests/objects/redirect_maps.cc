// SPDX-License-Identifier: Apache-2.0
//
// redirect_maps: puts the loopback and a CPU into the maps of
// redirect_maps.bpf.c, runs its programs, and prints what they answer.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "tests/objects/redirect_maps.skel.h"

namespace {

int Put(const bpf_map* map, uint32_t key, uint32_t number,
        const bpf_program* program) {
  const uint32_t value[] = {
      number,
      program == nullptr ? 0 : static_cast<uint32_t>(bpf_program__fd(program))};
  return bpf_map__update_elem(map, &key, sizeof key, value, sizeof value,
                              BPF_ANY);
}

void Run(redirect_maps* skeleton, const bpf_program* program, uint8_t key,
         uint64_t flags) {
  skeleton->bss->flags = flags;
  LIBBPF_OPTS(bpf_test_run_opts, run);
  uint8_t packet[64] = {key};
  run.data_in = packet;
  run.data_size_in = sizeof packet;
  const int error = bpf_prog_test_run_opts(bpf_program__fd(program), &run);
  std::printf("%s %u, flags %llu: %d, answer %u, number %d%s\n",
              bpf_program__name(program), key,
              static_cast<unsigned long long>(flags), error, run.retval,
              static_cast<int>(skeleton->bss->seen_number),
              skeleton->bss->seen_program != 0 ? ", a program" : "");
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  redirect_maps* const skeleton = redirect_maps__open_and_load();
  if (skeleton == nullptr) {
    std::perror("load");
    return 1;
  }
  const bpf_map* const devices = skeleton->maps.devices;
  const bpf_map* const hashed = skeleton->maps.hashed;
  const bpf_map* const cpus = skeleton->maps.cpus;
  const bpf_program* const at_device = skeleton->progs.at_device;
  const bpf_program* const at_cpu = skeleton->progs.at_cpu;
  std::printf("devices: %d %d, no such device %d, a CPU's program %d\n",
              Put(devices, 1, 1, nullptr), Put(devices, 2, 1, at_device),
              Put(devices, 3, 1 << 30, nullptr), Put(devices, 3, 1, at_cpu));
  std::printf("hashed: %d %d, no device %d\n", Put(hashed, 77, 1, nullptr),
              Put(hashed, 2, 1, at_device), Put(hashed, 3, 0, nullptr));
  std::printf("CPUs: %d, a device's program %d, a long queue %d\n",
              Put(cpus, 0, 192, at_cpu), Put(cpus, 0, 8, at_device),
              Put(cpus, 0, 16385, nullptr));
  const bpf_program* const programs[] = {skeleton->progs.to_devices,
                                         skeleton->progs.to_hashed,
                                         skeleton->progs.to_cpus};
  for (const bpf_program* const program : programs) {
    for (const uint8_t key : {0, 1, 2, 3, 4, 77})
      Run(skeleton, program, key, 0);
    for (const uint64_t flags : {1, 2, 3, 4, 8, 10, 16, 24, 32}) {
      Run(skeleton, program, 3, flags);
      Run(skeleton, program, 2, flags);
    }
    Run(skeleton, program, 3, uint64_t{1} << 32);
  }
  redirect_maps__destroy(skeleton);
  return 0;
}
