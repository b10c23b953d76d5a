// SPDX-License-Identifier: Apache-2.0
//
// RunTest: a program on a packet or a context, as BPF_PROG_TEST_RUN of Linux
// runs it: the same checks, contexts, results and errors.
//
// Types that can be run: kTestRunTypes. Of others the answer is ENOTSUPP, as it
// is on Linux.
//
// The devices that there are: loopback, with the index 1, to which every packet
// belongs.
//
// Source: Documentation/bpf/bpf_prog_run.rst; answers of Linux 6.18.

#ifndef BPFMAP_PROGRAMS_TEST_RUN_H_
#define BPFMAP_PROGRAMS_TEST_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {

inline constexpr ProgramTypes kTestRunTypes{
    ProgramType::kSocketFilter,  ProgramType::kSchedCls,
    ProgramType::kSchedAct,      ProgramType::kXdp,
    ProgramType::kCgroupSkb,     ProgramType::kLwtIn,
    ProgramType::kLwtOut,        ProgramType::kLwtXmit,
    ProgramType::kFlowDissector, ProgramType::kRawTracepoint,
    ProgramType::kSkLookup,      ProgramType::kSyscall,
    ProgramType::kNetfilter};

// Flags of a test, BPF_F_TEST_*.
inline constexpr uint32_t kTestRunOnCpu = 1;
inline constexpr uint32_t kTestXdpLiveFrames = 2;  // refused: EOPNOTSUPP
inline constexpr uint32_t kTestSkbChecksumComplete = 4;

// The input of a test: the attributes of bpf(2), with memory already copied.
struct TestInput {
  std::optional<std::span<const uint8_t>> data;     // data_in
  std::optional<std::span<const uint8_t>> context;  // ctx_in
  // Whether there is room for the results, and how much: where data_size_out is
  // 0, there is enough.
  bool has_data_out = false;
  uint32_t data_size_out = 0;
  bool has_context_out = false;
  uint32_t context_size_out = 0;
  uint32_t repeat = 0;
  uint32_t duration = 0;  // EINVAL for some types, if it is not 0
  uint32_t flags = 0;
  uint32_t cpu = 0;
  uint32_t batch_size = 0;

  // What Linux does not ask for. Runs on a packet are checked anyhow, unless
  // the World has memory for it below 4 GiB.
  Checks checks = Checks::kAll;
  bool may_read_unwritten_stack = false;
  uint64_t max_instructions = kMaxInstructions;
  uint64_t max_instructions_with_callbacks = UINT64_MAX;
};

struct TestResult {
  // The result of the call.
  Errno error = Errno::kOk;
  // Whether retval, duration and data_size_out are to be written, which may be
  // so after an error, ENOSPC, too.
  bool has_answer = false;
  uint32_t retval = 0;
  uint32_t duration = 0;  // nanoseconds of a run, on average
  uint32_t data_size_out = 0;
  std::vector<uint8_t> data_out;  // as many bytes as there is room for
  // Whether the context and its size are to be written.
  bool has_context = false;
  uint32_t context_size_out = 0;
  std::vector<uint8_t> context_out;
  // The context after the program ran, which Linux writes back to ctx_in: type
  // syscall.
  std::vector<uint8_t> context_in;

  // How often the program was run, and how long that took: nanoseconds.
  uint64_t runs = 0;
  uint64_t run_time = 0;

  // Where the program did wrong: error is EFAULT then, and this is the run.
  RunResult run;
};

// Runs `program` on `input`. `world` is asked and told by the program;
// `programs` is where tail calls find others, and may be null.
TestResult RunTest(const Program& program, const TestInput& input, World* world,
                   ProgramSource* programs = nullptr);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_TEST_RUN_H_
