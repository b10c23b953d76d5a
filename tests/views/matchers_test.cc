// SPDX-License-Identifier: Apache-2.0

// The matchers of the test kit: what they match, and what they say where they
// do not.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lpm_key.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/maps/testing.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/profiles/cpu.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using ::testing::_;
using ::testing::DescribeMatcher;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// The text that a failing EXPECT_THAT adds to the description.
template <typename T, typename M>
std::string ExplanationOf(const T& value, const M& matcher) {
  ::testing::StringMatchResultListener listener;
  ::testing::SafeMatcherCast<const T&>(matcher).MatchAndExplain(value,
                                                                &listener);
  return listener.str();
}

class MatchersTest : public ::testing::Test {
 protected:
  void Make(MapType type, uint32_t map_flags = 0) {
    map_ = *CreateMap({.type = type,
                       .key_size = 4,
                       .value_size = 8,
                       .max_entries = 8,
                       .map_flags = MapFlags{map_flags},
                       .name = "counts"});
  }
  ProgramMap<uint32_t, uint64_t> program() {
    return *ProgramMap<uint32_t, uint64_t>::Create(map_.get());
  }
  TypedMap<uint32_t, uint64_t> user() {
    return *TypedMap<uint32_t, uint64_t>::Create(map_.get());
  }

  std::shared_ptr<LocalMap> map_;
};

TEST_F(MatchersTest, IsErrnoMatchesWhatHasOne) {
  EXPECT_THAT(Errno::kNoEnt, IsErrno(Errno::kNoEnt));
  EXPECT_THAT(ToStatus(Errno::kAcces, ""), IsErrno(Errno::kAcces));
  EXPECT_THAT(absl::StatusOr<int>(ToStatus(Errno::kPerm, "")),
              IsErrno(Errno::kPerm));
  EXPECT_THAT(ToStatus(Errno::kAcces, ""), Not(IsErrno(Errno::kPerm)));
  EXPECT_THAT(Errno::kNoEnt, Not(IsOk()));
  EXPECT_THAT(Errno::kOk, IsOk());
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(absl::StatusOr<int>(3), IsOk());
}

TEST_F(MatchersTest, IsErrnoNamesBoth) {
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(Errno::kInval, IsErrno(Errno::kNoEnt)),
                          "Expected: is ENOENT (2)\n  Actual: EINVAL (22)");
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(Errno::kInval, IsOk()),
                          "Expected: is OK (0)");
  EXPECT_EQ(DescribeMatcher<Errno>(Not(IsErrno(Errno::kPerm))),
            "is not EPERM (1)");
}

TEST_F(MatchersTest, IsErrnoOfStatusShowsItsMessage) {
  const absl::StatusOr<int> result = ToStatus(Errno::kNoEnt, "no such key");
  EXPECT_EQ(ExplanationOf(result, IsOk()),
            "whose errno is ENOENT (2), \"no such key: ENOENT\"");
  EXPECT_EQ(ExplanationOf(absl::OkStatus(), IsErrno(Errno::kPerm)),
            "whose errno is OK (0)");
}

TEST_F(MatchersTest, HasEntryMatchesEitherView) {
  Make(MapType::kHash);
  ASSERT_THAT(user().Set(7, 3), IsOk());
  EXPECT_THAT(user(), HasEntry(7, 3));
  EXPECT_THAT(program(), HasEntry(7, 3));
  EXPECT_THAT(user(), HasEntry(7u, Gt(2)));
  EXPECT_THAT(program(), Not(HasEntry(7, Gt(3))));
  EXPECT_THAT(user(), Not(HasEntry(8, _)));
  EXPECT_THAT(program(), Not(HasEntry(8, _)));
}

TEST_F(MatchersTest, HasEntrySaysWhatIsThere) {
  Make(MapType::kHash);
  ASSERT_THAT(user().Set(7, 3), IsOk());
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(user(), HasEntry(7, Gt(5))),
                          "Expected: has an entry 7 with a value that is > 5\n"
                          "  Actual: HASH map \"counts\" with 1 of 8 entries\n"
                          "  7: 3, whose value there is 3");
  EXPECT_EQ(ExplanationOf(user(), HasEntry(8, 1)),
            "which has none: HASH map \"counts\": lookup of key 0x08000000: "
            "there is no such key: ENOENT");
  EXPECT_EQ(ExplanationOf(program(), HasEntry(8, 1)),
            ExplanationOf(user(), HasEntry(8, 1)));
  EXPECT_EQ(
      (DescribeMatcher<ProgramMap<uint32_t, uint64_t>>(Not(HasEntry(7, 3)))),
      "has no entry 7 with a value that is equal to 3");
}

TEST_F(MatchersTest, EntriesAreContainerOfPairs) {
  Make(MapType::kHash);
  EXPECT_THAT(user(), Entries(IsEmpty()));
  ASSERT_THAT(user().Set(8, 1), IsOk());
  ASSERT_THAT(user().Set(7, 3), IsOk());
  EXPECT_THAT(user(), Entries(UnorderedElementsAre(Pair(8, 1), Pair(7, 3))));
  EXPECT_THAT(program(), Entries(ElementsAre(Pair(7, 3), Pair(8, 1))));
  EXPECT_THAT(program(), Entries(SizeIs(2)));
}

TEST_F(MatchersTest, EntriesSayWhatIsThere) {
  Make(MapType::kHash);
  ASSERT_THAT(user().Set(7, 3), IsOk());
  EXPECT_NONFATAL_FAILURE(
      EXPECT_THAT(user(), Entries(ElementsAre(Pair(7, 4)))),
      "whose entries are { (7, 3) }, whose element #0 doesn't match");
  EXPECT_EQ(
      (DescribeMatcher<ProgramMap<uint32_t, uint64_t>>(Entries(SizeIs(2)))),
      "has entries, as pairs, that size is equal to 2");
}

TEST_F(MatchersTest, EntriesThatCannotBeReadDoNotMatch) {
  Make(MapType::kHash, ToNumber(kWrOnly));
  EXPECT_THAT(user(), Not(Entries(_)));
  EXPECT_THAT(ExplanationOf(user(), Entries(_)),
              ::testing::StartsWith("which cannot be read: HASH map"));
  map_ = *CreateMap({.type = MapType::kLpmTrie,
                     .key_size = 8,
                     .value_size = 4,
                     .max_entries = 8,
                     .map_flags = kNoPrealloc});
  const auto trie = *ProgramMap<LpmKey<4>, uint32_t>::Create(map_.get());
  EXPECT_THAT(ExplanationOf(trie, Entries(_)),
              ::testing::HasSubstr("for each: this type of map has no such "
                                   "operation: ENOTSUPP"));
}

TEST_F(MatchersTest, KeysAreShownByTheirPrinter) {
  map_ = *CreateMap({.type = MapType::kLpmTrie,
                     .key_size = 8,
                     .value_size = 4,
                     .max_entries = 8,
                     .map_flags = kNoPrealloc});
  auto routes = *TypedMap<LpmKey<4>, uint32_t>::Create(map_.get());
  const auto prefix = LpmKey<4>::Parse("10.0.0.0/8").value();
  ASSERT_THAT(routes.Set(prefix, 1), IsOk());
  EXPECT_EQ(ExplanationOf(routes, Entries(IsEmpty())),
            "whose entries are { (10.0.0.0/8, 1) }, whose size is 1");
}

TEST_F(MatchersTest, PerCpuValuesHaveTheirParts) {
  const ScopedPossibleCpus cpus(2);
  Make(MapType::kPerCpuHash);
  {
    const ScopedCpu cpu(1);
    ASSERT_THAT(program().Update(7, 5), IsOk());
    EXPECT_THAT(program(), HasEntry(7, 5));
    EXPECT_THAT(program(), Entries(ElementsAre(Pair(7, 5))));
  }
  const auto all = *TypedMap<uint32_t, PerCpu<uint64_t>>::Create(map_.get());
  EXPECT_THAT(all, HasEntry(7, ElementsAre(0, 5)));
  EXPECT_THAT(all, Entries(ElementsAre(Pair(7, ElementsAre(0, 5)))));
  EXPECT_EQ(ExplanationOf(all, HasEntry(7, IsEmpty())),
            "whose value there is { 0, 5 }, whose size is 2");
  map_.reset();
}

}  // namespace
}  // namespace bpfmap
