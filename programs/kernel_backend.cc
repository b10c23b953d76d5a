// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/kernel_backend.h"

#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/kernel_attach.h"
#include "bpfmap/programs/kernel_btf.h"

namespace bpfmap {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLargestPacket = 65536;
constexpr std::size_t kLogSize = 1 << 20;

bpf_attr ZeroedAttr() {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

long Call(int command, bpf_attr* attr) {
  long result;
  do {
    result = syscall(SYS_bpf, command, attr, sizeof *attr);
  } while (result < 0 && errno == EAGAIN);
  return result;
}

int LoadProgramInto(bpf_attr* attr, std::string* log) {
  const long fd = Call(BPF_PROG_LOAD, attr);
  if (fd >= 0) return static_cast<int>(fd);
  const int error = errno;
  log->assign(kLogSize, '\0');
  attr->log_level = 1;
  attr->log_size = kLogSize;
  attr->log_buf = Address(log->data());
  const long again = Call(BPF_PROG_LOAD, attr);
  if (again >= 0) return static_cast<int>(again);
  log->resize(std::strlen(log->c_str()));
  errno = error;
  return -1;
}

}  // namespace

bool KernelBackend::IsAvailable() {
  const Instruction program[] = {
      Instruction::Of(kClassAlu64 | kMov, 0, 0, 0, 0),
      Instruction::Of(kClassJmp | kExit, 0, 0, 0, 0)};
  bpf_attr attr = ZeroedAttr();
  attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attr.insns = Address(program);
  attr.insn_cnt = 2;
  attr.license = Address("GPL");
  const long fd = Call(BPF_PROG_LOAD, &attr);
  if (fd >= 0) close(static_cast<int>(fd));
  return fd >= 0;
}

KernelBackend::~KernelBackend() {
  for (int fd : programs_) close(fd);
  if (btf_fd_ >= 0) close(btf_fd_);
  for (const auto& [map, ring] : rings_) {
    munmap(ring.consumer, kPage);
    munmap(ring.producer, kPage + 2 * ring.size);
  }
}

// Callbacks need it, and the verifier names functions by it.
void KernelBackend::Start(const ObjectFile& file) {
  object_types_ = &file.types();
  const std::vector<uint8_t> btf = BtfForKernel(file.btf());
  if (btf.empty()) return;
  bpf_attr attr = ZeroedAttr();
  attr.btf = Address(btf.data());
  attr.btf_size = static_cast<uint32_t>(btf.size());
  btf_fd_ = static_cast<int>(Call(BPF_BTF_LOAD, &attr));
}

absl::StatusOr<std::shared_ptr<BpfMap>> KernelBackend::CreateMap(
    const MapSpec& spec) {
  MapDef def = spec.def;
  if (spec.inner != nullptr) {
    auto inner = KernelMap::Create(spec.inner->def);
    if (!inner.ok()) return inner.status();
    inner_maps_.push_back(*std::move(inner));
    def.inner_map_fd = static_cast<uint32_t>(inner_maps_.back()->fd());
  }
  auto map = KernelMap::Create(def);
  if (!map.ok()) return map.status();
  maps_.push_back(*std::move(map));
  return std::shared_ptr<BpfMap>(maps_.back());
}

absl::StatusOr<uint32_t> KernelBackend::HandleOfMap(std::size_t index) {
  return static_cast<uint32_t>(maps_[index]->fd());
}

absl::Status KernelBackend::LoadProgram(const ProgramSpec& spec,
                                        const std::string& license) {
  std::vector<Instruction> instructions = spec.instructions;
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    Instruction& at = instructions[i];
    if (at.code != kLoadImm64) continue;
    if (at.src() == kPseudoMapFd || at.src() == kPseudoMapValue) {
      at.imm = maps_[static_cast<std::size_t>(at.imm)]->fd();
    }
    ++i;
  }
  for (const auto& [at, name] : spec.kernel_calls) {
    instructions[at].imm = static_cast<int32_t>(FindKernelFunction(name));
  }
  bpf_attr attr = ZeroedAttr();
  attr.prog_type = static_cast<uint32_t>(spec.parsed.type);
  attr.insns = Address(instructions.data());
  attr.insn_cnt = static_cast<uint32_t>(instructions.size());
  attr.license = Address(license.c_str());
  KernelAttach attach;
  const std::string reason = FindKernelAttach(spec.parsed, &attach);
  if (!reason.empty()) {
    return ToStatus(Errno{ESRCH},
                    absl::StrCat("program ", spec.name, ": ", reason));
  }
  attr.expected_attach_type = attach.type;
  attr.attach_btf_id = attach.btf_id;
  if (spec.parsed.sleepable || spec.parsed.type == ProgramType::kSyscall) {
    attr.prog_flags = BPF_F_SLEEPABLE;
  }
  std::vector<bpf_func_info> functions;
  if (btf_fd_ >= 0) {
    for (const FunctionName& function : spec.functions) {
      functions.push_back(
          {function.instruction,
           object_types_->Find(function.name, BtfKind::kFunction)});
    }
    attr.prog_btf_fd = static_cast<uint32_t>(btf_fd_);
    attr.func_info = Address(functions.data());
    attr.func_info_cnt = static_cast<uint32_t>(functions.size());
    attr.func_info_rec_size = sizeof(bpf_func_info);
  }
  std::string log;
  const int fd = LoadProgramInto(&attr, &log);
  if (fd < 0) {
    return ToStatus(
        Errno{errno},
        absl::StrCat("program ", spec.name, ": the kernel refuses it:\n", log));
  }
  programs_.push_back(fd);
  types_.push_back(spec.parsed.type);
  return absl::OkStatus();
}

uint32_t KernelBackend::HandleOfProgram(std::size_t index) {
  return static_cast<uint32_t>(programs_[index]);
}

ProgramResult KernelBackend::Run(std::size_t index, const RunRequest& request) {
  ProgramResult result;
  bpf_attr attr = ZeroedAttr();
  attr.test.prog_fd = static_cast<uint32_t>(programs_[index]);
  if (request.packet) {
    attr.test.data_in = Address(request.packet->data());
    attr.test.data_size_in = static_cast<uint32_t>(request.packet->size());
    result.data.resize(kLargestPacket);
    attr.test.data_out = Address(result.data.data());
    attr.test.data_size_out = kLargestPacket;
  }
  if (request.context) {
    result.context.assign(request.context->begin(), request.context->end());
    attr.test.ctx_in = Address(result.context.data());
    attr.test.ctx_size_in = static_cast<uint32_t>(result.context.size());
    if (request.packet) {
      attr.test.ctx_out = attr.test.ctx_in;
      attr.test.ctx_size_out = attr.test.ctx_size_in;
    }
  }
  // Per-CPU values are those of the World's CPU.
  cpu_set_t before, cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<std::size_t>(request.world->cpu), &cpus);
  sched_getaffinity(0, sizeof before, &before);
  sched_setaffinity(0, sizeof cpus, &cpus);
  if (Call(BPF_PROG_TEST_RUN, &attr) < 0) result.error = Errno{errno};
  sched_setaffinity(0, sizeof before, &before);
  result.retval = attr.test.retval;
  result.data.resize(
      std::min<std::size_t>(result.data.size(), attr.test.data_size_out));
  return result;
}

// Rings, Documentation/bpf/ringbuf.rst.

KernelBackend::Ring* KernelBackend::RingOf(std::size_t map) {
  Ring& ring = rings_[map];
  if (ring.consumer != nullptr) return &ring;
  ring.size = maps_[map]->def().max_entries;
  const int fd = maps_[map]->fd();
  ring.consumer =
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ring.producer =
      mmap(nullptr, kPage + 2 * ring.size, PROT_READ, MAP_SHARED, fd, kPage);
  if (ring.consumer != MAP_FAILED && ring.producer != MAP_FAILED) return &ring;
  if (ring.consumer != MAP_FAILED) munmap(ring.consumer, kPage);
  rings_.erase(map);
  return nullptr;
}

std::vector<std::string> KernelBackend::TakeRecords(std::size_t map) {
  std::vector<std::string> records;
  if (maps_[map]->def().type != MapType::kRingBuf) return records;
  Ring* const ring = RingOf(map);
  if (ring == nullptr) return records;
  constexpr uint32_t kBusy = 1U << 31, kDiscarded = 1U << 30;
  constexpr uint64_t kHeader = 8;
  auto* const consumed = static_cast<uint64_t*>(ring->consumer);
  const auto* const produced = static_cast<const uint64_t*>(ring->producer);
  const char* const data = static_cast<const char*>(ring->producer) + kPage;
  uint64_t at = __atomic_load_n(consumed, __ATOMIC_ACQUIRE);
  while (at < __atomic_load_n(produced, __ATOMIC_ACQUIRE)) {
    const char* const record = data + (at & (ring->size - 1));
    const uint32_t length = __atomic_load_n(
        reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
    if ((length & kBusy) != 0) break;
    const uint32_t size = length & ~(kBusy | kDiscarded);
    if ((length & kDiscarded) == 0)
      records.emplace_back(record + kHeader, size);
    at += (size + kHeader + 7) / 8 * 8;
    __atomic_store_n(consumed, at, __ATOMIC_RELEASE);
  }
  return records;
}

}  // namespace bpfmap
