// SPDX-License-Identifier: Apache-2.0

// A lookup writes nothing to memory that others can see. An update writes a
// number of cache lines that does not depend on how many cores or keys there
// are.
//
// The maps here live, object and all, in pages that can be made read-only: a
// store to one of them ends the test. This needs no counters of the processor,
// and holds on any number of cores: what is never written is never contended.

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lpm_trie_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/profile.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kArenaSize = 4 << 20;

// Pages that are handed out, made read-only, and compared by the cache line.
class Pages {
 public:
  Pages()
      : start_(static_cast<std::byte*>(
            mmap(nullptr, kArenaSize, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {}
  ~Pages() { munmap(start_, kArenaSize); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  void* Allocate(std::size_t bytes, std::size_t alignment) {
    const std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (at > kArenaSize || bytes > kArenaSize - at) return nullptr;
    used_ = at + bytes;
    return start_ + at;
  }
  void Deallocate(void*) {}

  void SetWritable(bool writable) {
    ASSERT_EQ(mprotect(start_, kArenaSize,
                       writable ? PROT_READ | PROT_WRITE : PROT_READ),
              0);
  }

  // How many cache lines `change` leaves different.
  template <typename Change>
  int LinesChangedBy(Change change) {
    const std::vector<std::byte> before(start_, start_ + used_);
    change();
    int lines = 0;
    for (std::size_t at = 0; at < used_; at += kLine) {
      const std::size_t size = std::min(kLine, used_ - at);
      lines += std::memcmp(before.data() + at, start_ + at, size) != 0;
    }
    return lines;
  }

 private:
  std::byte* const start_;
  std::size_t used_ = 0;
};

// Cloud and Embedded, but in Pages.
template <typename P>
struct InPages : P {
  using Memory = Pages;
};

template <typename M>
class ReadPathTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kEntries = 512;
  static constexpr uint32_t kFilled = 384;
  static constexpr bool kIsTrie =
      std::is_same_v<M, LpmTrieMap<InPages<Cloud>>> ||
      std::is_same_v<M, LpmTrieMap<InPages<Embedded>>>;

  // A map of values of `value_size` bytes, filled to three quarters.
  void Make(uint32_t value_size) {
    constexpr bool kIsArray = std::is_same_v<M, ArrayMap<InPages<Cloud>>> ||
                              std::is_same_v<M, ArrayMap<InPages<Embedded>>>;
    value_.assign(value_size, 'v');
    map_ = new (pages_.Allocate(sizeof(M), alignof(M)))
        M({.type = kIsTrie    ? MapType::kLpmTrie
                   : kIsArray ? MapType::kArray
                              : MapType::kHash,
           .key_size = kIsTrie ? 8 : 4,
           .value_size = value_size,
           .max_entries = kEntries,
           .map_flags = kIsTrie ? kNoPrealloc : MapFlags{}},
          &pages_);
    ASSERT_EQ(map_->Init(), Errno::kOk);
    for (uint32_t key = 0; key < kFilled; ++key) {
      ASSERT_EQ(map_->Update(Key(key), value_.data()), Errno::kOk);
    }
  }

  // Key number `number`, until the next call.
  const void* Key(uint32_t number) {
    if (!kIsTrie) {
      key_[0] = number;
    } else {
      key_[0] = 32;  // bits
      key_[1] = number * 0x9e3779b9;
    }
    return key_;
  }

  // Not destroyed: it has nothing but the pages.
  M* map_ = nullptr;
  Pages pages_;
  std::string value_;
  uint32_t key_[2];
};

using Maps =
    ::testing::Types<HashMap<InPages<Cloud>>, HashMap<InPages<Embedded>>,
                     ArrayMap<InPages<Cloud>>, ArrayMap<InPages<Embedded>>,
                     LpmTrieMap<InPages<Cloud>>, LpmTrieMap<InPages<Embedded>>>;
TYPED_TEST_SUITE(ReadPathTest, Maps);

TYPED_TEST(ReadPathTest, LookupWritesNothing) {
  for (const uint32_t value_size : {8U, 64U, 200U}) {
    this->Make(value_size);
    std::string copy(value_size, '\0');
    this->pages_.SetWritable(false);
    for (uint32_t key = 0; key < 2 * this->kEntries; ++key) {
      const bool found = this->map_->LookupElem(this->Key(key)) != nullptr;
      EXPECT_EQ(this->map_->Lookup(this->Key(key), copy.data()),
                found ? Errno::kOk : Errno::kNoEnt);
      if (key < this->kFilled) {
        EXPECT_TRUE(found);
        EXPECT_EQ(copy, this->value_);
      }
    }
    this->pages_.SetWritable(true);
  }
}

using ReadPathDeathTest = ReadPathTest<HashMap<InPages<Cloud>>>;

TEST_F(ReadPathDeathTest, UpdateOfReadOnlyPagesIsNoticed) {
  Make(8);
  const uint32_t key = 1;
  EXPECT_DEATH(
      {
        pages_.SetWritable(false);
        (void)map_->Update(&key, value_.data());
      },
      "");
}

// A line with nothing but the lock is left as it was found, and comes on top.
TYPED_TEST(ReadPathTest, UpdateChangesFewLinesHoweverLargeMap) {
  this->Make(8);
  std::string value(8, 'a');
  uint32_t lines_of_all = 0;
  for (uint32_t key = 0; key < this->kFilled; ++key) {
    value[0] = static_cast<char>('a' + key % 7);
    const int lines = this->pages_.LinesChangedBy([&] {
      EXPECT_EQ(this->map_->UpdateElem(this->Key(key), value.data(), kExist),
                Errno::kOk);
    });
    // The lock, version and tags of a group, or the version and spare of a
    // shard and a link; and the element, which may lie across two lines as the
    // link's.
    EXPECT_LE(lines, 6);
    lines_of_all += lines;
  }
  // Groups that were full have longer ways, but those are few.
  if (std::is_same_v<TypeParam, HashMap<InPages<Cloud>>>) {
    EXPECT_LE(lines_of_all, this->kFilled * 2.1);
  }
}

}  // namespace
}  // namespace bpfmap
