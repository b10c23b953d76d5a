// SPDX-License-Identifier: Apache-2.0

// The instructions of the program that KernelLoop runs.

#ifndef BPFMAP_BENCH_KERNEL_BPF_INSTRUCTIONS_H_
#define BPFMAP_BENCH_KERNEL_BPF_INSTRUCTIONS_H_

#include <cstdint>
#include <vector>

namespace bpfmap::bench {

enum class KernelStep;

struct LoopProgram {
  // File descriptors.
  int map;    // the map that is timed
  int keys;   // an array of one value: all keys; not with key_count 0
  int state;  // an array of one value: the next turn, and what follows

  // Where it counts, in 8 bytes, the operations that did not go as their name
  // says; and where it has the value of updates.
  static constexpr int kFailuresOffset = 8;
  static constexpr int kValueOffset = 16;

  KernelStep step;
  uint32_t turns;       // even; a few thousand at most, see LoopInstructions()
  uint32_t key_count;   // a power of two; 0 where the map has no keys
  int key_shift;        // a key has 1 << key_shift bytes
  uint32_t lag;         // kInsertDelete: how many turns a key stays
  uint32_t value_size;  // kPushPop: of the map, up to 512 bytes
};

// The loop is an ordinary one with a limit (Linux 5.3 and later). The verifier
// walks through every turn of it and remembers each branch on the way, up to
// 8,192: hence the limit on `turns`.
std::vector<uint64_t> LoopInstructions(const LoopProgram& program);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_KERNEL_BPF_INSTRUCTIONS_H_
