// Many threads with one set of descriptors, pins and mappings.
//
// Descriptors are closed under running commands, so most results may be one of
// several; what must hold is said at each place. Prints its seed, and takes
// --seed and --seconds:
//
//   ./bazelw test //syscall:threads_test --test_arg=--seconds=600

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "gtest/gtest.h"
#include "maps/map_def.h"
#include "syscall/bpf_call.h"
#include "syscall/pins.h"

ABSL_FLAG(int, seconds, 3, "how long the threads run");
ABSL_FLAG(uint64_t, seed, 0, "0 for a random one");

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

  std::array<std::atomic<int>, kShared> shared_;
  uint32_t counters_id_ = 0;  // the lowest: there are none before
};

TEST_F(ThreadsTest, CountsAddUpAndNothingIsLeft) {
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  if (seed == 0) seed = std::random_device()();
  std::printf("--seed=%llu\n", static_cast<unsigned long long>(seed));
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(absl::GetFlag(FLAGS_seconds));

  // Each thread counts in an element of its own, by system call and by store.
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
      std::mt19937_64 random(seed + thread);
      uint64_t count = 0;
      for (int round = 0;
           round % 64 != 0 || std::chrono::steady_clock::now() < end; ++round) {
        const int fd = Obtain(random);
        const int old = fd >= 0 ? shared_[random() % kShared].exchange(fd) : -1;
        for (int i = 0; i < 4; ++i) Use(shared_[random() % kShared], random);
        if (random() % 4 == 0) {
          PinTable::OfProcess().Unlink(PinPath(random));
        }
        if (old >= 0) close(old);

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
        std::atomic_ref<uint64_t> mine(memory[thread]);
        ASSERT_EQ(mine.load(), count);
        mine.store(++count);
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
  for (int pin = 0; pin < 4; ++pin) {
    PinTable::OfProcess().Unlink("/sys/fs/bpf/pin" + std::to_string(pin));
  }
  for (std::atomic<int>& fd : shared_) {
    if (fd >= 0) close(fd);
  }
  for (long id; (id = NextId(counters_id_)) > 0;) {
    ASSERT_TRUE(IsLetGo(static_cast<uint32_t>(id)));
  }
  EXPECT_EQ(NextId(0), static_cast<long>(counters_id_));
  close(counters);
  EXPECT_TRUE(IsLetGo(counters_id_));
}

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
