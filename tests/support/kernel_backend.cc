// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel_backend.h"

#include <fcntl.h>
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
                   .open_cgroup = OpenKernelCgroup};
  return &backend;
}

}  // namespace bpfmap
