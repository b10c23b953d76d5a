// SPDX-License-Identifier: Apache-2.0

// RingBuffer in this process: what the kernel cannot be asked about in a small
// program, in each profile.

#include "bpfmap/maps/ring_buffer.h"

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

static_assert(RoundUpRingSize(0) == 0);
static_assert(RoundUpRingSize(1) == 4096);
static_assert(RoundUpRingSize(4096) == 4096);
static_assert(RoundUpRingSize(4097) == 8192);
static_assert(RoundUpRingSize(12288) == 16384);
static_assert(RoundUpRingSize(26214400) == 33554432);
static_assert(RoundUpRingSize(0x7fffffff) == 0x80000000);
static_assert(RoundUpRingSize(0x80000000) == 0x80000000);
static_assert(RoundUpRingSize(0x80000001) == 0x80000001);  // refused

constexpr MapDef Def(uint32_t size) {
  return {.type = MapType::kRingBuf, .max_entries = size};
}

// The largest ring that fits a pool.
static_assert(RingBuffer<Embedded>::MemoryNeeded(Def(16384)) <=
              Embedded::Memory::kTotalSize);
static_assert(RingBuffer<Embedded>::MemoryNeeded(Def(32768)) >
              Embedded::Memory::kTotalSize);

template <typename Ring>
concept HasPoll = requires(Ring& ring, int (*callback)(void*, uint32_t)) {
  ring.Poll(0, callback);
};
static_assert(HasPoll<RingBuffer<Cloud>>);
static_assert(!HasPoll<RingBuffer<Embedded>>);

template <typename P>
class RingBufferTest : public testing::Test {
 protected:
  RingBufferTest() : ring_(Def(4096), &memory_) {}
  void SetUp() override { ASSERT_EQ(ring_.Init(), Errno::kOk); }

  // A record with a number in it; null if there is no room.
  uint64_t* Reserve(uint64_t number) {
    auto* const record = static_cast<uint64_t*>(ring_.Reserve(8));
    if (record != nullptr) *record = number;
    return record;
  }
  Errno Output(uint64_t number) { return ring_.Output(&number, 8); }
  std::vector<uint64_t> Consume() {
    std::vector<uint64_t> numbers;
    const int64_t count = ring_.Consume(Into(&numbers));
    EXPECT_EQ(count, static_cast<int64_t>(numbers.size()));
    return numbers;
  }
  static auto Into(std::vector<uint64_t>* numbers) {
    return [numbers](void* data, uint32_t size) {
      EXPECT_EQ(size, 8u);
      numbers->push_back(*static_cast<uint64_t*>(data));
      return 0;
    };
  }

  typename P::Memory memory_;
  RingBuffer<P> ring_;
};

struct ProfileName {
  template <typename P>
  static std::string GetName(int) {
    return P::kName;
  }
};
using Profiles = testing::Types<Cloud, Embedded>;
TYPED_TEST_SUITE(RingBufferTest, Profiles, ProfileName);

TYPED_TEST(RingBufferTest, BusyRecordHoldsUpConsumer) {
  uint64_t* const first = this->Reserve(1);
  uint64_t* const second = this->Reserve(2);
  this->ring_.Submit(second);
  EXPECT_THAT(this->Consume(), IsEmpty());
  EXPECT_EQ(this->Output(3), Errno::kOk);
  EXPECT_THAT(this->Consume(), IsEmpty());
  this->ring_.Submit(first);
  EXPECT_THAT(this->Consume(), ElementsAre(1, 2, 3));
}

TYPED_TEST(RingBufferTest, DiscardedRecordIsNotShown) {
  uint64_t* const first = this->Reserve(1);
  EXPECT_EQ(this->Output(2), Errno::kOk);
  this->ring_.Discard(first);
  EXPECT_THAT(this->Consume(), ElementsAre(2));
}

TYPED_TEST(RingBufferTest, RecordsAreAlignedTo8) {
  for (uint64_t size = 0; size < 20; ++size) {
    void* const record = this->ring_.Reserve(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(record) % 8, 0u);
    this->ring_.Submit(record);
  }
}

TYPED_TEST(RingBufferTest, BusyRecordIsNotOverwritten) {
  uint64_t* const busy = this->Reserve(77);
  while (this->Output(1) == Errno::kOk) {
  }
  EXPECT_EQ(*busy, 77u);
  EXPECT_EQ(this->ring_.Query(kRbAvailData), 4080u);
  this->ring_.Submit(busy);
  EXPECT_EQ(this->Consume().size(), 255u);
}

TYPED_TEST(RingBufferTest, ConsumeNStopsAtItsNumber) {
  for (uint64_t i = 0; i < 5; ++i) ASSERT_EQ(this->Output(i), Errno::kOk);
  std::vector<uint64_t> numbers;
  EXPECT_EQ(this->ring_.ConsumeN(0, this->Into(&numbers)), 0);
  EXPECT_EQ(this->ring_.ConsumeN(2, this->Into(&numbers)), 2);
  EXPECT_THAT(numbers, ElementsAre(0, 1));
  EXPECT_EQ(this->ring_.ConsumeN(9, this->Into(&numbers)), 3);
  EXPECT_THAT(numbers, ElementsAre(0, 1, 2, 3, 4));
}

TYPED_TEST(RingBufferTest, CallbackBelow0EndsItAndItsRecordIsConsumed) {
  for (uint64_t i = 0; i < 3; ++i) ASSERT_EQ(this->Output(i), Errno::kOk);
  int calls = 0;
  const auto fail = [&](void*, uint32_t) { return ++calls == 2 ? -7 : 0; };
  EXPECT_EQ(this->ring_.Consume(fail), -7);
  EXPECT_THAT(this->Consume(), ElementsAre(2));
}

TYPED_TEST(RingBufferTest, CallbackMayProduce) {
  ASSERT_EQ(this->Output(1), Errno::kOk);
  std::vector<uint64_t> numbers;
  const auto echo = [&](void* data, uint32_t) {
    numbers.push_back(*static_cast<uint64_t*>(data));
    return numbers.size() < 3 && this->Output(9) != Errno::kOk ? -1 : 0;
  };
  EXPECT_EQ(this->ring_.Consume(echo), 3);
  EXPECT_THAT(numbers, ElementsAre(1, 9, 9));
}

TYPED_TEST(RingBufferTest, RecordWithoutRoomIsCounted) {
  EXPECT_EQ(this->ring_.dropped(), 0u);
  EXPECT_EQ(this->ring_.Reserve(4089), nullptr);
  EXPECT_EQ(this->ring_.dropped(), 1u);
  while (this->Reserve(1) != nullptr) {
  }
  EXPECT_EQ(this->ring_.dropped(), 2u);
  EXPECT_EQ(this->Output(1), Errno::kAgain);
  EXPECT_EQ(this->ring_.dropped(), 3u);
  // A call that is wrong loses nothing.
  EXPECT_EQ(this->ring_.Reserve(8, RingFlags{1}), nullptr);
  EXPECT_EQ(this->ring_.Output(nullptr, 8), Errno::kFault);
  EXPECT_EQ(this->ring_.dropped(), 3u);
}

TYPED_TEST(RingBufferTest, FrozenRingStillTakesRecordsOfPrograms) {
  EXPECT_EQ(this->ring_.Freeze(), Errno::kOk);
  EXPECT_EQ(this->Output(1), Errno::kOk);
  EXPECT_THAT(this->Consume(), ElementsAre(1));
}

TYPED_TEST(RingBufferTest, ThereAreNoElements) {
  const uint32_t key = 0;
  EXPECT_EQ(this->ring_.LookupElem(&key), nullptr);
  EXPECT_EQ(this->ring_.UpdateElem(&key, &key, kAny), Errno::kAcces);
  EXPECT_EQ(this->ring_.DeleteElem(&key), Errno::kAcces);
}

// Every length, at every place of the ring that it can lie in.
TYPED_TEST(RingBufferTest, RecordsOfAllLengthsComeBackWhole) {
  unsigned char bytes[512];
  for (uint32_t round = 0; round < 3000; ++round) {
    const uint32_t size = round * 7 % sizeof bytes;
    std::memset(bytes, static_cast<int>(round & 0xff), size);
    ASSERT_EQ(this->ring_.Output(bytes, size), Errno::kOk);
    const auto check = [&](void* data, uint32_t length) {
      EXPECT_EQ(length, size);
      EXPECT_EQ(std::memcmp(data, bytes, size), 0);
      return 0;
    };
    ASSERT_EQ(this->ring_.Consume(check), 1);
  }
}

// SoleProducer: the lock of producers is taken once.

TYPED_TEST(RingBufferTest, SoleProducerWritesRecordsLikeTheRing) {
  const uint64_t number = 3;
  uint64_t* const early = this->Reserve(0);
  {
    typename RingBuffer<TypeParam>::SoleProducer sole(this->ring_);
    auto* const first = static_cast<uint64_t*>(sole.Reserve(8));
    ASSERT_NE(first, nullptr);
    *first = 1;
    void* const dropped = sole.Reserve(8);
    EXPECT_EQ(sole.Output(&number, 8), Errno::kOk);
    EXPECT_EQ(sole.Output(nullptr, 8), Errno::kFault);
    EXPECT_EQ(sole.Output(&number, 8, RingFlags{4}), Errno::kInval);
    EXPECT_EQ(sole.Output(&number, 8192), Errno::kAgain);
    EXPECT_EQ(sole.Reserve(8, kRbNoWakeup), nullptr);
    sole.Discard(dropped);
    sole.Submit(first);
    // Reserved before: not the sole producer's, and not held up by it.
    EXPECT_THAT(this->Consume(), IsEmpty());
    this->ring_.Submit(early);
    EXPECT_THAT(this->Consume(), ElementsAre(0, 1, 3));
  }
  EXPECT_EQ(this->Output(4), Errno::kOk);
  EXPECT_THAT(this->Consume(), ElementsAre(4));
}

TYPED_TEST(RingBufferTest, SoleProducerFillsTheRingAsOthersDo) {
  {
    typename RingBuffer<TypeParam>::SoleProducer sole(this->ring_);
    for (int i = 0; i < 255; ++i) {
      void* const record = sole.Reserve(8);
      ASSERT_NE(record, nullptr) << i;
      sole.Submit(record);
    }
    EXPECT_EQ(sole.Reserve(8), nullptr);
  }
  EXPECT_EQ(this->ring_.dropped(), 1u);
  EXPECT_EQ(this->Consume().size(), 255u);
}

TEST(SoleProducerTest, OthersWaitAndTheConsumerDoesNot) {
  constexpr uint64_t kRecords = 20000;
  RingBuffer<Cloud> ring(Def(4096));
  ASSERT_EQ(ring.Init(), Errno::kOk);
  std::vector<uint64_t> numbers;
  std::thread other;
  {
    RingBuffer<Cloud>::SoleProducer sole(ring);
    other = std::thread([&] {
      const uint64_t last = kRecords;
      while (ring.Output(&last, 8) != Errno::kOk) {
      }
    });
    std::thread consumer([&] {
      while (numbers.size() < kRecords) {
        ring.Consume([&](void* data, uint32_t) {
          numbers.push_back(*static_cast<uint64_t*>(data));
          return 0;
        });
      }
    });
    for (uint64_t i = 0; i < kRecords;) {
      if (sole.Output(&i, 8, kRbNoWakeup) == Errno::kOk) ++i;
    }
    consumer.join();
  }
  other.join();
  ASSERT_EQ(numbers.size(), kRecords);
  for (uint64_t i = 0; i < kRecords; ++i) ASSERT_EQ(numbers[i], i);
  uint64_t last = 0;
  EXPECT_EQ(ring.Consume([&](void* data, uint32_t) {
    last = *static_cast<uint64_t*>(data);
    return 0;
  }),
            1);
  EXPECT_EQ(last, kRecords);
}

// Poll(), which needs an operating system.

using PollTest = RingBufferTest<Cloud>;

TEST_F(PollTest, ReturnsWhenTimeIsOver) {
  std::vector<uint64_t> numbers;
  EXPECT_EQ(ring_.Poll(0, Into(&numbers)), 0);
  EXPECT_EQ(ring_.Poll(1, Into(&numbers)), 0);
  EXPECT_THAT(numbers, IsEmpty());
}

TEST_F(PollTest, DoesNotWaitForBusyRecord) {
  uint64_t* const first = Reserve(1);
  EXPECT_EQ(Output(2), Errno::kOk);
  std::vector<uint64_t> numbers;
  // The second record does not wake: the first is next.
  EXPECT_EQ(ring_.Poll(0, Into(&numbers)), 0);
  ring_.Submit(first);
  EXPECT_EQ(ring_.Poll(-1, Into(&numbers)), 2);
  EXPECT_THAT(numbers, ElementsAre(1, 2));
}

TEST_F(PollTest, IsWokenByEachRecordThatItWaitsFor) {
  constexpr uint64_t kRecords = 20000;
  std::thread producer([&] {
    for (uint64_t i = 0; i < kRecords;) {
      // One at a time: each finds a consumer that has seen all before.
      if (ring_.Query(kRbAvailData) == 0 && Output(i) == Errno::kOk) ++i;
    }
  });
  std::vector<uint64_t> numbers;
  while (numbers.size() < kRecords) {
    ASSERT_GE(ring_.Poll(-1, Into(&numbers)), 0);
  }
  producer.join();
  for (uint64_t i = 0; i < kRecords; ++i) ASSERT_EQ(numbers[i], i);
}

TEST_F(PollTest, IsWokenByForceForAllThatLiesThere) {
  std::thread producer([&] {
    const uint64_t number = 5;
    EXPECT_EQ(ring_.Output(&number, 8, kRbNoWakeup), Errno::kOk);
    EXPECT_EQ(ring_.Output(&number, 8, kRbForceWakeup), Errno::kOk);
  });
  std::vector<uint64_t> numbers;
  EXPECT_EQ(ring_.Poll(-1, Into(&numbers)), 2);
  producer.join();
}

}  // namespace
}  // namespace bpfmap
