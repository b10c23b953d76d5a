// SPDX-License-Identifier: Apache-2.0

// The slots of a group that have a tag: with the instructions of the processor,
// and (group_portable_test) without.

#include "bpfmap/maps/internal/hash/group.h"

#include <array>
#include <cstdint>
#include <random>
#include <set>

#include "bpfmap/profiles/mutex.h"
#include "gtest/gtest.h"
#include "tests/support/random_seed.h"

namespace bpfmap::internal {
namespace {

std::set<uint32_t> Taken(SlotSet slots) {
  std::set<uint32_t> taken;
  while (!slots.empty()) taken.insert(slots.Take());
  return taken;
}

// The hash of a key whose tag is byte `tag`.
uint64_t HashWithTag(uint8_t tag) { return 0xabcdef00 | tag; }

TEST(GroupTest, NoKeyHasTagOfEmptySlot) {
  std::set<GroupSnapshot::Tag> tags;
  for (int byte = 0; byte < 256; ++byte) {
    tags.insert(GroupSnapshot::TagOf(HashWithTag(static_cast<uint8_t>(byte))));
  }
  EXPECT_EQ(tags.size(), 255u);
  EXPECT_EQ(tags.count(GroupSnapshot::kNoTag), 0u);
}

TEST(GroupTest, SlotsAreFoundByTheirTags) {
  std::mt19937_64 random(RandomSeed());
  // Few tags, so that slots share them; and those that differ in one bit.
  constexpr std::array<uint8_t, 8> kTags = {1,    2,    3,   0x7f,
                                            0x80, 0x81, 254, 255};
  for (int round = 0; round < 10000; ++round) {
    std::array<uint8_t, GroupSnapshot::kSlots> slots{};
    // The version must not matter.
    GroupSnapshot snapshot(random() & 0xffffffff, 0);
    for (int step = 0; step < 30; ++step) {
      const uint32_t slot = random() % GroupSnapshot::kSlots;
      if (slots[slot] == 0) {
        slots[slot] = kTags[random() % kTags.size()];
        snapshot.Toggle(slot, GroupSnapshot::TagOf(HashWithTag(slots[slot])));
      } else {
        snapshot.Toggle(slot, GroupSnapshot::TagOf(HashWithTag(slots[slot])));
        slots[slot] = 0;
      }
      std::set<uint32_t> empty, occupied;
      for (uint32_t i = 0; i < GroupSnapshot::kSlots; ++i) {
        (slots[i] == 0 ? empty : occupied).insert(i);
      }
      ASSERT_EQ(Taken(snapshot.Empty()), empty);
      ASSERT_EQ(Taken(snapshot.Occupied()), occupied);
      ASSERT_EQ(snapshot.has_tags(), !occupied.empty());
      for (const uint8_t tag : kTags) {
        std::set<uint32_t> expected;
        for (uint32_t i = 0; i < GroupSnapshot::kSlots; ++i) {
          if (slots[i] == tag) expected.insert(i);
        }
        ASSERT_EQ(
            Taken(snapshot.WithTag(GroupSnapshot::TagOf(HashWithTag(tag)))),
            expected);
      }
    }
  }
}

TEST(GroupTest, ChangeEndsWithAnotherVersionAndKeepsTags) {
  Group group;
  GroupSnapshot snapshot = group.Load();
  for (uint32_t slot = 0; slot < GroupSnapshot::kSlots; ++slot) {
    snapshot = group.Load();
    EXPECT_TRUE(group.Validate(snapshot));
    group.BeginWrite(snapshot);
    EXPECT_TRUE(group.Load().changing());
    EXPECT_FALSE(group.Validate(snapshot));
    GroupSnapshot changed = snapshot;
    changed.Toggle(slot, GroupSnapshot::TagOf(HashWithTag(slot + 1)));
    group.EndWrite(changed);
    EXPECT_FALSE(group.Load().changing());
    EXPECT_FALSE(group.Validate(snapshot));
  }
  EXPECT_TRUE(group.Load().Empty().empty());
  for (uint32_t slot = 0; slot < GroupSnapshot::kSlots; ++slot) {
    EXPECT_EQ(Taken(group.Load().WithTag(
                  GroupSnapshot::TagOf(HashWithTag(slot + 1)))),
              std::set<uint32_t>{slot});
  }
}

struct NoWait {
  void Pause() {}
};
using BitLock = BasicBitLock<NoWait>;

TEST(GroupTest, ReadersDoNotMindLock) {
  Group group;
  const GroupSnapshot before = group.Load();
  BitLock::Lock(group.lock_word());
  const GroupSnapshot locked = group.Load();
  EXPECT_TRUE(group.Validate(before));
  EXPECT_TRUE(group.Validate(locked));
  BitLock::Unlock(group.lock_word());
  EXPECT_TRUE(group.Validate(before));
  EXPECT_TRUE(group.Validate(locked));
}

TEST(GroupTest, LookAllowsLockAsLongAsNothingChanged) {
  Group group;
  const GroupSnapshot first = group.Load();
  ASSERT_TRUE(group.TryLock<BitLock>(first));
  EXPECT_FALSE(group.TryLock<BitLock>(first));
  EXPECT_FALSE(group.TryLock<BitLock>(group.Load()));
  EXPECT_FALSE(group.TryBeginWrite<BitLock>(first));
  group.UnlockUnchanged(first);

  ASSERT_TRUE(group.TryBeginWrite<BitLock>(first));
  EXPECT_TRUE(group.Load().changing());
  EXPECT_FALSE(group.Validate(first));
  EXPECT_FALSE(group.Validate(group.Load()));
  EXPECT_FALSE(group.TryLock<BitLock>(first));
  EXPECT_FALSE(group.TryBeginWrite<BitLock>(group.Load()));
  group.EndWrite(first);

  EXPECT_FALSE(group.Validate(first));
  EXPECT_FALSE(group.TryLock<BitLock>(first));
  EXPECT_FALSE(group.TryBeginWrite<BitLock>(first));
  EXPECT_TRUE(group.TryLock<BitLock>(group.Load()));
}

}  // namespace
}  // namespace bpfmap::internal
