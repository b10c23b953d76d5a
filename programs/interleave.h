// SPDX-License-Identifier: Apache-2.0
//
// Interleave: runs of programs on several CPUs, in all orders that matter.
//
//   auto total = object.map<uint32_t, uint64_t>("total");
//   const auto run = [&] { object.program("count").Run(packet); };
//   const InterleaveResult result = Interleave(
//       {run, run},
//       {.maps = {object.bpf_map("total")},
//        .holds = [&] { return total.Get(0) == 2; }});
//   EXPECT_FALSE(result.broken) << result;
//
// A run is a function that runs programs in any way: of an Object, by a Machine
// or RunTest(), or by bpf(2) where this process answers it. Each has a thread,
// a virtual CPU and, anew for each schedule, a current World of its own; but
// one only goes on at a time. Where a program is about to touch memory that
// other CPUs see, by a load, a store, an atomic instruction or a call of a
// helper (shared_access.h), another run may go on in its place. Every schedule
// is tried that stops runs no more than `max_preemptions` times. The first one
// after which `holds` is false, or in which a program faults, is reported by
// lines of the source:
//
//   run 0  race.bpf.c:54  *value += 1;
//                         reads 0 from map total, byte 0
//   run 1  race.bpf.c:54  reads 0 from map total, byte 0
//   ...
//
// It does not see orders that only a weakly ordered CPU makes, for loads and
// stores here happen in the order of the program. Runs that put themselves
// on one CPU (ScopedCpu, World::cpu) share its per-CPU values, as a program
// does with one that interrupts it.
//
// Runs must do the same when they are scheduled the same: the clock of a World
// must stand. They share what their functions share, and `maps` and `reset`
// must bring all of that back to where it was. Work of a run besides running
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

class BpfMap;

struct InterleaveOptions {
  // Before each schedule they are brought back to what they hold now: maps with
  // keys, queues and stacks (saved_map.h).
  std::vector<BpfMap*> maps = {};
  // Called before each schedule, after that; and after it.
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

// A step of a run, at one point of a schedule.
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
  // Whether runs did not do the same when they were scheduled the same, or
  // ended before the schedule of a replay did. Then the search ends, and
  // nothing of this is certain.
  bool diverged = false;

  // All of it, for people.
  std::string Text() const;
};
std::ostream& operator<<(std::ostream& out, const InterleaveResult& result);

// REQUIRES: 1 run or more; `holds` is set; `maps` are not frozen.
InterleaveResult Interleave(const std::vector<std::function<void()>>& runs,
                            const InterleaveOptions& options);

// A point at which a run may be stopped, for what it does besides running
// programs: say `what` before it. Does nothing outside of a run.
void SchedulePoint(const char* what);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_INTERLEAVE_H_
