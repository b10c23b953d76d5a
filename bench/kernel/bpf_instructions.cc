// SPDX-License-Identifier: Apache-2.0

#include "bench/kernel/bpf_instructions.h"

#include <bit>
#include <cstddef>

#include "bench/kernel/loop.h"

namespace bpfmap::bench {
namespace {

// An instruction is read as one number here: code, registers, offset and value
// from the lowest byte up.
static_assert(std::endian::native == std::endian::little);

// Arguments go in kR1 to kR5, the result comes in kR0. A call keeps the others,
// and so they have a use of their own.
enum Register : uint8_t {
  kR0,
  kR1,
  kR2,
  kR3,
  kR4,
  kState = 6,   // the address of the state
  kStart,       // the number of the first turn: even
  kTurn,        // turns since then
  kStack = 10,  // the end of 512 bytes
};

enum Helper : int32_t {
  kLookup = 1,
  kUpdate = 2,
  kDelete = 3,
  kPush = 87,
  kPop = 88,
  kPeek = 89,
  kReserve = 131,
  kSubmit = 132,
};

constexpr int32_t kRecordSize = 8;
constexpr int32_t kNoWakeup = 1;

class Assembler {
 public:
  void MoveValue(Register to, int32_t value) { Add(0xb7, to, 0, 0, value); }
  void Move(Register to, Register from) { Add(0xbf, to, from, 0, 0); }
  void AddValue(Register to, int32_t value) { Add(0x07, to, 0, 0, value); }
  void AddRegister(Register to, Register from) { Add(0x0f, to, from, 0, 0); }
  void AndValue(Register to, int32_t value) { Add(0x57, to, 0, 0, value); }
  void ShiftLeft(Register to, int32_t count) { Add(0x67, to, 0, 0, count); }

  // 8 bytes, or 4.
  void Load(Register to, Register from, int offset) {
    Add(0x79, to, from, offset, 0);
  }
  void LoadHalf(Register to, Register from, int offset) {
    Add(0x61, to, from, offset, 0);
  }
  void Store(Register to, int offset, Register from) {
    Add(0x7b, to, from, offset, 0);
  }

  // to = the map, as the helpers take it.
  void LoadMap(Register to, int map) { LoadWide(to, 1, map, 0); }
  // to = the address of a byte of the only value of an array map.
  void LoadMapValue(Register to, int map, int offset) {
    LoadWide(to, 2, map, offset);
  }
  void Call(Helper helper) { Add(0x85, 0, 0, 0, helper); }
  void Exit() { Add(0x95, 0, 0, 0, 0); }

  // Jumps to where Land() is called with what these return.
  [[nodiscard]] size_t JumpIfZero(Register what) { return Jump(0x15, what, 0); }
  [[nodiscard]] size_t JumpIfNotZero(Register what) {
    return Jump(0x55, what, 0);
  }
  [[nodiscard]] size_t JumpIfOdd(Register what) { return Jump(0x45, what, 1); }
  void JumpBackIfLess(Register what, int32_t value, size_t target) {
    const size_t jump = Jump(0xa5, what, value);
    instructions_[jump] |= uint64_t{static_cast<uint16_t>(target - jump - 1)}
                           << 16;
  }
  void JumpBack(size_t target) {
    const size_t jump = JumpAlways();
    instructions_[jump] |= uint64_t{static_cast<uint16_t>(target - jump - 1)}
                           << 16;
  }
  [[nodiscard]] size_t JumpAlways() { return Jump(0x05, kR0, 0); }
  void Land(size_t jump) {
    const auto offset = static_cast<uint16_t>(size() - jump - 1);
    instructions_[jump] |= uint64_t{offset} << 16;
  }

  size_t size() const { return instructions_.size(); }
  const std::vector<uint64_t>& instructions() const { return instructions_; }

 private:
  size_t Jump(uint8_t code, Register what, int32_t value) {
    Add(code, what, 0, 0, value);
    return size() - 1;
  }

  void LoadWide(Register to, uint8_t kind, int32_t low, int32_t high) {
    Add(0x18, to, kind, 0, low);
    Add(0, 0, 0, 0, high);
  }

  void Add(uint8_t code, uint8_t to, uint8_t from, int offset, int32_t value) {
    instructions_.push_back(uint64_t{code} | uint64_t{to} << 8 |
                            uint64_t{from} << 12 |
                            uint64_t{static_cast<uint16_t>(offset)} << 16 |
                            uint64_t{static_cast<uint32_t>(value)} << 32);
  }

  std::vector<uint64_t> instructions_;
};

class LoopWriter {
 public:
  explicit LoopWriter(const LoopProgram& program) : loop_(program) {}

  std::vector<uint64_t> Write() {
    to_.LoadMapValue(kState, loop_.state, 0);
    to_.Load(kStart, kState, 0);
    to_.MoveValue(kTurn, 0);
    const size_t again = to_.size();
    if (loop_.key_count > 0) WriteKey(0);
    WriteStep();
    const size_t next = to_.size();
    to_.AddValue(kTurn, 1);
    const auto turns = static_cast<int32_t>(loop_.turns);
    to_.JumpBackIfLess(kTurn, turns, again);
    to_.AddValue(kStart, turns);
    to_.Store(kState, 0, kStart);
    to_.MoveValue(kR0, 0);
    to_.Exit();
    if (failures_.empty()) return to_.instructions();
    for (const size_t jump : failures_) to_.Land(jump);
    to_.Load(kR1, kState, LoopProgram::kFailuresOffset);
    to_.AddValue(kR1, 1);
    to_.Store(kState, LoopProgram::kFailuresOffset, kR1);
    to_.JumpBack(next);
    return to_.instructions();
  }

 private:
  // Puts the key of `lag` turns ago into kR2.
  void WriteKey(uint32_t lag) {
    to_.Move(kR1, kStart);
    to_.AddRegister(kR1, kTurn);
    if (lag > 0) to_.AddValue(kR1, -static_cast<int32_t>(lag));
    to_.AndValue(kR1, static_cast<int32_t>(loop_.key_count - 1));
    to_.ShiftLeft(kR1, loop_.key_shift);
    to_.LoadMapValue(kR2, loop_.keys, 0);
    to_.AddRegister(kR2, kR1);
  }

  // The key, if there are keys, is in kR2.
  void WriteStep() {
    switch (loop_.step) {
      case KernelStep::kNothing:
        if (loop_.key_count > 0) to_.LoadHalf(kR1, kR2, 0);
        return;
      case KernelStep::kLookupHit:
        return WriteLookupHit();
      case KernelStep::kLookupMiss:
        to_.LoadMap(kR1, loop_.map);
        to_.Call(kLookup);
        failures_.push_back(to_.JumpIfNotZero(kR0));
        return;
      case KernelStep::kUpdate:
        return WriteUpdate();
      case KernelStep::kInsertDelete:
        WriteUpdate();
        WriteKey(loop_.lag);
        to_.LoadMap(kR1, loop_.map);
        to_.Call(kDelete);
        failures_.push_back(to_.JumpIfNotZero(kR0));
        return;
      case KernelStep::kMix50And50: {
        const size_t odd = to_.JumpIfOdd(kTurn);
        WriteLookupHit();
        const size_t end = to_.JumpAlways();
        to_.Land(odd);
        WriteUpdate();
        to_.Land(end);
        return;
      }
      case KernelStep::kPushPop:
        return WritePushPop();
      case KernelStep::kBloomPeek:
        to_.LoadMap(kR1, loop_.map);
        to_.Call(kPeek);
        failures_.push_back(to_.JumpIfNotZero(kR0));
        return;
      case KernelStep::kBloomPush:
        to_.LoadMap(kR1, loop_.map);
        to_.MoveValue(kR3, 0);
        to_.Call(kPush);
        failures_.push_back(to_.JumpIfNotZero(kR0));
        return;
      case KernelStep::kLookupInner:
        to_.LoadMap(kR1, loop_.map);
        to_.Call(kLookup);
        failures_.push_back(to_.JumpIfZero(kR0));
        to_.MoveValue(kR1, 0);
        to_.Store(kStack, -8, kR1);
        to_.Move(kR1, kR0);
        to_.Move(kR2, kStack);
        to_.AddValue(kR2, -8);
        to_.Call(kLookup);
        failures_.push_back(to_.JumpIfZero(kR0));
        to_.Load(kR1, kR0, 0);
        return;
      case KernelStep::kReserveSubmit:
        to_.LoadMap(kR1, loop_.map);
        to_.MoveValue(kR2, kRecordSize);
        to_.MoveValue(kR3, 0);
        to_.Call(kReserve);
        failures_.push_back(to_.JumpIfZero(kR0));
        to_.Move(kR1, kStart);
        to_.AddRegister(kR1, kTurn);
        to_.Store(kR0, 0, kR1);
        to_.Move(kR1, kR0);
        to_.MoveValue(kR2, kNoWakeup);
        to_.Call(kSubmit);
        return;
    }
  }

  void WriteLookupHit() {
    to_.LoadMap(kR1, loop_.map);
    to_.Call(kLookup);
    failures_.push_back(to_.JumpIfZero(kR0));
    to_.Load(kR1, kR0, 0);
  }

  void WriteUpdate() {
    to_.LoadMap(kR1, loop_.map);
    to_.LoadMapValue(kR3, loop_.state, LoopProgram::kValueOffset);
    to_.MoveValue(kR4, 0);
    to_.Call(kUpdate);
    failures_.push_back(to_.JumpIfNotZero(kR0));
  }

  void WritePushPop() {
    to_.LoadMap(kR1, loop_.map);
    to_.LoadMapValue(kR2, loop_.state, LoopProgram::kValueOffset);
    to_.MoveValue(kR3, 0);
    to_.Call(kPush);
    failures_.push_back(to_.JumpIfNotZero(kR0));
    const int popped = -static_cast<int>((loop_.value_size + 7) / 8 * 8);
    to_.LoadMap(kR1, loop_.map);
    to_.Move(kR2, kStack);
    to_.AddValue(kR2, popped);
    to_.Call(kPop);
    failures_.push_back(to_.JumpIfNotZero(kR0));
    to_.Load(kR1, kStack, popped);
  }

  const LoopProgram& loop_;
  Assembler to_;
  std::vector<size_t> failures_;  // jumps
};

}  // namespace

std::vector<uint64_t> LoopInstructions(const LoopProgram& program) {
  return LoopWriter(program).Write();
}

}  // namespace bpfmap::bench
