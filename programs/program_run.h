// SPDX-License-Identifier: Apache-2.0
//
// RunProgram: runs a program on what its type is called with: those that
// BPF_PROG_TEST_RUN takes on a packet as it runs them, others on the context
// that is given.
//
// Thread-safe, as far as the world of the request is.

#ifndef BPFMAP_PROGRAMS_PROGRAM_RUN_H_
#define BPFMAP_PROGRAMS_PROGRAM_RUN_H_

#include <cstdint>
#include <optional>
#include <span>

#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/program_result.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {

// The input of a run of a program.
struct RunRequest {
  World* world = nullptr;  // never null for a run
  std::optional<std::span<const uint8_t>> packet;
  std::optional<std::span<const uint8_t>> context;
  // Words of the context point to memory of the World, or of the kernel.
  bool context_points_to_memory = false;
  // A context that starts with so many arguments of 8 bytes, for the helpers
  // that count them.
  uint32_t arguments = 0;
  bool keeps_path = true;  // of an Object: ProgramResult::path, which is slower
};

// Tail calls find programs in `programs`.
ProgramResult RunProgram(const Program& program, const RunRequest& request,
                         ProgramSource* programs);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_PROGRAM_RUN_H_
