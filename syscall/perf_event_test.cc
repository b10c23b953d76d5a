// SPDX-License-Identifier: Apache-2.0
//
// Perf events as user space sees them: the buffer that it maps, wake-ups, and
// what ends with the last descriptor.

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_cast.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/perf_event_array.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/mappable.h"
#include "bpfmap/syscall/perf_event_calls.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr MapDef kEvents = {.type = MapType::kPerfEventArray,
                            .key_size = 4,
                            .value_size = 4,
                            .max_entries = 1};

perf_event_attr OutputAttr() {
  perf_event_attr attr = {};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_BPF_OUTPUT;
  attr.sample_type = PERF_SAMPLE_RAW;
  attr.wakeup_events = 1;
  return attr;
}

int OpenEvent(perf_event_attr attr = OutputAttr()) {
  return static_cast<int>(
      PerfEventOpen(Address(&attr), -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
}

// An event with a buffer of one page, in an array.
class PerfEventTest : public testing::Test {
 protected:
  static constexpr std::size_t kSamplesSize = 4096;

  void SetUp() override {
    if (PageSize() != kSamplesSize) GTEST_SKIP() << "pages are larger";
    ASSERT_GE(event_, 0);
    ASSERT_EQ(CheckMmap(2 * kSamplesSize, PROT_READ | PROT_WRITE, MAP_SHARED,
                        event_, 0),
              0);
    page_ = static_cast<uint8_t*>(mmap(nullptr, 2 * kSamplesSize,
                                       PROT_READ | PROT_WRITE, MAP_SHARED,
                                       event_, 0));
    ASSERT_NE(page_, MAP_FAILED);
    const uint32_t zero = 0;
    ASSERT_EQ(Update(array_, &zero, &event_), 0);
  }
  void TearDown() override {
    munmap(page_, 2 * kSamplesSize);
    close(event_);
    close(array_);
  }

  // The work of bpf_perf_event_output().
  Errno Output(const std::string& data) {
    const auto map = MapOfFd(array_);
    const ScopedCpu cpu(0);
    return MapCast<PerfEventArray>(map.get())->Output(kCurrentCpu, data.data(),
                                                      data.size());
  }

  uint64_t& Position(std::size_t offset) {
    return *reinterpret_cast<uint64_t*>(page_ + offset);
  }

  // Takes all records: samples, without the padding, and "lost N".
  std::vector<std::string> Take() {
    constexpr std::size_t kHead = 1024, kTail = 1032;
    std::vector<std::string> records;
    const uint64_t head = __atomic_load_n(&Position(kHead), __ATOMIC_ACQUIRE);
    uint64_t at = Position(kTail);
    while (at != head) {
      perf_event_header header;
      Copy(at, &header, sizeof header);
      std::vector<char> body(header.size - sizeof header);
      Copy(at + sizeof header, body.data(), body.size());
      if (header.type == PERF_RECORD_LOST) {
        uint64_t lost;
        std::memcpy(&lost, &body[8], sizeof lost);
        records.push_back("lost " + std::to_string(lost));
      } else {
        records.emplace_back(body.begin() + 4, body.end());
        // The padding.
        while (!records.back().empty() && records.back().back() == 0) {
          records.back().pop_back();
        }
      }
      at += header.size;
    }
    __atomic_store_n(&Position(kTail), at, __ATOMIC_RELEASE);
    return records;
  }

  void Copy(uint64_t at, void* to, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      static_cast<uint8_t*>(to)[i] =
          page_[kSamplesSize + (at + i) % kSamplesSize];
    }
  }

  const int event_ = OpenEvent();
  const int array_ = CreateFd(kEvents);
  uint8_t* page_ = nullptr;
};

TEST_F(PerfEventTest, SamplesComeInOrder) {
  EXPECT_EQ(Output("a"), Errno::kOk);
  EXPECT_EQ(Output("second"), Errno::kOk);
  EXPECT_THAT(Take(), ElementsAre("a", "second"));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(PerfEventTest, RecordsRunOverTheEndOfTheBuffer) {
  std::vector<std::string> expected, taken;
  for (int i = 0; i < 1000; ++i) {
    expected.emplace_back(static_cast<std::size_t>(i % 300),
                          static_cast<char>('a' + i % 26));
    ASSERT_EQ(Output(expected.back()), Errno::kOk);
    for (std::string& record : Take()) taken.push_back(std::move(record));
  }
  EXPECT_EQ(taken, expected);
}

TEST_F(PerfEventTest, LostSamplesAreToldWithTheNextThatFits) {
  const std::string large(1000, 'x');
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Output(large), Errno::kOk);
  EXPECT_EQ(Output(large), Errno::kNoSpc);
  EXPECT_EQ(Take().size(), 4u);
  EXPECT_EQ(Output("fits"), Errno::kOk);
  EXPECT_THAT(Take(), ElementsAre("lost 1", "fits"));
}

TEST_F(PerfEventTest, PositionsOfReaderDoNotMakeItWriteElsewhere) {
  constexpr std::size_t kTail = 1032;
  for (const uint64_t tail : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{77}}) {
    Position(kTail) = tail;
    const Errno error = Output("a");
    EXPECT_TRUE(error == Errno::kOk || error == Errno::kNoSpc);
  }
}

TEST_F(PerfEventTest, EventEndsWithItsDescriptorAndMapping) {
  const int other = OpenEvent();
  perf_event_attr attr = OutputAttr();
  long result = 0;
  uint64_t id = 0;
  EXPECT_TRUE(PerfEventIoctl(other, PERF_EVENT_IOC_ID, Address(&id), &result));
  EXPECT_EQ(result, 0);
  EXPECT_NE(id, 0u);
  close(other);
  EXPECT_FALSE(PerfEventIoctl(other, PERF_EVENT_IOC_ID, Address(&id), &result));
  attr.sample_type = uint64_t{1} << 30;
  EXPECT_EQ(OpenEvent(attr), -EINVAL);
}

TEST_F(PerfEventTest, ReplacedEventIsWrittenToNoMore) {
  const int other = OpenEvent();
  const uint32_t zero = 0;
  ASSERT_EQ(Update(array_, &zero, &other), 0);
  EXPECT_EQ(Output("nowhere"), Errno::kNoSpc);
  ASSERT_EQ(Delete(array_, &zero), 0);
  EXPECT_EQ(Delete(array_, &zero), -ENOENT);
  EXPECT_EQ(Output("nowhere"), Errno::kNoEnt);
  EXPECT_THAT(Take(), IsEmpty());
  close(other);
}

TEST_F(PerfEventTest, NoOtherDescriptorIsAnEvent) {
  const uint32_t zero = 0;
  for (const int fd : {-1, array_, 9999}) {
    EXPECT_EQ(Update(array_, &zero, &fd), -EBADF);
  }
}

}  // namespace
}  // namespace bpfmap
