// SPDX-License-Identifier: Apache-2.0

// UserRing where its positions wrap, as they do after 4 GiB on a machine of 32
// bits.

#include "bpfmap/maps/internal/ring/user_ring.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bpfmap/maps/internal/ring/ring_memory.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"

namespace bpfmap::internal {
namespace {

TEST(RingPositionTest, PositionOf32BitsIsBeforeOneThatHasWrapped) {
  EXPECT_TRUE(IsBefore<uint32_t>(0, 8));
  EXPECT_FALSE(IsBefore<uint32_t>(8, 8));
  EXPECT_FALSE(IsBefore<uint32_t>(16, 8));
  EXPECT_TRUE(IsBefore<uint32_t>(0xfffffff8, 0));
  EXPECT_TRUE(IsBefore<uint32_t>(0xfffff000, 0x1000));
  EXPECT_FALSE(IsBefore<uint32_t>(0x1000, 0xfffff000));
}

TEST(RingPositionTest, PositionsOf64BitsAreComparedAsByLinux) {
  EXPECT_TRUE(IsBefore<uint64_t>(0, uint64_t{1} << 63));
  EXPECT_FALSE(IsBefore<uint64_t>(uint64_t{1} << 63, 0));
}

// A heap whose last block the test can reach, as a mapping can.
class OpenHeap {
 public:
  void* Allocate(std::size_t bytes, std::size_t alignment) {
    block_ = static_cast<std::byte*>(heap_.Allocate(bytes, alignment));
    return block_;
  }
  void Deallocate(void* p) { heap_.Deallocate(p); }
  std::byte* block() const { return block_; }

 private:
  Heap heap_;
  std::byte* block_ = nullptr;
};

struct OpenProfile : Cloud {
  using Memory = OpenHeap;
};

// Sets both positions of a ring, as if so many bytes had gone through it.
void MoveTo(RingPosition position, const OpenHeap& heap) {
  constexpr std::size_t kPart = OpenProfile::kCacheLineSize;
  std::memcpy(heap.block(), &position, sizeof position);
  std::memcpy(heap.block() + kPart, &position, sizeof position);
}

TEST(UserRingTest, RecordsGoThroughWherePositionsOf32BitsWrap) {
  OpenHeap heap;
  UserRing<OpenProfile> ring(heap);
  ASSERT_TRUE(ring.Init(4096));
  // On a machine of 64 bits this is 4 GiB too, and nothing wraps there.
  MoveTo(static_cast<RingPosition>(uint64_t{0xffffffc0}), heap);
  for (uint64_t sent = 0; sent < 32; ++sent) {
    std::byte* const reserved = ring.Reserve(sizeof sent);
    ASSERT_NE(reserved, nullptr) << sent;
    std::memcpy(reserved, &sent, sizeof sent);
    ring.Commit(reserved, /*discard=*/false);

    std::byte* data = nullptr;
    uint32_t size = 0;
    ASSERT_EQ(ring.Peek(&data, &size), UserRing<OpenProfile>::Next::kRecord)
        << sent;
    uint64_t received = 0;
    ASSERT_EQ(size, sizeof received);
    std::memcpy(&received, data, size);
    EXPECT_EQ(received, sent);
    ring.Release(size);
    EXPECT_EQ(ring.Peek(&data, &size), UserRing<OpenProfile>::Next::kNone);
  }
}

TEST(UserRingTest, RecordWhoseHeaderEndsTheRingIsAtItsStart) {
  constexpr uint64_t kSize = 4096;
  OpenHeap heap;
  UserRing<OpenProfile> ring(heap);
  ASSERT_TRUE(ring.Init(kSize));
  MoveTo(kSize - 16, heap);
  std::byte* const last = ring.Reserve(0);
  ASSERT_NE(last, nullptr);
  ring.Commit(last, /*discard=*/false);
  std::byte* const record = ring.Reserve(8);
  ASSERT_NE(record, nullptr);
  // One with a header at the end of the ring, and no bytes, ends there.
  EXPECT_EQ(record, last - (kSize - 8));
  ring.Commit(record, /*discard=*/false);
  std::byte* data = nullptr;
  uint32_t size = 0;
  ASSERT_EQ(ring.Peek(&data, &size), UserRing<OpenProfile>::Next::kRecord);
  EXPECT_EQ(data, last);
  ring.Release(size);
  ASSERT_EQ(ring.Peek(&data, &size), UserRing<OpenProfile>::Next::kRecord);
  EXPECT_EQ(data, record);
  EXPECT_EQ(size, 8u);
}

}  // namespace
}  // namespace bpfmap::internal
