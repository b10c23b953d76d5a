// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/kernel_run.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace bpfmap {
namespace {

constexpr int kProgLoad = 5;
constexpr int kProgTestRun = 10;

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
