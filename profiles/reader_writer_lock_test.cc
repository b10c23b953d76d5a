// SPDX-License-Identifier: Apache-2.0

// The contract of reader_writer_lock.h under load, for the lock of each
// profile. Step by step: reader_writer_lock_turns_test.cc.
//
// Few threads: the embedded lock spins, and a thread that it keeps waiting for
// one that does not run costs a time slice. The tests wait for what must
// happen, so that a lock that lets a thread starve shows as a timeout.

#include "bpfmap/profiles/reader_writer_lock.h"

#include <atomic>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

static_assert(sizeof(RwLock) == 8);
static_assert(sizeof(SpinRwLock) == 8);

// No code runs before main() for a lock.
constinit RwLock static_cloud_lock;
constinit SpinRwLock static_embedded_lock;

template <typename Lock>
class ReaderWriterLockTest : public testing::Test {
 protected:
  // Plain numbers: ThreadSanitizer reports them if the lock lets two in.
  struct Guarded {
    Lock lock;
    int one ABSL_GUARDED_BY(lock) = 0;
    int other ABSL_GUARDED_BY(lock) = 0;
  };
};

struct ProfileNames {
  template <typename Lock>
  static std::string GetName(int) {
    return std::is_same_v<Lock, RwLock> ? Cloud::kName : Embedded::kName;
  }
};

using Locks = testing::Types<RwLock, SpinRwLock>;
TYPED_TEST_SUITE(ReaderWriterLockTest, Locks, ProfileNames);

// Runs `body(i)` in `count` threads at the same time.
template <typename Body>
void RunThreads(int count, Body body) {
  std::atomic<int> waiting{count};
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      waiting.fetch_sub(1);
      while (waiting.load() > 0) std::this_thread::yield();
      body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

template <typename Condition>
void Await(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

// Gives `condition` a good chance to come true, if it can.
template <typename Condition>
void AwaitForAWhile(Condition condition) {
  for (int i = 0; i < 100 && !condition(); ++i) std::this_thread::yield();
}

TYPED_TEST(ReaderWriterLockTest, WriterExcludesWriters) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 10000;
  typename TestFixture::Guarded guarded;
  RunThreads(kThreads, [&](int) {
    for (int i = 0; i < kRounds; ++i) {
      WriterLock lock(guarded.lock);
      ++guarded.one;
    }
  });
  ReaderLock lock(guarded.lock);
  EXPECT_EQ(guarded.one, kThreads * kRounds);
}

TYPED_TEST(ReaderWriterLockTest, WriterExcludesReaders) {
  constexpr int kRounds = 5000;
  typename TestFixture::Guarded guarded;
  std::atomic<int> torn{0};
  RunThreads(3, [&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      if (thread == 0) {
        WriterLock lock(guarded.lock);
        ++guarded.one;
        // Every so often, others run while this one is inside.
        if (i % 100 == 0) std::this_thread::yield();
        ++guarded.other;
      } else {
        ReaderLock lock(guarded.lock);
        if (guarded.one != guarded.other) torn.fetch_add(1);
      }
    }
  });
  EXPECT_EQ(torn.load(), 0);
  ReaderLock lock(guarded.lock);
  EXPECT_EQ(guarded.other, kRounds);
}

TYPED_TEST(ReaderWriterLockTest, ReadersAreInsideTogether) {
  TypeParam lock;
  std::atomic<int> inside{0};
  RunThreads(2, [&](int) {
    ReaderLock hold(lock);
    inside.fetch_add(1);
    Await([&] { return inside.load() == 2; });
  });
  EXPECT_EQ(inside.load(), 2);
}

// Two readers relieve each other: one leaves when the other one has come, so
// that the lock is never free. Only a reader that the lock keeps out, for the
// sake of the writer, lets the other one leave.
TYPED_TEST(ReaderWriterLockTest, WriterGetsInHoweverManyReadersCome) {
  TypeParam lock;
  std::atomic<int> reads{0};
  std::atomic<bool> writer_was_in{false};
  RunThreads(3, [&](int thread) {
    if (thread == 0) {
      Await([&] { return reads.load() >= 10; });
      WriterLock hold(lock);
      writer_was_in.store(true);
      return;
    }
    while (!writer_was_in.load()) {
      ReaderLock hold(lock);
      const int read = reads.fetch_add(1) + 1;
      AwaitForAWhile([&] { return reads.load() > read; });
    }
  });
  EXPECT_TRUE(writer_was_in.load());
}

// Two writers relieve each other as well: one leaves when the other one is
// about to wait for it.
TYPED_TEST(ReaderWriterLockTest, ReaderGetsInHoweverManyWritersCome) {
  TypeParam lock;
  std::atomic<int> writers_there{0};  // inside, or about to wait
  std::atomic<int> writes{0};
  std::atomic<bool> reader_was_in{false};
  RunThreads(3, [&](int thread) {
    if (thread == 0) {
      Await([&] { return writes.load() >= 10; });
      ReaderLock hold(lock);
      reader_was_in.store(true);
      return;
    }
    while (!reader_was_in.load()) {
      writers_there.fetch_add(1);
      WriterLock hold(lock);
      AwaitForAWhile([&] { return writers_there.load() == 2; });
      // From "about to" to "does wait".
      for (int i = 0; i < 5; ++i) std::this_thread::yield();
      writes.fetch_add(1);
      writers_there.fetch_sub(1);
    }
  });
  EXPECT_TRUE(reader_was_in.load());
}

TYPED_TEST(ReaderWriterLockTest, GuardHoldsForItsScope) {
  typename TestFixture::Guarded guarded;
  {
    WriterLock lock(guarded.lock);
    guarded.one = 1;
  }
  {
    ReaderLock lock(guarded.lock);
    EXPECT_EQ(guarded.one, 1);
  }
  // Not free, had one of the guards kept it.
  WriterLock lock(guarded.lock);
  guarded.one = 2;
}

TEST(ReaderWriterLockTest, LockNeedsNoConstructor) {
  WriterLock cloud(static_cloud_lock);
  WriterLock embedded(static_embedded_lock);
}

}  // namespace
}  // namespace bpfmap
