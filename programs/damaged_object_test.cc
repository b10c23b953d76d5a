// SPDX-License-Identifier: Apache-2.0
//
// Object files and BTF with wrong numbers: they are refused or give wrong
// answers, and nothing outside of the file or of a value is read or written,
// which the address sanitizer sees.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/programs/btf_format.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/btf_value.h"
#include "bpfmap/programs/core_relocation.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/object_file.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/read_file.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using Bytes = std::vector<uint8_t>;

// A BTF of these types, which are words, and the string "\0a\0".
BtfTypes TypesOf(const std::vector<uint32_t>& words) {
  const auto size = static_cast<uint32_t>(4 * words.size());
  constexpr std::string_view kStrings("\0a\0", 3);
  const uint32_t header[6] = {1U << 16 | 0xeb9f,
                              24,
                              0,
                              size,
                              size,
                              static_cast<uint32_t>(kStrings.size())};
  Bytes bytes(sizeof header + size);
  std::memcpy(bytes.data(), header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, words.data(), size);
  bytes.insert(bytes.end(), kStrings.begin(), kStrings.end());
  BtfTypes types;
  EXPECT_TRUE(types.Parse(bytes));
  return types;
}

constexpr uint32_t kName = 1;  // "a"

constexpr uint32_t InfoOf(BtfKind kind, uint32_t members = 0) {
  return static_cast<uint32_t>(kind) << 24 | members;
}
constexpr uint32_t kStructOfBits = 1U << 31 | InfoOf(BtfKind::kStruct, 1);

TEST(DamagedBtfTest, SizeThatIsTooLargeIsNone) {
  // Arrays of 2^31, 2^31 and 4 times 8 bytes: 0 in 64 bits, and then 8.
  const BtfTypes types = TypesOf({
      kName,    InfoOf(BtfKind::kInt),   8, 64,        // 1
      0,        InfoOf(BtfKind::kArray), 0, 1,  1, 4,  // 2
      0,        InfoOf(BtfKind::kArray), 0, 2,  1,     // 3
      1U << 31,                                        //
      0,        InfoOf(BtfKind::kArray), 0, 3,  1,     // 4
      1U << 31,                                        //
  });
  EXPECT_EQ(types.SizeOf(2), 32U);
  EXPECT_EQ(types.SizeOf(3), 0U);
  EXPECT_EQ(types.SizeOf(4), 0U);
  const Bytes value(8);
  EXPECT_EQ(FormatValue(types, 4, value), "0");
}

TEST(DamagedBtfTest, BitFieldEndsWithItsValue) {
  // 255 bits of a number of 1 byte.
  const BtfTypes types = TypesOf({
      kName,
      InfoOf(BtfKind::kInt),
      1,
      8,  //
      kName,
      kStructOfBits,
      1,
      kName,
      1,
      255U << 24,
  });
  Bytes value(1);
  EXPECT_EQ(FormatValue(types, 2, value), "{}");
  BtfPlace place;
  ASSERT_EQ(FindPlace(types, 2, "a", &place), "");
  EXPECT_EQ(EndOf(types, place), 8U);
  value.resize(8);
  PutNumber(types, place, UINT64_MAX - 1, value);
  EXPECT_EQ(GetNumber(types, place, value), UINT64_MAX - 1);
}

// 6 bits, of a type of 4 bytes, are all that the struct has.
TEST(DamagedBtfTest, PackedBitFieldIsShown) {
  const BtfTypes types = TypesOf({
      kName,
      InfoOf(BtfKind::kInt),
      4,
      32,  //
      kName,
      kStructOfBits,
      1,
      kName,
      1,
      6U << 24,
  });
  EXPECT_EQ(FormatValue(types, 2, Bytes{0xff}), "{.a = 63}");
}

TEST(DamagedBtfTest, NumberOfOddSizeIsBytes) {
  const BtfTypes types = TypesOf({
      kName, InfoOf(BtfKind::kEnum), 3,        // 1
      0, InfoOf(BtfKind::kArray), 0, 1, 1, 0,  // 2
  });
  EXPECT_EQ(FormatValue(types, 1, Bytes{1, 2, 3}), "01 02 03");
  EXPECT_EQ(GetNumber(types, {.type = 1}, Bytes{1, 0, 0}), 1U);
  // An array without elements, at the end of a value.
  EXPECT_EQ(GetNumber(types, {.type = 2, .offset = 1}, Bytes(1)), 0U);
}

// Each search of the struct in itself would take three more.
TEST(DamagedBtfTest, StructThatHoldsItselfIsSearchedOnce) {
  const BtfTypes types = TypesOf({
      kName, InfoOf(BtfKind::kStruct, 3), 4, 0,     2, 0, 0, 2, 0, 0, 2,
      0,  // 1
      kName, InfoOf(BtfKind::kStruct, 3), 4, 0,     2, 0, 0, 2, 0, 0, 2,
      0,                                                   // 2
      kName, InfoOf(BtfKind::kUnion, 1),  4, kName, 3, 0,  // 3
  });
  BtfPlace place;
  EXPECT_NE(FindPlace(types, 1, "b", &place), "");
  // A member "a", of the union alone, looked for in the struct of its name.
  std::vector<Instruction> instructions = {
      Instruction::Of(kClassAlu64 | kMov, 0, 0, 0, 7)};
  const uint32_t kFieldExists = 2;
  EXPECT_EQ(
      RelocateTo(types,
                 TypesOf({kName, InfoOf(BtfKind::kStruct, 1), 4, kName, 1, 0}),
                 {{0, 1, "0:0", kFieldExists}}, &instructions),
      "");
  EXPECT_EQ(instructions[0].imm, 0);
}

TEST(DamagedBtfTest, OffsetThatAnInstructionHasNoRoomForIsRefused) {
  const BtfTypes types = TypesOf({
      kName,
      InfoOf(BtfKind::kInt),
      4,
      32,  // 1
      kName,
      InfoOf(BtfKind::kStruct, 1),
      40004,
      kName,
      1,
      8 * 40000,
  });
  std::vector<Instruction> instructions = {
      Instruction::Of(kClassLdx | kModeMem | kSizeW, 0, 1, 0, 0)};
  EXPECT_NE(RelocateTo(types, types, {{0, 2, "0:0", 0}}, &instructions), "");
  EXPECT_EQ(instructions[0].offset, 0);
}

// Looks at all that is in the file, and loads its programs.
void Use(const Bytes& bytes, const std::shared_ptr<LocalMap>& map) {
  ObjectFile object;
  if (!object.Read("damaged", bytes).ok()) return;
  EXPECT_FALSE(object.programs().empty());
  const BtfTypes& types = object.types();
  Bytes value(256);
  for (uint32_t type = 0; type <= types.count(); ++type) {
    types.Spell(type);
    FormatValue(types, type, value);
    uint32_t part;
    PartAt(types, type, 12, 4, &part);
    for (const BtfTypes::Member& member : types.MembersOf(type)) {
      BtfPlace place;
      if (member.name.empty() ||
          !FindPlace(types, type, member.name, &place).empty() ||
          EndOf(types, place) > value.size()) {
        continue;
      }
      PutNumber(types, place, GetNumber(types, place, value), value);
    }
  }
  for (const auto& spec : object.programs()) {
    std::vector<Instruction> instructions = spec->instructions;
    RelocateTo(types, types, spec->relocations, &instructions);
    ProgramDef def;
    def.type = spec->parsed.type;
    def.instructions = instructions;
    def.lines = spec->lines;
    def.functions = spec->functions;
    def.map_of_fd = [&](int32_t) { return map; };
    std::shared_ptr<const Program> program;
    if (Program::Load(def, &program).failed()) continue;
    for (uint32_t at = 0; at < instructions.size(); ++at) program->Place(at);
  }
}

class DamagedObjectTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { ASSERT_TRUE(ReadFile(GetParam(), &good_)); }

  uint32_t RandomBelow(std::size_t limit) {
    return random_.Random() % static_cast<uint32_t>(limit);
  }

  Bytes good_;
  World random_;  // its numbers come from a seed
  std::shared_ptr<LocalMap> map_ = CreateMap({.type = MapType::kArray,
                                              .key_size = 4,
                                              .value_size = 8,
                                              .max_entries = 1})
                                       .value();
};

TEST_P(DamagedObjectTest, FileThatIsCut) {
  for (std::size_t size = 0; size < good_.size(); size += 131) {
    Use({good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size)},
        map_);
  }
}

TEST_P(DamagedObjectTest, BitsThatFlipped) {
  for (int i = 0; i < 200; ++i) {
    Bytes bad = good_;
    for (uint32_t flips = RandomBelow(4) + 1; flips != 0; --flips) {
      bad[RandomBelow(bad.size())] ^=
          static_cast<uint8_t>(1U << RandomBelow(8));
    }
    Use(bad, map_);
  }
}

// Numbers of headers and of BTF are words, of which the largest are the worst.
TEST_P(DamagedObjectTest, WordsThatAreWrong) {
  for (int i = 0; i < 200; ++i) {
    Bytes bad = good_;
    for (uint32_t words = RandomBelow(4) + 1; words != 0; --words) {
      const uint32_t word = UINT32_MAX >> RandomBelow(32);
      std::memcpy(&bad[RandomBelow(bad.size() / 4) * std::size_t{4}], &word,
                  sizeof word);
    }
    Use(bad, map_);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, DamagedObjectTest,
                         testing::Values("programs/object_test.bpf.o",
                                         "programs/core_test.bpf.o"),
                         [](const auto& info) {
                           return info.index == 0 ? "object" : "core";
                         });

}  // namespace
}  // namespace bpfmap
