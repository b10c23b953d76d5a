// SPDX-License-Identifier: Apache-2.0
//
// BPF_PROG_TEST_RUN and BPF_PROG_BIND_MAP.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/test_run.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/system_world.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

// The room of a packet: the rest of a page, and 17 pages of fragments.
constexpr uint32_t kMostData = 3520 + 17 * 4096;
constexpr uint32_t kPage = 4096;
constexpr uint32_t kMostContext = 0xffff;
constexpr uint32_t kEthernetHeader = 14;

// Types that RunTest() runs.
constexpr ProgramTypes kCanBeTested{
    ProgramType::kSocketFilter,  ProgramType::kSchedCls,
    ProgramType::kSchedAct,      ProgramType::kXdp,
    ProgramType::kCgroupSkb,     ProgramType::kLwtIn,
    ProgramType::kLwtOut,        ProgramType::kLwtXmit,
    ProgramType::kRawTracepoint, ProgramType::kSyscall};

bool HasPacket(ProgramType type) {
  return type != ProgramType::kRawTracepoint && type != ProgramType::kSyscall;
}

// A pointer and its size are given together, or not at all.
bool GoTogether(uint64_t pointer, uint32_t size) {
  return (pointer != 0) == (size != 0);
}

// One test: what is copied from the caller, and what is copied back.
class TestCall {
 public:
  TestCall(const Attributes& attributes, const ProgramObject& object)
      : attributes_(attributes), test_(attributes->test), object_(object) {}

  long Run() {
    long error = CopyData();
    if (error == 0) error = CopyContext();
    if (error != 0) return error;
    FillInput();
    SystemWorld world;
    // A run sees one CPU from its start to its end.
    const ScopedCpu cpu(CurrentCpu());
    result_ = RunTest(object_.program(), input_, &world, &BpfFdTable::Global());
    if (result_.run.faulted()) SayWhy();
    return CopyResults();
  }

 private:
  long CopyData();
  long CopyContext();
  void FillInput();
  long CopyResults() const;
  void SayWhy() const;

  const Attributes& attributes_;
  const decltype(bpf_attr::test)& test_;
  const ProgramObject& object_;
  std::vector<uint8_t> data_;
  std::vector<uint8_t> context_;
  TestInput input_;
  TestResult result_;
};

long TestCall::CopyData() {
  const bool has_packet = HasPacket(object_.program().type());
  const uint32_t size = test_.data_size_in;
  if (!has_packet) {
    // It is refused for its pointer alone.
    if (test_.data_in != 0) input_.data.emplace();
    return 0;
  }
  if (size > kMostData && object_.program().type() != ProgramType::kXdp) {
    return -EINVAL;
  }
  data_.resize(std::min(size, kMostData));
  if (size >= kEthernetHeader &&
      !CopyFromUser(data_.data(), test_.data_in, data_.size())) {
    return -EFAULT;
  }
  if (size > kMostData) return -ENOMEM;
  input_.data = data_;
  return 0;
}

long TestCall::CopyContext() {
  const uint32_t size = test_.ctx_size_in;
  const ProgramType type = object_.program().type();
  const bool has_packet = HasPacket(type);
  // Linux refuses these before it looks at the context.
  const bool is_refused =
      has_packet ? type != ProgramType::kXdp && data_.size() < kEthernetHeader
                 : (test_.data_in | test_.data_out | test_.ctx_out |
                    test_.duration | test_.repeat) != 0;
  if (test_.ctx_in == 0 || is_refused) return 0;
  if (has_packet && size > kPage) return -E2BIG;
  if (size > kMostContext) return -EINVAL;
  context_.resize(size);
  if (!CopyFromUser(context_.data(), test_.ctx_in, size)) return -EFAULT;
  input_.context = context_;
  return 0;
}

void TestCall::FillInput() {
  input_.has_data_out = test_.data_out != 0;
  input_.data_size_out = test_.data_size_out;
  input_.has_context_out = test_.ctx_out != 0;
  input_.context_size_out = test_.ctx_size_out;
  input_.repeat = test_.repeat;
  input_.duration = test_.duration;
  input_.flags = test_.flags;
  input_.cpu = test_.cpu;
  input_.batch_size = test_.batch_size;
  // As the verifier lets programs of root.
  input_.may_read_unwritten_stack = true;
}

// A program that does wrong would not have been loaded by Linux, so there is no
// errno for it, and no other place for the reason.
void TestCall::SayWhy() const {
  const std::string& name = object_.program().name();
  std::fprintf(stderr, "bpfmap: %s%s%s\n", name.c_str(),
               name.empty() ? "" : ": ", result_.run.fault.c_str());
}

long TestCall::CopyResults() const {
  if (result_.has_answer) {
    const std::vector<uint8_t>& data = result_.data_out;
    if (!data.empty() &&
        !CopyToUser(test_.data_out, data.data(), data.size())) {
      return -EFAULT;
    }
    if (!result_.context_in.empty() &&
        !CopyToUser(test_.ctx_in, result_.context_in.data(),
                    result_.context_in.size())) {
      return -EFAULT;
    }
    const bool has_packet = HasPacket(object_.program().type());
    if ((has_packet &&
         !attributes_.Store(kDataSizeOutAt, result_.data_size_out)) ||
        !attributes_.Store(kRetvalAt, result_.retval) ||
        (has_packet && !attributes_.Store(kDurationAt, result_.duration))) {
      return -EFAULT;
    }
  }
  if (result_.has_context) {
    const std::vector<uint8_t>& context = result_.context_out;
    if (!CopyToUser(test_.ctx_out, context.data(), context.size()) ||
        !attributes_.Store(kCtxSizeOutAt, result_.context_size_out)) {
      return -EFAULT;
    }
  }
  return Result(result_.error);
}

}  // namespace

long ProgTestRun(const Attributes& attributes) {
  if (!attributes.TailIsZero(kTestRunAttrSize)) return -EINVAL;
  const auto& test = attributes->test;
  if (!GoTogether(test.ctx_in, test.ctx_size_in) ||
      !GoTogether(test.ctx_out, test.ctx_size_out)) {
    return -EINVAL;
  }
  std::shared_ptr<ProgramObject> program;
  const long error = BpfFdTable::Global().FindProgram(test.prog_fd, &program);
  if (error != 0) return error;
  if (!kCanBeTested.Has(program->program().type())) {
    return Result(Errno::kNotSupp);
  }
  return TestCall(attributes, *program).Run();
}

long ProgBindMap(const Attributes& attributes) {
  if (!attributes.TailIsZero(kBindMapAttrSize)) return -EINVAL;
  const auto& bind = attributes->prog_bind_map;
  if (bind.flags != 0) return -EINVAL;
  std::shared_ptr<ProgramObject> program;
  long error = BpfFdTable::Global().FindProgram(bind.prog_fd, &program);
  if (error != 0) return error;
  OpenFile file;
  error = BpfFdTable::Global().FindMap(bind.map_fd, &file);
  if (error != 0) return error;
  program->Bind(file.map->shared_from_this());
  return 0;
}

}  // namespace bpfmap
