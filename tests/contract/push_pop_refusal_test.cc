// SPDX-License-Identifier: Apache-2.0

// The helpers of maps without keys on maps that have them, and on rings: on
// local maps, and in programs that the verifier refuses.

#include <cstdint>
#include <memory>
#include <tuple>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"
#include "tests/support/push_pop_view.h"

namespace bpfmap {
namespace {

MapDef DefOf(MapType type) {
  switch (type) {
    case MapType::kProgArray:
      return {.type = type, .key_size = 4, .value_size = 4, .max_entries = 4};
    case MapType::kLpmTrie:
      return {.type = type,
              .key_size = 8,
              .value_size = 8,
              .max_entries = 4,
              .map_flags = kNoPrealloc};
    case MapType::kRingBuf:
    case MapType::kUserRingBuf:
      return {.type = type, .max_entries = 4096};
    case MapType::kBloomFilter:
      return {.type = type, .value_size = 8, .max_entries = 4};
    default:
      return {.type = type, .key_size = 4, .value_size = 8, .max_entries = 4};
  }
}

class PushPopRefusalTest : public testing::TestWithParam<TypeAndBackend> {
 protected:
  // Whether there is such a map.
  bool Make(MapFlags map_flags) {
    const auto& [type, backend] = GetParam();
    MapDef def = DefOf(type);
    def.map_flags |= map_flags;
    return backend.create(def, &view_) == Errno::kOk;
  }
  void SetUp() override {
    const auto& [type, backend] = GetParam();
    if (backend.is_kernel) SKIP_WITHOUT_KERNEL();
    if (backend.name == "embedded" && type == MapType::kLruHash) {
      GTEST_SKIP() << "there is no such map";
    }
  }

  uint64_t value_ = 0;
  std::unique_ptr<PushPopView> view_;
};

TEST_P(PushPopRefusalTest, ThereIsNoSuchHelper) {
  ASSERT_TRUE(Make({}));
  const MapType type = std::get<0>(GetParam());
  const bool is_ring =
      type == MapType::kRingBuf || type == MapType::kUserRingBuf;
  const Errno error = is_ring ? Errno::kAcces : Errno::kInval;
  EXPECT_EQ(view_->Pop(&value_), error);
  if (type == MapType::kBloomFilter) return;  // it has the others
  EXPECT_EQ(view_->Push(&value_, kAny), error);
  EXPECT_EQ(view_->Peek(&value_), error);
}

TEST_P(PushPopRefusalTest, ThatItMayNotWriteComesFirst) {
  if (!Make(kRdOnlyProg)) GTEST_SKIP() << "it takes no such flag";
  EXPECT_EQ(view_->Push(&value_, kAny), Errno::kAcces);
  EXPECT_EQ(view_->Pop(&value_), Errno::kAcces);
  if (std::get<0>(GetParam()) == MapType::kBloomFilter) return;
  EXPECT_EQ(view_->Peek(&value_), Errno::kInval);
}

INSTANTIATE_TEST_SUITE_P(
    TypesAndBackends, PushPopRefusalTest,
    testing::Combine(testing::Values(MapType::kHash, MapType::kArray,
                                     MapType::kProgArray, MapType::kPerCpuHash,
                                     MapType::kPerCpuArray, MapType::kLruHash,
                                     MapType::kLpmTrie, MapType::kRingBuf,
                                     MapType::kUserRingBuf,
                                     MapType::kBloomFilter),
                     testing::ValuesIn(PushPopBackends())),
    TypeAndBackendName);

}  // namespace
}  // namespace bpfmap
