// SPDX-License-Identifier: Apache-2.0

// UserRingBuffer, in each profile.

#include "bpfmap/maps/user_ring_buffer.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
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
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kInvalid = -22;
constexpr int64_t kBusy = -16;

template <typename Ring>
concept HasReserveBlocking = requires(Ring& ring, void* data) {
  ring.ReserveBlocking(8, 0, &data);
};
static_assert(HasReserveBlocking<UserRingBuffer<Cloud>>);
static_assert(!HasReserveBlocking<UserRingBuffer<Embedded>>);

template <typename P>
class UserRingBufferTest : public testing::Test {
 protected:
  UserRingBufferTest()
      : ring_({.type = MapType::kUserRingBuf, .max_entries = 4096}, &memory_) {}
  void SetUp() override { ASSERT_EQ(ring_.Init(), Errno::kOk); }

  void* Reserve(uint32_t size) {
    void* data = nullptr;
    EXPECT_EQ(ring_.Reserve(size, &data), Errno::kOk);
    return data;
  }
  // A record with a number in it.
  Errno Send(uint64_t number) {
    void* data;
    const Errno error = ring_.Reserve(8, &data);
    if (error != Errno::kOk) return error;
    std::memcpy(data, &number, 8);
    ring_.Submit(data);
    return Errno::kOk;
  }
  std::vector<uint64_t> Drain(RingFlags flags = {}) {
    std::vector<uint64_t> numbers;
    const int64_t count = ring_.Drain(
        [&](void* data, uint32_t) {
          numbers.push_back(*static_cast<uint64_t*>(data));
          return 0;
        },
        flags);
    EXPECT_EQ(count, static_cast<int64_t>(numbers.size()));
    return numbers;
  }

  typename P::Memory memory_;
  UserRingBuffer<P> ring_;
};

struct ProfileName {
  template <typename P>
  static std::string GetName(int) {
    return P::kName;
  }
};
using Profiles = testing::Types<Cloud, Embedded>;
TYPED_TEST_SUITE(UserRingBufferTest, Profiles, ProfileName);

TYPED_TEST(UserRingBufferTest, RecordsComeInOrder) {
  EXPECT_THAT(this->Drain(), IsEmpty());
  for (uint64_t i = 1; i <= 3; ++i) ASSERT_EQ(this->Send(i), Errno::kOk);
  EXPECT_THAT(this->Drain(), ElementsAre(1, 2, 3));
  EXPECT_THAT(this->Drain(), IsEmpty());
}

TYPED_TEST(UserRingBufferTest, BusyRecordHoldsUpOthers) {
  ASSERT_EQ(this->Send(1), Errno::kOk);
  void* const busy = this->Reserve(8);
  ASSERT_EQ(this->Send(3), Errno::kOk);
  EXPECT_THAT(this->Drain(), ElementsAre(1));
  EXPECT_THAT(this->Drain(), IsEmpty());
  this->ring_.Discard(busy);
  EXPECT_THAT(this->Drain(), ElementsAre(3));
}

TYPED_TEST(UserRingBufferTest, UnlikeOtherRingItFillsToLastByte) {
  void* data = nullptr;
  EXPECT_EQ(this->ring_.Reserve(4089, &data), Errno::k2Big);
  EXPECT_EQ(this->ring_.Reserve(0x40000000, &data), Errno::k2Big);
  EXPECT_EQ(this->ring_.Reserve(0xffffffff, &data), Errno::k2Big);
  EXPECT_EQ(data, nullptr);
  this->ring_.Discard(this->Reserve(4088));
  EXPECT_EQ(this->ring_.Reserve(0, &data), Errno::kNoSpc);
  EXPECT_EQ(this->ring_.Reserve(4089, &data), Errno::k2Big);
  EXPECT_THAT(this->Drain(), IsEmpty());
  for (uint64_t i = 0; i < 256; ++i) ASSERT_EQ(this->Send(i), Errno::kOk);
  EXPECT_EQ(this->Send(256), Errno::kNoSpc);
  EXPECT_EQ(this->Drain().size(), 256u);
}

TYPED_TEST(UserRingBufferTest, CallbackThatReturns1StopsBehindItsRecord) {
  for (uint64_t i = 0; i < 5; ++i) ASSERT_EQ(this->Send(i), Errno::kOk);
  int calls = 0;
  const auto stop = [&](void*, uint32_t) { return ++calls == 2 ? 1 : 0; };
  EXPECT_EQ(this->ring_.Drain(stop), 2);
  EXPECT_THAT(this->Drain(), ElementsAre(2, 3, 4));
}

TYPED_TEST(UserRingBufferTest, UnknownFlagsAreRefused) {
  ASSERT_EQ(this->Send(1), Errno::kOk);
  const auto never = [](void*, uint32_t) {
    ADD_FAILURE();
    return 0;
  };
  EXPECT_EQ(this->ring_.Drain(never, RingFlags{4}), kInvalid);
  EXPECT_EQ(this->ring_.Drain(never, ~RingFlags{}), kInvalid);
  EXPECT_THAT(this->Drain(kRbNoWakeup | kRbForceWakeup), ElementsAre(1));
}

TYPED_TEST(UserRingBufferTest, SecondDrainIsTurnedAway) {
  ASSERT_EQ(this->Send(1), Errno::kOk);
  int64_t inner = 0;
  const auto nothing = [](void*, uint32_t) { return 0; };
  const auto nested = [&](void*, uint32_t) {
    inner = this->ring_.Drain(nothing);
    return 0;
  };
  EXPECT_EQ(this->ring_.Drain(nested), 1);
  EXPECT_EQ(inner, kBusy);
  EXPECT_EQ(this->ring_.Drain(nothing), 0);
}

TYPED_TEST(UserRingBufferTest, RecordThatIsBeingReadStillTakesItsRoom) {
  for (uint64_t i = 0; i < 256; ++i) ASSERT_EQ(this->Send(i), Errno::kOk);
  const auto send = [&](void*, uint32_t) {
    EXPECT_EQ(this->Send(9), Errno::kNoSpc);
    return 1;
  };
  EXPECT_EQ(this->ring_.Drain(send), 1);
  EXPECT_EQ(this->Send(9), Errno::kOk);
}

TYPED_TEST(UserRingBufferTest, RecordsOfAllLengthsComeBackWhole) {
  unsigned char bytes[512];
  for (uint32_t round = 0; round < 3000; ++round) {
    const uint32_t size = round * 7 % sizeof bytes;
    std::memset(bytes, static_cast<int>(round & 0xff), size);
    void* const data = this->Reserve(size);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(data) % 8, 0u);
    std::memcpy(data, bytes, size);
    this->ring_.Submit(data);
    const auto check = [&](void* read, uint32_t length) {
      EXPECT_EQ(length, size);
      EXPECT_EQ(std::memcmp(read, bytes, size), 0);
      return 0;
    };
    ASSERT_EQ(this->ring_.Drain(check), 1);
  }
}

using CloudUserRingTest = UserRingBufferTest<Cloud>;

// Discarded records count towards the limit, but not as calls.
TEST_F(CloudUserRingTest, OneDrainLooksAtSoManyRecords) {
  UserRingBuffer<Cloud> ring(
      {.type = MapType::kUserRingBuf, .max_entries = 8 << 20});
  ASSERT_EQ(ring.Init(), Errno::kOk);
  for (int i = 0; i < 200000; ++i) {
    void* data = nullptr;
    ASSERT_EQ(ring.Reserve(8, &data), Errno::kOk);
    i % 4 == 0 ? ring.Discard(data) : ring.Submit(data);
  }
  const auto nothing = [](void*, uint32_t) { return 0; };
  EXPECT_EQ(ring.Drain(nothing), 98304);  // as on Linux 6.18
  EXPECT_EQ(ring.Drain(nothing), 51696);
}

TEST_F(CloudUserRingTest, ReserveBlockingGivesUpWhenTimeIsOver) {
  void* data = nullptr;
  EXPECT_EQ(ring_.ReserveBlocking(8, -2, &data), Errno::kInval);
  EXPECT_EQ(ring_.ReserveBlocking(5000, -1, &data), Errno::k2Big);
  ASSERT_EQ(ring_.ReserveBlocking(4088, 0, &data), Errno::kOk);
  EXPECT_EQ(ring_.ReserveBlocking(8, 0, &data), Errno::kNoSpc);
  EXPECT_EQ(ring_.ReserveBlocking(8, 1, &data), Errno::kNoSpc);
}

// One producer that waits for room, and consumers that take turns.
TEST_F(CloudUserRingTest, NothingIsLostBetweenThreads) {
  constexpr uint64_t kRecords = 300000;
  std::atomic<uint64_t> next{0};
  ThreadTeam team;
  team.AddWorker([&]() -> testing::AssertionResult {
    for (uint64_t i = 0; i < kRecords; ++i) {
      void* data = nullptr;
      const Errno error = ring_.ReserveBlocking(8 + i % 50, -1, &data);
      if (error != Errno::kOk) {
        return testing::AssertionFailure() << ErrnoName(error);
      }
      std::memcpy(data, &i, 8);
      ring_.Submit(data);
    }
    return testing::AssertionSuccess();
  });
  for (int consumer = 0; consumer < 2; ++consumer) {
    team.AddWorker([&]() -> testing::AssertionResult {
      bool in_order = true;
      const auto take = [&](void* data, uint32_t size) {
        // Only one drains at a time, and what it did is seen by the next.
        const uint64_t expected = next.load(std::memory_order_relaxed);
        uint64_t number;
        std::memcpy(&number, data, 8);
        in_order = in_order && number == expected && size == 8 + number % 50;
        next.store(expected + 1, std::memory_order_relaxed);
        return 0;
      };
      while (next.load(std::memory_order_relaxed) < kRecords && in_order) {
        if (ring_.Drain(take) <= 0) std::this_thread::yield();
      }
      return in_order ? testing::AssertionSuccess()
                      : testing::AssertionFailure() << "out of order";
    });
  }
  team.Run();
  EXPECT_EQ(next.load(), kRecords);
}

}  // namespace
}  // namespace bpfmap
