// SPDX-License-Identifier: Apache-2.0

#include "tests/support/kernel_program.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

// Commands of bpf(2), and the leading fields of their attributes; the kernel
// takes the rest as 0. (<linux/bpf.h> is left to maps/kernel_map.cc.)
constexpr int kProgLoad = 5;
constexpr int kProgTestRun = 10;
constexpr int kBtfLoad = 18;

struct ProgLoadAttr {
  uint32_t prog_type;
  uint32_t insn_cnt;
  uint64_t insns;
  uint64_t license;
  uint32_t log_level;
  uint32_t log_size;
  uint64_t log_buf;
  uint32_t unused[8];
  uint32_t prog_btf_fd;
  uint32_t func_info_rec_size;
  uint64_t func_info;
  uint32_t func_info_cnt;
  uint32_t line_info_rec_size;
};
static_assert(sizeof(ProgLoadAttr) == 96);

// Where a function starts, and its type.
struct FunctionInfo {
  uint32_t instruction;
  uint32_t type_id;
};

// The BTF of `int main()` and `int callback()`, see
// Documentation/bpf/btf.rst of the kernel. The verifier asks for the types of
// functions where a program hands one to a helper, and does not look at their
// arguments.
constexpr uint32_t kMainType = 3, kCallbackType = 4;
struct FunctionsBtf {
  uint16_t magic = 0xeb9f;
  uint8_t version = 1;
  uint8_t flags = 0;
  uint32_t header_size = 24;
  uint32_t types_offset = 0, types_size = sizeof types;
  uint32_t names_offset = sizeof types, names_size = sizeof names;
  // Names by their offsets; kinds in the top byte.
  uint32_t types[13] = {
      1,  1U << 24,  4, 1U << 24 | 32,  // 1: a signed int of 32 bits
      0,  13U << 24, 1,                 // 2: int()
      5,  12U << 24, 2,                 // 3: a function, main
      10, 12U << 24, 2,                 // 4: a function, callback
  };
  char names[20] = "\0int\0main\0callback";
};
static_assert(sizeof(FunctionsBtf) == 24 + 13 * 4 + 20);
struct BtfLoadAttr {
  uint64_t btf;
  uint64_t log_buf;
  uint32_t btf_size;
  uint32_t log_size;
};

// Code and registers of BpfAssembler::LoadCallback(), but for the target.
constexpr uint64_t kLoadCallback = 0x4018;

struct ProgTestRunAttr {
  uint32_t prog_fd;
  uint32_t retval;  // set by the kernel
  uint32_t data_size_in;
  uint32_t data_size_out;
  uint64_t data_in;
  uint64_t data_out;
};
static_assert(sizeof(ProgTestRunAttr) == 32);

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// Where the arguments of a helper lie in the scratch map.
constexpr int kFlagsOffset = 0;
constexpr int kValueOffset = 8;

int KeyOffset(const MapDef& def) {
  return kValueOffset + static_cast<int>((def.value_size + 7) / 8 * 8);
}

std::unique_ptr<KernelMap> NewScratch(const MapDef& def) {
  absl::StatusOr<std::unique_ptr<KernelMap>> scratch = KernelMap::Create(
      {.type = MapType::kArray,
       .key_size = 4,
       .value_size = static_cast<uint32_t>(KeyOffset(def)) + def.key_size,
       .max_entries = 1,
       .name = "scratch"});
  EXPECT_TRUE(scratch.ok()) << scratch.status();
  return *std::move(scratch);
}

}  // namespace

BpfAssembler& BpfAssembler::Append(const BpfAssembler& other) {
  instructions_.insert(instructions_.end(), other.instructions_.begin(),
                       other.instructions_.end());
  return *this;
}

uint8_t BpfAssembler::SizeBits(int size) {
  constexpr uint8_t kBits[] = {0x10, 0x08, 0x00, 0x18};  // for 1, 2, 4, 8
  return kBits[std::countr_zero(static_cast<unsigned>(size))];
}

BpfAssembler& BpfAssembler::Add(uint8_t code, uint8_t to, uint8_t from,
                                int offset, int32_t value) {
  // An instruction as one number: code, registers, offset and value from the
  // first byte of memory on.
  const auto offset_bits = static_cast<uint16_t>(offset);
  const auto value_bits = static_cast<uint32_t>(value);
  if constexpr (std::endian::native == std::endian::little) {
    instructions_.push_back(uint64_t{code} | uint64_t{to} << 8 |
                            uint64_t{from} << 12 | uint64_t{offset_bits} << 16 |
                            uint64_t{value_bits} << 32);
  } else {
    instructions_.push_back(uint64_t{code} << 56 | uint64_t{to} << 52 |
                            uint64_t{from} << 48 | uint64_t{offset_bits} << 32 |
                            value_bits);
  }
  return *this;
}

KernelProgram::KernelProgram(const BpfAssembler& assembler, const char* license,
                             Type type)
    : type_(type) {
  Load(assembler.instructions(), 0, license);
}

KernelProgram::KernelProgram(const BpfAssembler& main,
                             const BpfAssembler& callback)
    : type_(kSchedCls) {
  std::vector<uint64_t> instructions = main.instructions();
  const uint32_t start = static_cast<uint32_t>(instructions.size());
  for (uint32_t i = 0; i < start; ++i) {
    if ((instructions[i] & 0xf0ff) != kLoadCallback) continue;
    instructions[i] |= uint64_t{start - i - 1} << 32;  // from the next one on
  }
  instructions.insert(instructions.end(), callback.instructions().begin(),
                      callback.instructions().end());
  const FunctionsBtf btf;
  BtfLoadAttr attr = {};
  attr.btf = Address(&btf);
  attr.btf_size = sizeof btf;
  btf_fd_ = static_cast<int>(syscall(SYS_bpf, kBtfLoad, &attr, sizeof attr));
  if (btf_fd_ < 0) {
    load_error_ = static_cast<Errno>(errno);
    return;
  }
  Load(instructions, start, "");
}

// `callback`: where that starts, or 0.
void KernelProgram::Load(const std::vector<uint64_t>& instructions,
                         uint32_t callback, const char* license) {
  ProgLoadAttr attr = {};
  attr.prog_type = type_;
  attr.insn_cnt = static_cast<uint32_t>(instructions.size());
  attr.insns = Address(instructions.data());
  const FunctionInfo functions[] = {{0, kMainType}, {callback, kCallbackType}};
  if (callback != 0) {
    attr.prog_btf_fd = static_cast<uint32_t>(btf_fd_);
    attr.func_info_rec_size = sizeof functions[0];
    attr.func_info = Address(functions);
    attr.func_info_cnt = 2;
  }
  attr.license = Address(license);
  long fd;
  do {
    fd = syscall(SYS_bpf, kProgLoad, &attr, sizeof(attr));
  } while (fd < 0 && errno == EAGAIN);  // interrupted by a signal
  load_error_ = fd < 0 ? static_cast<Errno>(errno) : Errno::kOk;
  if (fd >= 0) {
    fd_ = static_cast<int>(fd);
    return;
  }
  // Once more, to hear why. Not at first: a log that does not fit its buffer
  // is an error of its own.
  verifier_log_.resize(1 << 16);
  attr.log_level = 1;
  attr.log_size = static_cast<uint32_t>(verifier_log_.size());
  attr.log_buf = Address(verifier_log_.data());
  fd = syscall(SYS_bpf, kProgLoad, &attr, sizeof(attr));
  if (fd >= 0) close(static_cast<int>(fd));
  verifier_log_.resize(std::strlen(verifier_log_.c_str()));
}

KernelProgram::~KernelProgram() {
  if (fd_ >= 0) close(fd_);
  if (btf_fd_ >= 0) close(btf_fd_);
}

Errno KernelProgram::Run(int* result) const {
  if (load_error_ != Errno::kOk) return load_error_;
  // A kSchedCls gets a packet; this one has room for an Ethernet header.
  const char packet[64] = {};
  ProgTestRunAttr attr = {};
  attr.prog_fd = static_cast<uint32_t>(fd_);
  if (type_ == kSchedCls) {
    attr.data_in = Address(packet);
    attr.data_size_in = sizeof(packet);
  }
  if (syscall(SYS_bpf, kProgTestRun, &attr, sizeof(attr)) < 0) {
    return static_cast<Errno>(errno);
  }
  *result = static_cast<int>(attr.retval);
  return Errno::kOk;
}

Errno LoadElementHelper(const KernelMap& map, int helper) {
  BpfAssembler assembler;
  assembler.MoveValue(kR1, 0)
      .Store(8, kR10, -8, kR1)
      .LoadMap(kR1, map.fd())
      .Move(kR2, kR10)
      .AddValue(kR2, -8)
      .Move(kR3, kR2)
      .MoveValue(kR4, 0)
      .Call(helper)
      .MoveValue(kR0, 0)
      .Exit();
  return KernelProgram(assembler).load_error();
}

KernelHelpers::KernelHelpers(const KernelMap& map)
    : def_(map.def()),
      fd_(map.fd()),
      scratch_(NewScratch(def_)),
      found_(CallHelper(kHelperMapLookupElem)
                 .SkipIfZero(kR0, 1)
                 .MoveValue(kR0, 1)
                 .Exit()),
      lookup_(CopyValue(CallHelper(kHelperMapLookupElem))),
      update_(CallHelper(kHelperMapUpdateElem).Exit()),
      delete_(CallHelper(kHelperMapDeleteElem).Exit()) {
  if (!IsPerCpu(def_.type)) return;
  BpfAssembler call;  // the CPU goes where the others have their flags
  call.LoadMapValue(kR6, scratch_->fd())
      .LoadMap(kR1, fd_)
      .Move(kR2, kR6)
      .AddValue(kR2, KeyOffset(def_))
      .Load(8, kR3, kR6, kFlagsOffset)
      .Call(kHelperMapLookupPerCpuElem);
  lookup_per_cpu_.emplace(CopyValue(std::move(call)));
}

bool KernelHelpers::Found(const void* key) {
  return Run(found_, key, nullptr, 0) == 1;
}

bool KernelHelpers::LookupElem(const void* key, void* value) {
  return RunLookup(lookup_, key, 0, value);
}

bool KernelHelpers::LookupPerCpuElem(const void* key, uint32_t cpu,
                                     void* value) {
  return RunLookup(*lookup_per_cpu_, key, cpu, value);
}

bool KernelHelpers::RunLookup(const KernelProgram& program, const void* key,
                              uint64_t flags, void* value) {
  if (Run(program, key, nullptr, flags) != 1) return false;
  const uint32_t zero = 0;
  std::vector<char> arguments(scratch_->def().value_size);
  EXPECT_TRUE(scratch_->Lookup(&zero, arguments.data()) == Errno::kOk);
  std::memcpy(value, arguments.data() + kValueOffset, def_.value_size);
  return true;
}

Errno KernelHelpers::UpdateElem(const void* key, const void* value,
                                ElemFlags flags) {
  return static_cast<Errno>(-Run(update_, key, value, ToNumber(flags)));
}

Errno KernelHelpers::DeleteElem(const void* key) {
  return static_cast<Errno>(-Run(delete_, key, nullptr, 0));
}

// The arguments are in r1 to r4 for every helper; each takes what it needs. The
// scratch value stays in r6.
BpfAssembler KernelHelpers::CallHelper(int helper) const {
  BpfAssembler assembler;
  assembler.LoadMapValue(kR6, scratch_->fd())
      .LoadMap(kR1, fd_)
      .Move(kR2, kR6)
      .AddValue(kR2, KeyOffset(def_))
      .Move(kR3, kR6)
      .AddValue(kR3, kValueOffset)
      .Load(8, kR4, kR6, kFlagsOffset)
      .Call(helper);
  return assembler;
}

BpfAssembler KernelHelpers::CopyValue(BpfAssembler call) const {
  // The widest aligned loads that leave the lock out.
  BpfAssembler copy;
  const int64_t end = def_.value_size;
  const int64_t lock = def_.spin_lock_offset;
  for (int64_t offset = 0, size; offset < end; offset += size) {
    size = 4;
    if (offset == lock) continue;
    const int64_t limit = offset < lock ? std::min(lock, end) : end;
    for (size = 8; offset % size != 0 || offset + size > limit;) size /= 2;
    copy.Load(static_cast<int>(size), kR1, kR0, static_cast<int>(offset))
        .Store(static_cast<int>(size), kR6,
               static_cast<int>(kValueOffset + offset), kR1);
  }
  copy.MoveValue(kR0, 1);
  return call.SkipIfZero(kR0, static_cast<int>(copy.instructions().size()))
      .Append(copy)
      .Exit();
}

int KernelHelpers::Run(const KernelProgram& program, const void* key,
                       const void* value, uint64_t flags) {
  const uint32_t zero = 0;
  std::vector<char> arguments(scratch_->def().value_size);
  std::memcpy(&arguments[kFlagsOffset], &flags, sizeof(flags));
  if (value != nullptr) {
    std::memcpy(&arguments[kValueOffset], value, def_.value_size);
  }
  std::memcpy(&arguments[KeyOffset(def_)], key, def_.key_size);
  EXPECT_TRUE(scratch_->Update(&zero, arguments.data()) == Errno::kOk);
  int result = 0;
  const Errno error = program.Run(&result);
  return error == Errno::kOk ? result : -static_cast<int>(error);
}

}  // namespace bpfmap
