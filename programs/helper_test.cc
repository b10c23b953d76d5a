// SPDX-License-Identifier: Apache-2.0
//
// Helpers that are real, on the kernel and here: the same results and the same
// bytes in the maps.

#include "bpfmap/programs/helper.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/helper_types.h"
#include "bpfmap/programs/kernel_run.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/test_run.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it

constexpr uint32_t kScratch = 256;

class HelperTest : public testing::Test {
 protected:
  HelperTest() {
    SetUpMap(scratch_, &scratch_here_);
    SetUpMap(hash_, &hash_here_);
    SetUpMap(ring_, &ring_here_);
  }
  void SetUp() override { SKIP_WITHOUT_KERNEL_RUN(); }

  static void SetUpMap(const MapDef& def, std::shared_ptr<LocalMap>* map) {
    absl::StatusOr<std::shared_ptr<LocalMap>> created = CreateMap(def);
    ASSERT_TRUE(created.ok()) << created.status();
    *map = *created;
  }

  // Runs `code` on both; with and without checks here. r0 and the scratch value
  // must be the same.
  void Compare(const Code& code) {
    const uint32_t zero = 0;
    const std::vector<uint8_t> zeros(kScratch);
    ASSERT_EQ(scratch_kernel_.Update(&zero, zeros.data()), 0);
    const KernelRun kernel(ProgramType::kSchedCls, code);
    ASSERT_EQ(kernel.load_error(), 0) << kernel.log();
    KernelTest test;
    test.data_in.resize(64);
    kernel.Run(&test);
    ASSERT_EQ(test.error, 0);
    std::vector<uint8_t> key(4);
    const std::vector<uint8_t> wanted = scratch_kernel_.Read()[key];
    ASSERT_EQ(scratch_here_->Update(&zero, zeros.data()), Errno::kOk);
    const TestResult here = RunHere(code);
    ASSERT_EQ(here.error, Errno::kOk) << here.run.fault;
    EXPECT_EQ(here.retval, test.retval);
    std::vector<uint8_t> got(kScratch);
    ASSERT_EQ(scratch_here_->Lookup(&zero, got.data()), Errno::kOk);
    EXPECT_EQ(got, wanted);
  }

  TestResult RunHere(const Code& code) {
    ProgramDef def;
    def.type = ProgramType::kSchedCls;
    def.gpl_compatible = true;
    def.instructions = code;
    def.map_of_fd = [this](int32_t fd) -> std::shared_ptr<LocalMap> {
      if (fd == scratch_kernel_.fd()) return scratch_here_;
      if (fd == hash_kernel_.fd()) return hash_here_;
      return fd == ring_kernel_.fd() ? ring_here_ : nullptr;
    };
    std::shared_ptr<const Program> program;
    const LoadError error = Program::Load(def, &program);
    EXPECT_FALSE(error.failed()) << error.instruction << ": " << error.reason;
    if (error.failed()) return {};
    const std::vector<uint8_t> packet(64);
    TestInput input;
    input.data = packet;
    World world;
    return RunTest(*program, input, &world);
  }

  // r6 = the scratch value, with `text` at `offset`.
  Code Scratch(const std::string& text, int16_t offset) const {
    Code code = LoadMapValue(R6, scratch_kernel_.fd(), 0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      code.push_back(StoreImm(
          kSizeB, R6, static_cast<int16_t>(offset + int16_t(i)), text[i]));
    }
    return code;
  }

  const MapDef scratch_ = {.type = MapType::kArray,
                           .key_size = 4,
                           .value_size = kScratch,
                           .max_entries = 1,
                           .map_flags = {}};
  const MapDef hash_ = {
      .type = MapType::kHash, .key_size = 4, .value_size = 8, .max_entries = 8};
  const MapDef ring_ = {.type = MapType::kRingBuf, .max_entries = 4096};
  const KernelPlainMap scratch_kernel_{scratch_};
  const KernelPlainMap hash_kernel_{hash_};
  const KernelPlainMap ring_kernel_{ring_};
  std::shared_ptr<LocalMap> scratch_here_, hash_here_, ring_here_;
};

TEST_F(HelperTest, NumbersAreParsed) {
  for (const int32_t helper : {105, 106}) {
    for (const char* text : {"12",
                             "-12",
                             "0x1f",
                             "017",
                             "  7z",
                             "+5",
                             "",
                             "z",
                             "-",
                             "0x",
                             "0xg",
                             "9223372036854775807",
                             "9223372036854775808",
                             "-9223372036854775808",
                             "-9223372036854775809",
                             "18446744073709551615",
                             "18446744073709551616",
                             "\t\n3",
                             "08",
                             "1 2"}) {
      for (const int32_t base : {0, 8, 10, 16, 2, 32}) {
        SCOPED_TRACE(testing::Message()
                     << helper << ": '" << text << "', base " << base);
        const int32_t size = static_cast<int32_t>(std::strlen(text)) + 1;
        Compare(Join(
            {Scratch(text, 0),
             {StoreImm(kSizeDw, R10, -8, 0), Mov64(R1, R6), Mov64(R2, size),
              Mov64(R3, base), Mov64(R4, R10), Alu64(kAdd, R4, -8),
              CallHelper(helper), Load(kSizeDw, R1, R10, -8),
              Store(kSizeDw, R6, 64, R1), Exit()}}));
      }
    }
  }
}

TEST_F(HelperTest, ElementsAreUpdatedAndDeleted) {
  for (const int32_t flags : {0, 1, 2, 3, 4, 8}) {
    for (const bool there : {false, true}) {
      SCOPED_TRACE(testing::Message() << flags << ", " << there);
      const Code arguments =
          Join({LoadMap(R1, hash_kernel_.fd()),
                {StoreImm(kSizeW, R10, -4, 7), Mov64(R2, R10),
                 Alu64(kAdd, R2, -4), StoreImm(kSizeDw, R10, -16, 9),
                 Mov64(R3, R10), Alu64(kAdd, R3, -16)}});
      const Code first = Join({arguments, {Mov64(R4, 0), CallHelper(2)}});
      const Code remove = Join({arguments, {CallHelper(3)}});
      Compare(Join({there ? first : remove,
                    arguments,
                    {Mov64(R4, flags), CallHelper(2), Mov64(R7, R0)},
                    LoadMapValue(R6, scratch_kernel_.fd(), 0),
                    {Store(kSizeDw, R6, 0, R7)},
                    remove,
                    {Store(kSizeDw, R6, 8, R0)},
                    remove,
                    {Store(kSizeDw, R6, 16, R0), Mov64(R0, R7), Exit()}}));
    }
  }
}

TEST_F(HelperTest, RecordsAreReservedAndCounted) {
  for (const int32_t size : {1, 8, 100, 4080, 4088, 4096, 1 << 20}) {
    SCOPED_TRACE(size);
    const Code query =
        Join({LoadMap(R1, ring_kernel_.fd()), {Mov64(R2, 0), CallHelper(134)}});
    Compare(Join({LoadMapValue(R6, scratch_kernel_.fd(), 0),
                  query,
                  {Mov64(R7, R0)},
                  LoadMap(R1, ring_kernel_.fd()),
                  {Mov64(R2, size), Mov64(R3, 0), CallHelper(131),
                   JumpIf(kJeq, R0, 0, 4), StoreImm(kSizeB, R0, 0, 7),
                   Mov64(R1, R0), Mov64(R2, 0), CallHelper(133)},
                  query,
                  {Alu64(kSub, R0, R7), Store(kSizeDw, R6, 8, R0), Mov64(R0, 0),
                   Exit()}}));
  }
}

TEST_F(HelperTest, DynptrsOfRecordsAreWrittenAndRead) {
  for (const int32_t size : {8, 16, 4080, 8192}) {
    for (const int32_t offset : {0, 4, 8, 12, 9000}) {
      for (const int32_t flags : {0, 1}) {
        SCOPED_TRACE(testing::Message()
                     << size << ", " << offset << ", " << flags);
        const auto place = [](Register r, int32_t at) -> Code {
          return {Mov64(r, R10), Alu64(kAdd, r, at)};
        };
        Compare(
            Join({LoadMapValue(R6, scratch_kernel_.fd(), 0),
                  LoadMap(R1, ring_kernel_.fd()),
                  {Mov64(R2, size), Mov64(R3, 0)},
                  place(R4, -16),
                  {CallHelper(198), Store(kSizeDw, R6, 0, R0)},
                  place(R1, -16),
                  {Mov64(R2, offset), StoreImm(kSizeDw, R10, -24, 0x1234)},
                  place(R3, -24),
                  {Mov64(R4, 8), Mov64(R5, flags), CallHelper(202),
                   Store(kSizeDw, R6, 8, R0), StoreImm(kSizeDw, R10, -24, 0)},
                  place(R1, -24),
                  {Mov64(R2, 8)},
                  place(R3, -16),
                  {Mov64(R4, offset), Mov64(R5, flags), CallHelper(201),
                   Store(kSizeDw, R6, 16, R0), Load(kSizeDw, R1, R10, -24),
                   Store(kSizeDw, R6, 24, R1)},
                  place(R1, -16),
                  {Mov64(R2, 0), CallHelper(200), Mov64(R0, 0), Exit()}}));
      }
    }
  }
}

TEST_F(HelperTest, DynptrsOfValuesAreMade) {
  for (const int32_t size : {1, 8, 255, 256}) {
    for (const int32_t flags : {0, 1}) {
      SCOPED_TRACE(testing::Message() << size << ", " << flags);
      Compare(Join(
          {Scratch("abcdefghij", 0),
           {Mov64(R1, R6), Mov64(R2, size), Mov64(R3, flags), Mov64(R4, R10),
            Alu64(kAdd, R4, -16), CallHelper(197), Store(kSizeDw, R6, 64, R0),
            Mov64(R1, R10), Alu64(kAdd, R1, -16), Mov64(R2, 2), Mov64(R3, 4),
            CallHelper(203), Mov64(R1, 0), JumpIf(kJeq, R0, 0, 1),
            Load(kSizeW, R1, R0, 0), Mov64(R0, R1), Exit()}}));
    }
  }
}

// Of the types that load without more than a type.
TEST_F(HelperTest, TypesMayCallWhatLinuxLetsThem) {
  for (uint32_t type = 1; type < kProgramTypes; ++type) {
    const ProgramType tried{type};
    if (KernelRun(tried, Code{Mov64(R0, 0), Exit()}).load_error() != 0) {
      continue;
    }
    for (uint32_t number = 1; number < kHelperCount; ++number) {
      // These hang on how a kernel was built.
      constexpr uint32_t kProbeWriteUser = 36, kOverrideReturn = 58;
      if (number == kProbeWriteUser || number == kOverrideReturn) continue;
      const KernelRun kernel(
          tried,
          Code{CallHelper(static_cast<int32_t>(number)), Mov64(R0, 0), Exit()});
      const bool refused =
          kernel.log().find("cannot use helper") != std::string::npos ||
          kernel.log().find("unknown func") != std::string::npos;
      EXPECT_EQ(HelperTypes(number).Has(tried), !refused)
          << ProgramTypeName(tried) << ", bpf_" << HelperName(number) << "()";
      // It takes a struct xdp_buff of the kernel in programs that trace.
      constexpr uint32_t kXdpGetBuffLen = 188;
      const Helper* const helper = FindHelper(number);
      if (helper == nullptr || number == kXdpGetBuffLen) continue;
      EXPECT_EQ(helper->types.Has(tried), !refused)
          << ProgramTypeName(tried) << ", bpf_" << HelperName(number) << "()";
    }
  }
}

TEST_F(HelperTest, TheWorldAnswersAlikeEachTime) {
  const Code code = {CallHelper(7), Mov64(R6, R0), CallHelper(5),
                     Alu64(kAdd, R0, R6), Exit()};
  EXPECT_EQ(RunHere(code).retval, RunHere(code).retval);
}

}  // namespace
}  // namespace bpfmap
