// SPDX-License-Identifier: Apache-2.0

// The memory that a map touches: none before it needs it; and for an element of
// a hash map, less than the kernel takes.
//
// The maps here live in pages of which the system says whether they were ever
// touched; a line of a cache that is not all zeros was. (Keys and values here
// are never zero.)

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/lpm_trie_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/heap.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"
#include "tests/support/sanitizer.h"

namespace bpfmap {
namespace {

constexpr std::size_t kLine = 64;

// Address space, from which blocks are given out one after the other.
class Arena {
 public:
  static constexpr std::size_t kSize = std::size_t{1} << 34;

  Arena()
      : start_(static_cast<std::byte*>(
            mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))),
        page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {}
  ~Arena() { munmap(start_, kSize); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* Allocate(std::size_t bytes, std::size_t alignment) {
    const std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (at > kSize || bytes > kSize - at) return nullptr;
    used_ = at + bytes;
    return start_ + at;
  }
  void Deallocate(void*) {}

  std::size_t TouchedPages() const {
    std::size_t pages = 0;
    ForEachTouchedPage([&](const std::byte*) { ++pages; });
    return pages;
  }

  std::size_t TouchedBytes() const {
    std::size_t bytes = 0;
    const std::vector<std::byte> zeros(kLine);
    ForEachTouchedPage([&](const std::byte* page) {
      for (std::size_t at = 0; at < page_; at += kLine) {
        if (std::memcmp(page + at, zeros.data(), kLine) != 0) bytes += kLine;
      }
    });
    return bytes;
  }

 private:
  template <typename Visitor>
  void ForEachTouchedPage(Visitor visitor) const {
    std::vector<unsigned char> touched((used_ + page_ - 1) / page_);
    ASSERT_EQ(mincore(start_, used_, touched.data()), 0);
    for (std::size_t i = 0; i < touched.size(); ++i) {
      if ((touched[i] & 1) != 0) visitor(start_ + i * page_);
    }
  }

  std::byte* const start_;
  const std::size_t page_;
  std::size_t used_ = 0;
};

struct InArena : Cloud {
  using Memory = Arena;
};
using Map = HashMap<InArena>;

void Fill(Map& map, uint32_t count) {
  const MapDef def = map.def();
  std::vector<uint8_t> key(def.key_size, 0xff), value(def.value_size, 0xff);
  for (uint32_t i = 0; i < count; ++i) {
    std::memcpy(key.data(), &i, sizeof i);
    ASSERT_EQ(map.Update(key.data(), value.data()), Errno::kOk);
  }
}

TEST(MemoryTest, CreationTouchesNoPageThatItDoesNotUse) {
  Arena arena;
  Map map({.type = MapType::kHash,
           .key_size = 4,
           .value_size = 8,
           .max_entries = 1 << 20,
           .map_flags = kNoPrealloc},
          &arena);
  ASSERT_EQ(map.Init(), Errno::kOk);
  EXPECT_EQ(arena.TouchedPages(), 0u);
  Fill(map, 100);
  // A page of groups and one of slots, for each element at most.
  EXPECT_LE(arena.TouchedPages(), 2u * 100);
  EXPECT_GT(arena.TouchedPages(), 2u);
}

TEST(MemoryTest, CreationOfTrieTouchesNoPage) {
  Arena arena;
  LpmTrieMap<InArena> trie({.type = MapType::kLpmTrie,
                            .key_size = 8,
                            .value_size = 8,
                            .max_entries = 1 << 16,
                            .map_flags = kNoPrealloc},
                           &arena);
  ASSERT_EQ(trie.Init(), Errno::kOk);
  EXPECT_EQ(arena.TouchedPages(), 0u);
  const uint32_t key[] = {32, 7};  // length, address
  const uint64_t value = 1;
  ASSERT_EQ(trie.Update(&key, &value), Errno::kOk);
  // A page each of roots, elements and nodes.
  EXPECT_LE(arena.TouchedPages(), 3u);
  EXPECT_GT(arena.TouchedPages(), 0u);
}

// The C library would keep a block for the next one, and clear all of it then.
TEST(MemoryTest, HeapTouchesNoPageOfLargeBlockThoughOthersWereFull) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer brings a heap of its own";
  constexpr std::size_t kBytes = 5 << 20;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  Heap heap;
  for (int i = 0; i < 4; ++i) {
    auto* const block = static_cast<std::byte*>(heap.Allocate(kBytes, kLine));
    ASSERT_NE(block, nullptr);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % page, 0u);
    std::vector<unsigned char> touched((kBytes + page - 1) / page);
    ASSERT_EQ(mincore(block, kBytes, touched.data()), 0);
    EXPECT_EQ(std::count(touched.begin(), touched.end(), 1), 0);
    std::memset(block, 0xff, kBytes);
    heap.Deallocate(block);
  }
}

TEST(MemoryTest, ElementTakesLessThanInKernel) {
  struct Sizes {
    uint32_t key;
    uint32_t value;
  };
  for (const uint32_t entries : {1U << 10, 1U << 16, 1U << 20}) {
    for (const Sizes sizes : {Sizes{4, 8}, Sizes{8, 8}, Sizes{16, 64},
                              Sizes{64, 56}, Sizes{64, 57}, Sizes{4, 300}}) {
      SCOPED_TRACE(testing::Message() << "key " << sizes.key << " value "
                                      << sizes.value << " entries " << entries);
      Arena arena;
      Map map({.type = MapType::kHash,
               .key_size = sizes.key,
               .value_size = sizes.value,
               .max_entries = entries},
              &arena);
      ASSERT_EQ(map.Init(), Errno::kOk);
      Fill(map, entries);
      // Linux: a header of 48 bytes, key and value rounded up to 8, and 16
      // bytes for each bucket.
      const uint64_t kernel = entries * (48 + internal::RoundUp8(sizes.key) +
                                         internal::RoundUp8(sizes.value)) +
                              16 * std::bit_ceil(uint64_t{entries});
      EXPECT_LT(arena.TouchedBytes() + sizeof(Map), kernel);
      // A look at the measure itself: less than the contents is impossible.
      EXPECT_GT(arena.TouchedBytes(),
                uint64_t{entries} * (sizes.key + sizes.value));
    }
  }
}

}  // namespace
}  // namespace bpfmap
