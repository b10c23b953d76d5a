// SPDX-License-Identifier: Apache-2.0

// Rings whose user space writes what it likes to the memory that it has mapped,
// while programs use them: nothing is read or written outside of the ring,
// nobody waits for ever, and what is a program's stays as it is.
//
// tests/kernel/user_ring_kernel_test.cc compares the answers to such memory
// with Linux.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_cast.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/mappable.h"
#include "gtest/gtest.h"
#include "tests/support/random_seed.h"
#include "tests/support/sanitizer.h"

namespace bpfmap {
namespace {

constexpr uint32_t kRingSize = 4096;
constexpr std::size_t kPage = 4096;

// How often a program uses its ring, and how often at least with each outcome.
// A drain may look at 131,072 records.
constexpr int kDrains = kSanitized ? 100 : 10'000;
constexpr int kReserves = kSanitized ? 20'000 : 200'000;
constexpr int kMany = 100;

// Pages of a ring, mapped for writing.
class Pages {
 public:
  Pages(int fd, std::size_t offset, std::size_t size)
      : size_(size),
        bytes_(static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                       MAP_SHARED, fd,
                                       static_cast<off_t>(offset)))) {
    EXPECT_NE(bytes_, MAP_FAILED);
  }
  ~Pages() { munmap(bytes_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  template <typename Word>
  std::atomic<Word>& At(std::size_t offset) {
    return *reinterpret_cast<std::atomic<Word>*>(bytes_ + offset);
  }

 private:
  const std::size_t size_;
  char* const bytes_;
};

// A thread that does the same again and again for as long as this lives.
class Disturbance {
 public:
  template <typename Action>
  explicit Disturbance(Action action)
      : thread_([this, action] {
          std::mt19937_64 random(RandomSeed());
          while (!stop_.load(std::memory_order_relaxed)) action(random);
        }) {}
  ~Disturbance() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  Disturbance(const Disturbance&) = delete;
  Disturbance& operator=(const Disturbance&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A position: the one at hand and a bit more or less, or any.
uint64_t SomePosition(uint64_t near, std::mt19937_64& random) {
  switch (random() % 8) {
    case 0:
      return random();
    case 1:
      return near - random() % (2 * kRingSize);
    case 2:
      return near + random() % (4 * kRingSize);
    default:
      return near + random() % kRingSize / 8 * 8;
  }
}

TEST(HostileRingTest, ProducerCanWriteAnythingWhileProgramDrains) {
  const int fd =
      CreateFd({.type = MapType::kUserRingBuf, .max_entries = kRingSize});
  const auto map = MapOfFd(fd);
  ASSERT_NE(map, nullptr);
  auto& ring = *MapCast<UserRingBuffer<Mappable>>(map);
  // The consumer position cannot be written; then the producer's, and records.
  const Pages pages(fd, kPage, kPage + 2 * kRingSize);
  void* first = nullptr;
  ASSERT_EQ(ring.Reserve(8, &first), Errno::kOk);
  const auto start = reinterpret_cast<uintptr_t>(first) - 8;
  ring.Submit(first);

  const auto* const consumer = static_cast<const uint64_t*>(
      mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0));
  ASSERT_NE(consumer, MAP_FAILED);
  const auto disturb = [&](std::mt19937_64& random) {
    auto& all = const_cast<Pages&>(pages);
    constexpr uint32_t kLengths[] = {0,         8,       100,       4088,
                                     4089,      8192,    0xfffff7,  0xffffff,
                                     0x1000000, 1 << 29, 0x3fffffff};
    const uint32_t length = random() % 4 == 0
                                ? static_cast<uint32_t>(random())
                                : kLengths[random() % std::size(kLengths)] |
                                      uint32_t{random() % 8 == 0} << 31 |
                                      uint32_t{random() % 8 == 0} << 30;
    all.At<uint32_t>(kPage + random() % (2 * kRingSize) / 8 * 8).store(length);
    const uint64_t at = __atomic_load_n(consumer, __ATOMIC_SEQ_CST);
    if (random() % 4 == 0) all.At<uint64_t>(0).store(SomePosition(at, random));
  };

  int records = 0, refusals = 0;
  {
    const Disturbance disturbance(disturb);
    std::mt19937_64 random(RandomSeed() + 1);
    for (int i = 0; i < kDrains || records < kMany || refusals < kMany; ++i) {
      const int64_t drained = ring.Drain(
          [&](void* data, uint32_t size) {
            const auto offset = reinterpret_cast<uintptr_t>(data) - start;
            EXPECT_LE(offset, kRingSize);
            EXPECT_LE(offset + size, 2 * kRingSize);
            ++records;
            return random() % 4 == 0 || testing::Test::HasFailure();
          },
          RingFlags{random() % 4});
      if (drained < 0) {
        ++refusals;
        EXPECT_TRUE(drained == -EINVAL || drained == -E2BIG) << drained;
      }
      ASSERT_FALSE(HasFailure());
    }
  }
  munmap(const_cast<uint64_t*>(consumer), kPage);
  close(fd);
}

TEST(HostileRingTest, ConsumerCanWriteAnythingWhileProgramsSubmit) {
  constexpr char kHeld = 0x5a;
  const int fd =
      CreateFd({.type = MapType::kRingBuf, .max_entries = kRingSize});
  const auto map = MapOfFd(fd);
  ASSERT_NE(map, nullptr);
  auto& ring = *MapCast<RingBuffer<Mappable>>(map);
  Pages consumer(fd, 0, kPage);
  EXPECT_NE(EpollDescriptor(fd), fd);
  void* const first = ring.Reserve(8);
  const auto start = reinterpret_cast<uintptr_t>(first) - 8;
  ring.Submit(first);

  int reserved = 0, full = 0;
  {
    const Disturbance disturbance([&](std::mt19937_64& random) {
      consumer.At<uint64_t>(0).store(
          SomePosition(ring.Query(kRbProdPos), random));
      RefreshEpoll();
    });
    const Disturbance another_program([&](std::mt19937_64& random) {
      const char bytes[200] = {};
      static_cast<void>(ring.Output(bytes, random() % sizeof bytes));
    });
    struct Record {
      char* data;
      std::size_t size;
    };
    std::vector<Record> records;
    std::mt19937_64 random(RandomSeed() + 2);
    for (int i = 0; i < kReserves || reserved < kMany || full < kMany; ++i) {
      if (!records.empty() && random() % 2 == 0) {
        std::swap(records[random() % records.size()], records.back());
        const Record record = records.back();
        records.pop_back();
        ASSERT_TRUE(std::all_of(record.data, record.data + record.size,
                                [](char byte) { return byte == kHeld; }));
        ring.Submit(record.data);
        continue;
      }
      const std::size_t size = random() % 500;
      void* const data = ring.Reserve(size);
      if (data == nullptr) {
        ++full;
        continue;
      }
      ++reserved;
      const auto offset = reinterpret_cast<uintptr_t>(data) - start;
      ASSERT_LE(offset, kRingSize);
      ASSERT_LE(offset + size, 2 * kRingSize);
      std::memset(data, kHeld, size);
      records.push_back({static_cast<char*>(data), size});
    }
    for (const Record& record : records) ring.Submit(record.data);
  }

  // To one that keeps to the rules again, so does the ring.
  consumer.At<uint64_t>(0).store(ring.Query(kRbProdPos));
  ASSERT_EQ(ring.Output("again", 6), Errno::kOk);
  EXPECT_EQ(ring.Consume([](void* data, uint32_t size) {
    EXPECT_EQ(size, 6u);
    EXPECT_STREQ(static_cast<char*>(data), "again");
    return 0;
  }),
            1);
  close(fd);
}

}  // namespace
}  // namespace bpfmap
