// SPDX-License-Identifier: Apache-2.0
//
// bpf_snprintf() with random formats and arguments, on the kernel and here: the
// length that it returns, and the bytes of the buffer. Formats that the kernel
// refuses are EINVAL here.
//
//   format_differential_test --seed=1

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/kernel_run.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/test_run.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"
#include "tests/support/random_seed.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it
using Bytes = std::vector<uint8_t>;

constexpr int32_t kSnprintf = 165;
constexpr uint32_t kFormatSize = 96;
constexpr uint32_t kResultSize = 256;  // r0, and the buffer after it
constexpr uint32_t kBufferSize = kResultSize - 8;
constexpr uint32_t kTextsSize = 1024;
constexpr char kUnwritten = '\xa5';
constexpr std::size_t kMostArguments = 12;
constexpr uint32_t kArgumentsSize = 8 * kMostArguments;
// The strings that %s is given.
constexpr const char* kTexts[] = {"", "a", "eth0", "hello world", "100%"};
constexpr uint32_t kTextSize = 32;
constexpr uint32_t kLongText = 512;  // to the end: longer than a buffer

constexpr const char* kTextsOfPointers[] = {"pI", "pi", "pB", "pks", "pus"};

struct Argument {
  bool is_address = false;  // of a byte of the texts
  uint64_t number = 0;
};

struct Call {
  std::string format;
  std::vector<Argument> arguments;
  uint32_t size = 0;  // of the buffer

  // Where the buffer is full, Linux leaves texts of pointers out of the length,
  // and takes the arguments after them from bytes that nobody set.
  bool HasLength(uint64_t length) const {
    return length <= size ||
           std::none_of(std::begin(kTextsOfPointers),
                        std::end(kTextsOfPointers),
                        [this](const char* conversion) {
                          return format.find(conversion) != std::string::npos;
                        });
  }
};

// A map on both sides, of one value.
struct Pair {
  explicit Pair(const MapDef& def) : kernel(def) {
    absl::StatusOr<std::shared_ptr<LocalMap>> created = CreateMap(def);
    EXPECT_TRUE(created.ok()) << created.status();
    here = *created;
  }
  void Set(const Bytes& value) {
    const uint32_t zero = 0;
    ASSERT_EQ(kernel.Update(&zero, value.data()), 0);
    ASSERT_EQ(here->Update(&zero, value.data()), Errno::kOk);
  }

  KernelPlainMap kernel;
  std::shared_ptr<LocalMap> here;
};

MapDef Array(uint32_t value_size, MapFlags flags) {
  return {.type = MapType::kArray,
          .key_size = 4,
          .value_size = value_size,
          .max_entries = 1,
          .map_flags = flags};
}

class RandomCalls {
 public:
  explicit RandomCalls(uint64_t seed) : random_(seed) {}

  // All conversions are such that Linux has.
  Call Valid() {
    Call call;
    if (Below(16) == 0) return Full();
    const std::size_t conversions = Below(Below(8) == 0 ? 12 : 5);
    for (std::size_t i = 0; i <= conversions; ++i) {
      AddLiteral(&call);
      if (call.arguments.size() < kMostArguments) AddConversion(&call);
      if (Below(8) == 0) call.format += "%%";
    }
    // More arguments than conversions are let be.
    if (Below(16) == 0 && call.arguments.size() < kMostArguments) {
      call.arguments.push_back({false, 1});
    }
    if (call.format.size() >= kFormatSize) return Valid();
    call.size = Size();
    return call;
  }

  // A text that is as long as what Linux prints from, or nearly.
  Call Full() {
    const char* const second = Pick({"", " %d", " %lld", " %s", "%c"});
    Call call;
    call.format = std::string(Pick({"%s", "%pks"})) + second;
    call.arguments.push_back({true, kLongText + Below(9)});
    if (*second != 0) call.arguments.push_back({false, 0});
    call.size = Size();
    return call;
  }

  // Letters of conversions in any order, and fewer arguments than there may be.
  Call Odd() {
    constexpr char kLetters[] =
        "%%%%pllsdxXucC-+ 05.*#hkuiI46KSBe,\t\n\x7f\x01";
    Call call;
    const std::size_t length = 1 + Below(10);
    for (std::size_t i = 0; i < length; ++i) {
      call.format += kLetters[Below(sizeof kLetters - 1)];
    }
    // Widths of a few digits only: Linux warns of larger ones.
    const std::size_t arguments = Below(4);
    for (std::size_t i = 0; i < arguments; ++i) {
      call.arguments.push_back({true, TextAt()});
    }
    // Addresses differ.
    if (call.format.find_first_of("dxXuipc") != std::string::npos) {
      for (Argument& argument : call.arguments) argument = {false, 0};
    }
    call.size = Size();
    return call;
  }

 private:
  std::size_t Below(std::size_t limit) { return random_() % limit; }
  uint32_t Size() {
    constexpr uint32_t kSizes[] = {0, 1, 2, 8, 16, 64, kBufferSize};
    return Below(2) == 0 ? kBufferSize : kSizes[Below(std::size(kSizes))];
  }
  uint32_t TextAt() {
    return kTextSize * static_cast<uint32_t>(Below(std::size(kTexts)));
  }

  void AddLiteral(Call* call) {
    constexpr char kLetters[] = "abz09 .,:;-+#*()[]/=\n\t";
    // A letter after %s or %p makes it another conversion.
    if (call->format.empty() || Below(2) == 0) return;
    call->format += " .,:;-+#()\n"[Below(11)];
    for (std::size_t i = Below(4); i > 0; --i) {
      call->format += kLetters[Below(sizeof kLetters - 1)];
    }
  }

  void AddConversion(Call* call) {
    call->format += '%';
    for (std::size_t i = Below(2) == 0 ? 0 : Below(3); i > 0; --i) {
      call->format += "0 +-"[Below(4)];
    }
    if (Below(2) == 0) {
      call->format += std::to_string(1 + Below(Below(10) == 0 ? 300 : 20));
    }
    switch (Below(10)) {
      case 0:
      case 1:
        call->format += Below(3) == 0 ? "pks" : "s";
        call->arguments.push_back(Below(10) == 0 ? Argument{false, Below(9)}
                                                 : Argument{true, TextAt()});
        break;
      case 2:
        call->format += 'c';
        call->arguments.push_back({false, ' ' + Below(90)});
        break;
      case 3:
        call->format += Pick({"pI4", "pi4", "pI6", "pi6"});
        call->arguments.push_back({Below(10) != 0, TextAt()});
        if (!call->arguments.back().is_address) {
          call->arguments.back().number = 0;
        }
        break;
      case 4:
        // Linux prints a hash for other addresses.
        call->format += 'p';
        call->arguments.push_back({false, 0 - uint64_t{Below(4096)}});
        break;
      case 5:
        call->format += Pick({"px", "ps", "pS", "pB"});
        call->arguments.push_back({false, Number() >> 8});
        break;
      default:
        call->format += Pick({"", "", "l", "ll"});
        call->format += Pick({"d", "i", "u", "x", "X"});
        call->arguments.push_back({false, Number()});
        break;
    }
  }

  const char* Pick(std::initializer_list<const char*> list) {
    return list.begin()[Below(list.size())];
  }
  uint64_t Number() {
    constexpr uint64_t kNumbers[] = {
        0,          1,          7,         10,         255,       0x7fffffff,
        0x80000000, 0xffffffff, INT64_MAX, 1ULL << 63, UINT64_MAX};
    return Below(2) == 0 ? kNumbers[Below(std::size(kNumbers))]
                         : random_() >> Below(64);
  }

  std::mt19937_64 random_;
};

class FormatDifferentialTest : public testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_KERNEL_RUN(); }

  // The parts of the value that programs write: results, arguments, texts.
  static uint32_t ArgumentsAt(std::size_t calls) {
    return static_cast<uint32_t>(calls) * kResultSize;
  }
  static uint32_t TextsAt(std::size_t calls) {
    return ArgumentsAt(calls) + kArgumentsSize;
  }

  static Bytes Value(std::size_t calls) {
    Bytes value(TextsAt(calls) + kTextsSize);
    std::fill_n(value.begin(), ArgumentsAt(calls),
                static_cast<uint8_t>(kUnwritten));
    uint8_t* const texts = &value[TextsAt(calls)];
    for (std::size_t i = 0; i < std::size(kTexts); ++i) {
      std::memcpy(texts + i * kTextSize, kTexts[i], std::strlen(kTexts[i]));
    }
    std::memset(texts + kLongText, 'x', kTextsSize - kLongText - 1);
    return value;
  }

  static Code Program(const std::vector<Call>& calls, int32_t formats,
                      int32_t value) {
    Code code;
    const auto append = [&code](const Code& part) {
      code.insert(code.end(), part.begin(), part.end());
    };
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const Call& call = calls[i];
      const auto at = static_cast<int32_t>(i);
      const auto arguments = static_cast<int32_t>(ArgumentsAt(calls.size()));
      const auto texts = static_cast<int32_t>(TextsAt(calls.size()));
      append(LoadMapValue(R6, value, arguments));
      for (std::size_t a = 0; a < call.arguments.size(); ++a) {
        const Argument& argument = call.arguments[a];
        append(argument.is_address
                   ? LoadMapValue(R1, value,
                                  texts + static_cast<int32_t>(argument.number))
                   : LoadNumber(R1, argument.number));
        append({Store(kSizeDw, R6, static_cast<int16_t>(8 * a), R1)});
      }
      const int32_t result = at * static_cast<int32_t>(kResultSize);
      append(LoadMapValue(R1, value, result + 8));
      append({Mov64(R2, static_cast<int32_t>(call.size))});
      append(LoadMapValue(R3, formats, at * static_cast<int32_t>(kFormatSize)));
      append({Mov64(R4, R6),
              Mov64(R5, static_cast<int32_t>(8 * call.arguments.size())),
              CallHelper(kSnprintf)});
      append(LoadMapValue(R1, value, result));
      append({Store(kSizeDw, R1, 0, R0)});
    }
    append({Mov64(R0, 0), Exit()});
    return code;
  }

  static bool RunHere(const Code& code, const Pair& formats,
                      const Pair& value) {
    ProgramDef def;
    def.type = ProgramType::kSchedCls;
    def.gpl_compatible = true;
    def.instructions = code;
    def.map_of_fd = [&](int32_t fd) {
      return fd == formats.kernel.fd() ? formats.here : value.here;
    };
    std::shared_ptr<const bpfmap::Program> program;
    const LoadError error = bpfmap::Program::Load(def, &program);
    EXPECT_FALSE(error.failed()) << error.instruction << ": " << error.reason;
    if (error.failed()) return false;
    const Bytes packet(64);
    TestInput input;
    input.data = packet;
    World world;
    const TestResult result = RunTest(*program, input, &world);
    EXPECT_EQ(result.error, Errno::kOk) << result.run.fault;
    return result.error == Errno::kOk;
  }

  // Runs the calls on both. Returns how many of them the kernel took.
  static std::size_t Compare(const std::vector<Call>& calls) {
    Bytes texts(calls.size() * kFormatSize);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      std::copy(calls[i].format.begin(), calls[i].format.end(),
                texts.begin() + static_cast<std::ptrdiff_t>(i * kFormatSize));
    }
    Pair formats(Array(static_cast<uint32_t>(texts.size()), kRdOnlyProg));
    Pair value(Array(TextsAt(calls.size()) + kTextsSize, MapFlags{}));
    formats.Set(texts);
    value.Set(Value(calls.size()));
    EXPECT_EQ(formats.kernel.Freeze(), 0);
    const Code code = Program(calls, formats.kernel.fd(), value.kernel.fd());
    const KernelRun kernel(ProgramType::kSchedCls, code);
    if (!RunHere(code, formats, value)) return 0;
    Bytes here(TextsAt(calls.size()) + kTextsSize);
    const uint32_t zero = 0;
    EXPECT_EQ(value.here->Lookup(&zero, here.data()), Errno::kOk);
    if (kernel.load_error() != 0) {
      EXPECT_EQ(calls.size(), 1u) << kernel.log();
      EXPECT_EQ(static_cast<int64_t>(Length(here, 0)), -22)
          << Described(calls[0]) << kernel.log();
      return 0;
    }
    KernelTest test;
    test.data_in.resize(64);
    kernel.Run(&test);
    EXPECT_EQ(test.error, 0);
    const Bytes wanted = value.kernel.Read().begin()->second;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const std::size_t buffer = i * kResultSize + 8;
      if (calls[i].HasLength(Length(wanted, i))) {
        EXPECT_EQ(Length(here, i), Length(wanted, i)) << Described(calls[i]);
      }
      EXPECT_EQ(Written(&here[buffer]), Written(&wanted[buffer]))
          << Described(calls[i]);
    }
    return calls.size();
  }

  static uint64_t Length(const Bytes& value, std::size_t call) {
    uint64_t length;
    std::memcpy(&length, &value[call * kResultSize], sizeof length);
    return length;
  }
  // The buffer up to the last byte that was written.
  static std::string Written(const uint8_t* buffer) {
    std::string text(buffer, buffer + kBufferSize);
    text.resize(text.find_last_not_of(kUnwritten) + 1);
    return text;
  }
  static std::string Described(const Call& call) {
    std::string text =
        "\"" + call.format + "\" into " + std::to_string(call.size);
    for (const Argument& argument : call.arguments) {
      text += std::string(argument.is_address ? ", text " : ", ") +
              std::to_string(argument.number);
    }
    return text + "\n";
  }
};

TEST_F(FormatDifferentialTest, TextsAreThoseOfTheKernel) {
  constexpr int kPrograms = 70;
  constexpr std::size_t kCalls = 30;
  RandomCalls random(RandomSeed());
  for (int i = 0; i < kPrograms && !HasFailure(); ++i) {
    std::vector<Call> calls(kCalls);
    std::generate(calls.begin(), calls.end(), [&] { return random.Valid(); });
    ASSERT_EQ(Compare(calls), kCalls);
  }
}

TEST_F(FormatDifferentialTest, RefusedFormatsAreInvalid) {
  constexpr int kFormats = 600;
  RandomCalls random(RandomSeed());
  std::size_t taken = 0;
  for (int i = 0; i < kFormats && !HasFailure(); ++i) {
    taken += Compare({random.Odd()});
  }
  EXPECT_GT(taken, 0u);
  EXPECT_LT(taken, std::size_t{kFormats});
}

}  // namespace
}  // namespace bpfmap
