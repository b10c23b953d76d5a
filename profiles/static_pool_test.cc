// SPDX-License-Identifier: Apache-2.0

// The contract of static_pool.h.

#include "bpfmap/profiles/static_pool.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace bpfmap {
namespace {

constexpr std::size_t kMaxSize = std::numeric_limits<std::size_t>::max();

using Pool = StaticPool<1024>;
static_assert(Pool::kTotalSize == 1024);

// No code runs before main() for a pool.
constinit Pool static_pool;

bool IsZero(const void* block, std::size_t bytes) {
  const auto* byte = static_cast<const unsigned char*>(block);
  return std::all_of(byte, byte + bytes,
                     [](unsigned char b) { return b == 0; });
}

TEST(StaticPoolTest, FreshPoolHasEverythingLeft) {
  EXPECT_EQ(static_pool.remaining(), Pool::kTotalSize);
  Pool pool;
  EXPECT_EQ(pool.remaining(), Pool::kTotalSize);
}

TEST(StaticPoolTest, BlocksAreZeroAndDoNotOverlap) {
  Pool pool;
  auto* before = static_cast<std::byte*>(pool.Allocate(100, 8));
  ASSERT_NE(before, nullptr);
  for (int i = 0; i < 8; ++i) {
    std::memset(before, 0xff, 104);
    auto* const block = static_cast<std::byte*>(pool.Allocate(100, 8));
    ASSERT_NE(block, nullptr);
    EXPECT_GE(block, before + 104);
    EXPECT_TRUE(IsZero(block, 104));
    before = block;
  }
}

TEST(StaticPoolTest, SizeIsRoundedUpToMultipleOf8) {
  Pool pool;
  for (const std::size_t bytes : {1, 7, 8, 9, 15, 16, 17}) {
    const std::size_t before = pool.remaining();
    ASSERT_NE(pool.Allocate(bytes, 1), nullptr);
    EXPECT_EQ(before - pool.remaining(), (bytes + 7) / 8 * 8) << bytes;
  }
}

TEST(StaticPoolTest, BlockIsAlignedAsAskedAndTo8AtLeast) {
  for (const std::size_t alignment : {1, 2, 4, 8, 16, 32, 64}) {
    Pool pool;
    for (int i = 0; i < 4; ++i) {
      void* const block = pool.Allocate(8, alignment);
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) %
                    std::max<std::size_t>(alignment, 8),
                0u)
          << alignment;
    }
  }
}

TEST(StaticPoolTest, BytesSkippedForAlignmentAreGone) {
  Pool pool;
  ASSERT_NE(pool.Allocate(8, 8), nullptr);
  ASSERT_NE(pool.Allocate(8, 64), nullptr);
  EXPECT_EQ(pool.remaining(), Pool::kTotalSize - 72);
}

TEST(StaticPoolTest, AlignmentAbove64IsRefused) {
  Pool pool;
  EXPECT_EQ(pool.Allocate(8, 128), nullptr);
  EXPECT_EQ(pool.Allocate(8, std::size_t{1} << 31), nullptr);
  EXPECT_EQ(pool.remaining(), Pool::kTotalSize);
}

TEST(StaticPoolTest, EveryByteCanBeHadOnce) {
  Pool pool;
  ASSERT_NE(pool.Allocate(Pool::kTotalSize - 8, 8), nullptr);
  EXPECT_EQ(pool.remaining(), 8u);
  ASSERT_NE(pool.Allocate(8, 8), nullptr);
  EXPECT_EQ(pool.remaining(), 0u);
  EXPECT_EQ(pool.Allocate(1, 1), nullptr);
  EXPECT_EQ(pool.remaining(), 0u);
}

TEST(StaticPoolTest, RefusalLeavesPoolAsItWas) {
  Pool pool;
  ASSERT_NE(pool.Allocate(1000, 8), nullptr);
  EXPECT_EQ(pool.Allocate(25, 8), nullptr);
  EXPECT_EQ(pool.Allocate(24, 64), nullptr);
  EXPECT_EQ(pool.remaining(), 24u);
  EXPECT_NE(pool.Allocate(24, 8), nullptr);
}

TEST(StaticPoolTest, SizeThatOverflowsIsRefused) {
  Pool pool;
  ASSERT_NE(pool.Allocate(8, 8), nullptr);
  for (const std::size_t bytes :
       {kMaxSize, kMaxSize - 6, kMaxSize - 7, kMaxSize - 8, kMaxSize - 15,
        kMaxSize / 2 + 1, Pool::kTotalSize + 1, Pool::kTotalSize}) {
    for (const std::size_t alignment : {1, 8, 64}) {
      EXPECT_EQ(pool.Allocate(bytes, alignment), nullptr) << bytes;
    }
  }
  EXPECT_EQ(pool.remaining(), Pool::kTotalSize - 8);
}

TEST(StaticPoolTest, NothingComesBackFromDeallocate) {
  Pool pool;
  void* const block = pool.Allocate(64, 8);
  pool.Deallocate(block);
  pool.Deallocate(nullptr);
  EXPECT_EQ(pool.remaining(), Pool::kTotalSize - 64);
  EXPECT_NE(pool.Allocate(64, 8), block);
}

TEST(StaticPoolTest, ResetGivesEverythingBackZeroed) {
  Pool pool;
  void* const block = pool.Allocate(Pool::kTotalSize, 64);
  ASSERT_NE(block, nullptr);
  std::memset(block, 0xff, Pool::kTotalSize);
  pool.Reset();
  EXPECT_EQ(pool.remaining(), Pool::kTotalSize);
  void* const again = pool.Allocate(Pool::kTotalSize, 64);
  EXPECT_EQ(again, block);
  EXPECT_TRUE(IsZero(again, Pool::kTotalSize));
}

// Memory that one thread of the test below got.
struct Block {
  unsigned char* start;
  std::size_t size;
  unsigned char mark;
};

// Takes blocks of odd sizes and every alignment until even the smallest is
// refused, and writes `mark` all over them: without atomics, so that
// ThreadSanitizer sees an overlap as well.
template <typename LargePool>
std::vector<Block> TakeAll(LargePool& pool, unsigned char mark) {
  std::vector<Block> blocks;
  for (std::size_t n = mark;; ++n) {
    const std::size_t size = 1 + n * 7 % 40;
    const std::size_t alignment = std::size_t{1} << n % 7;
    auto* const start =
        static_cast<unsigned char*>(pool.Allocate(size, alignment));
    if (start == nullptr && pool.remaining() < 8) return blocks;
    if (start == nullptr) continue;
    std::memset(start, mark, size);
    blocks.push_back({start, size, mark});
  }
}

TEST(StaticPoolTest, ConcurrentBlocksDoNotOverlap) {
  constexpr int kThreads = 2;
  constexpr int kRounds = 20;
  constinit static StaticPool<256 * 1024> pool;
  for (int round = 0; round < kRounds; ++round) {
    pool.Reset();
    std::atomic<int> to_come{kThreads};
    std::vector<Block> blocks[kThreads];
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        to_come.fetch_sub(1);
        while (to_come.load() > 0) std::this_thread::yield();
        blocks[i] = TakeAll(pool, static_cast<unsigned char>(i + 1));
      });
    }
    for (std::thread& thread : threads) thread.join();

    std::vector<Block> all;
    for (const auto& of_thread : blocks) {
      all.insert(all.end(), of_thread.begin(), of_thread.end());
    }
    std::sort(all.begin(), all.end(),
              [](const Block& a, const Block& b) { return a.start < b.start; });
    ASSERT_GE(all.size(), pool.kTotalSize / (40 + 64));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Block& block = all[i];
      ASSERT_TRUE(
          std::all_of(block.start, block.start + block.size,
                      [&](unsigned char b) { return b == block.mark; }));
      if (i == 0) continue;
      ASSERT_GE(block.start, all[i - 1].start + all[i - 1].size);
    }
  }
}

}  // namespace
}  // namespace bpfmap
