// SPDX-License-Identifier: Apache-2.0
//
// Runs are threads that hand one baton on: of all that belongs to a schedule
// only the thread that has it reads or writes anything, so that the rest needs
// no lock.

#include "bpfmap/programs/interleave.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <ostream>
#include <thread>
#include <utility>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/observer.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/saved_map.h"
#include "bpfmap/programs/schedule.h"
#include "bpfmap/programs/shared_access.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr int kNobody = -1;  // has the baton: the caller of Interleave()

class Stage;

// One run: its thread, and what it is about to do.
class Actor final : public Observer {
 public:
  Actor(Stage* stage, int number, const std::function<void()>& function)
      : stage_(*stage), number_(number), function_(function) {}

  void Before(const Step& step) override;
  void Ended(const Program& program, const RunResult& result) override;
  void Point(const char* what);

  // Runs the function each time that the baton comes to this run.
  void Live();

  void Reset() {
    ended_ = false;
    starts_ = true;
    pending_ = {};
    calls_.clear();
  }
  bool ended() const { return ended_; }
  const LockUse& pending() const { return pending_; }

 private:
  // Lets another run go on, if that is chosen.
  void Stop();

  Stage& stage_;
  const int number_;
  const std::function<void()>& function_;
  bool ended_ = false;
  bool starts_ = true;  // it came to no point until now
  LockUse pending_;     // of the instruction that it stands before
  // Calls of helpers that have not returned: in which frame, and which step of
  // the schedule it is.
  struct Call {
    int depth;
    std::size_t step;
  };
  std::vector<Call> calls_;
};

constinit thread_local Actor* this_actor = nullptr;

// The runs, and the baton.
class Stage {
 public:
  Stage(const std::vector<std::function<void()>>& functions,
        ScheduleSearch* search)
      : search_(*search) {
    for (const auto& function : functions) {
      const int number = static_cast<int>(actors_.size());
      actors_.push_back(std::make_unique<Actor>(this, number, function));
    }
    for (const auto& actor : actors_) {
      threads_.emplace_back([&actor = *actor] { actor.Live(); });
    }
  }
  ~Stage() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    turn_changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  // Runs one schedule.
  void Play() {
    steps_.clear();
    fault_.clear();
    locks_.clear();
    for (const auto& actor : actors_) actor->Reset();
    HandOn(kNobody);
    WaitForTurn(kNobody);
  }

  // Gives the baton to the run that goes on after `number`, by the search.
  void HandOn(int number) {
    const std::vector<int> ready = Ready();
    const int next = ready.empty() ? kNobody : search_.Choose(ready, number);
    if (next == number) return;
    {
      const std::lock_guard lock(mutex_);
      turn_ = next;
    }
    turn_changed_.notify_all();
  }
  // Returns false where no more schedules come.
  bool WaitForTurn(int number) {
    std::unique_lock lock(mutex_);
    turn_changed_.wait(lock, [&] { return turn_ == number || closing_; });
    return !closing_;
  }

  // The rest is for the run that has the baton.

  // Returns the number of the step.
  std::size_t AddStep(ScheduleStep step) {
    steps_.push_back(std::move(step));
    return steps_.size() - 1;
  }
  // Adds the result of a call to its step.
  void Returned(std::size_t step, uint64_t result) {
    const auto value = static_cast<int64_t>(result);
    const bool is_number = value > -4096 && value < 1 << 20;
    steps_[step].access +=
        is_number ? ": " + std::to_string(value) : ": a pointer";
  }
  void Faulted(const std::string& fault) {
    if (fault_.empty()) fault_ = fault;
  }
  void TakeLock(int number, uint64_t lock) { locks_.push_back({number, lock}); }
  void OpenLock(uint64_t lock) {
    std::erase_if(locks_, [&](const Held& held) { return held.lock == lock; });
  }
  void OpenLocksOf(int number) {
    std::erase_if(locks_,
                  [&](const Held& held) { return held.owner == number; });
  }

  // Whether it waits for a lock that another run holds.
  bool IsBlocked(const Actor& actor) const {
    const LockUse& use = actor.pending();
    if (use.passes) return !locks_.empty();
    for (const Held& held : locks_) {
      if (held.lock == use.takes) return true;
    }
    return false;
  }

  const std::vector<ScheduleStep>& steps() const { return steps_; }
  const std::string& fault() const { return fault_; }

 private:
  struct Held {
    int owner;
    uint64_t lock;
  };

  std::vector<int> Ready() const {
    std::vector<int> ready, blocked;
    for (std::size_t i = 0; i < actors_.size(); ++i) {
      if (actors_[i]->ended()) continue;
      auto& list = IsBlocked(*actors_[i]) ? blocked : ready;
      list.push_back(static_cast<int>(i));
    }
    // A run that takes the lock that it holds faults.
    return ready.empty() ? blocked : ready;
  }

  ScheduleSearch& search_;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::vector<ScheduleStep> steps_;
  std::string fault_;
  std::vector<Held> locks_;

  std::mutex mutex_;
  std::condition_variable turn_changed_;
  int turn_ = kNobody;                // guarded by mutex_
  bool closing_ = false;              // guarded by mutex_
  std::vector<std::thread> threads_;  // last: they use what is above
};

void Actor::Live() {
  this_actor = this;
  const ScopedObserver observer(this);
  const ScopedCpu cpu(number_ % PossibleCpus());
  while (stage_.WaitForTurn(number_)) {
    {
      World world;
      world.cpu = CurrentCpu();
      function_();
    }
    ended_ = true;
    stage_.HandOn(number_);
  }
}

std::string PlaceOf(const Step& step) {
  const SourceLine* const line = step.program->LineOf(step.instruction);
  if (line == nullptr) return step.program->Place(step.instruction);
  return line->file.substr(line->file.rfind('/') + 1) + ":" +
         std::to_string(line->line);
}

// Without the spaces around it.
std::string Trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

void Actor::Before(const Step& step) {
  if (!calls_.empty() && calls_.back().depth == step.depth) {
    stage_.Returned(calls_.back().step, step.registers[0]);
    calls_.pop_back();
  }
  const bool alone = CurrentCpu() == number_;
  if (!IsSharedAccess(step, alone)) return;
  const LockUse use = LockUseOf(step);
  pending_ = use;
  // It was chosen to start, which is to run up to the first access and on.
  if (!starts_ || stage_.IsBlocked(*this)) Stop();
  starts_ = false;
  pending_ = {};
  if (use.takes != 0) stage_.TakeLock(number_, use.takes);
  if (use.opens != 0) stage_.OpenLock(use.opens);
  const SourceLine* const line = step.program->LineOf(step.instruction);
  const std::size_t index = stage_.AddStep(
      {number_, PlaceOf(step), line == nullptr ? "" : Trimmed(line->text),
       DescribeAccess(step)});
  if (IsHelperCall(step)) calls_.push_back({step.depth, index});
}

void Actor::Ended(const Program&, const RunResult& result) {
  calls_.clear();
  stage_.OpenLocksOf(number_);
  if (result.faulted()) {
    stage_.Faulted("run " + std::to_string(number_) + " faults at " +
                   result.fault);
  }
}

void Actor::Stop() {
  stage_.HandOn(number_);
  stage_.WaitForTurn(number_);
}

void Actor::Point(const char* what) {
  Stop();
  starts_ = false;
  stage_.AddStep({number_, "user space", "", what});
}

std::string Count(uint64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

InterleaveResult Interleave(const std::vector<std::function<void()>>& runs,
                            const InterleaveOptions& options) {
  ScheduleSearch search(options.max_preemptions);
  Stage stage(runs, &search);
  std::vector<SavedMap> maps(options.maps.begin(), options.maps.end());
  InterleaveResult result;
  while (result.schedules < options.max_schedules) {
    if (!options.replay.empty()) {
      search.StartWith(options.replay);
    } else if (options.seed != 0) {
      search.StartRandom(options.seed + result.schedules);
    } else if (!search.Next()) {
      result.complete = true;
      break;
    }
    for (SavedMap& map : maps) map.Restore();
    if (options.reset) options.reset();
    stage.Play();
    ++result.schedules;
    result.diverged = search.diverged();
    result.reason = stage.fault();
    if (result.reason.empty() && !options.holds()) {
      result.reason = "the condition does not hold";
    }
    result.broken = !result.reason.empty();
    if (result.broken || result.diverged || !options.replay.empty()) {
      result.steps = stage.steps();
      result.choices = search.choices();
      result.preemptions = search.preemptions();
      break;
    }
  }
  return result;
}

std::string InterleaveResult::Text() const {
  std::string text;
  if (diverged) {
    text +=
        "Runs do not do the same when they are scheduled the same: nothing "
        "below is certain.\n";
  }
  if (!broken) {
    return text + "The condition holds after " +
           (complete ? "all " : "each of ") + Count(schedules, "schedule") +
           (complete ? " that there are within the bound.\n"
                     : " that were tried.\n");
  }
  text += "In schedule " + std::to_string(schedules) + ", with " +
          Count(static_cast<uint64_t>(preemptions), "preemption") + ", " +
          reason + ":\n";
  std::size_t width = 0;
  for (const ScheduleStep& step : steps) {
    width = std::max(width, step.place.size());
  }
  std::string last;
  for (const ScheduleStep& step : steps) {
    const std::string run = "  run " + std::to_string(step.run) + "  ";
    const std::string place =
        run + step.place + std::string(width - step.place.size() + 2, ' ');
    if (step.source != last && !step.source.empty()) {
      text += place + step.source + "\n" + std::string(place.size(), ' ');
    } else {
      text += place;
    }
    last = step.source;
    text += step.access + "\n";
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const InterleaveResult& result) {
  return out << result.Text();
}

void SchedulePoint(const char* what) {
  if (this_actor != nullptr) this_actor->Point(what);
}

}  // namespace bpfmap
