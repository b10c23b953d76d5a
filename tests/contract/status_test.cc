// SPDX-License-Identifier: Apache-2.0

// Errno to absl::Status and back.

#include "bpfmap/maps/status.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/key_text.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

struct Row {
  Errno error;
  absl::StatusCode code;
};
constexpr Row kAll[] = {
    {Errno::kPerm, absl::StatusCode::kPermissionDenied},
    {Errno::kNoEnt, absl::StatusCode::kNotFound},
    {Errno::k2Big, absl::StatusCode::kResourceExhausted},
    {Errno::kBadF, absl::StatusCode::kFailedPrecondition},
    {Errno::kAgain, absl::StatusCode::kUnavailable},
    {Errno::kNoMem, absl::StatusCode::kResourceExhausted},
    {Errno::kAcces, absl::StatusCode::kPermissionDenied},
    {Errno::kFault, absl::StatusCode::kInvalidArgument},
    {Errno::kBusy, absl::StatusCode::kFailedPrecondition},
    {Errno::kExist, absl::StatusCode::kAlreadyExists},
    {Errno::kInval, absl::StatusCode::kInvalidArgument},
    {Errno::kNoSpc, absl::StatusCode::kResourceExhausted},
    {Errno::kOpNotSupp, absl::StatusCode::kUnimplemented},
    {Errno::kNotSupp, absl::StatusCode::kUnimplemented},
};

TEST(StatusTest, EveryErrnoHasItsCanonicalCodeAndComesBack) {
  for (const auto& [error, code] : kAll) {
    const absl::Status status = ToStatus(error, "message");
    EXPECT_EQ(status.code(), code) << ErrnoName(error);
    EXPECT_EQ(StatusCodeOf(error), code) << ErrnoName(error);
    EXPECT_EQ(StatusToErrno(status), error);
    EXPECT_EQ(status.message(), std::string("message: ") + ErrnoName(error));
  }
}

TEST(StatusTest, ErrnoIsPayload) {
  const absl::Status status = ToStatus(Errno::kNoEnt, "message");
  const auto payload = status.GetPayload("bpfmap/errno");
  ASSERT_TRUE(payload.has_value());
  EXPECT_EQ(std::string(*payload), "2");
}

TEST(StatusTest, StatusOfAnotherLibraryGivesErrnoOfItsCode) {
  EXPECT_EQ(StatusToErrno(absl::NotFoundError("")), Errno::kNoEnt);
  EXPECT_EQ(StatusToErrno(absl::PermissionDeniedError("")), Errno::kPerm);
  EXPECT_EQ(StatusToErrno(absl::ResourceExhaustedError("")), Errno::k2Big);
  EXPECT_EQ(StatusToErrno(absl::UnimplementedError("")), Errno::kNotSupp);
  EXPECT_EQ(StatusToErrno(absl::AbortedError("")), Errno::kInval);
}

TEST(StatusTest, OkIsOk) {
  EXPECT_TRUE(ToStatus(Errno::kOk, "message").ok());
  EXPECT_EQ(StatusToErrno(absl::OkStatus()), Errno::kOk);
}

TEST(StatusTest, NumberThatIsNotListedIsShown) {
  const absl::Status status = ToStatus(static_cast<Errno>(4), "message");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(status.message(), "message: E? (4)");
  EXPECT_EQ(StatusToErrno(status), static_cast<Errno>(4));
}

TEST(StatusTest, NumbersAreLinuxs) {
  EXPECT_EQ(static_cast<int>(Errno::k2Big), 7);
  EXPECT_EQ(static_cast<int>(Errno::kExist), 17);
  EXPECT_EQ(static_cast<int>(Errno::kOpNotSupp), 95);
  EXPECT_EQ(static_cast<int>(Errno::kNotSupp), 524);
}

TEST(StatusTest, CreateThatFailsSaysWhatWouldBeRight) {
  const auto map = CreateMap({.type = MapType::kArray,
                              .key_size = 8,
                              .value_size = 4,
                              .max_entries = 16,
                              .name = "ports"});
  EXPECT_EQ(StatusToErrno(map.status()), Errno::kInval);
  EXPECT_EQ(map.status().message(),
            "ARRAY map \"ports\": create with key_size 8, value_size 4, "
            "max_entries 16, map_flags 0x0: key_size must be 4: the key is an "
            "index: EINVAL");
}

// The reason for which `def`, of which `change` makes something wrong, is
// refused.
template <typename Change>
std::string ReasonFor(MapDef def, Change change) {
  EXPECT_TRUE(CreateMap(def).ok()) << CreateMap(def).status();
  change(def);
  const std::string message(CreateMap(def).status().message());
  const std::size_t start = message.find(": ", message.find("map_flags"));
  return message.substr(start + 2);
}

TEST(StatusTest, EachTypeSaysWhichAttributeIsWrong) {
  const auto key = [](MapDef& def) { def.key_size = 7; };
  const auto value = [](MapDef& def) { def.value_size = 0; };
  const auto size = [](MapDef& def) { def.max_entries = 0; };
  const auto flag = [](MapDef& def) { def.map_flags = kClone; };
  const auto name = [](MapDef& def) { def.name[0] = '-'; };
  const MapDef keyless = {
      .type = MapType::kQueue, .value_size = 8, .max_entries = 4};
  MapDef def = {
      .type = MapType::kHash, .key_size = 4, .value_size = 8, .max_entries = 4};
  for (const MapType type :
       {MapType::kHash, MapType::kPerCpuHash, MapType::kLruHash,
        MapType::kArray, MapType::kPerCpuArray}) {
    def.type = type;
    EXPECT_EQ(ReasonFor(def, size), "max_entries must be 1 or more: EINVAL");
    EXPECT_EQ(ReasonFor(def, value), "value_size must be 1 or more: EINVAL");
    EXPECT_EQ(ReasonFor(def, flag).find("map_flags has a flag that "), 0u);
    EXPECT_EQ(ReasonFor(def, name),
              "the name may hold letters, digits, '_' and '.' only: EINVAL");
  }
  EXPECT_EQ(ReasonFor(def, key),
            "key_size must be 4: the key is an index: EINVAL");
  def.type = MapType::kLpmTrie;
  def.key_size = 8;
  def.map_flags = kNoPrealloc;
  EXPECT_NE(ReasonFor(def, [](MapDef& def) { def.map_flags = {}; })
                .find("BPF_F_NO_PREALLOC"),
            std::string::npos);
  EXPECT_NE(ReasonFor(def, [](MapDef& def) { def.key_size = 4; })
                .find("key_size must be"),
            std::string::npos);
  for (const MapType type :
       {MapType::kQueue, MapType::kStack, MapType::kBloomFilter}) {
    def = keyless;
    def.type = type;
    EXPECT_EQ(ReasonFor(def, key),
              "key_size must be 0: there are no keys: EINVAL");
    EXPECT_EQ(ReasonFor(def, value), "value_size must be 1 or more: EINVAL");
  }
  for (const MapType type : {MapType::kRingBuf, MapType::kUserRingBuf}) {
    def = {.type = type, .max_entries = 4096};
    EXPECT_EQ(ReasonFor(def, [](MapDef& def) { def.max_entries = 5000; }),
              "max_entries must be a power of two and a multiple of 4096; see "
              "RoundUpRingSize(): EINVAL");
  }
  def = {.type = MapType::kArrayOfMaps,
         .key_size = 4,
         .value_size = 4,
         .max_entries = 4};
  EXPECT_EQ(CreateMap(def).status().message(),
            "ARRAY_OF_MAPS map: create with key_size 4, value_size 4, "
            "max_entries 4, map_flags 0x0, inner_map_fd 0: inner_map_fd must "
            "be an open map: EBADF");
}

TEST(StatusTest, IndexIsShownWithWhatWouldBeRight) {
  const auto array = CreateMap({.type = MapType::kArray,
                                .key_size = 4,
                                .value_size = 4,
                                .max_entries = 4})
                         .value();
  const auto programs = CreateMap({.type = MapType::kProgArray,
                                   .key_size = 4,
                                   .value_size = 4,
                                   .max_entries = 4})
                            .value();
  const uint32_t inside = 3, outside = 9, none = 0;
  const auto message = [](LocalMap& map, const char* op, const uint32_t& key,
                          Errno error) {
    return std::string(ToStatus(error, map, op, &key).message());
  };
  EXPECT_EQ(message(*array, "update", outside, array->Update(&outside, &none)),
            "ARRAY map: update of " + KeyText(9) +
                ": index 9 is past the end; "
                "max_entries is 4: E2BIG");
  EXPECT_EQ(
      message(*programs, "update", outside, programs->Update(&outside, &none)),
      "PROG_ARRAY map: update of " + KeyText(9) +
          ": index 9 is past the "
          "end; max_entries is 4: E2BIG");
  EXPECT_EQ(message(*programs, "delete", inside, programs->Delete(&inside)),
            "PROG_ARRAY map: delete of " + KeyText(3) +
                ": index 3 is empty: "
                "ENOENT");
  EXPECT_EQ(
      message(*programs, "update", inside, programs->Update(&inside, &none)),
      "PROG_ARRAY map: update of " + KeyText(3) +
          ": the value names nothing "
          "that can be put in: EBADF");
}

TEST(StatusTest, TypeThatDoesNotExistIsRefused) {
  const auto map = CreateMap({.type = static_cast<MapType>(77),
                              .key_size = 4,
                              .value_size = 4,
                              .max_entries = 16});
  EXPECT_EQ(StatusToErrno(map.status()), Errno::kInval);
}

TEST(StatusTest, NameThatCannotBePrintedIsEscaped) {
  MapDef def{.type = MapType::kHash, .name = "a"};
  def.name[1] = '\n';
  EXPECT_EQ(DescribeMap(def), "HASH map \"a\\n\"");
}

}  // namespace
}  // namespace bpfmap
