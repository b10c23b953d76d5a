// SPDX-License-Identifier: Apache-2.0

#include "bench/kernel/loop.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/kernel/bpf_instructions.h"
#include "bench/workload.h"
#include "bpfmap/maps/errno.h"

namespace bpfmap::bench {
namespace {

// Commands of bpf(2), and the leading fields of their attributes; the kernel
// takes the rest as 0.
constexpr int kProgLoad = 5;
constexpr int kProgTestRun = 10;
constexpr uint32_t kSchedCls = 3;  // BPF_PROG_TYPE_SCHED_CLS

struct ProgLoadAttr {
  uint32_t prog_type;
  uint32_t insn_cnt;
  uint64_t insns;
  uint64_t license;
  uint32_t log_level;
  uint32_t log_size;
  uint64_t log_buf;
};

struct ProgTestRunAttr {
  uint32_t prog_fd;
  uint32_t retval;  // set by the kernel
  uint32_t data_size_in;
  uint32_t data_size_out;
  uint64_t data_in;
  uint64_t data_out;
  uint32_t repeat;
  uint32_t duration;  // set by the kernel: ns, the mean of `repeat` runs
};

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// An array map with one value.
absl::StatusOr<std::unique_ptr<KernelMap>> NewValueMap(
    const std::vector<std::byte>& value) {
  absl::StatusOr<std::unique_ptr<KernelMap>> map =
      KernelMap::Create({.type = MapType::kArray,
                         .key_size = 4,
                         .value_size = static_cast<uint32_t>(value.size()),
                         .max_entries = 1,
                         .name = "map_bench_loop"});
  if (!map.ok()) return map.status();
  const uint32_t zero = 0;
  const Errno error = (*map)->Update(&zero, value.data());
  if (error == Errno::kOk) return map;
  return absl::InternalError(
      absl::StrCat("the keys were not accepted: ", ErrnoName(error)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KernelLoop>> KernelLoop::Create(
    const KernelMap& map, KernelStep step, const std::vector<std::byte>& keys,
    const std::vector<std::byte>& value, uint32_t lag) {
  std::unique_ptr<KernelMap> key_map;
  if (!keys.empty()) {
    auto made = NewValueMap(keys);
    if (!made.ok()) return made.status();
    key_map = *std::move(made);
  }
  std::vector<std::byte> state(LoopProgram::kValueOffset);
  state.insert(state.end(), value.begin(), value.end());
  auto state_map = NewValueMap(state);
  if (!state_map.ok()) return state_map.status();

  std::unique_ptr<KernelLoop> loop(
      new KernelLoop(std::move(key_map), *std::move(state_map)));
  const size_t count = keys.empty() ? 0 : keys.size() / KeySizeOf(map.def());
  const absl::Status status =
      loop->Load(map, step, static_cast<uint32_t>(count), lag);
  if (!status.ok()) return status;
  return loop;
}

KernelLoop::~KernelLoop() {
  if (program_ >= 0) close(program_);
}

absl::Status KernelLoop::Load(const KernelMap& map, KernelStep step,
                              uint32_t count, uint32_t lag) {
  const std::vector<uint64_t> instructions =
      LoopInstructions({.map = map.fd(),
                        .keys = keys_ == nullptr ? -1 : keys_->fd(),
                        .state = state_->fd(),
                        .step = step,
                        .turns = kTurnsOfProgram,
                        .key_count = count,
                        .key_shift = std::countr_zero(KeySizeOf(map.def())),
                        .lag = lag,
                        .value_size = map.def().value_size});
  std::string log(1 << 16, '\0');
  ProgLoadAttr attr = {};
  attr.prog_type = kSchedCls;
  attr.insn_cnt = static_cast<uint32_t>(instructions.size());
  attr.insns = Address(instructions.data());
  attr.license = Address("");
  for (int log_level : {0, 1}) {  // once more, to hear why
    long fd;
    do {
      fd = syscall(SYS_bpf, kProgLoad, &attr, sizeof(attr));
    } while (fd < 0 && errno == EAGAIN);  // interrupted by a signal
    if (fd >= 0) {
      program_ = static_cast<int>(fd);
      return absl::OkStatus();
    }
    if (log_level == 1) break;
    attr.log_level = 1;
    attr.log_size = static_cast<uint32_t>(log.size());
    attr.log_buf = Address(log.data());
  }
  return absl::InternalError(
      absl::StrCat("the kernel refused the program: ", std::strerror(errno),
                   "\n", log.c_str()));
}

absl::StatusOr<double> KernelLoop::Run() {
  // Such a program gets a packet; this one has room for an Ethernet header.
  const char packet[64] = {};
  ProgTestRunAttr attr = {};
  attr.prog_fd = static_cast<uint32_t>(program_);
  attr.data_in = Address(packet);
  attr.data_size_in = sizeof(packet);
  attr.repeat = kTurns / kTurnsOfProgram;
  if (syscall(SYS_bpf, kProgTestRun, &attr, sizeof(attr)) < 0) {
    return absl::InternalError(
        absl::StrCat("BPF_PROG_TEST_RUN failed: ", std::strerror(errno)));
  }
  return attr.duration * 1e-9 * attr.repeat;
}

uint64_t KernelLoop::Failures() const {
  const uint32_t zero = 0;
  std::vector<std::byte> state(state_->def().value_size);
  uint64_t failures = ~uint64_t{0};
  if (state_->Lookup(&zero, state.data()) == Errno::kOk) {
    std::memcpy(&failures, &state[LoopProgram::kFailuresOffset],
                sizeof(failures));
  }
  return failures;
}

}  // namespace bpfmap::bench
