// SPDX-License-Identifier: Apache-2.0
//
// Random programs on the kernel and here: the result, the packet and all maps
// must be the same.
//
//   differential_test --programs=100000 --seed=1
//   differential_test --programs=1 --seed=1 --first=90187
//
// Program number n of a seed is the same each time.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/disassemble.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/kernel_run.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/random_program.h"
#include "bpfmap/programs/test_run.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

ABSL_FLAG(uint32_t, programs, 3000, "How many programs to compare.");
ABSL_FLAG(uint32_t, first, 0, "The number of the first one.");
ABSL_FLAG(uint64_t, seed, 0, "Of the random numbers; 0: another each time.");

namespace bpfmap {
namespace {

using Bytes = std::vector<uint8_t>;
using Contents = std::map<Bytes, Bytes>;

std::string Hex(const Bytes& bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// The differences of two maps, an element a line.
std::string Difference(const Contents& here, const Contents& kernel) {
  std::string text;
  const auto compare = [&](const Contents& some, const Contents& others,
                           const char* where) {
    for (const auto& [key, value] : some) {
      const auto other = others.find(key);
      if (other == others.end()) {
        text += "\nonly " + std::string(where) + ": " + Hex(key);
      } else if (&some == &here && other->second != value) {
        text += "\nat " + Hex(key) + ": " + Hex(value) +
                "\non the kernel: " + Hex(other->second);
      }
    }
  };
  compare(here, kernel, "here");
  compare(kernel, here, "on the kernel");
  return text;
}

// The same map on both sides. Its number in programs is the kernel's
// descriptor.
class MapPair {
 public:
  explicit MapPair(const MapDef& def) : def_(def), kernel_(def) {
    absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(def);
    EXPECT_TRUE(map.ok()) << map.status();
    here_ = *map;
  }

  int32_t fd() const { return kernel_.fd(); }
  const std::shared_ptr<LocalMap>& here() const { return here_; }

  // Empties a hash map, and sets the values of an array to zeros.
  void Reset() {
    for (const auto& [key, value] : kernel_.Read()) {
      const Bytes zeros(value.size());
      if (def_.type == MapType::kHash) {
        kernel_.Delete(key.data());
      } else {
        kernel_.Update(key.data(), zeros.data());
      }
    }
    for (const auto& [key, value] : ReadHere()) {
      const Bytes zeros(value.size());
      const Errno error = def_.type == MapType::kHash
                              ? here_->Delete(key.data())
                              : here_->Update(key.data(), zeros.data());
      EXPECT_EQ(error, Errno::kOk);
    }
  }

  Contents ReadKernel() const { return kernel_.Read(); }
  Contents ReadHere() const {
    Contents contents;
    Bytes key(def_.key_size);
    Bytes value(def_.value_size);
    const void* previous = nullptr;
    Bytes next(def_.key_size);
    while (here_->GetNextKey(previous, next.data()) == Errno::kOk) {
      key = next;
      previous = key.data();
      if (here_->Lookup(key.data(), value.data()) == Errno::kOk) {
        contents[key] = value;
      }
    }
    return contents;
  }

 private:
  const MapDef def_;
  const KernelPlainMap kernel_;
  std::shared_ptr<LocalMap> here_;
};

// The programs are compared in parts, which a test runner can spread.
constexpr uint32_t kParts = 4;

class DifferentialTest : public testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override { SKIP_WITHOUT_KERNEL_RUN(); }

  void Compare(uint64_t seed, uint32_t number) {
    std::mt19937_64 random(seed + number);
    RandomProgram maker(random(), {scratch_.fd(), hash_.fd(), array_.fd()});
    const assembler::Code code =
        maker.Make(static_cast<int>(random() % 40) + 5);
    Bytes packet(64 + random() % 64);
    for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random());
    packet[12] = 8;
    packet[13] = 6;
    SCOPED_TRACE(testing::Message()
                 << "--seed=" << seed << ", program " << number);
    const std::optional<Outcome> kernel = OnKernel(code, packet);
    if (!kernel.has_value()) {
      ++refused_;
      return;
    }
    Compare(Here(code, packet), *kernel);
    ++compared_;
    if (HasFailure()) Show(Shrink(code, packet), packet);
  }

  static constexpr uint32_t kPacketRoom = 256;

  // All that a run leaves.
  struct Outcome {
    uint32_t retval = 0;
    Bytes packet;
    std::vector<Contents> maps;
    std::string fault;

    friend bool operator==(const Outcome&, const Outcome&) = default;
  };

  std::array<MapPair*, 3> maps() { return {&scratch_, &hash_, &array_}; }

  // None where the verifier refuses the program.
  std::optional<Outcome> OnKernel(const assembler::Code& code,
                                  const Bytes& packet) {
    for (MapPair* map : maps()) map->Reset();
    const KernelRun kernel(ProgramType::kSchedCls, code);
    if (kernel.load_error() != 0) {
      last_refusal_ = kernel.log().substr(
          kernel.log().size() < 300 ? 0 : kernel.log().size() - 300);
      return std::nullopt;
    }
    KernelTest test;
    test.data_in = packet;
    test.data_size_out = kPacketRoom;
    kernel.Run(&test);
    EXPECT_EQ(test.error, 0);
    test.data_out.resize(
        std::min<std::size_t>(test.data_size_out, kPacketRoom));
    Outcome outcome = {test.retval, test.data_out, {}, ""};
    for (MapPair* map : maps()) outcome.maps.push_back(map->ReadKernel());
    return outcome;
  }

  Outcome Here(const assembler::Code& code, const Bytes& packet) {
    for (MapPair* map : maps()) map->Reset();
    const TestResult result = RunHere(code, packet);
    Outcome outcome = {result.retval, result.data_out, {}, result.run.fault};
    for (MapPair* map : maps()) outcome.maps.push_back(map->ReadHere());
    return outcome;
  }

  static constexpr Instruction kNothing =
      Instruction::Of(kClassJmp | kJa, 0, 0, 0, 0);

  // Whether `code` runs well on both sides, and differently.
  bool Differs(const assembler::Code& code, const Bytes& packet) {
    const std::optional<Outcome> kernel = OnKernel(code, packet);
    if (!kernel.has_value()) return false;
    const Outcome here = Here(code, packet);
    return here.fault.empty() && here != *kernel;
  }

  // The program with each instruction that does not matter to the difference
  // replaced by a jump to the next one.
  assembler::Code Shrink(assembler::Code code, const Bytes& packet) {
    for (bool smaller = true; smaller;) {
      smaller = false;
      for (std::size_t i = 0; i < code.size(); ++i) {
        if (code[i] == kNothing) continue;
        assembler::Code shorter = code;
        shorter[i] = kNothing;
        // The other half of a 64-bit immediate.
        if (i + 1 < code.size() && code[i + 1].code == 0) {
          shorter[i + 1] = kNothing;
        }
        if (Differs(shorter, packet)) {
          code = std::move(shorter);
          smaller = true;
        }
      }
    }
    return code;
  }

  void Show(const assembler::Code& code, const Bytes& packet) {
    std::printf("The part of it that matters:\n");
    for (std::size_t i = 0; i < code.size(); ++i) {
      if (code[i] == kNothing) continue;
      std::printf("%4zu: %s\n", i, Disassemble(code, i).c_str());
    }
    Compare(Here(code, packet), *OnKernel(code, packet));
  }

  static void Compare(const Outcome& here, const Outcome& kernel) {
    EXPECT_EQ(here.fault, "");
    EXPECT_EQ(here.retval, kernel.retval);
    EXPECT_EQ(Hex(here.packet), Hex(kernel.packet));
    for (std::size_t i = 0; i < here.maps.size(); ++i) {
      EXPECT_EQ(Difference(here.maps[i], kernel.maps[i]), "");
    }
  }

  TestResult RunHere(const assembler::Code& code, const Bytes& packet) {
    ProgramDef def;
    def.type = ProgramType::kSchedCls;
    def.gpl_compatible = true;
    def.instructions = code;
    def.map_of_fd = [this](int32_t fd) -> std::shared_ptr<LocalMap> {
      for (MapPair* map : maps()) {
        if (map->fd() == fd) return map->here();
      }
      return nullptr;
    };
    std::shared_ptr<const Program> program;
    const LoadError error = Program::Load(def, &program);
    EXPECT_FALSE(error.failed()) << error.instruction << ": " << error.reason;
    if (error.failed()) return {};
    TestInput input;
    input.data = packet;
    input.has_data_out = true;
    input.data_size_out = kPacketRoom;
    input.checks = Checks::kAll;
    World world;
    return RunTest(*program, input, &world);
  }

  MapPair scratch_{{.type = MapType::kArray,
                    .key_size = 4,
                    .value_size = kRandomScratchSize,
                    .max_entries = 1}};
  MapPair hash_{{.type = MapType::kHash,
                 .key_size = 8,
                 .value_size = 16,
                 .max_entries = 4}};
  MapPair array_{{.type = MapType::kArray,
                  .key_size = 4,
                  .value_size = 16,
                  .max_entries = 4}};
  uint32_t compared_ = 0;
  uint32_t refused_ = 0;
  std::string last_refusal_;
};

TEST_P(DifferentialTest, RandomProgramsDoTheSame) {
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  if (seed == 0) seed = std::random_device()();
  const uint32_t programs = absl::GetFlag(FLAGS_programs);
  const uint32_t first = absl::GetFlag(FLAGS_first);
  for (uint32_t i = GetParam(); i < programs && !HasFailure(); i += kParts) {
    Compare(seed, first + i);
  }
  std::printf("--seed=%llu: %u programs compared, %u refused by the verifier\n",
              static_cast<unsigned long long>(seed), compared_, refused_);
  // Nearly all are good, or the generator is not.
  EXPECT_LE(refused_, programs / 20) << last_refusal_;
}

INSTANTIATE_TEST_SUITE_P(Parts, DifferentialTest, testing::Range(0U, kParts));

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
