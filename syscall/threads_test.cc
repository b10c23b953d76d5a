// SPDX-License-Identifier: Apache-2.0

// Many threads with one set of descriptors, pins and mappings.
//
// Descriptors are closed under running commands, so most results may be one of
// several; what must hold is said at each place.
//
// Flags: --seed=N (printed by every run), --seconds=N:
//
//   ./bazelw test //syscall:threads_test --test_arg=--seconds=600
//       --test_timeout=900

#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/pins.h"
#include "bpfmap/syscall/resident_memory.h"
#include "gtest/gtest.h"
#include "tests/support/random_seed.h"
#include "tests/support/sanitizer.h"

ABSL_FLAG(int, seconds, bpfmap::kThreadSanitized ? 15 : 4,
          "How long the threads run.");

// Threads close and open descriptors here that others use. ThreadSanitizer
// takes a descriptor for memory, and that for a race.
extern "C" const char* __tsan_default_suppressions() {
  return "race:close\nrace:dup\nrace:fstat\nrace:mmap\nrace:open\n";
}

namespace bpfmap {
namespace {

constexpr int kThreads = 8;
constexpr int kShared = 16;  // descriptors that all threads use and replace
constexpr uint32_t kEntries = 64;

class ThreadsTest : public testing::Test {
 protected:
  ThreadsTest() {
    for (std::atomic<int>& fd : shared_) fd = -1;
  }

  static int CreateAny(std::mt19937_64& random) {
    MapDef def = {.type = MapType::kHash,
                  .key_size = 4,
                  .value_size = 8,
                  .max_entries = kEntries};
    switch (random() % 6) {
      case 0:
        def.type = MapType::kArray;
        def.map_flags = kMmapable;
        break;
      case 1:
        def.type = MapType::kLruHash;
        break;
      case 2:
        def = {.type = MapType::kQueue, .value_size = 8, .max_entries = 8};
        break;
      case 3:
        def = {.type = MapType::kRingBuf, .max_entries = 4096};
        break;
      case 4:
        def.type = MapType::kPerCpuArray;
        break;
    }
    return CreateFd(def);
  }

  static std::string PinPath(std::mt19937_64& random) {
    return "/sys/fs/bpf/pin" + std::to_string(random() % 4);
  }

  // A descriptor from somewhere.
  int Obtain(std::mt19937_64& random) {
    switch (random() % 5) {
      case 0:
        return dup(shared_[random() % kShared]);
      case 1:
        return static_cast<int>(Get(PinPath(random).c_str()));
      case 2: {
        // Any but the counters.
        const long id =
            NextId(counters_id_ + static_cast<uint32_t>(random() % 64));
        return id > 0 ? static_cast<int>(FdById(static_cast<uint32_t>(id)))
                      : -1;
      }
      default:
        return CreateAny(random);
    }
  }

  // Uses a descriptor that may be closed, or another map's, at any moment.
  void Use(int fd, std::mt19937_64& random) {
    alignas(8) char key[8] = {};
    alignas(8) char value[8 * 64] = {};
    // The number may be that of a copy of the counters by now: none of theirs.
    key[0] = static_cast<char>(kThreads + random() % kEntries);
    long result = 0;
    switch (random() % 6) {
      case 0:
        result = Update(fd, key, value);
        break;
      case 1:
        result = Lookup(fd, key, value);
        break;
      case 2:
        result = Delete(fd, key);
        break;
      case 3:
        result = Pin(fd, PinPath(random).c_str());
        break;
      case 4: {
        void* const memory = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
        if (memory != MAP_FAILED) munmap(memory, 4096);
        break;
      }
      case 5: {
        uint32_t keys[16];
        uint64_t values[16 * 64];
        uint32_t position;
        bpf_attr attr = ZeroedAttr();
        attr.batch.map_fd = static_cast<uint32_t>(fd);
        attr.batch.out_batch = Address(&position);
        attr.batch.keys = Address(keys);
        attr.batch.values = Address(values);
        attr.batch.count = 16;
        result = Call(BPF_MAP_LOOKUP_BATCH, &attr);
        break;
      }
    }
    EXPECT_GT(result, -600);
    EXPECT_NE(result, -EFAULT);
  }

  // Gives back what threads have left in their common places.
  void LetGo() {
    for (int pin = 0; pin < 4; ++pin) {
      ProcessPins::Global().Unlink("/sys/fs/bpf/pin" + std::to_string(pin));
    }
    for (std::atomic<int>& fd : shared_) {
      const int old = fd.exchange(-1);
      if (old >= 0) close(old);
    }
  }

  // Creates, uses and closes what all threads see.
  void Step(std::mt19937_64& random) {
    const int fd = Obtain(random);
    const int old = fd >= 0 ? shared_[random() % kShared].exchange(fd) : -1;
    for (int i = 0; i < 4; ++i) Use(shared_[random() % kShared], random);
    if (random() % 4 == 0) ProcessPins::Global().Unlink(PinPath(random));
    if (old >= 0) close(old);
  }

  void CountInThreads(std::chrono::steady_clock::duration time);

  std::array<std::atomic<int>, kShared> shared_;
  uint32_t counters_id_ = 0;  // the lowest: there are none before
};

// Each thread counts in an element of its own, by system call and by store.
void ThreadsTest::CountInThreads(std::chrono::steady_clock::duration time) {
  const auto end = std::chrono::steady_clock::now() + time;
  const int counters = CreateFd({.type = MapType::kArray,
                                 .key_size = 4,
                                 .value_size = 8,
                                 .max_entries = kThreads,
                                 .map_flags = kMmapable});
  ASSERT_GE(counters, 0);
  counters_id_ = IdOf(counters);
  std::array<uint64_t, kThreads> counted = {};
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(RandomSeed() + thread);
      uint64_t count = 0;
      for (int round = 0;
           round % 64 != 0 || std::chrono::steady_clock::now() < end; ++round) {
        Step(random);

        // A descriptor that is this thread's own, for a moment.
        const int own = dup(counters);
        uint64_t value = 0;
        ASSERT_EQ(Lookup(own, &thread, &value), 0);
        ASSERT_EQ(value, count);
        value = ++count;
        ASSERT_EQ(Update(own, &thread, &value), 0);
        auto* const memory = static_cast<uint64_t*>(
            mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0));
        close(own);
        ASSERT_NE(memory, MAP_FAILED);
        uint64_t* const mine = &memory[thread];
        ASSERT_EQ(__atomic_load_n(mine, __ATOMIC_SEQ_CST), count);
        __atomic_store_n(mine, ++count, __ATOMIC_SEQ_CST);
        munmap(memory, 4096);
      }
      counted[thread] = count;
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (uint32_t thread = 0; thread < kThreads; ++thread) {
    uint64_t value = 0;
    EXPECT_EQ(Lookup(counters, &thread, &value), 0);
    EXPECT_EQ(value, counted[thread]);
    EXPECT_GT(value, 0u);
  }
  LetGo();
  for (long id; (id = NextId(counters_id_)) > 0;) {
    ASSERT_TRUE(IsLetGo(static_cast<uint32_t>(id)));
  }
  EXPECT_EQ(NextId(0), static_cast<long>(counters_id_));
  close(counters);
  EXPECT_TRUE(IsLetGo(counters_id_));
}

TEST_F(ThreadsTest, CountsAddUpAndNothingIsLeft) {
  const auto half =
      std::chrono::milliseconds(500) * absl::GetFlag(FLAGS_seconds);
  CountInThreads(half);
  const uint64_t resident = ResidentMemory();
  CountInThreads(half);
  std::cout << resident << " bytes after half of the time, " << ResidentMemory()
            << " bytes after all of it\n";
  // A sanitizer keeps what is freed for a while.
  if (!kSanitized) {
    EXPECT_LE(ResidentMemory(), resident + (4 << 20));
  }
}

// Everything that a process with one thread and no lock to wait for can do.
bool CanDoAll() {
  constexpr char kPath[] = "/sys/fs/bpf/of_the_child";
  const MapDef def = {
      .type = MapType::kHash, .key_size = 4, .value_size = 8, .max_entries = 1};
  const int fd = CreateFd(def);
  const int ring = CreateFd({.type = MapType::kRingBuf, .max_entries = 4096});
  const uint32_t key = 1;
  const uint64_t value = 2;
  if (fd < 0 || ring < 0 || Update(fd, &key, &value) != 0) return false;
  if (EpollDescriptor(ring) == ring || Pin(fd, kPath) != 0) return false;
  RefreshEpoll();
  const uint32_t id = IdOf(fd);
  close(fd);
  if (ProcessPins::Global().Unlink(kPath) != 0) return false;
  return IsLetGo(id);
}

TEST_F(ThreadsTest, ForkFindsNoLockTaken) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(RandomSeed() + static_cast<uint64_t>(thread));
      while (!stop.load(std::memory_order_relaxed)) {
        Step(random);
        EpollDescriptor(shared_[random() % kShared]);
        RefreshEpoll();
      }
    });
  }
  for (int i = 0; i < (kSanitized ? 10 : 100); ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);  // instead of waiting for ever
      _exit(CanDoAll() ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "fork " << i;
    if (HasFailure()) break;
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
  LetGo();
}

}  // namespace
}  // namespace bpfmap
