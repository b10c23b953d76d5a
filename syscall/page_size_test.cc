// SPDX-License-Identifier: Apache-2.0

// Mappings of maps and rings, as on kernels with pages of 4, 16 and 64 KiB.
// Larger pages are multiples of this kernel's, so that it maps what is laid out
// for them.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/mappable.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

constexpr int kWritable = PROT_READ | PROT_WRITE;

class PageSizeTest : public testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override { SetPageSize(std::max(GetParam(), kernels_)); }
  void TearDown() override {
    if (fd_ >= 0) close(fd_);
    SetPageSize(kernels_);
  }

  uint32_t page() const { return static_cast<uint32_t>(PageSize()); }

  void CreateMap(const MapDef& def) {
    fd_ = CreateFd(def);
    ASSERT_GE(fd_, 0);
  }

  // As libbpf does: its mmap(), if the map allows that.
  template <typename T>
  T* Map(std::size_t length, int protection, std::size_t offset) const {
    const auto at = static_cast<off_t>(offset);
    EXPECT_EQ(CheckMmap(length, protection, MAP_SHARED, fd_, at), 0);
    void* const memory = mmap(nullptr, length, protection, MAP_SHARED, fd_, at);
    EXPECT_NE(memory, MAP_FAILED);
    return static_cast<T*>(memory);
  }

  const std::size_t kernels_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  int fd_ = -1;
};

INSTANTIATE_TEST_SUITE_P(Pages, PageSizeTest,
                         testing::Values(4096, 16384, 65536),
                         testing::PrintToStringParamName());

TEST_P(PageSizeTest, RingIsWholePages) {
  for (const MapType type : {MapType::kRingBuf, MapType::kUserRingBuf}) {
    bpf_attr attr = CreateAttr({.type = type, .max_entries = page() / 2});
    EXPECT_EQ(Call(BPF_MAP_CREATE, &attr), -EINVAL);
    attr.max_entries = page();
    const long fd = Call(BPF_MAP_CREATE, &attr);
    EXPECT_GE(fd, 0);
    close(static_cast<int>(fd));
  }
}

TEST_P(PageSizeTest, RecordsOfRingLieBehindTwoPages) {
  CreateMap({.type = MapType::kRingBuf, .max_entries = page()});
  auto* const consumer = Map<uint64_t>(page(), kWritable, 0);
  auto* const producer = Map<char>(3 * page(), PROT_READ, page());
  EXPECT_EQ(
      CheckMmap(page(), kWritable, MAP_SHARED, fd_, static_cast<off_t>(page())),
      -EPERM);
  const auto map = MapOfFd(fd_);
  RingProducer* const ring = AsRingProducer(map);
  ASSERT_NE(ring, nullptr);
  // Twice round, so that a record passes the end.
  uint64_t position = 0;
  while (position < 2 * page()) {
    const std::string text(48 + position % 7, 'x');
    ASSERT_EQ(ring->Output(text.data(), text.size()), Errno::kOk);
    uint64_t end;
    std::memcpy(&end, producer, sizeof end);
    ASSERT_EQ(end - position, (text.size() + 15) / 8 * 8);
    const char* const record = producer + page() + position % page();
    uint32_t length;
    std::memcpy(&length, record, sizeof length);
    ASSERT_EQ(std::string(record + 8, length), text);
    position = end;
    __atomic_store_n(consumer, position, __ATOMIC_SEQ_CST);
  }
  munmap(consumer, page());
  munmap(producer, 3 * page());
}

TEST_P(PageSizeTest, UserSpaceWritesAllOfUserRingButFirstPage) {
  CreateMap({.type = MapType::kUserRingBuf, .max_entries = page()});
  auto* const consumer = Map<uint64_t>(page(), PROT_READ, 0);
  auto* const producer = Map<char>(3 * page(), kWritable, page());
  EXPECT_EQ(CheckMmap(page(), kWritable, MAP_SHARED, fd_, 0), -EPERM);
  const uint32_t length = 5;
  std::memcpy(producer + page(), &length, sizeof length);
  std::memcpy(producer + page() + 8, "hello", length);
  __atomic_store_n(reinterpret_cast<uint64_t*>(producer), 16, __ATOMIC_SEQ_CST);
  std::string seen;
  const RecordVisitor visitor = {[](void* context, void* data, uint32_t size) {
                                   static_cast<std::string*>(context)->assign(
                                       static_cast<const char*>(data), size);
                                   return 0;
                                 },
                                 &seen};
  EXPECT_EQ(MapOfFd(fd_)->DrainRecords(visitor, RingFlags{}), 1);
  EXPECT_EQ(seen, "hello");
  EXPECT_EQ(__atomic_load_n(consumer, __ATOMIC_SEQ_CST), 16u);
  munmap(consumer, page());
  munmap(producer, 3 * page());
}

TEST_P(PageSizeTest, ArrayEndsWithItsLastPage) {
  CreateMap({.type = MapType::kArray,
             .key_size = 4,
             .value_size = 8,
             .max_entries = page() / 8 + 1,
             .map_flags = kMmapable});
  auto* const values = Map<uint64_t>(2 * page(), kWritable, 0);
  EXPECT_EQ(CheckMmap(2 * page() + 1, kWritable, MAP_SHARED, fd_, 0), -EINVAL);
  values[page() / 8] = 7;
  const uint32_t last = page() / 8;
  uint64_t value = 0;
  EXPECT_EQ(Element(BPF_MAP_LOOKUP_ELEM, fd_, &last, &value), 0);
  EXPECT_EQ(value, 7u);
  munmap(values, 2 * page());
}

}  // namespace
}  // namespace bpfmap
