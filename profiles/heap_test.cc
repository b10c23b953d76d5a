// SPDX-License-Identifier: Apache-2.0

// The contract of heap.h. AddressSanitizer checks that what is given out is
// there, and given back once.

#include "bpfmap/profiles/heap.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace bpfmap {
namespace {

TEST(HeapTest, BlockIsAlignedAsAsked) {
  Heap heap;
  for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    // An odd number of blocks of odd sizes in between moves the next one.
    for (const std::size_t bytes : {1, 8, 24, 100, 1000}) {
      void* const block = heap.Allocate(bytes, alignment);
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignof(void*), 0u);
      std::memset(block, 0xff, bytes);
      heap.Deallocate(block);
    }
  }
}

TEST(HeapTest, BlockIsZeroEvenWhereAnotherOneWas) {
  Heap heap;
  // The last ones are pages of their own.
  for (const std::size_t bytes : {1000, (1 << 20) - 100, 1 << 20, 3000000}) {
    for (int i = 0; i < 20; ++i) {
      auto* const block = static_cast<unsigned char*>(heap.Allocate(bytes, 64));
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
      EXPECT_TRUE(std::all_of(block, block + bytes,
                              [](unsigned char b) { return b == 0; }));
      std::memset(block, 0xff, bytes);
      heap.Deallocate(block);
    }
  }
}

TEST(HeapTest, ManyLargeBlocksLiveTogether) {
  constexpr std::size_t kBytes = 1 << 20;
  constexpr std::size_t kBlocks = 1500;
  Heap heap;
  std::vector<unsigned char*> blocks;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    auto* const block = static_cast<unsigned char*>(heap.Allocate(kBytes, 64));
    ASSERT_NE(block, nullptr);
    blocks.push_back(block);
    EXPECT_EQ(block[0], 0);
    EXPECT_EQ(block[kBytes - 1], 0);
    block[0] = block[kBytes - 1] = static_cast<unsigned char>(i);
    // Every third one goes, and its place is taken by later ones.
    if (i % 3 == 0) {
      heap.Deallocate(block);
      blocks.pop_back();
    }
  }
  for (unsigned char* const block : blocks) {
    EXPECT_EQ(block[0], block[kBytes - 1]);
    heap.Deallocate(block);
  }
}

TEST(HeapTest, SizeThatOverflowsOrIsTooLargeIsRefused) {
  constexpr std::size_t kMaxSize = std::numeric_limits<std::size_t>::max();
  Heap heap;
  for (const std::size_t alignment : {1, 8, 64, 4096}) {
    for (const std::size_t bytes :
         {kMaxSize, kMaxSize - 8, kMaxSize - 63, kMaxSize - 72, kMaxSize - 4104,
          kMaxSize / 2 + 1}) {
      EXPECT_EQ(heap.Allocate(bytes, alignment), nullptr) << bytes;
    }
  }
}

TEST(HeapTest, NullCanBeGivenBack) {
  Heap heap;
  heap.Deallocate(nullptr);
}

}  // namespace
}  // namespace bpfmap
