// SPDX-License-Identifier: Apache-2.0
//
// BPF_PROG_TEST_RUN, BPF_PROG_BIND_MAP and BPF_ENABLE_STATS.

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
#include "bpfmap/syscall/run_counting.h"
#include "bpfmap/syscall/run_world.h"
#include "bpfmap/syscall/system_timers.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

// The room of a packet: the rest of a page, and 17 pages of fragments.
constexpr uint32_t kMostData = 3520 + 17 * 4096;
constexpr uint32_t kPage = 4096;
constexpr uint32_t kMostContext = 0xffff;
constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kIpv4Header = 20;

bool HasPacket(ProgramType type) {
  return type != ProgramType::kRawTracepoint && type != ProgramType::kSyscall &&
         type != ProgramType::kSkLookup;
}

// Whether the answer says how long a run took, and of how many bytes its data
// is.
bool SaysSizes(ProgramType type) {
  return type != ProgramType::kRawTracepoint && type != ProgramType::kSyscall;
}

// The least bytes of a packet.
uint32_t SmallestData(ProgramType type) {
  return type == ProgramType::kNetfilter ? kIpv4Header : kEthernetHeader;
}

// A pointer and its size are given together, or not at all.
bool GoTogether(uint64_t pointer, uint32_t size) {
  return (pointer != 0) == (size != 0);
}

// One test: what is copied from the caller, and what is copied back.
class TestCall {
 public:
  TestCall(const Attributes& attributes, ProgramObject* object)
      : attributes_(attributes), test_(attributes->test), object_(*object) {}

  long Run() {
    long error = CopyData();
    if (error == 0) error = CopyContext();
    if (error != 0) return error;
    FillInput();
    RunWorld world;
    // A run sees one CPU from its start to its end.
    const ScopedCpu cpu(world.cpu());
    result_ =
        RunTest(object_.program(), input_, world.get(), &BpfFdTable::Global());
    CountRuns();
    if (result_.run.faulted()) SayWhy();
    return CopyResults();
  }

 private:
  long CopyData();
  bool IsRefused(ProgramType type) const;
  long CopyContext();
  void FillInput();
  void CountRuns();
  long CopyResults() const;
  void SayWhy() const;

  const Attributes& attributes_;
  const decltype(bpf_attr::test)& test_;
  ProgramObject& object_;
  std::vector<uint8_t> data_;
  std::vector<uint8_t> context_;
  TestInput input_;
  TestResult result_;
};

long TestCall::CopyData() {
  const ProgramType type = object_.program().type();
  const uint32_t size = test_.data_size_in;
  if (!HasPacket(type)) {
    // It is refused for its pointer alone, or for its size.
    if (test_.data_in != 0 || (type == ProgramType::kSkLookup && size != 0)) {
      input_.data.emplace();
    }
    return 0;
  }
  if (size > kMostData && type != ProgramType::kXdp) return -EINVAL;
  data_.resize(std::min(size, kMostData));
  if (size >= SmallestData(type) &&
      !CopyFromUser(data_.data(), test_.data_in, data_.size())) {
    return -EFAULT;
  }
  if (size > kMostData) return -ENOMEM;
  input_.data = data_;
  return 0;
}

// What Linux refuses before it looks at the context.
bool TestCall::IsRefused(ProgramType type) const {
  if (type == ProgramType::kXdp) return false;
  if (type == ProgramType::kSkLookup) {
    return input_.data.has_value() || test_.data_out != 0 ||
           test_.data_size_out != 0 || test_.flags != 0 || test_.cpu != 0 ||
           test_.batch_size != 0;
  }
  if (HasPacket(type)) return data_.size() < SmallestData(type);
  return (test_.data_in | test_.data_out | test_.ctx_out | test_.duration |
          test_.repeat) != 0;
}

long TestCall::CopyContext() {
  const uint32_t size = test_.ctx_size_in;
  const ProgramType type = object_.program().type();
  if (test_.ctx_in == 0 || IsRefused(type)) return 0;
  if (SaysSizes(type) && size > kPage) return -E2BIG;
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

// The cost of a run does not depend on whether it is counted: only then is
// asked which descriptors were closed.
void TestCall::CountRuns() {
  if (result_.runs == 0 || !RunCounting::is_on()) return;
  BpfFdTable::Global().ReleaseClosed();
  if (!RunCounting::is_on()) return;
  object_.CountRuns(result_.runs, result_.run_time);
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
    const bool says_sizes = SaysSizes(object_.program().type());
    if ((says_sizes &&
         !attributes_.Store(kDataSizeOutAt, result_.data_size_out)) ||
        !attributes_.Store(kRetvalAt, result_.retval) ||
        (says_sizes && !attributes_.Store(kDurationAt, result_.duration))) {
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

void FireTimers() {
  if (!SystemTimers().any()) return;
  // Those of maps that were closed do not fire.
  BpfFdTable::Global().ReleaseClosed();
  RunWorld world;
  world.get()->FireTimers();
}

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
  if (!kTestRunTypes.Has(program->program().type())) {
    return Result(Errno::kNotSupp);
  }
  return TestCall(attributes, program.get()).Run();
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

long EnableStats(const Attributes& attributes) {
  if (!attributes.TailIsZero(kEnableStatsAttrSize)) return -EINVAL;
  if (attributes->enable_stats.type != BPF_STATS_RUN_TIME) return -EINVAL;
  return BpfFdTable::Global().OpenRunCounting();
}

}  // namespace bpfmap
