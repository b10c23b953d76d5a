// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/timers.h"

#include <utility>
#include <vector>

#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {
namespace {

constexpr Errno kDeadlock{35};  // EDEADLK

// Maps overwrite the number while others look at it.
uint64_t NumberAt(const uint64_t* place) {
  return __atomic_load_n(place, __ATOMIC_RELAXED);
}

// Of all Timers: a map may be used in more Worlds than one.
constinit std::atomic<uint64_t> last_number{0};

// The timer whose function runs on this thread.
thread_local const uint64_t* firing = nullptr;

int64_t Minus(Errno error) { return -static_cast<int64_t>(error); }

// The timer at `place`, or null.
template <typename TimersByPlace>
auto FindIn(TimersByPlace& timers, const uint64_t* place)
    -> decltype(&timers.begin()->second) {
  const auto found = timers.find(place);
  if (found == timers.end()) return nullptr;
  return found->second.number == NumberAt(place) ? &found->second : nullptr;
}

}  // namespace

const Timers::Timer* Timers::Find(const uint64_t* place) const {
  return FindIn(timers_, place);
}

Timers::Timer* Timers::Find(const uint64_t* place) {
  return FindIn(timers_, place);
}

bool Timers::Stop(const uint64_t* place, Timer* timer) {
  if (timer->order == 0) return false;
  due_.erase({timer->time, timer->order, place});
  timer->order = 0;
  started_.store(due_.size(), std::memory_order_relaxed);
  return true;
}

Errno Timers::Init(uint64_t* place, LocalMap* map, int clock) {
  Timer old;  // ends after the lock: its function may hold maps
  WriterLock lock(lock_);
  if (Find(place) != nullptr) return Errno::kBusy;
  Timer& timer = timers_[place];
  Stop(place, &timer);
  old = std::exchange(timer, {});
  timer.number = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
  timer.map = map;
  timer.clock = clock;
  __atomic_store_n(place, timer.number, __ATOMIC_RELAXED);
  return Errno::kOk;
}

int Timers::ClockOf(const uint64_t* place) const {
  ReaderLock lock(lock_);
  const Timer* const timer = Find(place);
  return timer != nullptr ? timer->clock : -1;
}

LocalMap* Timers::MapOf(const uint64_t* place) const {
  ReaderLock lock(lock_);
  const Timer* const timer = Find(place);
  return timer != nullptr ? timer->map : nullptr;
}

Errno Timers::SetFunction(const uint64_t* place, Function function) {
  auto shared = std::make_shared<const Function>(std::move(function));
  WriterLock lock(lock_);
  Timer* const timer = Find(place);
  if (timer == nullptr) return Errno::kInval;
  timer->function.swap(shared);
  return Errno::kOk;
}

Errno Timers::Start(const uint64_t* place, uint64_t time) {
  WriterLock lock(lock_);
  Timer* const timer = Find(place);
  if (timer == nullptr || timer->function == nullptr) return Errno::kInval;
  Stop(place, timer);
  timer->time = time;
  timer->order = ++last_order_;
  due_.insert({time, timer->order, place});
  started_.store(due_.size(), std::memory_order_relaxed);
  return Errno::kOk;
}

int64_t Timers::Cancel(const uint64_t* place) {
  std::shared_ptr<const Function> function;  // ends after the lock
  WriterLock lock(lock_);
  Timer* const timer = Find(place);
  if (timer == nullptr) return Minus(Errno::kInval);
  if (firing == place) return Minus(kDeadlock);
  function.swap(timer->function);
  return Stop(place, timer) ? 1 : 0;
}

void Timers::Forget(const LocalMap* map) {
  std::vector<Timer> gone;  // ends after the lock
  WriterLock lock(lock_);
  for (auto timer = timers_.begin(); timer != timers_.end();) {
    if (timer->second.map != map) {
      ++timer;
      continue;
    }
    Stop(timer->first, &timer->second);
    gone.push_back(std::move(timer->second));
    timer = timers_.erase(timer);
  }
}

uint64_t Timers::NextTime() const {
  ReaderLock lock(lock_);
  return due_.empty() ? UINT64_MAX : std::get<0>(*due_.begin());
}

uint64_t Timers::order() const {
  ReaderLock lock(lock_);
  return last_order_ + 1;
}

bool Timers::FireNext(World& world, uint64_t until, uint64_t order) {
  std::shared_ptr<const Function> function;
  const uint64_t* place = nullptr;
  {
    WriterLock lock(lock_);
    // Of those that are due, the first that was started before.
    auto next = due_.begin();
    while (next != due_.end() && std::get<0>(*next) <= until &&
           std::get<1>(*next) >= order) {
      ++next;
    }
    if (next == due_.end() || std::get<0>(*next) > until) return false;
    place = std::get<2>(*next);
    Timer& timer = timers_.find(place)->second;
    Stop(place, &timer);
    // Its function keeps the map: the place is there.
    if (timer.number == NumberAt(place)) function = timer.function;
  }
  if (function == nullptr) return true;
  const uint64_t* const outer = std::exchange(firing, place);
  (*function)(world);
  firing = outer;
  return true;
}

}  // namespace bpfmap
