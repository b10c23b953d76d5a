// SPDX-License-Identifier: Apache-2.0

// The contract of reader_writer_lock.h, step by step: who waits for whom, and
// who goes first.
//
// The lock under test has a Backoff that reports: once a thread has waited some
// times, it has left its mark in the lock. So every step is awaited, and none
// depends on chance.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "bpfmap/profiles/reader_writer_lock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

template <typename Condition>
void Await(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

thread_local std::atomic<int>* waits_of_this_thread = nullptr;

struct ReportedWait {
  void Pause() {
    waits_of_this_thread->fetch_add(1);
    std::this_thread::yield();
  }
};
using ReportingLock = BasicRwLock<ReportedWait>;

// A thread that takes the lock, stays until it is told to leave, and ends.
class Visitor {
 public:
  enum Kind { kReader, kWriter };

  // Returns once the visitor is inside or was kept out.
  Visitor(ReportingLock& lock, Kind kind)
      : thread_([this, &lock, kind] {
          waits_of_this_thread = &waits_;
          if (kind == kReader) {
            Visit<ReaderLock<ReportingLock>>(lock);
          } else {
            Visit<WriterLock<ReportingLock>>(lock);
          }
        }) {
    Await([this] {
      return inside_.load() || waits_.load() > ReportingLock::kSpins;
    });
  }

  bool inside() const { return inside_.load(); }
  void TellToLeave() { may_leave_.store(true); }
  void Join() { thread_.join(); }

  void AwaitInside() const {
    Await([this] { return inside_.load(); });
  }

  // Whether it is still kept out after it has looked again.
  bool IsKeptOut() const {
    const int waits = waits_.load();
    Await([&] { return inside_.load() || waits_.load() > waits + 1; });
    return !inside_.load();
  }

 private:
  template <typename Guard>
  void Visit(ReportingLock& lock) {
    Guard hold(lock);
    inside_.store(true);
    Await([this] { return may_leave_.load(); });
    inside_.store(false);
  }

  std::atomic<int> waits_{0};
  std::atomic<bool> inside_{false};
  std::atomic<bool> may_leave_{false};
  std::thread thread_;
};

class LockTurnsTest : public testing::Test {
 protected:
  ~LockTurnsTest() override {
    for (const auto& visitor : visitors_) visitor->TellToLeave();
    for (const auto& visitor : visitors_) visitor->Join();
  }

  Visitor& Reader() { return Add(Visitor::kReader); }
  Visitor& Writer() { return Add(Visitor::kWriter); }

 private:
  Visitor& Add(Visitor::Kind kind) {
    visitors_.push_back(std::make_unique<Visitor>(lock_, kind));
    return *visitors_.back();
  }

  ReportingLock lock_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
};

TEST_F(LockTurnsTest, FreeLockKeepsNobodyOut) {
  Visitor& writer = Writer();
  ASSERT_TRUE(writer.inside());
  writer.TellToLeave();
  Visitor& reader = Reader();
  reader.AwaitInside();
}

TEST_F(LockTurnsTest, WriterKeepsWriterOut) {
  Visitor& first = Writer();
  Visitor& second = Writer();
  ASSERT_TRUE(second.IsKeptOut());
  first.TellToLeave();
  second.AwaitInside();
}

TEST_F(LockTurnsTest, WriterKeepsReaderOut) {
  Visitor& writer = Writer();
  Visitor& reader = Reader();
  ASSERT_TRUE(reader.IsKeptOut());
  writer.TellToLeave();
  reader.AwaitInside();
}

TEST_F(LockTurnsTest, ReaderKeepsWriterOut) {
  Visitor& reader = Reader();
  Visitor& writer = Writer();
  ASSERT_TRUE(writer.IsKeptOut());
  reader.TellToLeave();
  writer.AwaitInside();
}

TEST_F(LockTurnsTest, ReaderDoesNotKeepReaderOut) {
  Visitor& first = Reader();
  Visitor& second = Reader();
  EXPECT_TRUE(first.inside());
  EXPECT_TRUE(second.inside());
}

TEST_F(LockTurnsTest, EveryReaderKeepsWriterOut) {
  Visitor& first = Reader();
  Visitor& second = Reader();
  Visitor& writer = Writer();
  first.TellToLeave();
  ASSERT_TRUE(writer.IsKeptOut());
  second.TellToLeave();
  writer.AwaitInside();
}

TEST_F(LockTurnsTest, WaitingWriterGoesBeforeNextReader) {
  Visitor& inside = Reader();
  Visitor& writer = Writer();
  Visitor& reader = Reader();
  ASSERT_TRUE(reader.IsKeptOut());
  inside.TellToLeave();
  writer.AwaitInside();
  ASSERT_TRUE(reader.IsKeptOut());
  writer.TellToLeave();
  reader.AwaitInside();
}

TEST_F(LockTurnsTest, WaitingReaderGoesBeforeNextWriter) {
  Visitor& inside = Writer();
  Visitor& reader = Reader();
  Visitor& writer = Writer();
  inside.TellToLeave();
  Await([&] { return reader.inside() || writer.inside(); });
  ASSERT_TRUE(reader.inside());
  ASSERT_TRUE(writer.IsKeptOut());
  reader.TellToLeave();
  writer.AwaitInside();
}

// Even if it came after that writer.
TEST_F(LockTurnsTest, LateReaderGoesBeforeNextWriter) {
  Visitor& inside = Writer();
  Visitor& writer = Writer();
  Visitor& reader = Reader();
  inside.TellToLeave();
  Await([&] { return reader.inside() || writer.inside(); });
  ASSERT_TRUE(reader.inside());
  ASSERT_TRUE(writer.IsKeptOut());
  reader.TellToLeave();
  writer.AwaitInside();
}

TEST_F(LockTurnsTest, WaitingReadersLetWriterInAfterOneOfThem) {
  Visitor& inside = Writer();
  Visitor& one = Reader();
  Visitor& other = Reader();
  Visitor& writer = Writer();
  inside.TellToLeave();
  Await([&] { return one.inside() || other.inside() || writer.inside(); });
  ASSERT_FALSE(writer.inside());
  Visitor& early = one.inside() ? one : other;
  Visitor& late = one.inside() ? other : one;
  ASSERT_TRUE(late.IsKeptOut());
  early.TellToLeave();
  writer.AwaitInside();
  ASSERT_TRUE(late.IsKeptOut());
  writer.TellToLeave();
  late.AwaitInside();
}

}  // namespace
}  // namespace bpfmap
