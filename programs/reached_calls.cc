// SPDX-License-Identifier: Apache-2.0
//
// Follows the program with what is known of its registers at each instruction,
// until nothing more is forgotten (Kildall 1973).

#include "bpfmap/programs/reached_calls.h"

#include <array>
#include <cstddef>
#include <optional>

namespace bpfmap {
namespace {

enum class Known : uint8_t {
  kNothing,
  kConstant,  // it is `number`
  kAddress,   // of a value of a map
  kByLinux,   // perhaps a constant, which is not known here
};

struct Value {
  Known known = Known::kNothing;
  uint64_t number = 0;

  friend bool operator==(const Value&, const Value&) = default;
};

constexpr Value kByLinux = {Known::kByLinux, 0};

// All that is known of a register that holds one of two.
Value Join(const Value& a, const Value& b) {
  if (a == b) return a;
  if (a.known == Known::kByLinux || b.known == Known::kByLinux) return kByLinux;
  return {};
}

using State = std::array<Value, kRegisters>;

uint64_t Immediate(const Instruction& i, bool wide) {
  return wide ? static_cast<uint64_t>(int64_t{i.imm})
              : static_cast<uint32_t>(i.imm);
}

// The result of an operation on two constants, for those that compilers leave
// before such branches.
std::optional<uint64_t> Calculate(uint8_t operation, uint64_t a, uint64_t b,
                                  bool wide) {
  const unsigned shift = static_cast<unsigned>(b & (wide ? 63 : 31));
  switch (operation) {
    case kMov:
      return b;
    case kAdd:
      return a + b;
    case kSub:
      return a - b;
    case kAnd:
      return a & b;
    case kOr:
      return a | b;
    case kXor:
      return a ^ b;
    case kLsh:
      return a << shift;
    case kRsh:
      return (wide ? a : static_cast<uint32_t>(a)) >> shift;
    default:
      return std::nullopt;
  }
}

bool Compare(uint8_t comparison, uint64_t a, uint64_t b, bool wide) {
  const int64_t signed_a =
      wide ? static_cast<int64_t>(a) : static_cast<int32_t>(a);
  const int64_t signed_b =
      wide ? static_cast<int64_t>(b) : static_cast<int32_t>(b);
  if (!wide) {
    a = static_cast<uint32_t>(a);
    b = static_cast<uint32_t>(b);
  }
  switch (comparison) {
    case kJeq:
      return a == b;
    case kJne:
      return a != b;
    case kJset:
      return (a & b) != 0;
    case kJgt:
      return a > b;
    case kJge:
      return a >= b;
    case kJlt:
      return a < b;
    case kJle:
      return a <= b;
    case kJsgt:
      return signed_a > signed_b;
    case kJsge:
      return signed_a >= signed_b;
    case kJslt:
      return signed_a < signed_b;
    default:
      return signed_a <= signed_b;
  }
}

class Walk {
 public:
  explicit Walk(std::span<const Instruction> program)
      : program_(program), states_(program.size()) {}

  std::vector<uint32_t> Run() {
    Reach(0, {});
    while (!pending_.empty()) {
      const std::size_t at = pending_.back();
      pending_.pop_back();
      Step(at);
    }
    std::vector<uint32_t> calls;
    for (std::size_t at = 0; at < program_.size(); ++at) {
      const Instruction& i = program_[at];
      if (states_[at].has_value() && i.code == (kClassJmp | kCall) &&
          i.src() == kCallHelper) {
        calls.push_back(static_cast<uint32_t>(at));
      }
    }
    return calls;
  }

 private:
  void Reach(std::size_t at, const State& state) {
    if (at >= program_.size()) return;
    std::optional<State>& known = states_[at];
    if (!known.has_value()) {
      known = state;
      pending_.push_back(at);
      return;
    }
    State joined;
    for (std::size_t r = 0; r < state.size(); ++r) {
      joined[r] = Join((*known)[r], state[r]);
    }
    if (joined == *known) return;
    known = joined;
    pending_.push_back(at);
  }

  std::size_t Target(std::size_t at, int64_t offset) const {
    return static_cast<std::size_t>(static_cast<int64_t>(at) + offset + 1);
  }

  void Step(std::size_t at) {
    State state = *states_[at];
    const Instruction& i = program_[at];
    switch (i.code & kClassMask) {
      case kClassJmp:
      case kClassJmp32:
        Jump(at, i, state);
        return;
      case kClassLd:
        Load64(at, i, &state);
        return;
      case kClassLdx: {
        // Values on the stack are not followed.
        const Value& from = state[i.src()];
        const bool by_linux = i.src() == 10 || from.known == Known::kAddress ||
                              from.known == Known::kByLinux;
        state[i.dst()] = by_linux ? kByLinux : Value{};
        break;
      }
      case kClassStx:
        if ((i.code & kModeMask) == kModeAtomic) {
          state[0] = kByLinux;
          state[i.src()] = kByLinux;
        }
        break;
      case kClassAlu:
      case kClassAlu64:
        Calculate(i, &state);
        break;
      default:
        break;
    }
    Reach(at + 1, state);
  }

  static void Calculate(const Instruction& i, State* state) {
    const bool wide = (i.code & kClassMask) == kClassAlu64;
    const bool is_register = (i.code & kSourceRegister) != 0;
    const uint8_t operation = i.code & kOperationMask;
    Value& to = (*state)[i.dst()];
    const Value from = is_register
                           ? (*state)[i.src()]
                           : Value{Known::kConstant, Immediate(i, wide)};
    if (operation == kMov && wide && i.offset == 0) {
      to = from;
      return;
    }
    if (to.known == Known::kAddress && operation == kAdd) return;
    const bool of_constants =
        from.known == Known::kConstant &&
        (operation == kMov || to.known == Known::kConstant) && i.offset == 0;
    const std::optional<uint64_t> number =
        of_constants
            ? bpfmap::Calculate(operation, to.number, from.number, wide)
            : std::nullopt;
    if (number.has_value()) {
      to = {Known::kConstant, wide ? *number : static_cast<uint32_t>(*number)};
    } else if (to.known == Known::kNothing && operation != kMov) {
      // A number that nobody knows stays one.
    } else if (operation == kMov && from.known == Known::kNothing) {
      to = {};
    } else {
      to = kByLinux;
    }
  }

  void Load64(std::size_t at, const Instruction& i, State* state) {
    if (i.code != kLoadImm64) {  // a load from a packet
      for (std::size_t r = 1; r <= 5; ++r) (*state)[r] = {};
      (*state)[0] = {};
      Reach(at + 1, *state);
      return;
    }
    Value& to = (*state)[i.dst()];
    switch (i.src()) {
      case 0:
        to = {Known::kConstant,
              uint64_t{static_cast<uint32_t>(program_[at + 1].imm)} << 32 |
                  static_cast<uint32_t>(i.imm)};
        break;
      case kPseudoFunc:
        Reach(Target(at, i.imm), {});
        to = {};
        break;
      case kPseudoMapValue:
      case kPseudoMapIdxValue:
        to = {Known::kAddress, 0};
        break;
      default:
        to = {};
    }
    Reach(at + 2, *state);
  }

  void Call(std::size_t at, const Instruction& i, State state) {
    if (i.src() == kCallLocal) Reach(Target(at, i.imm), {});
    for (std::size_t r = 0; r <= 5; ++r) state[r] = {};
    // A function may return what it was compiled or loaded with.
    if (i.src() == kCallLocal) state[0] = kByLinux;
    Reach(at + 1, state);
  }

  void Jump(std::size_t at, const Instruction& i, const State& state) {
    const bool wide = (i.code & kClassMask) == kClassJmp;
    const uint8_t operation = i.code & kOperationMask;
    switch (operation) {
      case kExit:
        return;
      case kCall:
        Call(at, i, state);
        return;
      case kJa:
        Reach(Target(at, wide ? i.offset : i.imm), state);
        return;
      default:
        break;
    }
    const Value& left = state[i.dst()];
    const Value right = (i.code & kSourceRegister) != 0
                            ? state[i.src()]
                            : Value{Known::kConstant, Immediate(i, true)};
    if (left.known == Known::kByLinux || right.known == Known::kByLinux) return;
    const bool decided =
        left.known == Known::kConstant && right.known == Known::kConstant;
    const bool taken =
        decided && Compare(operation, left.number, right.number, wide);
    if (!decided || taken) Reach(Target(at, i.offset), state);
    if (!taken) Reach(at + 1, state);
  }

  const std::span<const Instruction> program_;
  std::vector<std::optional<State>> states_;
  std::vector<std::size_t> pending_;
};

}  // namespace

std::vector<uint32_t> ReachedCalls(std::span<const Instruction> program) {
  return Walk(program).Run();
}

}  // namespace bpfmap
