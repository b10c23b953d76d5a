// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/kernel_run.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "bpfmap/programs/decode.h"

namespace bpfmap {
namespace {

constexpr int kMapCreate = 0;
constexpr int kMapLookup = 1;
constexpr int kMapUpdate = 2;
constexpr int kMapDelete = 3;
constexpr int kMapGetNextKey = 4;
constexpr int kProgLoad = 5;
constexpr int kProgTestRun = 10;
constexpr int kBtfLoad = 18;
constexpr int kMapFreeze = 22;

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

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
  char name[16];
  uint32_t ifindex, attach_type;
  uint32_t btf_fd;
  uint32_t func_info_size;
  uint64_t func_info;
  uint32_t func_info_count;
  uint32_t unused;
};
static_assert(sizeof(LoadAttr) == 96);

// struct bpf_func_info.
struct FunctionInfo {
  uint32_t instruction, type;
};

// Types for any function, which helpers that call functions ask for: 1 is an
// int, 2 a function that returns one, 3 a static function `f` of type 2.
int LoadFunctionTypes() {
  static constexpr char kNames[] = "\0int\0f";
  static constexpr uint32_t kTypes[] = {
      1, 1u << 24, 4, 1u << 24 | 32, 0, 13u << 24, 1, 5, 12u << 24, 2};
  struct {
    uint16_t magic = 0xeb9f;
    uint8_t version = 1, flags = 0;
    uint32_t header_size = 24;
    uint32_t types_at = 0, types_size = sizeof kTypes;
    uint32_t names_at = sizeof kTypes, names_size = sizeof kNames;
    uint32_t types[10];
    char names[sizeof kNames];
  } btf;
  std::memcpy(btf.types, kTypes, sizeof kTypes);
  std::memcpy(btf.names, kNames, sizeof kNames);
  struct {
    uint64_t btf, log;
    uint32_t size, log_size, log_level, unused;
  } attr = {Address(&btf), 0, 24 + sizeof kTypes + sizeof kNames, 0, 0, 0};
  return static_cast<int>(syscall(SYS_bpf, kBtfLoad, &attr, sizeof attr));
}

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

}  // namespace

KernelRun::KernelRun(ProgramType type, std::span<const Instruction> program) {
  LoadAttr attr = {};
  attr.type = static_cast<uint32_t>(type);
  attr.count = static_cast<uint32_t>(program.size());
  attr.instructions = Address(program.data());
  attr.license = Address("GPL");
  // Programs of this type sleep, or do not load (BPF_F_SLEEPABLE).
  if (type == ProgramType::kSyscall) attr.flags = 1 << 4;
  static const int function_types = LoadFunctionTypes();
  std::vector<FunctionInfo> functions;
  for (const uint32_t start : FunctionStarts(program)) {
    functions.push_back({start, 3});
  }
  if (functions.size() > 1) {
    attr.btf_fd = static_cast<uint32_t>(function_types);
    attr.func_info_size = sizeof(FunctionInfo);
    attr.func_info = Address(functions.data());
    attr.func_info_count = static_cast<uint32_t>(functions.size());
  }
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

int KernelPlainMap::Freeze() const {
  return Command(kMapFreeze, nullptr, nullptr);
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
  test->duration = attr.duration;
  test->data_size_out = attr.data_size_out;
  test->ctx_size_out = attr.ctx_size_out;
}

}  // namespace bpfmap
