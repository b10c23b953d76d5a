// SPDX-License-Identifier: Apache-2.0
//
// Interleave: runs of programs on several CPUs, in all orders that matter.
//
//   uint64_t& count = ...;  // a value of a map
//   const auto run = [&] { machine.Run(*program, input); };  // a machine each
//   const InterleaveResult result = Interleave(
//       {run1, run2},
//       {.reset = [&] { count = 0; }, .holds = [&] { return count == 2; }});
//   EXPECT_FALSE(result.broken) << result;
//
// A run is a function that runs programs in any way: of an Object, by a Machine
// or RunTest(), or by bpf(2) where this process answers it. Each has a thread,
// a virtual CPU and a current World of its own, anew for each schedule, but one
// only goes on at a time. Where a program is about to touch
// memory that other CPUs see, a load, a store, an atomic instruction or a call
// of a helper (shared_access.h), another run may go on in its place. Every
// schedule is tried that stops runs no more than `max_preemptions` times; the
// first one after which `holds` is false, or in which a program faults, is
// reported, line by line of the source:
//
//   run 0  race.bpf.c:20  reads 0 from map counts, byte 0
//                         *value += 1;
//   run 1  race.bpf.c:20  reads 0 from map counts, byte 0
//   ...
//
// What it does not see: orders that only a weakly ordered CPU makes, for loads
// and stores here happen in the order of the program. Runs that put themselves
// on one CPU (ScopedCpu) share its per-CPU values, as a program does with one
// that interrupts it.
//
// Runs must do the same when they are scheduled the same: a World of a run must
// have a clock that stands. They share what their functions share, and `reset`
// must bring all of that back to where it was. What a run does besides running
// programs is done in one piece with what its programs do around it, unless it
// says where it may be stopped: SchedulePoint().
//
// A run that waits for another without taking a lock of BPF makes no end. User
// space may not take such a lock (kLock) in a run.
//
// Thread-safe; but not from a run.

#ifndef BPFMAP_PROGRAMS_INTERLEAVE_H_
#define BPFMAP_PROGRAMS_INTERLEAVE_H_

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace bpfmap {

struct InterleaveOptions {
  // Called before each schedule, and after it.
  std::function<void()> reset = {};
  std::function<bool()> holds = {};
  // How often a schedule may stop a run that could go on.
  int max_preemptions = 2;
  // After so many schedules it ends.
  uint64_t max_schedules = 100'000;
  // Not 0: schedules of random choices, max_schedules of them, however often
  // they stop runs.
  uint64_t seed = 0;
  // Not empty: this schedule alone, which is `choices` of a result.
  std::vector<int> replay = {};
};

// What a run did at one point of a schedule.
struct ScheduleStep {
  int run = 0;
  std::string place;   // "race.bpf.c:20"
  std::string source;  // the line; "" if unknown
  std::string access;  // "reads 0 from map counts, byte 0"
};

struct InterleaveResult {
  uint64_t schedules = 0;  // how many were tried
  // Whether these are all that there are within max_preemptions. False too
  // where one broke the condition.
  bool complete = false;
  // Whether a schedule broke the condition or made a program fault. It is the
  // last one that was tried, and described by what follows.
  bool broken = false;
  std::string reason;  // one sentence
  std::vector<ScheduleStep> steps;
  std::vector<int> choices;  // for `replay`
  int preemptions = 0;
  // Whether runs did not do the same when they were scheduled the same. Then
  // the search ends, and nothing of this is certain.
  bool diverged = false;

  // All of it, for people.
  std::string Text() const;
};
std::ostream& operator<<(std::ostream& out, const InterleaveResult& result);

// REQUIRES: 1 run or more; `reset` and `holds` are set.
InterleaveResult Interleave(const std::vector<std::function<void()>>& runs,
                            const InterleaveOptions& options);

// A point at which a run may be stopped, for what it does besides running
// programs: say `what` before it. Does nothing outside of a run.
void SchedulePoint(const char* what);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_INTERLEAVE_H_
