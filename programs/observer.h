// SPDX-License-Identifier: Apache-2.0
//
// Observer: is told of each instruction, before a program runs it.
//
//   MyObserver observer;
//   {
//     const ScopedObserver scope(&observer);  // of this thread
//     machine.Run(*program, input);  // or RunTest(), or bpf(2) by this process
//   }
//
// A run that starts while its thread has an observer is checked, whatever its
// input says, and is several times slower. Other runs pay one load for this,
// when they start.
//
// Not thread-safe: an observer is of one thread, which makes all calls.

#ifndef BPFMAP_PROGRAMS_OBSERVER_H_
#define BPFMAP_PROGRAMS_OBSERVER_H_

#include <cstdint>

#include "bpfmap/programs/memory.h"

namespace bpfmap {

class Program;
struct RunResult;

// An instruction that is about to run. Pointers are good during the call.
struct Step {
  const Program* program = nullptr;
  uint32_t instruction = 0;
  int depth = 0;  // frames below this one
  const uint64_t* registers = nullptr;
  // The memory that each register points into; null: it was never set.
  const Region* const* regions = nullptr;
};

class Observer;

namespace internal {
extern constinit thread_local Observer* thread_observer;
}  // namespace internal

class Observer {
 public:
  virtual void Before(const Step& step) = 0;
  // The run is over. It may have faulted.
  virtual void Ended(const Program& /*program*/, const RunResult& /*result*/) {}

  // That of the calling thread; null: it has none.
  static Observer* OfThread() { return internal::thread_observer; }

 protected:
  ~Observer() = default;
};

// Makes `observer` that of the calling thread while it lives. They may be
// nested: the innermost counts, and null means none.
class ScopedObserver {
 public:
  explicit ScopedObserver(Observer* observer);
  ~ScopedObserver();
  ScopedObserver(const ScopedObserver&) = delete;
  ScopedObserver& operator=(const ScopedObserver&) = delete;

 private:
  Observer* const previous_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_OBSERVER_H_
