// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/striped_lock.h"

#include <atomic>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

// No code runs before main() for a lock.
constinit StripedLock static_lock;

// Plain numbers: ThreadSanitizer reports them if the lock lets two in.
struct Guarded {
  StripedLock lock;
  int one ABSL_GUARDED_BY(lock) = 0;
  int other ABSL_GUARDED_BY(lock) = 0;
};

TEST(StripedLockTest, WriterIsAlone) {
  constexpr int kWriters = 2;
  constexpr int kReaders = 4;
  constexpr int kTimes = 2000;
  Guarded guarded;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&] {
      for (int time = 0; time < kTimes; ++time) {
        WriterLock lock(guarded.lock);
        ++guarded.one;
        ++guarded.other;
      }
    });
  }
  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&] {
      for (int time = 0; time < kTimes; ++time) {
        ReaderLock lock(guarded.lock);
        if (guarded.one != guarded.other) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  ReaderLock lock(guarded.lock);
  EXPECT_EQ(guarded.one, kWriters * kTimes);
}

TEST(StripedLockTest, ReadersAreInsideTogether) {
  ReaderLock lock(static_lock);
  std::thread([] { ReaderLock also(static_lock); }).join();
}

// Readers that follow one another without a pause do not keep a writer out, nor
// do writers keep a reader out.
TEST(StripedLockTest, NeitherSideStarves) {
  StripedLock lock;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) ReaderLock inside(lock);
    });
  }
  for (int i = 0; i < 100; ++i) WriterLock inside(lock);
  std::thread writer([&] {
    while (!stop) WriterLock inside(lock);
  });
  for (int i = 0; i < 100; ++i) ReaderLock inside(lock);
  stop = true;
  writer.join();
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace bpfmap
