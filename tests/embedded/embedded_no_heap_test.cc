// SPDX-License-Identifier: Apache-2.0

// The maps of the embedded profile never ask for memory other than their
// pool's: every method is called while malloc() and its like count their calls.
//
// This file replaces the C library's functions, for the whole program, with
// ones that pass the call on. The sanitizers do the same: not for them.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lpm_trie_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/embedded/every_method.h"
#include "tests/embedded/every_perf_method.h"
#include "tests/embedded/every_ring_method.h"
#include "tests/embedded/every_trie_method.h"

namespace {

constinit std::atomic<bool> armed{false};
constinit std::atomic<int> heap_calls{0};

void CountHeapCall() {
  if (armed.load()) heap_calls.fetch_add(1);
}

}  // namespace

// operator new and operator delete of the C++ library call these.
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* block);

void* malloc(std::size_t size) noexcept {
  CountHeapCall();
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  CountHeapCall();
  return __libc_calloc(count, size);
}

void* realloc(void* block, std::size_t size) noexcept {
  CountHeapCall();
  return __libc_realloc(block, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  CountHeapCall();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  CountHeapCall();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** block, std::size_t alignment,
                   std::size_t size) noexcept {
  CountHeapCall();
  *block = __libc_memalign(alignment, size);
  return *block != nullptr ? 0 : ENOMEM;
}

void free(void* block) noexcept {
  CountHeapCall();
  __libc_free(block);
}

}  // extern "C"

namespace bpfmap {
namespace {

// How often anything asked for heap memory, or gave some back, in `body`. No
// EXPECT in there: it may.
template <typename Body>
int CountHeapCalls(Body body) {
  heap_calls.store(0);
  armed.store(true);
  body();
  armed.store(false);
  return heap_calls.load();
}

// The compiler cannot know that what goes through here is not needed.
void* volatile kept;

TEST(TrapTest, EveryWayToHeapIsSeen) {
  EXPECT_EQ(CountHeapCalls([] {}), 0);
  EXPECT_EQ(CountHeapCalls([] {
              kept = std::malloc(8);
              kept = std::realloc(kept, 16);
              std::free(kept);
            }),
            3);
  EXPECT_EQ(CountHeapCalls([] {
              kept = std::calloc(2, 8);
              std::free(kept);
            }),
            2);
  EXPECT_EQ(CountHeapCalls([] {
              kept = std::aligned_alloc(64, 64);
              std::free(kept);
            }),
            2);
  EXPECT_EQ(CountHeapCalls([] {
              kept = new int;
              delete static_cast<int*>(kept);
            }),
            2);
  EXPECT_EQ(CountHeapCalls([] {
              kept = new int[3];
              delete[] static_cast<int*>(kept);
            }),
            2);
  struct alignas(64) Aligned {
    char bytes[64];
  };
  EXPECT_EQ(CountHeapCalls([] {
              kept = new Aligned;
              delete static_cast<Aligned*>(kept);
            }),
            2);
  EXPECT_EQ(CountHeapCalls([] {
              kept = new (std::nothrow) int;
              delete static_cast<int*>(kept);
            }),
            2);
}

// The test below, in the profile that does use the heap.
TEST(TrapTest, CloudMapIsSeen) {
  const MapDef def = EveryMethodDef(MapType::kHash, /*value_has_lock=*/false);
  Errno error = Errno::kInval;
  EXPECT_GT(CountHeapCalls([&] {
              HashMap<Cloud> map(def);
              error = map.Init();
            }),
            0);
  EXPECT_EQ(error, Errno::kOk);
}

// For each type of map, with and without a lock in the value.
class EmbeddedNoHeapTest
    : public testing::TestWithParam<std::tuple<MapType, bool>> {
 protected:
  EmbeddedNoHeapTest() { pool_.Reset(); }

  static MapDef Def() {
    const auto [type, value_has_lock] = GetParam();
    return EveryMethodDef(type, value_has_lock);
  }

  static constinit Embedded::Memory pool_;
};
constinit Embedded::Memory EmbeddedNoHeapTest::pool_;

class EmbeddedNoHeapTrieTest : public testing::Test {
 protected:
  static constinit Embedded::Memory pool_;
};
constinit Embedded::Memory EmbeddedNoHeapTrieTest::pool_;

TEST_P(EmbeddedNoHeapTest, NoMethodOfMapUsesHeap) {
  const MapDef def = Def();
  Errno error = Errno::kInval;
  int surprises = -1;
  EXPECT_EQ(CountHeapCalls([&] {
              VisitMapType<Embedded>(
                  def.type, [&]<typename Map>(std::type_identity<Map>) {
                    Map map(def, &pool_);
                    error = map.Init();
                    if (error == Errno::kOk) surprises = CallEveryMethod(map);
                  });
            }),
            0);
  EXPECT_EQ(error, Errno::kOk);
  EXPECT_EQ(surprises, 0);
}

// Both views again, as one who does not know the type sees them.
TEST_P(EmbeddedNoHeapTest, NoMethodOfInterfaceUsesHeap) {
  const MapDef def = Def();
  Errno error = Errno::kInval;
  int surprises = -1;
  EXPECT_EQ(CountHeapCalls([&] {
              VisitMapType<Embedded>(
                  def.type, [&]<typename Map>(std::type_identity<Map>) {
                    Map map(def, &pool_);
                    error = map.Init();
                    LocalMap* volatile local = &map;
                    if (error == Errno::kOk)
                      surprises = CallEveryMethod(*local);
                  });
            }),
            0);
  EXPECT_EQ(error, Errno::kOk);
  EXPECT_EQ(surprises, 0);
}

TEST(EmbeddedRingNoHeapTest, NoMethodOfRingUsesHeap) {
  static constinit Embedded::Memory pool;
  Errno error = Errno::kInval;
  int surprises = -1;
  EXPECT_EQ(CountHeapCalls([&] {
              RingBuffer<Embedded> ring(kEveryRingMethodDef, &pool);
              error = ring.Init();
              if (error == Errno::kOk) surprises = CallEveryRingMethod(ring);
            }),
            0);
  EXPECT_EQ(error, Errno::kOk);
  EXPECT_EQ(surprises, 0);
}

TEST(EmbeddedRingNoHeapTest, NoMethodOfUserRingUsesHeap) {
  static constinit Embedded::Memory pool;
  Errno error = Errno::kInval;
  int surprises = -1;
  EXPECT_EQ(CountHeapCalls([&] {
              UserRingBuffer<Embedded> ring(kEveryUserRingMethodDef, &pool);
              error = ring.Init();
              if (error == Errno::kOk)
                surprises = CallEveryUserRingMethod(ring);
            }),
            0);
  EXPECT_EQ(error, Errno::kOk);
  EXPECT_EQ(surprises, 0);
}

TEST(EmbeddedPerfEventNoHeapTest, NoMethodUsesHeap) {
  static constinit Embedded::Memory pool;
  Errno error = Errno::kInval;
  int surprises = -1;
  EXPECT_EQ(CountHeapCalls([&] {
              PerfEvent<Embedded> event(kEveryPerfMethodAttr, &pool);
              PerfEventArray<Embedded> array(kEveryPerfMethodDef, &pool);
              error = event.Init();
              if (error == Errno::kOk) error = array.Init();
              if (error == Errno::kOk)
                surprises = CallEveryPerfMethod(array, event);
            }),
            0);
  EXPECT_EQ(error, Errno::kOk);
  EXPECT_EQ(surprises, 0);
}

TEST_P(EmbeddedNoHeapTest, SpentPoolDoesNotTurnToHeap) {
  const MapDef def = Def();
  ASSERT_NE(pool_.Allocate(pool_.remaining(), 8), nullptr);
  Errno error = Errno::kOk;
  EXPECT_EQ(CountHeapCalls([&] {
              VisitMapType<Embedded>(
                  def.type, [&]<typename Map>(std::type_identity<Map>) {
                    Map map(def, &pool_);
                    error = map.Init();
                  });
            }),
            0);
  EXPECT_EQ(error, Errno::kNoMem);
}

TEST_F(EmbeddedNoHeapTrieTest, NoMethodUsesHeapOrMoreThanItSaid) {
  for (const uint32_t data_size : kEveryTrieDataSizes) {
    pool_.Reset();
    const MapDef def = EveryTrieMethodDef(data_size);
    Errno error = Errno::kInval;
    int surprises = -1;
    EXPECT_EQ(CountHeapCalls([&] {
                LpmTrieMap<Embedded> map(def, &pool_);
                error = map.Init();
                if (error == Errno::kOk) surprises = CallEveryTrieMethod(map);
              }),
              0);
    EXPECT_EQ(error, Errno::kOk);
    EXPECT_EQ(surprises, 0);
    EXPECT_EQ(Embedded::Memory::kTotalSize - pool_.remaining(),
              MemoryNeeded<Embedded>(def));
  }
}
// Their values hold no lock.
INSTANTIATE_TEST_SUITE_P(
    KeylessMaps, EmbeddedNoHeapTest,
    testing::Combine(testing::Values(MapType::kQueue, MapType::kStack,
                                     MapType::kBloomFilter),
                     testing::Values(false)),
    [](const auto& info) {
      return std::string(MapTypeName(std::get<0>(info.param)));
    });

INSTANTIATE_TEST_SUITE_P(
    Maps, EmbeddedNoHeapTest,
    testing::Combine(testing::Values(MapType::kArray, MapType::kHash),
                     testing::Bool()),
    [](const auto& info) {
      return std::string(MapTypeName(std::get<0>(info.param))) +
             (std::get<1>(info.param) ? "WithLock" : "");
    });

INSTANTIATE_TEST_SUITE_P(LruMaps, EmbeddedNoHeapTest,
                         testing::Values(std::tuple(MapType::kLruHash, false)));

INSTANTIATE_TEST_SUITE_P(PerCpuMaps, EmbeddedNoHeapTest,
                         testing::Combine(testing::Values(MapType::kPerCpuArray,
                                                          MapType::kPerCpuHash),
                                          testing::Values(false)),
                         [](const auto& info) {
                           return std::string(
                               MapTypeName(std::get<0>(info.param)));
                         });

}  // namespace
}  // namespace bpfmap
