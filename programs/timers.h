// SPDX-License-Identifier: Apache-2.0
//
// Timers: the timers of the values of maps, bpf_timer_*().
//
//   world.clock().Advance(std::chrono::seconds(1));  // fires what is due
//
// A timer's 16 bytes in a value (MapDef::timer_offset) hold its number, or 0.
// Deleting the element, updating it, and evicting it overwrite the number, or
// make the element another one's: then the timer is none any more, as on Linux.
//
// Times are nanoseconds of the monotonic clock. Timers fire in the order of
// their times; those of one time, in the order in which they were started.
//
// Thread-safe. Functions of timers run on the thread that fires them, while no
// lock is held.

#ifndef BPFMAP_PROGRAMS_TIMERS_H_
#define BPFMAP_PROGRAMS_TIMERS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <tuple>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {

class LocalMap;
class World;

class Timers {
 public:
  // The work of a timer that fires in a World.
  using Function = std::function<void(World& world)>;

  Timers() = default;
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  // Makes the bytes at `place`, in a value of `map`, a timer. `clock` is one of
  // CLOCK_*, for ClockOf().
  //   EBUSY  they are one
  Errno Init(uint64_t* place, LocalMap* map, int clock);
  // -1 and null if there is no timer.
  int ClockOf(const uint64_t* place) const;
  LocalMap* MapOf(const uint64_t* place) const;
  //   EINVAL  there is no timer
  Errno SetFunction(const uint64_t* place, Function function);
  // Has it fire at `time`, and not when it was told to before.
  //   EINVAL  there is no timer, or it has no function
  Errno Start(const uint64_t* place, uint64_t time);
  // Stops it, and takes its function away. Returns 1 if it would have fired, 0
  // if not, or minus an errno.
  //   EINVAL   there is no timer
  //   EDEADLK  it is the one whose function runs on this thread
  int64_t Cancel(const uint64_t* place);

  // Lets go of all timers of a map, as when user space has no reference to it
  // any more.
  void Forget(const LocalMap* map);

  // Whether any was started. Cheap.
  bool any() const { return started_.load(std::memory_order_relaxed) != 0; }
  // The time of the one that fires next; UINT64_MAX if there is none.
  uint64_t NextTime() const;
  // A number for now: timers that are started from now on have larger ones.
  uint64_t order() const;
  // Fires the next one, if its time is `until` at most, and if it was started
  // before `order`. Returns false if there is none.
  bool FireNext(World& world, uint64_t until, uint64_t order = UINT64_MAX);

 private:
  struct Timer {
    uint64_t number = 0;
    LocalMap* map = nullptr;
    int clock = 0;
    std::shared_ptr<const Function> function;  // null: there is none
    uint64_t time = 0;
    uint64_t order = 0;  // 0: it was not started
  };
  using Due = std::tuple<uint64_t, uint64_t, const uint64_t*>;

  const Timer* Find(const uint64_t* place) const
      ABSL_SHARED_LOCKS_REQUIRED(lock_);
  Timer* Find(const uint64_t* place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Returns whether it was started.
  bool Stop(const uint64_t* place, Timer* timer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  mutable Cloud::Lock lock_;
  // Some of these are none any more.
  std::unordered_map<const uint64_t*, Timer> timers_ ABSL_GUARDED_BY(lock_);
  std::set<Due> due_ ABSL_GUARDED_BY(lock_);
  uint64_t last_order_ ABSL_GUARDED_BY(lock_) = 0;
  std::atomic<uint64_t> started_{0};  // as many as due_ has
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_TIMERS_H_
