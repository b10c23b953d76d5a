// SPDX-License-Identifier: Apache-2.0

// A trie that grows through several doublings of its roots, and shrinks again,
// against a std::map: matches and walks are those of the prefixes in it.
//
// The steps are the same in every run.

#include "bpfmap/maps/internal/prefix_trie.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "bpfmap/maps/internal/prefix.h"
#include "bpfmap/maps/internal/prefix_tree.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/heap.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "gtest/gtest.h"

namespace bpfmap::internal {
namespace {

// Bits, as '0' and '1'. In a std::map they are sorted so that a prefix comes
// directly before those that begin with it.
using Bits = std::string;

struct Shape {
  uint32_t data_size;
  // Bits that are the same in most prefixes, so that roots are uneven.
  uint32_t same_bits;
};

class PrefixTrieModelTest : public ::testing::TestWithParam<Shape> {
 protected:
  static constexpr uint32_t kEntries = 1024;

  void SetUp() override { ASSERT_TRUE(trie_.Init()); }

  uint32_t data_size() const { return GetParam().data_size; }

  std::vector<std::byte> KeyOf(const Bits& bits) const {
    std::vector<std::byte> key(kPrefixLengthSize + data_size());
    const uint32_t length = static_cast<uint32_t>(bits.size());
    std::memcpy(key.data(), &length, sizeof length);
    for (uint32_t i = 0; i < length; ++i) {
      if (bits[i] == '1') {
        key[kPrefixLengthSize + i / 8] |= std::byte{0x80} >> i % 8;
      }
    }
    return key;
  }
  static Bits BitsOfKey(const std::vector<std::byte>& key) {
    Bits bits(PrefixLengthOf(key.data()), '0');
    for (uint32_t i = 0; i < bits.size(); ++i) {
      const std::byte byte = key[kPrefixLengthSize + i / 8];
      if ((byte & std::byte{0x80} >> i % 8) != std::byte{0}) bits[i] = '1';
    }
    return bits;
  }

  Bits RandomBits() {
    const uint32_t most = data_size() * 8;
    // Half of them are as long as can be, a few end where roots do.
    uint32_t length = most;
    if (random_() % 2 == 0) length = random_() % std::min(most + 1, 20U);
    Bits bits(length, '0');
    const bool is_usual = random_() % 8 != 0;
    for (uint32_t i = is_usual ? GetParam().same_bits : 0; i < length; ++i) {
      if (random_() % 2 != 0) bits[i] = '1';
    }
    return bits;
  }

  void Put(const Bits& bits, uint64_t value) {
    const auto key = KeyOf(bits);
    WithPrefix(key.data(), data_size(), [&](auto prefix) {
      WriterLock lock(trie_.seq_lock());
      const PrefixPosition position = trie_.FindLocked(prefix);
      EXPECT_EQ(position.element != 0, model_.count(bits) != 0) << bits;
      EXPECT_TRUE(trie_.PutLocked(position, prefix, &value));
    });
    model_[bits] = value;
  }
  void Erase(const Bits& bits) {
    const auto key = KeyOf(bits);
    WithPrefix(key.data(), data_size(), [&](auto prefix) {
      WriterLock lock(trie_.seq_lock());
      const PrefixPosition position = trie_.FindLocked(prefix);
      ASSERT_NE(position.element, 0u) << bits;
      trie_.EraseLocked(position);
    });
    model_.erase(bits);
  }

  void EraseOne() {
    auto victim = model_.lower_bound(RandomBits());
    if (victim == model_.end()) victim = model_.begin();
    Erase(Bits(victim->first));
  }

  void ExpectMatch(const Bits& bits) {
    const auto key = KeyOf(bits);
    std::optional<uint64_t> expected;
    for (std::size_t length = 0; length <= bits.size(); ++length) {
      const auto found = model_.find(bits.substr(0, length));
      if (found != model_.end()) expected = found->second;
    }
    std::optional<uint64_t> value;
    WithPrefix(key.data(), data_size(), [&](auto prefix) {
      uint64_t copy;
      if (trie_.Read(prefix, &copy)) value = copy;
    });
    EXPECT_EQ(value, expected) << bits;
  }

  // Prefixes after those that begin with them, 0 before 1.
  void ExpectWalk() {
    std::vector<Bits> expected;
    for (const auto& entry : model_) expected.push_back(entry.first);
    std::sort(expected.begin(), expected.end(),
              [](const Bits& a, const Bits& b) {
                // After all that begins with it.
                return a + '2' < b + '2';
              });
    std::vector<Bits> walked;
    std::vector<std::byte> key(kPrefixLengthSize + data_size());
    for (bool more = trie_.NextKey(nullptr, key.data());
         more && walked.size() <= expected.size();
         more = trie_.NextKey(key.data(), key.data())) {
      walked.push_back(BitsOfKey(key));
    }
    EXPECT_EQ(walked, expected);
  }

  Heap memory_;
  PrefixTrie<Cloud> trie_{memory_, data_size(),
                          ValueLayout(8, ValueLayout::kNoLock), kEntries};
  std::map<Bits, uint64_t> model_;
  std::mt19937_64 random_{1};
};

TEST_P(PrefixTrieModelTest, GrowingAndShrinkingTrieMatchesModel) {
  uint64_t value = 0;
  uint32_t next_walk = 1;
  for (uint32_t step = 0; model_.size() < kEntries && step < 3 * kEntries;
       ++step) {
    Put(RandomBits(), ++value);
    ExpectMatch(RandomBits());
    if (step % 3 == 0) EraseOne();
    // More often than the roots double, and so in the middle of that.
    if (step == next_walk) {
      ExpectWalk();
      next_walk += 1 + next_walk / 24;
    }
    if (HasFailure()) FAIL() << "step " << step;
  }
  ExpectWalk();
  for (uint32_t i = 0; !model_.empty(); ++i) {
    EraseOne();
    ExpectMatch(RandomBits());
    if (i % 256 == 0) ExpectWalk();
    if (HasFailure()) FAIL() << "erasure " << i;
  }
  EXPECT_FALSE(trie_.NextKey(nullptr, nullptr));
}

INSTANTIATE_TEST_SUITE_P(Shapes, PrefixTrieModelTest,
                         ::testing::Values(Shape{1, 0}, Shape{2, 3},
                                           Shape{4, 0}, Shape{4, 9},
                                           Shape{8, 5}, Shape{16, 0},
                                           Shape{20, 7}),
                         [](const auto& info) {
                           return std::to_string(info.param.data_size) +
                                  "bytes" +
                                  std::to_string(info.param.same_bits) + "same";
                         });

}  // namespace
}  // namespace bpfmap::internal
