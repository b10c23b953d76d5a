// SPDX-License-Identifier: Apache-2.0

// The cost of commands of bpf(2) through libbpf, of whoever answers them.
//
// Prints a line for each: nanoseconds, a tab, and the command. door_bench.sh
// runs it on the kernel's maps and on this library's.
//
//   door_commands MILLISECONDS    of each command
//
// Each command is timed in many short parts, of which the fastest counts: other
// processes only ever add to a time.

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

namespace bpfmap {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kElements = 10'000;
constexpr uint32_t kBatch = 256;
constexpr int kThreads = 8;

void Check(bool is_well, const char* what) {
  if (is_well) return;
  std::perror(what);
  std::exit(1);
}

int Create(bpf_map_type type, uint32_t max_entries) {
  const int fd = bpf_map_create(type, "door", sizeof(uint32_t),
                                sizeof(uint64_t), max_entries, nullptr);
  Check(fd >= 0, "bpf_map_create");
  return fd;
}

void Fill(int fd, uint32_t elements) {
  for (uint32_t key = 0; key < elements; ++key) {
    const uint64_t value = key;
    Check(bpf_map_update_elem(fd, &key, &value, 0) == 0, "bpf_map_update_elem");
  }
}

class Timer {
 public:
  explicit Timer(int milliseconds) : time_(milliseconds) {}

  // `run` does something `each` times.
  template <typename Run>
  void Time(const char* command, uint32_t each, Run run) const {
    double best = 1e18;
    const auto end = Clock::now() + time_;
    do {
      const auto start = Clock::now();
      run();
      const std::chrono::duration<double, std::nano> part =
          Clock::now() - start;
      best = std::min(best, part.count() / each);
    } while (Clock::now() < end);
    std::printf("%.1f\t%s\n", best, command);
    std::fflush(stdout);
  }

 private:
  const std::chrono::milliseconds time_;
};

struct Element {
  uint32_t key = 7;
  uint64_t value = 0;
};

Element global;

void Lookup(int fd, Element* element, int times) {
  for (int i = 0; i < times; ++i) {
    Check(bpf_map_lookup_elem(fd, &element->key, &element->value) == 0,
          "bpf_map_lookup_elem");
  }
}

void TimeElements(const Timer& timer, int fd) {
  constexpr int kTimes = 100;
  Element stack;
  const auto heap = std::make_unique<Element>();
  timer.Time("lookup, stack", kTimes, [&] { Lookup(fd, &stack, kTimes); });
  timer.Time("lookup, heap", kTimes, [&] { Lookup(fd, heap.get(), kTimes); });
  timer.Time("lookup, global", kTimes, [&] { Lookup(fd, &global, kTimes); });
  timer.Time("update", kTimes, [&] {
    for (int i = 0; i < kTimes; ++i) {
      Check(bpf_map_update_elem(fd, &stack.key, &stack.value, 0) == 0,
            "bpf_map_update_elem");
    }
  });
  timer.Time("delete and update", kTimes, [&] {
    for (int i = 0; i < kTimes; ++i) {
      Check(bpf_map_delete_elem(fd, &stack.key) == 0 &&
                bpf_map_update_elem(fd, &stack.key, &stack.value, 0) == 0,
            "bpf_map_delete_elem");
    }
  });
}

// A short walk, so that it is not interrupted.
void TimeWalk(const Timer& timer) {
  constexpr uint32_t kWalk = 500;
  const int fd = Create(BPF_MAP_TYPE_HASH, 2 * kWalk);
  Fill(fd, kWalk);
  timer.Time("get_next_key, walk", kWalk, [&] {
    uint32_t key;
    uint32_t found = 0;
    for (void* from = nullptr; bpf_map_get_next_key(fd, from, &key) == 0;
         from = &key) {
      ++found;
    }
    Check(found == kWalk, "bpf_map_get_next_key");
  });
  close(fd);
}

void TimeBatches(const Timer& timer, int fd) {
  std::vector<uint32_t> keys(kBatch);
  std::vector<uint64_t> values(kBatch);
  uint32_t position = 0;
  bool starts = true;
  uint32_t found = 0;
  // The cost of all elements in batches: a batch may have fewer than asked for.
  timer.Time("lookup_batch of 256, each", kElements, [&] {
    starts = true;
    found = 0;
    for (int error = 0; error == 0; starts = false) {
      uint32_t count = kBatch;
      error = bpf_map_lookup_batch(fd, starts ? nullptr : &position, &position,
                                   keys.data(), values.data(), &count, nullptr);
      found += count;
    }
    Check(found == kElements, "bpf_map_lookup_batch");
  });
  for (uint32_t i = 0; i < kBatch; ++i) keys[i] = i;
  timer.Time("update_batch of 256, each", kBatch, [&] {
    uint32_t count = kBatch;
    Check(bpf_map_update_batch(fd, keys.data(), values.data(), &count,
                               nullptr) == 0,
          "bpf_map_update_batch");
  });
}

void TimeThreads(const Timer& timer, int fd) {
  constexpr int kTimes = 2000;
  timer.Time("lookup, 8 threads at once", kThreads * kTimes, [&] {
    std::array<std::thread, kThreads> threads;
    for (std::thread& thread : threads) {
      thread = std::thread([fd] {
        Element stack;
        Lookup(fd, &stack, kTimes);
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
}

void TimeMaps(const Timer& timer) {
  constexpr int kMaps = 10;
  constexpr uint32_t kRoom = 1024;
  timer.Time("create and close, hash", kMaps, [] {
    for (int i = 0; i < kMaps; ++i) close(Create(BPF_MAP_TYPE_HASH, kRoom));
  });
  timer.Time("create and close, array", kMaps, [] {
    for (int i = 0; i < kMaps; ++i) close(Create(BPF_MAP_TYPE_ARRAY, kRoom));
  });
}

void TimeAll(const Timer& timer) {
  const int fd = Create(BPF_MAP_TYPE_HASH, 2 * kElements);
  Fill(fd, kElements);
  TimeElements(timer, fd);
  TimeWalk(timer);
  TimeBatches(timer, fd);
  TimeThreads(timer, fd);
  close(fd);
  TimeMaps(timer);
}

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  const int milliseconds = argc == 2 ? std::atoi(argv[1]) : 0;
  if (milliseconds <= 0) {
    std::fprintf(stderr, "usage: door_commands MILLISECONDS\n");
    return 1;
  }
  bpfmap::TimeAll(bpfmap::Timer(milliseconds));
}
