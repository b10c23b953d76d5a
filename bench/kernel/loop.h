// SPDX-License-Identifier: Apache-2.0

// KernelLoop: a BPF program that does one operation again and again, and how
// long it takes.
//
// The program takes the next key from a row of keys in an array map, calls the
// helper and looks at the result, and so on. BPF_PROG_TEST_RUN runs the program
// a number of times on the caller's CPU and returns the time between the first
// instruction and the last, without the system call.
//
// The same program with no operation in it measures the cost of the loop
// itself, which can then be subtracted.
//
// Linux only; needs the rights of KernelMap. The instructions are those of RFC
// 9669, in the byte order of this machine.

#ifndef BPFMAP_BENCH_KERNEL_LOOP_H_
#define BPFMAP_BENCH_KERNEL_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

// The body of the loop, for each key.
enum class KernelStep {
  kNothing,    // reads 4 bytes of the key
  kLookupHit,  // and reads 8 bytes of the value
  kLookupMiss,
  kUpdate,  // with a value that is always the same
  kInsertDelete,
  kMix50And50,  // kLookupHit at even turns, kUpdate at odd ones
  kPushPop,     // a value that is always the same; reads 8 bytes of the other
  kBloomPeek,   // of a value that is there; values are `keys`
  kBloomPush,
  kLookupInner,    // in a map of maps, and then the key 0 of the inner map
  kReserveSubmit,  // a record of 8 bytes: which turn it is; wakes nobody
};

// Not thread-safe: each thread has a loop of its own.
class KernelLoop {
 public:
  // How many operations one Run() does, and how many of them a program that is
  // run once.
  static constexpr uint32_t kTurns = 1 << 16;
  static constexpr uint32_t kTurnsOfProgram = 1 << 10;

  // A loop over `keys`, one after the other, of the map `map`. The next Run()
  // goes on where one ended, and from the start again after the last key.
  // kInsertDelete deletes the key that it inserted `lag` turns ago; the first
  // ones to go are the last of `keys`.
  // REQUIRES: the number of keys is a power of two, as is the size of one; or
  // the map has no keys, and `keys` is empty.
  static absl::StatusOr<std::unique_ptr<KernelLoop>> Create(
      const KernelMap& map, KernelStep step, const std::vector<std::byte>& keys,
      const std::vector<std::byte>& value, uint32_t lag = 0);

  ~KernelLoop();

  KernelLoop(const KernelLoop&) = delete;
  KernelLoop& operator=(const KernelLoop&) = delete;

  // Does kTurns operations, and returns the seconds that they took.
  absl::StatusOr<double> Run();

  // How many operations of all runs did not go as their name says.
  uint64_t Failures() const;

 private:
  KernelLoop(std::unique_ptr<KernelMap> keys, std::unique_ptr<KernelMap> state)
      : keys_(std::move(keys)), state_(std::move(state)) {}

  absl::Status Load(const KernelMap& map, KernelStep step, uint32_t count,
                    uint32_t lag);

  const std::unique_ptr<KernelMap> keys_;   // null where there are none
  const std::unique_ptr<KernelMap> state_;  // see LoopProgram
  int program_ = -1;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_KERNEL_LOOP_H_
