// SPDX-License-Identifier: Apache-2.0

// Many producers and one consumer on one ring: no record is lost, none comes
// twice, each producer's come in order, and every byte is right.
//
// Flags: --seed=N (printed by every run); --records=N and --seconds=N, of which
// the first that is reached ends a test.
//
//   ./bazelw run -c opt //tests/threads:ring_soak_test -- --records=100000000
//       --seconds=3600

#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/support/random_seed.h"
#include "tests/support/sanitizer.h"
#include "tests/support/thread_team.h"

ABSL_FLAG(uint64_t, records, bpfmap::kSanitized ? 500000 : 10000000,
          "How many records a test sends.");

namespace bpfmap {
namespace {

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

struct Record {
  uint64_t producer;
  uint64_t sequence;
};

// The byte after the Record of which all others are copies.
uint8_t Filling(const Record& record) {
  return static_cast<uint8_t>(record.sequence * 31 + record.producer);
}

template <typename P>
class Soak {
 public:
  Soak(uint64_t producers, uint32_t ring_size, uint64_t records)
      : ring_({.type = MapType::kRingBuf, .max_entries = ring_size}, &memory_),
        records_of_each_(records / producers),
        sent_(producers),
        next_(producers) {}

  void Run() {
    ASSERT_EQ(ring_.Init(), Errno::kOk);
    ThreadTeam team;
    producing_ = sent_.size();
    for (uint64_t producer = 0; producer < sent_.size(); ++producer) {
      team.AddWorker([this, producer] { return Produce(producer); });
    }
    team.AddWorker([this] { return ConsumeAll(); });
    team.Run();
    uint64_t all = 0;
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      EXPECT_EQ(sent_[i], records_of_each_) << "producer " << i;
      EXPECT_EQ(next_[i], sent_[i]) << "producer " << i;
      all += sent_[i];
    }
    std::cout << all << " records, " << ring_.dropped() << " times full\n";
  }

 private:
  AssertionResult Produce(uint64_t producer) {
    std::mt19937_64 random(RandomSeed() + producer);
    uint64_t sequence = 0;
    for (; sequence < records_of_each_ && !failed_; ++sequence) {
      const Record record = {producer, sequence};
      const uint64_t chance = random();
      const uint32_t size = static_cast<uint32_t>(
          sizeof record +
          (chance % 64 == 0 ? chance / 64 % 1500 : chance / 64 % 100));
      while (!Send(record, size, chance >> 32)) {
        if (failed_) break;
        std::this_thread::yield();
      }
    }
    sent_[producer] = sequence;
    // The last one wakes the consumer, so that it sees that there is no more.
    if (producing_.fetch_sub(1) == 1) {
      while (ring_.Output(nullptr, 0, kRbForceWakeup) != Errno::kOk) {
        std::this_thread::yield();
      }
    }
    return AssertionSuccess();
  }

  bool Send(const Record& record, uint32_t size, uint64_t chance) {
    if (chance % 4 == 0) {
      uint8_t bytes[2048];
      Write(record, size, bytes);
      return ring_.Output(bytes, size) == Errno::kOk;
    }
    if (chance % 16 == 1) {
      void* const unwanted = ring_.Reserve(size);
      if (unwanted == nullptr) return false;
      std::memset(unwanted, 0xdd, size);
      ring_.Discard(unwanted);
    }
    void* const bytes = ring_.Reserve(size);
    if (bytes == nullptr) return false;
    Write(record, size, bytes);
    ring_.Submit(bytes);
    return true;
  }

  static void Write(const Record& record, uint32_t size, void* bytes) {
    std::memset(bytes, Filling(record), size);
    std::memcpy(bytes, &record, sizeof record);
  }

  AssertionResult ConsumeAll() {
    AssertionResult result = AssertionSuccess();
    bool ended = false;
    const auto take = [&](void* data, uint32_t size) {
      if (size == 0) {
        ended = true;
        return 0;
      }
      result = Check(static_cast<const uint8_t*>(data), size);
      return result ? 0 : -1;
    };
    while (!ended && result) {
      if constexpr (HasEvent<P>) {
        ring_.Poll(-1, take);
      } else if (ring_.Consume(take) == 0) {
        std::this_thread::yield();
      }
    }
    failed_ = !result;
    return result;
  }

  AssertionResult Check(const uint8_t* bytes, uint32_t size) {
    Record record;
    if (size < sizeof record) return AssertionFailure() << "size " << size;
    std::memcpy(&record, bytes, sizeof record);
    if (record.producer >= next_.size()) {
      return AssertionFailure() << "producer " << record.producer;
    }
    if (record.sequence != next_[record.producer]) {
      return AssertionFailure() << "record " << record.sequence << " where "
                                << next_[record.producer] << " was next";
    }
    ++next_[record.producer];
    for (uint32_t i = sizeof record; i < size; ++i) {
      if (bytes[i] != Filling(record)) {
        return AssertionFailure() << "byte " << i << " of " << size;
      }
    }
    return AssertionSuccess();
  }

  typename P::Memory memory_;
  RingBuffer<P> ring_;
  const uint64_t records_of_each_;
  std::atomic<std::size_t> producing_{0};
  std::atomic<bool> failed_{false};
  std::vector<uint64_t> sent_;
  std::vector<uint64_t> next_;  // the consumer's
};

TEST(RingSoakTest, EightProducersAndOneConsumer) {
  Soak<Cloud>(8, 65536, absl::GetFlag(FLAGS_records)).Run();
}

TEST(RingSoakTest, SmallRingThatIsAlwaysFullOrEmpty) {
  Soak<Cloud>(2, 4096, absl::GetFlag(FLAGS_records) / 20).Run();
}

TEST(RingSoakTest, TwoProducersOnEmbeddedProfile) {
  Soak<Embedded>(2, 16384, absl::GetFlag(FLAGS_records) / 20).Run();
}

}  // namespace
}  // namespace bpfmap
