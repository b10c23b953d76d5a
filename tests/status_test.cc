// Errno to absl::Status and back.

#include "maps/status.h"

#include <set>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "maps/create_map.h"
#include "maps/errno.h"
#include "maps/map_def.h"
#include "tests/print_errno.h"

namespace bpfmap {
namespace {

constexpr Errno kAll[] = {
    Errno::kPerm,  Errno::kNoEnt, Errno::k2Big,  Errno::kBadF,
    Errno::kNoMem, Errno::kAcces, Errno::kFault, Errno::kBusy,
    Errno::kExist, Errno::kInval, Errno::kNoSpc, Errno::kNotSupp,
    Errno::kOpNotSupp,
};

TEST(StatusTest, EveryErrnoHasACodeOfItsOwnAndComesBack) {
  std::set<absl::StatusCode> codes = {absl::StatusCode::kOk,
                                      absl::StatusCode::kUnknown};
  for (const Errno error : kAll) {
    const absl::Status status = ToStatus(error, "message");
    EXPECT_TRUE(codes.insert(status.code()).second) << ErrnoName(error);
    EXPECT_EQ(StatusToErrno(status), error);
    EXPECT_EQ(status.message(), std::string("message: ") + ErrnoName(error));
  }
}

TEST(StatusTest, OkIsOk) {
  EXPECT_TRUE(ToStatus(Errno::kOk, "message").ok());
  EXPECT_EQ(StatusToErrno(absl::OkStatus()), Errno::kOk);
}

TEST(StatusTest, ANumberThatIsNotListedIsShown) {
  const absl::Status status = ToStatus(static_cast<Errno>(4), "message");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(status.message(), "message: E? (4)");
}

TEST(StatusTest, TheNumbersAreLinuxs) {
  EXPECT_EQ(static_cast<int>(Errno::k2Big), 7);
  EXPECT_EQ(static_cast<int>(Errno::kExist), 17);
  EXPECT_EQ(static_cast<int>(Errno::kNotSupp), 524);
}

TEST(StatusTest, ACreateThatFailsSaysWhatWouldBeRight) {
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

TEST(StatusTest, ATypeThatDoesNotExistIsRefused) {
  const auto map = CreateMap({.type = static_cast<MapType>(77),
                              .key_size = 4,
                              .value_size = 4,
                              .max_entries = 16});
  EXPECT_EQ(StatusToErrno(map.status()), Errno::kInval);
}

TEST(StatusTest, ANameThatCannotBePrintedIsEscaped) {
  MapDef def{.type = MapType::kHash, .name = "a"};
  def.name[1] = '\n';
  EXPECT_EQ(DescribeMap(def), "HASH map \"a\\n\"");
}

}  // namespace
}  // namespace bpfmap
