// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel_backend.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "bpfmap/maps/kernel_map.h"
#include "tests/support/kernel_program.h"

namespace bpfmap {
namespace {

Errno CreateKernel(const MapDef& def, TestMap* map) {
  std::unique_ptr<KernelMap> created;
  const Errno error = KernelMap::Create(def, &created);
  if (error != Errno::kOk) return error;
  KernelMap* const kernel = created.get();
  *map = TestMap(std::move(created), kernel, kernel->fd());
  return error;
}

std::shared_ptr<void> OpenKernelEvent(uint32_t* fd) {
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_BPF_OUTPUT;
  const long opened =
      syscall(SYS_perf_event_open, &attr, /*pid=*/-1, /*cpu=*/0, -1, 0);
  *fd = static_cast<uint32_t>(opened);
  return {nullptr, [opened](void*) { close(static_cast<int>(opened)); }};
}

std::shared_ptr<void> OpenKernelProgram(uint32_t* fd) {
  auto program =
      std::make_shared<KernelProgram>(BpfAssembler().MoveValue(kR0, 0).Exit());
  *fd = static_cast<uint32_t>(program->fd());
  return program;
}

std::shared_ptr<void> OpenKernelXdpProgram(XdpProgram program, uint32_t* fd) {
  const bpf_insn insns[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS},
                            {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  bpf_attr attr = {};
  attr.prog_type = BPF_PROG_TYPE_XDP;
  attr.insns = reinterpret_cast<uintptr_t>(insns);
  attr.insn_cnt = 2;
  attr.license = reinterpret_cast<uintptr_t>("GPL");
  if (program == XdpProgram::kForDevices) {
    attr.expected_attach_type = BPF_XDP_DEVMAP;
  } else if (program == XdpProgram::kForCpus) {
    attr.expected_attach_type = BPF_XDP_CPUMAP;
  }
  const long opened = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
  *fd = static_cast<uint32_t>(opened);
  return {nullptr, [opened](void*) { close(static_cast<int>(opened)); }};
}

// The root, where systemd mounts version 2 alone, and where beside version 1.
std::shared_ptr<void> OpenKernelCgroup(uint32_t* fd) {
  int opened = open("/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY);
  if (opened < 0) opened = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
  *fd = static_cast<uint32_t>(opened);
  return {nullptr, [opened](void*) { close(opened); }};
}

}  // namespace

const Backend* KernelBackend() {
  static const auto& backend =
      *new Backend{.name = "kernel",
                   .is_kernel = true,
                   .is_too_large = [](const MapDef&) { return false; },
                   .create = CreateKernel,
                   .open_perf_event = OpenKernelEvent,
                   .open_program = OpenKernelProgram,
                   .open_xdp_program = OpenKernelXdpProgram,
                   .open_cgroup = OpenKernelCgroup};
  return &backend;
}

}  // namespace bpfmap
