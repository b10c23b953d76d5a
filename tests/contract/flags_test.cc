// SPDX-License-Identifier: Apache-2.0
//
// Flags are sets of bits of one kind. (That kinds do not mix, and numbers are
// no flags, is in //tests/embedded:negative_compile_test.)

#include "bpfmap/maps/flags.h"

#include <cstdint>
#include <type_traits>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/perf_event_array.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/stack_trace_map.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

enum class NoFlags { kOne = 1 };

static_assert(Flags<ElemFlags> && Flags<MapFlags> && Flags<RingFlags> &&
              Flags<PerfFlags> && Flags<StackFlags>);
static_assert(!Flags<NoFlags> && !Flags<uint64_t>);

TEST(FlagsTest, BitsAreLinuxs) {
  EXPECT_EQ(ToNumber(kNoExist | kLock), 5u);
  EXPECT_EQ(ToNumber(kRdOnlyProg | kZeroSeed), 0xc0u);
  EXPECT_EQ(ToNumber(~ElemFlags{}), ~uint64_t{0});
  EXPECT_EQ(ToNumber(~MapFlags{}), ~uint32_t{0});
  EXPECT_TRUE((std::is_same_v<decltype(ToNumber(kAny)), uint64_t>));
  EXPECT_TRUE((std::is_same_v<decltype(ToNumber(kClone)), uint32_t>));
}

TEST(FlagsTest, BitsAreSetAndCleared) {
  MapFlags flags = kNoPrealloc;
  flags |= kRdOnly;
  EXPECT_EQ(flags, kNoPrealloc | kRdOnly);
  flags ^= kNoPrealloc | kWrOnly;
  EXPECT_EQ(flags, kRdOnly | kWrOnly);
  flags &= ~kWrOnly;
  EXPECT_EQ(flags, kRdOnly);
}

TEST(FlagsTest, AnyIsOneAndAllIsEach) {
  EXPECT_TRUE(HasAny(kRdOnly, kRdOnly | kWrOnly));
  EXPECT_FALSE(HasAny(kNoPrealloc, kRdOnly | kWrOnly));
  EXPECT_FALSE(HasAny(kRdOnly, MapFlags{}));
  EXPECT_FALSE(HasAll(kRdOnly, kRdOnly | kWrOnly));
  EXPECT_TRUE(HasAll(kRdOnly | kWrOnly, kRdOnly | kWrOnly));
}

}  // namespace
}  // namespace bpfmap
