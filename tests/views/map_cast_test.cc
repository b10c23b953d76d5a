// SPDX-License-Identifier: Apache-2.0

// From a definition to a class, and from a map back to its class:
// CreateMap<...>(), MapCast<...>() and AsRingProducer().

#include "bpfmap/maps/map_cast.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/queue_stack_map.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using ::testing::HasSubstr;

constexpr MapDef kHashDef = {.type = MapType::kHash,
                             .key_size = 4,
                             .value_size = 8,
                             .max_entries = 16,
                             .name = "counts"};
constexpr MapDef kRingDef = {.type = MapType::kRingBuf, .max_entries = 4096};
constexpr MapDef kQueueDef = {
    .type = MapType::kQueue, .value_size = 4, .max_entries = 2};

TEST(CreateMapAsTest, GivesClass) {
  auto map = CreateMap<HashMap>(kHashDef);
  static_assert(
      std::is_same_v<decltype(map),
                     absl::StatusOr<std::unique_ptr<HashMap<Cloud>>>>);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ((*map)->def(), kHashDef);
  EXPECT_EQ((*map)->Resize(32), Errno::kOk);
}

TEST(CreateMapAsTest, RefusesInWordsOfErasedOne) {
  MapDef def = kHashDef;
  def.key_size = 0;
  const auto map = CreateMap<HashMap>(def);
  ASSERT_FALSE(map.ok());
  EXPECT_EQ(map.status(), CreateMap(def).status());
  EXPECT_THAT(std::string(map.status().message()),
              HasSubstr("key_size must be 1 or more"));
}

TEST(CreateMapAsTest, RefusesAnotherType) {
  const auto map = CreateMap<StackMap>(kQueueDef);
  ASSERT_FALSE(map.ok());
  EXPECT_EQ(StatusToErrno(map.status()), Errno::kInval);
  EXPECT_THAT(std::string(map.status().message()),
              HasSubstr("type must be STACK"));
}

TEST(CreateMapAsTest, SaysHowMuchMemoryThereIsNot) {
  MapDef def = kHashDef;
  def.max_entries = 1 << 27;
  def.value_size = 4'000'000;
  const auto map = CreateMap<HashMap>(def);
  ASSERT_FALSE(map.ok());
  EXPECT_EQ(StatusToErrno(map.status()), Errno::kNoMem);
  EXPECT_EQ(map.status(), CreateMap(def).status());
  EXPECT_THAT(std::string(map.status().message()),
              HasSubstr(std::to_string(HashMap<Cloud>::MemoryNeeded(def))));
}

TEST(MapCastTest, FindsClassOfCreateMap) {
  const std::shared_ptr<LocalMap> map = *CreateMap(kHashDef);
  HashMap<Cloud>* const hash = MapCast<HashMap>(map);
  ASSERT_NE(hash, nullptr);
  EXPECT_EQ(static_cast<LocalMap*>(hash), map.get());
  EXPECT_EQ(MapCast<HashMap>(map.get()), hash);
  EXPECT_EQ(MapCast<HashMap>(*map), hash);
  EXPECT_EQ(MapCast<HashMap<Cloud>>(map), hash);
  EXPECT_EQ((MapCast<HashMap, Cloud>(map)), hash);
}

TEST(MapCastTest, OfAnotherTypeIsNull) {
  const std::shared_ptr<LocalMap> queue = *CreateMap(kQueueDef);
  EXPECT_EQ(MapCast<HashMap>(queue), nullptr);
  EXPECT_EQ(MapCast<StackMap>(queue), nullptr);
  EXPECT_NE(MapCast<QueueMap>(queue), nullptr);
}

TEST(MapCastTest, TellsTypesOfOneClassApart) {
  MapDef def = kHashDef;
  def.type = MapType::kLruHash;
  const std::shared_ptr<LocalMap> lru = *CreateMap(def);
  EXPECT_NE(MapCast<LruHashMap>(lru), nullptr);
  EXPECT_EQ(MapCast<LruPerCpuHashMap>(lru), nullptr);
}

TEST(MapCastTest, OfAnotherProfileIsNull) {
  Embedded::Memory memory;
  QueueMap<Embedded> queue(kQueueDef, &memory);
  ASSERT_EQ(queue.Init(), Errno::kOk);
  EXPECT_EQ(MapCast<QueueMap>(queue), nullptr);
  EXPECT_EQ(MapCast<QueueMap<Embedded>>(queue), &queue);
}

TEST(MapCastTest, OfNoMapIsNull) {
  EXPECT_EQ(MapCast<HashMap>(static_cast<LocalMap*>(nullptr)), nullptr);
  const std::shared_ptr<LocalMap> none;
  EXPECT_EQ(MapCast<HashMap>(none), nullptr);
}

template <typename Map>
concept CastsTemporary = requires(Map map) {
  MapCast<HashMap>(std::move(map));
};

TEST(MapCastTest, RefusesOwnerThatIsTemporary) {
  EXPECT_FALSE(CastsTemporary<std::shared_ptr<LocalMap>>);
  EXPECT_TRUE(CastsTemporary<LocalMap*>);
}

// A program that writes to a ring of any profile.
void ProduceThree(RingProducer& ring) {
  void* const discarded = ring.Reserve(8);
  ASSERT_NE(discarded, nullptr);
  ring.Discard(discarded);
  auto* const one = static_cast<uint64_t*>(ring.Reserve(sizeof(uint64_t)));
  ASSERT_NE(one, nullptr);
  *one = 1;
  ring.Submit(one, kRbForceWakeup);
  const uint64_t two = 2;
  EXPECT_EQ(ring.Output(&two, sizeof two), Errno::kOk);
  EXPECT_EQ(ring.Output(&two, sizeof two, RingFlags{4}), Errno::kInval);
  EXPECT_EQ(ring.Output(nullptr, 1), Errno::kFault);
  EXPECT_EQ(ring.Output(&two, 4096), Errno::kAgain);
  EXPECT_EQ(ring.Reserve(8, RingFlags{1}), nullptr);
  EXPECT_EQ(ring.Query(kRbRingSize), 4096u);
  EXPECT_EQ(ring.Query(kRbAvailData), 48u);
}

template <typename Ring>
void ExpectOneAndTwo(Ring& ring) {
  uint64_t expected = 1;
  EXPECT_EQ(ring.Consume([&](void* data, uint32_t size) {
    uint64_t number = 0;
    EXPECT_EQ(size, sizeof number);
    std::memcpy(&number, data, sizeof number);
    EXPECT_EQ(number, expected++);
    return 0;
  }),
            2);
}

TEST(RingProducerTest, IsRingOfCreateMap) {
  const std::shared_ptr<LocalMap> map = *CreateMap(kRingDef);
  RingProducer* const producer = AsRingProducer(map);
  ASSERT_NE(producer, nullptr);
  EXPECT_EQ(AsRingProducer(*map), producer);
  ProduceThree(*producer);
  ExpectOneAndTwo(*MapCast<RingBuffer>(map));
}

TEST(RingProducerTest, IsRingOfAnotherProfile) {
  Embedded::Memory memory;
  RingBuffer<Embedded> ring(kRingDef, &memory);
  ASSERT_EQ(ring.Init(), Errno::kOk);
  LocalMap& map = ring;
  ASSERT_NE(AsRingProducer(map), nullptr);
  ProduceThree(*AsRingProducer(map));
  ExpectOneAndTwo(ring);
}

TEST(RingProducerTest, OfAnotherTypeIsNull) {
  const std::shared_ptr<LocalMap> map = *CreateMap(kHashDef);
  EXPECT_EQ(AsRingProducer(map), nullptr);
  EXPECT_EQ(AsRingProducer(static_cast<LocalMap*>(nullptr)), nullptr);
  MapDef def = kRingDef;
  def.type = MapType::kUserRingBuf;
  const std::shared_ptr<LocalMap> user_ring = *CreateMap(def);
  EXPECT_EQ(AsRingProducer(user_ring), nullptr);
}

}  // namespace
}  // namespace bpfmap
