// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/kernel_run.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace bpfmap {
namespace {

constexpr int kMapCreate = 0;
constexpr int kMapLookup = 1;
constexpr int kMapUpdate = 2;
constexpr int kMapDelete = 3;
constexpr int kMapGetNextKey = 4;
constexpr int kProgLoad = 5;
constexpr int kProgTestRun = 10;

struct CreateAttr {
  uint32_t type, key_size, value_size, max_entries, flags;
};

struct ElemAttr {
  uint32_t fd, unused;
  uint64_t key, value, flags;
};

struct LoadAttr {
  uint32_t type;
  uint32_t count;
  uint64_t instructions;
  uint64_t license;
  uint32_t log_level;
  uint32_t log_size;
  uint64_t log;
  uint32_t kernel_version;
  uint32_t flags;
};

struct TestAttr {
  uint32_t fd;
  uint32_t retval;
  uint32_t data_size_in, data_size_out;
  uint64_t data_in, data_out;
  uint32_t repeat, duration;
  uint32_t ctx_size_in, ctx_size_out;
  uint64_t ctx_in, ctx_out;
  uint32_t flags, cpu, batch_size, unused;
};
static_assert(sizeof(TestAttr) == 80);

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

}  // namespace

KernelRun::KernelRun(ProgramType type, std::span<const Instruction> program) {
  LoadAttr attr = {};
  attr.type = static_cast<uint32_t>(type);
  attr.count = static_cast<uint32_t>(program.size());
  attr.instructions = Address(program.data());
  attr.license = Address("GPL");
  // Programs of this type sleep, or do not load (BPF_F_SLEEPABLE).
  if (type == ProgramType::kSyscall) attr.flags = 1 << 4;
  long fd;
  do {
    fd = syscall(SYS_bpf, kProgLoad, &attr, sizeof attr);
  } while (fd < 0 && errno == EAGAIN);
  if (fd >= 0) {
    fd_ = static_cast<int>(fd);
    return;
  }
  load_error_ = errno;
  log_.resize(1 << 20);
  attr.log_level = 1;
  attr.log_size = static_cast<uint32_t>(log_.size());
  attr.log = Address(log_.data());
  fd = syscall(SYS_bpf, kProgLoad, &attr, sizeof attr);
  if (fd >= 0) close(static_cast<int>(fd));
  log_.resize(std::strlen(log_.c_str()));
}

KernelRun::~KernelRun() {
  if (fd_ >= 0) close(fd_);
}

KernelPlainMap::KernelPlainMap(const MapDef& def) : def_(def) {
  CreateAttr attr = {static_cast<uint32_t>(def.type), def.key_size,
                     def.value_size, def.max_entries,
                     static_cast<uint32_t>(def.map_flags)};
  fd_ = static_cast<int>(syscall(SYS_bpf, kMapCreate, &attr, sizeof attr));
}

KernelPlainMap::~KernelPlainMap() {
  if (fd_ >= 0) close(fd_);
}

int KernelPlainMap::Command(int command, const void* key, void* value) const {
  ElemAttr attr = {static_cast<uint32_t>(fd_), 0, Address(key), Address(value),
                   0};
  return syscall(SYS_bpf, command, &attr, sizeof attr) < 0 ? errno : 0;
}

int KernelPlainMap::Update(const void* key, const void* value) const {
  return Command(kMapUpdate, key, const_cast<void*>(value));
}

int KernelPlainMap::Delete(const void* key) const {
  return Command(kMapDelete, key, nullptr);
}

std::map<std::vector<uint8_t>, std::vector<uint8_t>> KernelPlainMap::Read()
    const {
  std::map<std::vector<uint8_t>, std::vector<uint8_t>> contents;
  std::vector<uint8_t> key(def_.key_size), next(def_.key_size),
      value(def_.value_size);
  const void* previous = nullptr;
  while (Command(kMapGetNextKey, previous, next.data()) == 0) {
    key = next;
    previous = key.data();
    if (Command(kMapLookup, key.data(), value.data()) == 0) {
      contents[key] = value;
    }
  }
  return contents;
}

const char* WhyNoKernelRun() {
  static const int error = [] {
    const Instruction program[] = {
        Instruction::Of(kClassAlu64 | kMov, 0, 0, 0, 0),
        Instruction::Of(kClassJmp | kExit, 0, 0, 0, 0)};
    return KernelRun(ProgramType::kSchedCls, program).load_error();
  }();
  return error == 0 ? nullptr : "the kernel loads no programs: no rights?";
}

bool KernelRunRequired() {
  const char* const value = std::getenv("REQUIRE_KERNEL");
  return value != nullptr && std::strcmp(value, "1") == 0;
}

void KernelRun::Run(KernelTest* test) const {
  TestAttr attr = {};
  attr.fd = static_cast<uint32_t>(fd_);
  attr.data_size_in = static_cast<uint32_t>(test->data_in.size());
  if (!test->data_in.empty()) attr.data_in = Address(test->data_in.data());
  attr.ctx_size_in = static_cast<uint32_t>(test->ctx_in.size());
  if (!test->ctx_in.empty()) attr.ctx_in = Address(test->ctx_in.data());
  test->data_out.assign(test->data_size_out, 0);
  test->ctx_out.assign(test->ctx_size_out, 0);
  attr.data_size_out = test->data_size_out;
  if (test->data_size_out != 0) attr.data_out = Address(test->data_out.data());
  attr.ctx_size_out = test->ctx_size_out;
  if (test->ctx_size_out != 0) attr.ctx_out = Address(test->ctx_out.data());
  attr.repeat = test->repeat;
  attr.flags = test->flags;
  attr.cpu = test->cpu;
  test->error = 0;
  if (syscall(SYS_bpf, kProgTestRun, &attr, sizeof attr) < 0) {
    test->error = errno;
  }
  test->retval = attr.retval;
  test->data_size_out = attr.data_size_out;
  test->ctx_size_out = attr.ctx_size_out;
}

}  // namespace bpfmap
