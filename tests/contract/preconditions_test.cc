// SPDX-License-Identifier: Apache-2.0
//
// Conditions after REQUIRES in comments are checked, in programs that are
// compiled without NDEBUG.

#include <cassert>
#include <cstdint>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/queue_stack_map.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/profile.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

bool AreChecked() {
  bool checked = false;
  assert(checked = true);
  return checked;
}

constexpr MapDef kHash = {
    .type = MapType::kHash, .key_size = 4, .value_size = 8, .max_entries = 4};

TEST(PreconditionsTest, MapIsUsedAfterInitOnly) {
  if (!AreChecked()) return;
  const uint32_t key = 1;
  uint64_t value = 2;
  HashMap<Cloud> hash(kHash);
  EXPECT_DEATH(hash.LookupElem(&key), "is_ready");
  EXPECT_DEATH((void)hash.UpdateElem(&key, &value, kAny), "is_ready");
  EXPECT_DEATH((void)hash.Lookup(&key, &value), "is_ready");
  BpfMap& user_view = hash;
  EXPECT_DEATH((void)user_view.Update(&key, &value), "is_ready");
  ArrayMap<Cloud> array({.type = MapType::kArray,
                         .key_size = 4,
                         .value_size = 8,
                         .max_entries = 4});
  EXPECT_DEATH(array.LookupElem(&key), "is_ready");
  QueueMap<Cloud> queue(
      {.type = MapType::kQueue, .value_size = 8, .max_entries = 4});
  EXPECT_DEATH((void)queue.Push(&value, kAny), "is_ready");
  RingBuffer<Cloud> ring({.type = MapType::kRingBuf, .max_entries = 4096});
  EXPECT_DEATH(ring.Reserve(8), "is_ready");
}

TEST(PreconditionsTest, InitIsCalledOnce) {
  if (!AreChecked()) return;
  HashMap<Cloud> hash(kHash);
  ASSERT_EQ(hash.Init(), Errno::kOk);
  EXPECT_DEATH((void)hash.Init(), "is_ready");
}

TEST(PreconditionsTest, RecordIsHandedOverOnce) {
  if (!AreChecked()) return;
  RingBuffer<Cloud> ring({.type = MapType::kRingBuf, .max_entries = 4096});
  ASSERT_EQ(ring.Init(), Errno::kOk);
  void* const record = ring.Reserve(8);
  ASSERT_NE(record, nullptr);
  ring.Submit(record);
  EXPECT_DEATH(ring.Submit(record), "kRingBusy");
}

template <Profile P>
bool IsEvaluated() {
  bool evaluated = false;
  BPFMAP_DCHECK(P, evaluated = true);
  return evaluated;
}

TEST(PreconditionsTest, SmallSystemsHaveNoneOfIt) {
  EXPECT_EQ(IsEvaluated<Cloud>(), AreChecked());
  EXPECT_FALSE(IsEvaluated<Embedded>());
}

}  // namespace
}  // namespace bpfmap
