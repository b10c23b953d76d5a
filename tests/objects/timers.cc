// SPDX-License-Identifier: Apache-2.0
//
// timers: takes the timers of timers.bpf.c through their lives, and prints what
// each step answers. It asks until a timer fired; those that must not fire are
// given an hour.

#include "tests/objects/timers.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/objects/timers.skel.h"

namespace {

constexpr uint64_t kHour = 3'600'000'000'000;

struct Element {
  uint64_t fired;
  uint64_t timer[2];
  uint64_t mode;
};

// The timer of one key of one map.
class Timer {
 public:
  Timer(timers* skeleton, const bpf_map* map, const bpf_program* program)
      : skeleton_(*skeleton),
        map_(bpf_map__fd(map)),
        program_(bpf_program__fd(program)) {}

  void Key(uint32_t key) { skeleton_.bss->key = key; }

  int64_t Do(step what, uint64_t number = 0, uint64_t flags = 0) {
    skeleton_.bss->step = what;
    skeleton_.bss->number = number;
    skeleton_.bss->flags = flags;
    skeleton_.bss->result = 0;
    LIBBPF_OPTS(bpf_test_run_opts, run);
    uint8_t packet[14] = {};
    run.data_in = packet;
    run.data_size_in = sizeof packet;
    const int error = bpf_prog_test_run_opts(program_, &run);
    if (error != 0) return 1000 - error;
    return run.retval != 0 ? 2000 : skeleton_.bss->result;
  }

  void Say(const char* name, step what, uint64_t number = 0,
           uint64_t flags = 0) {
    std::printf("%s: %lld\n", name,
                static_cast<long long>(Do(what, number, flags)));
  }

  // Inits it for the monotonic clock, and sets its function.
  void Set(mode what) {
    Do(STEP_INIT, 0, 1);
    Do(STEP_SET_CALLBACK);
    Do(STEP_SET_MODE, what);
  }

  void Put(uint64_t timer = 0) {
    const Element element = {0, {timer, timer}, 0};
    bpf_map_update_elem(map_, &skeleton_.bss->key, &element, BPF_ANY);
  }
  void Remove() { bpf_map_delete_elem(map_, &skeleton_.bss->key); }

  // Until the element fired so often.
  void WaitFor(uint64_t times) {
    WaitUntil([=](const Element& element) { return element.fired >= times; });
  }
  void WaitForOther() {
    WaitUntil([this](const Element&) {
      return Shared(&skeleton_.bss->fired_other) != 0;
    });
  }
  // Starts it, and returns the result of what its function does.
  int64_t Fire() {
    constexpr int64_t kNone = 77;
    skeleton_.bss->fired_result = kNone;
    Do(STEP_START, 1000);
    WaitUntil([this](const Element&) {
      return Shared(&skeleton_.bss->fired_result) != kNone;
    });
    return skeleton_.bss->fired_result;
  }

  void SayElement(const char* name) {
    Element element = {};
    const int error = bpf_map_lookup_elem(map_, &skeleton_.bss->key, &element);
    if (error != 0) {
      std::printf("%s: %d\n", name, error);
      return;
    }
    std::printf("%s: fired %llu times, timer %llx %llx\n", name,
                static_cast<unsigned long long>(element.fired),
                static_cast<unsigned long long>(element.timer[0]),
                static_cast<unsigned long long>(element.timer[1]));
  }

 private:
  template <typename T>
  static T Shared(const T* variable) {
    return __atomic_load_n(variable, __ATOMIC_RELAXED);
  }
  // Asks for the element until `is_so` of it.
  template <typename IsSo>
  void WaitUntil(IsSo is_so) const {
    constexpr int kMostTries = 100'000;  // of 100 microseconds and more
    for (int i = 0; i < kMostTries; ++i) {
      Element element = {};
      bpf_map_lookup_elem(map_, &skeleton_.bss->key, &element);
      if (is_so(element)) return;
      usleep(100);
    }
    std::printf("it does not fire\n");
  }

  timers& skeleton_;
  const int map_;
  const int program_;
};

void Answers(Timer* timer) {
  timer->Say("cancel before init", STEP_CANCEL);
  timer->Say("start before init", STEP_START, kHour);
  timer->Say("callback before init", STEP_SET_CALLBACK);
  for (uint64_t clock : {2, 3, 4, 5, 6, 8, 9, 11, 15, 16, 17}) {
    timer->Say(("init, clock " + std::to_string(clock)).c_str(), STEP_INIT, 0,
               clock);
  }
  timer->Say("init", STEP_INIT, 0, 1);
  timer->Say("init again", STEP_INIT, 0, 1);
  timer->Say("init again, no such clock", STEP_INIT, 0, 2);
  timer->Say("start without a function", STEP_START, kHour);
  timer->Say("cancel without a function", STEP_CANCEL);
  timer->Say("callback", STEP_SET_CALLBACK);
  timer->Say("callback again", STEP_SET_CALLBACK);
  for (uint64_t flags : {4, 8, 0x100}) {
    timer->Say("start with flags", STEP_START, kHour, flags);
  }
  timer->Say("cancel before start", STEP_CANCEL);
  timer->Say("start after cancel", STEP_START, kHour);
  timer->Say("callback after cancel", STEP_SET_CALLBACK);
  timer->Say("start", STEP_START, kHour);
  timer->Say("start again, on its CPU", STEP_START, kHour, 2);
  timer->SayElement("started");
  timer->Say("cancel", STEP_CANCEL);
  timer->Say("cancel again", STEP_CANCEL);
  timer->Say("init after cancel", STEP_INIT, 0, 1);
}

void Fires(timers* skeleton, Timer* timer) {
  timer->Set(MODE_COUNT);
  timer->Say("start now", STEP_START, 0);
  timer->WaitFor(1);
  timer->SayElement("after it");
  std::printf("for key %u\n", skeleton->bss->fired_key);
  timer->Say("cancel after it fired", STEP_CANCEL);
  timer->Set(MODE_COUNT);
  timer->Say("start at a time", STEP_START_AT, 1'000'000);
  timer->WaitFor(2);
  timer->SayElement("after that");
  timer->Say("start at the time 5", STEP_START, 5, 1);
  timer->WaitFor(3);
  timer->SayElement("after the past");
  timer->Say("another function", STEP_SET_OTHER);
  timer->Say("start it", STEP_START, 1000);
  timer->WaitForOther();
  std::printf("the other: %u\n", skeleton->bss->fired_other);
  timer->SayElement("as before");
  timer->Say("the first one", STEP_SET_CALLBACK);
  timer->Say("start in an hour", STEP_START, kHour);
  timer->Say("start sooner", STEP_START, 1000);
  timer->WaitFor(4);
  timer->SayElement("sooner");
}

void Modes(Timer* timer, bool deletes) {
  timer->Put();
  timer->Set(MODE_AGAIN);
  timer->Do(STEP_START, 1000);
  timer->WaitFor(3);
  timer->SayElement("three times");
  const auto fire = [timer](const char* name, mode what) {
    timer->Put();
    timer->Set(what);
    std::printf("%s: %lld\n", name, static_cast<long long>(timer->Fire()));
  };
  fire("cancels itself", MODE_CANCEL);
  timer->Say("start after that", STEP_START, kHour);
  timer->Say("cancel it", STEP_CANCEL);
  fire("inits itself", MODE_INIT);
  if (!deletes) return;
  fire("deletes its element", MODE_DELETE);
  timer->SayElement("deleted");
}

// Timers share the fate of their elements.
void Elements(Timer* timer, bool deletes) {
  const auto start = [timer] {
    timer->Put();
    timer->Set(MODE_COUNT);
    timer->Say("start", STEP_START, kHour);
  };
  start();
  timer->Put(/*timer=*/0x77);
  timer->SayElement("updated");
  timer->Say("cancel after an update", STEP_CANCEL);
  timer->Say("init after an update", STEP_INIT, 0, 1);
  timer->Say("start without a function", STEP_START, kHour);
  if (!deletes) return;
  start();
  timer->Remove();
  timer->SayElement("removed");
  timer->Put();
  timer->Say("cancel a new element's", STEP_CANCEL);
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  timers* const skeleton = timers__open_and_load();
  if (skeleton == nullptr) {
    std::perror("load");
    return 1;
  }
  struct {
    const char* name;
    bool deletes;
    Timer timer;
  } maps[] = {
      {"ARRAY",
       false,
       {skeleton, skeleton->maps.in_array, skeleton->progs.on_in_array}},
      {"HASH",
       true,
       {skeleton, skeleton->maps.in_hash, skeleton->progs.on_in_hash}},
      {"LRU_HASH",
       true,
       {skeleton, skeleton->maps.in_lru, skeleton->progs.on_in_lru}}};
  for (auto& [name, deletes, timer] : maps) {
    std::printf("%s\n", name);
    skeleton->bss->fired_other = 0;
    timer.Key(2);
    timer.Put();
    Answers(&timer);
    timer.Key(3);
    timer.Put();
    Fires(skeleton, &timer);
    Modes(&timer, deletes);
    Elements(&timer, deletes);
  }
  const int array = bpf_map__fd(skeleton->maps.in_array);
  std::printf("freeze: %d\n", bpf_map_freeze(array));
  // A program alone keeps the map, but no timers.
  Timer& timer = maps[0].timer;
  timer.Key(0);
  timer.Set(MODE_COUNT);
  timer.Say("start", STEP_START, kHour);
  close(array);
  timer.Say("cancel in a map without users", STEP_CANCEL);
  timer.Say("init in a map without users", STEP_INIT, 0, 1);
  timers__destroy(skeleton);
  return 0;
}
