// SPDX-License-Identifier: Apache-2.0

// libbpf's own readers and writers of rings, on rings of this library.
//
// The program's side is RingProducer and UserRingBuffer; libbpf is Debian's,
// and finds this library behind syscall(), mmap(), epoll_ctl() and
// epoll_wait(). Sets of epoll and poll(2) say of a ring what Linux says.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_cast.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/mappable.h"
#include "gtest/gtest.h"
#include "tests/support/sanitizer.h"

namespace bpfmap {
namespace {

constexpr int kLong = 60'000;  // milliseconds; nobody waits for so long

class LibbpfRingTest : public testing::Test {
 protected:
  LibbpfRingTest()
      : fd_(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, 4096, nullptr)),
        map_(MapOfFd(fd_)),
        reader_(ring_buffer__new(fd_, &Receive, this, nullptr)) {}
  ~LibbpfRingTest() override {
    ring_buffer__free(reader_);
    close(fd_);
  }

  static int Receive(void* self, void* data, std::size_t size) {
    auto* const test = static_cast<LibbpfRingTest*>(self);
    test->received_.emplace_back(static_cast<char*>(data), size);
    return test->answer_;
  }

  Errno Output(const std::string& text, RingFlags flags = {}) {
    return AsRingProducer(map_)->Output(text.data(), text.size(), flags);
  }

  int fd_;
  std::shared_ptr<LocalMap> map_;
  ring_buffer* reader_;
  std::vector<std::string> received_;
  int answer_ = 0;
};

TEST_F(LibbpfRingTest, PollReturnsWhatWasOutput) {
  ASSERT_NE(reader_, nullptr);
  ASSERT_EQ(Output("one"), Errno::kOk);
  ASSERT_EQ(Output("two"), Errno::kOk);
  EXPECT_EQ(ring_buffer__poll(reader_, kLong), 2);
  EXPECT_EQ(received_, (std::vector<std::string>{"one", "two"}));
  // The ring is empty, so there is nothing to be woken for.
  EXPECT_EQ(ring_buffer__poll(reader_, 10), 0);
  ASSERT_EQ(Output("three"), Errno::kOk);
  EXPECT_EQ(ring_buffer__poll(reader_, kLong), 1);
}

TEST_F(LibbpfRingTest, UnreadRecordsWakeAgain) {
  ASSERT_EQ(Output("one"), Errno::kOk);
  ASSERT_EQ(Output("two"), Errno::kOk);
  answer_ = -5;  // stop
  EXPECT_EQ(ring_buffer__poll(reader_, kLong), -5);
  answer_ = 0;
  EXPECT_EQ(ring_buffer__poll(reader_, kLong), 1);
  EXPECT_EQ(received_.size(), 2u);
}

TEST_F(LibbpfRingTest, RecordWithoutWakeUpIsConsumedAndNotPolled) {
  ASSERT_EQ(Output("quiet", kRbNoWakeup), Errno::kOk);
  EXPECT_EQ(ring_buffer__poll(reader_, 10), 0);
  EXPECT_EQ(ring_buffer__consume(reader_), 1);
  ASSERT_EQ(Output("quiet", kRbNoWakeup), Errno::kOk);
  ASSERT_EQ(Output("loud", kRbForceWakeup), Errno::kOk);
  EXPECT_EQ(ring_buffer__poll(reader_, kLong), 2);
}

TEST_F(LibbpfRingTest, ReaderThatIsLateFindsWhatWaits) {
  ASSERT_EQ(Output("early", kRbNoWakeup), Errno::kOk);
  ring_buffer* const late = ring_buffer__new(fd_, &Receive, this, nullptr);
  ASSERT_NE(late, nullptr);
  EXPECT_EQ(ring_buffer__poll(late, kLong), 1);
  ring_buffer__free(late);
}

TEST_F(LibbpfRingTest, SleeperIsWokenForEachRecord) {
  constexpr int kRecords = 20'000;
  std::thread program([&] {
    for (int i = 0; i < kRecords;) {
      if (Output("record " + std::to_string(i)) == Errno::kOk) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  int got = 0;
  while (got < kRecords) {
    // 0 where the record of a wake-up was read before: else it waits for ever.
    const int polled = ring_buffer__poll(reader_, -1);
    ASSERT_GE(polled, 0);
    got += polled;
  }
  program.join();
  ASSERT_EQ(received_.size(), std::size_t{kRecords});
  EXPECT_EQ(received_.back(), "record " + std::to_string(kRecords - 1));
}

int Poll(int fd, short events = POLLIN) {
  pollfd polled = {fd, events, 0};
  return poll(&polled, 1, 0);
}

TEST_F(LibbpfRingTest, PollOfSetSaysWhatRingSays) {
  const int set = ring_buffer__epoll_fd(reader_);
  EXPECT_EQ(Poll(set), 0);
  ASSERT_EQ(Output("one"), Errno::kOk);
  EXPECT_EQ(Poll(set), 1);
  EXPECT_EQ(ring_buffer__consume(reader_), 1);
  EXPECT_EQ(Poll(set), 0);
  // And through other calls, and through a set around it.
  fd_set fds;
  FD_ZERO(&fds);
  FD_SET(set, &fds);
  timeval now = {};
  EXPECT_EQ(select(set + 1, &fds, nullptr, nullptr, &now), 0);
  const int outer = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {};
  event.events = EPOLLIN;
  ASSERT_EQ(epoll_ctl(outer, EPOLL_CTL_ADD, set, &event), 0);
  ASSERT_EQ(Output("two"), Errno::kOk);
  EXPECT_EQ(epoll_wait(outer, &event, 1, 0), 1);
  EXPECT_EQ(ring_buffer__consume(reader_), 1);
  const timespec no_time = {};
  EXPECT_EQ(epoll_pwait2(outer, &event, 1, &no_time, nullptr), 0);
  close(outer);
}

TEST_F(LibbpfRingTest, PollOfRingSaysWhatRingSays) {
  EXPECT_EQ(Poll(fd_), 0);
  EXPECT_EQ(Poll(fd_, POLLIN | POLLOUT), 0);
  ASSERT_EQ(Output("one"), Errno::kOk);
  pollfd polled[] = {{-1, POLLIN, 1}, {fd_, POLLIN | POLLOUT, 0}};
  EXPECT_EQ(poll(polled, 2, kLong), 1);
  EXPECT_EQ(polled[0].revents, 0);
  EXPECT_EQ(polled[1].fd, fd_);
  EXPECT_EQ(polled[1].revents, POLLIN);
  EXPECT_EQ(ring_buffer__consume(reader_), 1);
  EXPECT_EQ(Poll(fd_), 0);
}

TEST_F(LibbpfRingTest, RingIsNeverWritable) {
  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT;
  ASSERT_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd_, &event), 0);
  EXPECT_EQ(epoll_wait(set, &event, 1, 0), 0);
  close(set);
}

TEST(RingPollTest, ClosedRingIsInNoSet) {
  const int fd =
      bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, 4096, nullptr);
  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {};
  event.events = EPOLLIN;
  ASSERT_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
  {
    const auto map = MapOfFd(fd);
    ASSERT_EQ(AsRingProducer(map)->Output("one", 4), Errno::kOk);
  }
  EXPECT_EQ(epoll_wait(set, &event, 1, 0), 1);
  close(fd);
  // Another process that looks through /proc may have the file for a moment.
  int ready = 1;
  for (int i = 0; i < 100'000 && ready != 0; ++i) {
    ready = epoll_wait(set, &event, 1, 0);
  }
  EXPECT_EQ(ready, 0);
  close(set);
}

// Whether a child that waits in a set of its own ends.
bool ChildWaitsAndEnds() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // instead of waiting for ever
    epoll_event event;
    const int set = epoll_create1(EPOLL_CLOEXEC);
    _exit(epoll_wait(set, &event, 1, 0) == 0 ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

TEST_F(LibbpfRingTest, WaitingChildTakesNoWakeUpFromItsParent) {
  ASSERT_EQ(Output("one"), Errno::kOk);
  EXPECT_EQ(ring_buffer__poll(reader_, kLong), 1);
  ASSERT_TRUE(ChildWaitsAndEnds());
  ASSERT_EQ(Output("two"), Errno::kOk);
  EXPECT_EQ(ring_buffer__poll(reader_, 0), 1);
}

TEST_F(LibbpfRingTest, ChildWaitsForNoLockOfAProducer) {
  std::atomic<bool> stop{false};
  std::thread program([&] {
    while (!stop.load()) static_cast<void>(Output("some"));
  });
  std::thread consumer([&] {
    while (!stop.load()) ring_buffer__poll(reader_, 1);
  });
  for (int i = 0; i < (kSanitized ? 20 : 200) && !HasFailure(); ++i) {
    EXPECT_TRUE(ChildWaitsAndEnds()) << "fork " << i;
  }
  stop.store(true);
  program.join();
  consumer.join();
}

TEST(LibbpfUserRingTest, WriterThatWaitsForRoomGetsIt) {
  const int fd =
      bpf_map_create(BPF_MAP_TYPE_USER_RINGBUF, "ring", 0, 0, 4096, nullptr);
  const auto map = MapOfFd(fd);
  auto& ring = *MapCast<UserRingBuffer<Mappable>>(map);
  user_ring_buffer* const writer = user_ring_buffer__new(fd, nullptr);
  ASSERT_NE(writer, nullptr);
  EXPECT_EQ(user_ring_buffer__reserve_blocking(writer, 8192, 0), nullptr);
  EXPECT_EQ(errno, E2BIG);

  constexpr int kRecords = 20'000;
  std::atomic<bool> stop{false};
  std::atomic<int> drained{0};
  std::thread program([&] {
    while (!stop.load()) {
      const int64_t some = ring.Drain([&](void* data, uint32_t size) {
        int number;
        EXPECT_EQ(size, 56u);
        std::memcpy(&number, data, sizeof number);
        EXPECT_EQ(number, drained.fetch_add(1));
        return 0;
      });
      ASSERT_GE(some, 0);
      if (some == 0) std::this_thread::yield();
    }
  });
  for (int i = 0; i < kRecords; ++i) {
    void* const record = user_ring_buffer__reserve_blocking(writer, 56, kLong);
    if (record == nullptr) {
      ADD_FAILURE() << std::strerror(errno);
      break;
    }
    std::memset(record, 0, 56);
    std::memcpy(record, &i, sizeof i);
    user_ring_buffer__submit(writer, record);
  }
  while (drained.load() < kRecords && !testing::Test::HasFailure()) {
    std::this_thread::yield();
  }
  while (drained.load() < kRecords && !HasFailure()) {
    std::this_thread::yield();
  }
  stop.store(true);
  program.join();
  EXPECT_EQ(drained.load(), kRecords);
  user_ring_buffer__free(writer);
  close(fd);
}

TEST(OverrideTest, OtherSystemCallsAreHandedOn) {
  errno = 5;
  EXPECT_EQ(syscall(SYS_getpid), getpid());
  EXPECT_EQ(errno, 5);
  EXPECT_EQ(syscall(SYS_close, -1), -1);
  EXPECT_EQ(errno, EBADF);
  // All six arguments.
  void* const pages = reinterpret_cast<void*>(
      syscall(SYS_mmap, nullptr, 8192, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  std::memset(pages, 1, 8192);
  EXPECT_EQ(munmap(pages, 8192), 0);
}

}  // namespace
}  // namespace bpfmap
