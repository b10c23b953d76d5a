// SPDX-License-Identifier: Apache-2.0
//
// call_latency: loads call_latency.bpf.c through its skeleton, plays system
// calls to its programs with a clock of its own, and prints what they measured.
//
// It knows nothing of bpfmap: see packet_counter.cc.

#include "examples/call_latency.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "examples/bpf_run.h"
#include "examples/call_latency.skel.h"

namespace {

using bpfmap::examples::Must;

constexpr uint64_t kMicrosecond = 1'000;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint32_t kRead = 0, kOpen = 2, kPoll = 7;

class Tracer {
 public:
  // `set` changes the constants before the load.
  template <typename Set>
  explicit Tracer(Set set) : skeleton_(Must("open", call_latency__open())) {
    skeleton_->rodata->has_own_clock = true;
    set(skeleton_);
    Must("load", call_latency__load(skeleton_));
    skeleton_->bss->now = kMillisecond;
  }
  ~Tracer() { call_latency__destroy(skeleton_); }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  void Enter(uint32_t call) { Run(skeleton_->progs.enter, {0, call}); }
  void Leave(int64_t result) {
    Run(skeleton_->progs.leave, {0, static_cast<uint64_t>(result)});
  }
  void EndThread() { Run(skeleton_->progs.forget, {0, 0}); }
  void Sleep(uint64_t ns) { skeleton_->bss->now += ns; }

  void Call(uint32_t call, uint64_t ns, int64_t result) {
    Enter(call);
    Sleep(ns);
    Leave(result);
  }

  void PrintCalls() const;
  void PrintCounts() const;
  void PrintFailures() const;
  void PrintEvents() const;
  void PrintSummary(uint32_t percent) const;

 private:
  struct Arguments {
    uint64_t of_tracepoint[2];
  };
  static void Run(const bpf_program* program, Arguments arguments) {
    LIBBPF_OPTS(bpf_test_run_opts, test);
    test.ctx_in = &arguments;
    test.ctx_size_in = sizeof arguments;
    Must("run", bpf_prog_test_run_opts(bpf_program__fd(program), &test));
  }

  call_latency* const skeleton_;
};

template <typename Key>
std::vector<Key> KeysOf(const bpf_map* map) {
  std::vector<Key> keys;
  Key next;
  const Key* at = nullptr;
  while (bpf_map__get_next_key(map, at, &next, sizeof next) == 0) {
    keys.push_back(next);
    at = &keys.back();
  }
  return keys;
}

void PrintSlots(const call& value) {
  const uint32_t* const end =
      std::find_if(std::make_reverse_iterator(value.slots + SLOTS),
                   std::make_reverse_iterator(value.slots + 0),
                   [](uint32_t slot) { return slot != 0; })
          .base();
  const uint32_t most = *std::max_element(value.slots, value.slots + SLOTS);
  for (const uint32_t* slot = value.slots; slot != end; ++slot) {
    const auto bits = static_cast<unsigned>(slot - value.slots);
    std::printf("%8u -> %-8u : %-4u |%-20s|\n", bits == 0 ? 0 : 1u << bits,
                (2u << bits) - 1, *slot,
                std::string(*slot * 20 / most, '*').c_str());
  }
}

void Tracer::PrintCalls() const {
  std::vector<uint32_t> keys = KeysOf<uint32_t>(skeleton_->maps.calls);
  std::sort(keys.begin(), keys.end());
  for (const uint32_t key : keys) {
    call value = {};
    Must("calls", bpf_map__lookup_elem(skeleton_->maps.calls, &key, sizeof key,
                                       &value, sizeof value, 0));
    std::printf("call %u: %llu, %llu failed, %llu us\n", key, value.count,
                value.failed, value.total_ns / kMicrosecond);
    PrintSlots(value);
  }
  PrintCounts();
}

void Tracer::PrintCounts() const {
  std::printf("%zu calls, %llu unknown, %llu lost\n",
              KeysOf<uint32_t>(skeleton_->maps.calls).size(),
              skeleton_->bss->unknown, skeleton_->bss->lost);
}

void Tracer::PrintFailures() const {
  std::vector<failure> keys = KeysOf<failure>(skeleton_->maps.failures);
  std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) {
    return a.call != b.call ? a.call < b.call : a.error < b.error;
  });
  for (const failure& key : keys) {
    uint64_t count = 0;
    Must("failures", bpf_map__lookup_elem(skeleton_->maps.failures, &key,
                                          sizeof key, &count, sizeof count, 0));
    std::printf("call %u failed %llu times: %s\n", key.call,
                static_cast<unsigned long long>(count),
                std::strerror(static_cast<int>(key.error)));
  }
}

int PrintEvent(void*, void* data, std::size_t size) {
  event slow;
  if (size != sizeof slow) return -EINVAL;
  std::memcpy(&slow, data, sizeof slow);
  char name[COMM_LENGTH] = "";
  prctl(PR_GET_NAME, name);
  std::printf(
      "slow: call %u took %llu us and returned %lld%s%s%s\n", slow.call,
      slow.duration_ns / kMicrosecond, static_cast<long long>(slow.result),
      slow.process == static_cast<uint32_t>(getpid()) ? ", here" : "",
      slow.thread == static_cast<uint32_t>(gettid()) ? ""
                                                     : ", by another thread",
      std::strncmp(slow.comm, name, COMM_LENGTH) == 0 ? ""
                                                      : ", by another program");
  return 0;
}

void Tracer::PrintEvents() const {
  ring_buffer* const ring =
      Must("ring", ring_buffer__new(bpf_map__fd(skeleton_->maps.events),
                                    PrintEvent, nullptr, nullptr));
  std::printf("%d events\n", Must("poll", ring_buffer__poll(ring, 0)));
  ring_buffer__free(ring);
}

void Tracer::PrintSummary(uint32_t percent) const {
  summary asked = {};
  asked.percent = percent;
  LIBBPF_OPTS(bpf_test_run_opts, test);
  test.ctx_in = &asked;
  test.ctx_size_in = sizeof asked;
  const int program = bpf_program__fd(skeleton_->progs.summarize);
  Must("summarize", bpf_prog_test_run_opts(program, &test));
  std::printf("%u%%: returns %d, %s; %u calls, the slowest %u, slot %u\n",
              percent, static_cast<int>(test.retval), skeleton_->bss->line,
              asked.calls, asked.slowest, asked.slot);
}

void TraceAll() {
  Tracer tracer([](call_latency*) {});
  tracer.PrintSummary(50);
  tracer.Leave(0);  // of a call that began before
  for (uint64_t i = 1; i <= 12; ++i) {
    tracer.Call(kRead, i * i * 10 * kMicrosecond, static_cast<int64_t>(i));
  }
  tracer.Call(kRead, 999, -EINTR);
  tracer.Call(kRead, 999, -EINTR);
  tracer.Call(kOpen, 70 * kMicrosecond, -ENOENT);
  tracer.Call(kOpen, 80 * kMicrosecond, 3);
  tracer.Call(kOpen, 90 * kMicrosecond, -4096);  // an address, not an error
  tracer.Enter(kPoll);
  std::thread([&tracer] {
    tracer.Call(kPoll, 2 * kMillisecond, -EFAULT);
    tracer.Enter(kRead);
    tracer.EndThread();
    tracer.Leave(1);  // forgotten
  }).join();
  tracer.Sleep(7'000 * kMillisecond);
  tracer.Leave(0);
  tracer.PrintCalls();
  tracer.PrintFailures();
  tracer.PrintEvents();
  for (const uint32_t percent : {0, 50, 99}) tracer.PrintSummary(percent);
}

void TraceFailuresOfOneCall() {
  Tracer tracer([](call_latency* skeleton) {
    skeleton->rodata->filter_call = kOpen;
    skeleton->rodata->filter_process = static_cast<uint32_t>(getpid());
    skeleton->rodata->only_failed = true;
    skeleton->rodata->in_milliseconds = true;
    skeleton->rodata->slow_ns = 0;
  });
  tracer.Call(kRead, kMillisecond, -EINTR);
  tracer.Call(kOpen, kMillisecond, 3);
  tracer.Call(kOpen, 5 * kMillisecond, -EACCES);
  tracer.PrintCalls();
  tracer.PrintFailures();
  tracer.PrintEvents();
  tracer.PrintSummary(50);
}

// With the real clock only the number of calls is known, not their time.
void TraceWithRealClock() {
  Tracer tracer([](call_latency* skeleton) {
    skeleton->rodata->has_own_clock = false;
    skeleton->rodata->slow_ns = 0;
  });
  // More threads than there is room for, and each leaves one behind.
  for (int i = 0; i < 6; ++i) {
    std::thread([&tracer] {
      tracer.Call(kRead, 0, 0);
      tracer.Enter(kRead);
    }).join();
  }
  tracer.PrintCounts();
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  TraceAll();
  TraceFailuresOfOneCall();
  TraceWithRealClock();
  return 0;
}
