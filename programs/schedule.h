// SPDX-License-Identifier: Apache-2.0
//
// ScheduleSearch: goes through the schedules of a few runs, one after another.
//
// A schedule is a list of choices: which of the runs that can go on goes on.
// The search is depth first and keeps no state but the choices of the current
// schedule: the next one has the same start and, at the last place where there
// is another choice left, that choice. From there on each run goes on for as
// long as it can. Runs must do the same when they are scheduled the same.
//
// A preemption is a choice that stops a run that could go on. Most races need
// one or two of them, so bounding their number finds these among schedules that
// are a polynomial in the length of the runs, where all schedules are
// exponential (Musuvathi and Qadeer, "Iterative context bounding for systematic
// testing of multithreaded programs", 2007).
//
// Not thread-safe.

#ifndef BPFMAP_PROGRAMS_SCHEDULE_H_
#define BPFMAP_PROGRAMS_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace bpfmap {

class ScheduleSearch {
 public:
  explicit ScheduleSearch(int max_preemptions)
      : max_preemptions_(max_preemptions) {}

  // Starts the first schedule, or the next one. Returns false if none is left.
  bool Next();
  // Starts a schedule of random choices.
  void StartRandom(uint64_t seed);
  // Starts the schedule of these choices, and goes on as Next() after them.
  void StartWith(const std::vector<int>& choices);

  // The run that goes on, of those that can, which are in ascending order and
  // not none. `current` is the one that ran until now; -1: none did.
  int Choose(const std::vector<int>& ready, int current);

  // The choices of this schedule until now, where there was more than one.
  std::vector<int> choices() const;
  int preemptions() const { return preemptions_; }
  // After a schedule: whether choices did not come back as they were, since
  // runs did not do the same; or whether they ended before all choices of
  // StartWith() were made.
  bool diverged() const {
    return diverged_ || depth_ < path_.size() || depth_ < wanted_.size();
  }

 private:
  struct Choice {
    std::vector<int> options;  // the run that goes on by itself comes first
    std::size_t taken = 0;
    bool stops_current = false;  // options but the first are preemptions
    int preemptions = 0;         // before this choice
  };

  static std::vector<int> OptionsOf(const std::vector<int>& ready, int current);
  void Start();

  const int max_preemptions_;
  bool started_ = false;
  std::vector<Choice> path_;
  std::size_t depth_ = 0;  // choices of path_ that were made in this schedule
  int preemptions_ = 0;
  bool diverged_ = false;
  std::vector<int> wanted_;  // of StartWith()
  bool is_random_ = false;
  std::mt19937_64 random_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_SCHEDULE_H_
