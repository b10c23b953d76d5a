// SPDX-License-Identifier: Apache-2.0
//
// RandomProgram: a program of type sched_cls, made of random pieces, that the
// verifier of Linux takes: arithmetic, jumps, loops, memory, atomics, helpers
// for maps, the packet, functions, and functions that helpers call.
//
// The program leaves all its registers in the value of the first map, so that
// two runs can be compared.

#ifndef BPFMAP_PROGRAMS_RANDOM_PROGRAM_H_
#define BPFMAP_PROGRAMS_RANDOM_PROGRAM_H_

#include <cstdint>
#include <random>
#include <vector>

#include "bpfmap/programs/assembler.h"

namespace bpfmap {

// The maps of such a program.
struct RandomMaps {
  int32_t scratch = 0;  // an array of one value of kRandomScratchSize bytes
  int32_t hash = 0;     // a hash map of 8 to 16 bytes
  int32_t array = 0;    // an array of 4 values of 16 bytes
};
inline constexpr uint32_t kRandomScratchSize = 192;

class RandomProgram {
 public:
  RandomProgram(uint64_t seed, const RandomMaps& maps)
      : random_(seed), maps_(maps) {}

  // About `pieces` pieces, and functions that they call.
  assembler::Code Make(int pieces);

 private:
  using Code = assembler::Code;
  using Register = assembler::Register;

  uint32_t Below(uint32_t limit) {
    return static_cast<uint32_t>(random_() % limit);
  }
  template <typename T, std::size_t kCount>
  T OneOf(const T (&values)[kCount]) {
    return values[Below(kCount)];
  }
  int32_t Number();
  Register Any() { return {static_cast<uint8_t>(AnyNumber())}; }
  unsigned AnyNumber();

  Code SetArguments();
  Code Arithmetic();
  Code Memory();
  Code AtomicPiece();
  Code Jump(int depth);
  Code Loop(int depth);
  Code MapPiece();
  Code LookupPiece();
  Code PacketPiece();
  Code CallPiece();
  Code Piece(int depth);
  Code CallbackPiece(uint32_t which);
  Code Function();
  Code Callback(uint32_t which);
  Code Place(uint8_t size, Register* base, int16_t* offset);

  std::mt19937_64 random_;
  const RandomMaps maps_;
  int busy_ = -1;  // the counter of a loop: not to be written
  bool in_function_ = false;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_RANDOM_PROGRAM_H_
