// SPDX-License-Identifier: Apache-2.0
//
// printed: runs each step of printed.bpf.c with some numbers, and prints what
// bpf_trace_printk() returned and what it wrote.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "tests/objects/printed.skel.h"

namespace {

constexpr uint32_t kSteps = 23;

// Mounts the kernel's trace where this process alone sees it.
void MountTrace() {
  if (unshare(CLONE_NEWNS) != 0 ||
      mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", "/sys/kernel/tracing", "tracefs", 0, nullptr) != 0) {
    std::perror("the kernel's trace");
  }
}

// The lines of this process in the trace of the kernel. Others may write there,
// too, and lines stay in it.
std::vector<std::string> KernelLines() {
  std::vector<std::string> lines;
  const std::string process = "-" + std::to_string(getpid()) + " ";
  const std::string event = "bpf_trace_printk: ";
  std::ifstream trace("/sys/kernel/tracing/trace");
  for (std::string line; std::getline(trace, line);) {
    const std::size_t at = line.find(event);
    if (at == std::string::npos || line.find(process) == std::string::npos) {
      continue;
    }
    lines.push_back(line.substr(at + event.size()));
  }
  return lines;
}

std::vector<std::string> LinesOf(const char* path) {
  std::vector<std::string> lines;
  std::ifstream trace(path);
  for (std::string line; std::getline(trace, line);) lines.push_back(line);
  return lines;
}

void Run(printed* skeleton, uint64_t a, uint64_t b, uint64_t c,
         const char* text) {
  skeleton->bss->a = a;
  skeleton->bss->b = b;
  skeleton->bss->c = c;
  std::strncpy(skeleton->bss->text, text, sizeof skeleton->bss->text - 1);
  for (uint32_t step = 0; step < kSteps; ++step) {
    skeleton->bss->step = step;
    LIBBPF_OPTS(bpf_test_run_opts, run);
    uint8_t packet[14] = {};
    run.data_in = packet;
    run.data_size_in = sizeof packet;
    const int error =
        bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.print), &run);
    std::printf("%u: %d, %d\n", step, error, static_cast<int>(run.retval));
  }
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  // Where the library writes, if it is the library that answers.
  char path[] = "/tmp/bpfmap_printed.XXXXXX";
  const int file = mkstemp(path);
  setenv("BPFMAP_TRACE", path, 1);
  printed* const skeleton = printed__open_and_load();
  if (skeleton == nullptr) {
    std::perror("load");
    return 1;
  }
  Run(skeleton, 1, 2, 3, "text");
  Run(skeleton, UINT64_MAX, 65, 0x123456789abcdef, "");
  Run(skeleton, 48, 0x80000000, 97, "fifteen letters");
  std::vector<std::string> lines = LinesOf(path);
  if (lines.empty()) {
    MountTrace();
    lines = KernelLines();
  }
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  printed__destroy(skeleton);
  close(file);
  unlink(path);
  return 0;
}
