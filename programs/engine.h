// SPDX-License-Identifier: Apache-2.0
//
// Engine: the loop that runs operations. For Machine.
//
// The loop is compiled for each combination of what a run does beside running:
// checks, counting for coverage, telling an Observer. A run that does nothing
// of that has no instruction for it.

#ifndef BPFMAP_PROGRAMS_ENGINE_H_
#define BPFMAP_PROGRAMS_ENGINE_H_

#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/operation.h"

namespace bpfmap {

class Engine {
 public:
  // Runs the machine's frame of `depth` from its start to its exit, whose
  // result is then in r0 of the frame. Returns false after a fault.
  static bool Run(Machine* machine, int depth, const Operation* start);

 private:
  enum class Watch {
    kNothing,
    kBlocks,  // counts blocks of instructions, for coverage
    kSteps,   // the same, and tells the Observer of each instruction
  };

  template <bool kChecked, Watch kWatch>
  static bool Loop(Machine* machine, int depth, const Operation* start);
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_ENGINE_H_
