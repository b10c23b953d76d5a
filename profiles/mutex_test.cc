// SPDX-License-Identifier: Apache-2.0

// BasicMutex and BasicBitLock, as the profiles have them.

#include "bpfmap/profiles/mutex.h"

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "gtest/gtest.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

static_assert(sizeof(Cloud::Mutex) == sizeof(uint32_t));
static_assert(sizeof(Embedded::Mutex) == sizeof(uint32_t));

template <typename Mutex>
struct Account {
  Mutex mutex;
  uint64_t one ABSL_GUARDED_BY(mutex) = 0;
  uint64_t other ABSL_GUARDED_BY(mutex) = 0;
};

template <typename Mutex>
class MutexTest : public testing::Test {};
using Mutexes = testing::Types<Cloud::Mutex, Embedded::Mutex>;
TYPED_TEST_SUITE(MutexTest, Mutexes);

TYPED_TEST(MutexTest, NoThreadSeesHalfDoneWorkOfAnother) {
  Account<TypeParam> account;
  ThreadTeam team;
  uint64_t begun[4] = {};
  for (uint64_t& mine : begun) {
    team.AddWorker([&]() -> testing::AssertionResult {
      Steps steps(100'000);
      while (steps.Next()) {
        WriterLock lock(account.mutex);
        if (account.one != account.other) {
          return testing::AssertionFailure() << "half done";
        }
        ++account.one;
        ++account.other;
      }
      mine = steps.begun();
      return testing::AssertionSuccess();
    });
  }
  team.Run();
  WriterLock lock(account.mutex);
  EXPECT_EQ(account.one, begun[0] + begun[1] + begun[2] + begun[3]);
}

// The word counts in steps of 4; bit 1 is set for a while.
TEST(BitLockTest, HolderOwnsRestOfWord) {
  uint64_t word = 0;
  uint64_t count = 0;  // under the lock, too
  ThreadTeam team;
  uint64_t begun[4] = {};
  for (uint64_t& mine : begun) {
    team.AddWorker([&]() -> testing::AssertionResult {
      Steps steps(100'000);
      while (steps.Next()) {
        const uint64_t seen = __atomic_load_n(&word, __ATOMIC_RELAXED);
        if (Cloud::BitLock::TryLock(&word, seen, /*also=*/2)) {
          if (seen != 4 * count)
            return testing::AssertionFailure() << "changed";
        } else {
          Cloud::BitLock::Lock(&word);
        }
        ++count;
        __atomic_store_n(&word, 4 * count + 1, __ATOMIC_RELAXED);
        Cloud::BitLock::Unlock(&word);
      }
      mine = steps.begun();
      return testing::AssertionSuccess();
    });
  }
  team.Run();
  EXPECT_EQ(count, begun[0] + begun[1] + begun[2] + begun[3]);
  EXPECT_EQ(word, 4 * count);
}

}  // namespace
}  // namespace bpfmap
