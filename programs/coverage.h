// SPDX-License-Identifier: Apache-2.0
//
// Coverage: which lines, branches and functions of programs ran, and how often.
//
//   BPFMAP_COVERAGE=coverage.info ./my_test
//   genhtml --branch-coverage coverage.info -o coverage
//
// Then every program that is loaded counts (ProcessCoverage() of program.h),
// and at its exit the process adds the counts to those in the file, and prints
// a summary to standard error. A test can also count for itself:
//
//   Coverage coverage;
//   def.coverage = &coverage;
//   ... Program::Load(def, &program), and runs of it
//   std::string text = coverage.Collect().Text();
//
// Lines are those that clang names in line_info, which comes with -g. The count
// of a line is that of its instruction that ran most often, in each function
// that the line was compiled into, added up over functions, programs and loads.
// A branch is a conditional jump of the program as it was compiled: clang makes
// jumps that the source does not have, and leaves some out.
//
// A process that forks and does not exec should call Forget() in the child:
// where it loads programs by bpf(2), that is done.
//
// A run counts where a block of instructions ends. Runs of one program on
// several threads count apart, each in counters that it leases for the time of
// the run, so that no count is lost. The first leases take memory.
//
// Thread-safe.

#ifndef BPFMAP_PROGRAMS_COVERAGE_H_
#define BPFMAP_PROGRAMS_COVERAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/programs/lcov.h"
#include "bpfmap/programs/program.h"

namespace bpfmap {

// Blocks of instructions that ran, by the first and by the last instruction. A
// block ends with a jump that is taken, a call of a function of the program, an
// exit or a fault. Counted as beginning are only those that no jump and no call
// leads to: the others are as many as ended with it.
//
// An instruction ran as often as blocks began up to it, less those that ended
// before it; a conditional jump was taken as often as a block ended with it.
//
// Each is written by one thread at a time, and may be read by others.
struct BlockCount {
  uint64_t began = 0;
  uint64_t ended = 0;
};

class Coverage;

// The counts of one program that was loaded.
class ProgramCoverage {
 public:
  ProgramCoverage(Coverage* coverage, const Program& program);
  ~ProgramCoverage();  // its counts stay with the Coverage
  ProgramCoverage(const ProgramCoverage&) = delete;
  ProgramCoverage& operator=(const ProgramCoverage&) = delete;

  // Counters for a run, one for each instruction and one more; GiveBack() when
  // it is over. Their numbers go on from where they were.
  BlockCount* Lease();
  void GiveBack(BlockCount* counts);

 private:
  friend class Coverage;

  struct Function;
  struct Code {
    bool is_instruction = true;  // not the second half of a load of 64 bits
    bool is_conditional = false;
    bool has_target = false;  // a jump or a call, which leads `offset` on
    int32_t offset = 0;
  };

  std::vector<BlockCount> Sum() const;
  std::vector<uint64_t> RanOf(const std::vector<BlockCount>& counts) const;
  void AddTo(Lcov* lcov) const;
  void AddFunction(const Function& function, Lcov* lcov) const;
  void AddUnnamed(const std::vector<uint64_t>& ran, Lcov* lcov) const;
  void Forget();

  Coverage& coverage_;
  // Copies, since a program is gone before its counts are collected.
  std::string name_;
  std::vector<Code> code_;
  std::vector<SourceLine> lines_;
  std::vector<FunctionName> functions_;

  mutable Cloud::Lock lock_;
  std::vector<std::unique_ptr<BlockCount[]>> all_ ABSL_GUARDED_BY(lock_);
  std::vector<BlockCount*> free_ ABSL_GUARDED_BY(lock_);
};

class Coverage {
 public:
  Coverage() = default;
  // REQUIRES: no program that counts here is left.
  ~Coverage() = default;
  Coverage(const Coverage&) = delete;
  Coverage& operator=(const Coverage&) = delete;

  // All counts until now. Those of runs that are under way may be in part.
  Lcov Collect() const;

  // Sets all counts to 0, as a child does after fork(): its parent has them.
  // REQUIRES: no run is under way.
  void Forget();

 private:
  friend class ProgramCoverage;

  void Enter(ProgramCoverage* program);
  void Leave(ProgramCoverage* program);

  mutable Cloud::Lock lock_;
  std::set<ProgramCoverage*> programs_ ABSL_GUARDED_BY(lock_);
  Lcov past_ ABSL_GUARDED_BY(lock_);  // of programs that are gone
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_COVERAGE_H_
