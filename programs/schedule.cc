// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/schedule.h"

#include <algorithm>

namespace bpfmap {

bool ScheduleSearch::Next() {
  Start();
  if (!started_) {
    started_ = true;
    return true;
  }
  while (!path_.empty()) {
    Choice& last = path_.back();
    const int cost = last.preemptions + (last.stops_current ? 1 : 0);
    if (last.taken + 1 < last.options.size() && cost <= max_preemptions_) {
      ++last.taken;
      return true;
    }
    path_.pop_back();
  }
  return false;
}

void ScheduleSearch::StartRandom(uint64_t seed) {
  Start();
  path_.clear();
  is_random_ = true;
  random_.seed(seed);
}

void ScheduleSearch::StartWith(const std::vector<int>& choices) {
  Start();
  path_.clear();
  wanted_ = choices;
}

void ScheduleSearch::Start() {
  depth_ = 0;
  preemptions_ = 0;
  is_random_ = false;
  wanted_.clear();
}

std::vector<int> ScheduleSearch::OptionsOf(const std::vector<int>& ready,
                                           int current) {
  std::vector<int> options = ready;
  const auto found = std::find(options.begin(), options.end(), current);
  if (found != options.end()) std::rotate(options.begin(), found, found + 1);
  return options;
}

int ScheduleSearch::Choose(const std::vector<int>& ready, int current) {
  if (ready.size() == 1) return ready[0];
  Choice choice;
  choice.options = OptionsOf(ready, current);
  choice.stops_current = choice.options[0] == current;
  choice.preemptions = preemptions_;
  if (depth_ < path_.size()) {
    if (path_[depth_].options != choice.options) {
      diverged_ = true;
      choice.taken = std::min(path_[depth_].taken, choice.options.size() - 1);
      path_.resize(depth_);
    }
  } else if (is_random_) {
    choice.taken = random_() % choice.options.size();
  } else if (depth_ < wanted_.size()) {
    const auto found = std::find(choice.options.begin(), choice.options.end(),
                                 wanted_[depth_]);
    if (found == choice.options.end()) {
      diverged_ = true;
    } else {
      choice.taken = static_cast<std::size_t>(found - choice.options.begin());
    }
  }
  if (depth_ == path_.size()) path_.push_back(choice);
  const Choice& made = path_[depth_++];
  if (made.taken != 0 && made.stops_current) ++preemptions_;
  return made.options[made.taken];
}

std::vector<int> ScheduleSearch::choices() const {
  std::vector<int> choices;
  for (std::size_t i = 0; i < depth_; ++i) {
    choices.push_back(path_[i].options[path_[i].taken]);
  }
  return choices;
}

}  // namespace bpfmap
