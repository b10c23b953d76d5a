// SPDX-License-Identifier: Apache-2.0
//
// ObjectBackend: where an Object's maps and programs are made and run: in this
// process (local_backend.h), or in a kernel.
//
// Not thread-safe: one for each Object.

#ifndef BPFMAP_PROGRAMS_OBJECT_BACKEND_H_
#define BPFMAP_PROGRAMS_OBJECT_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/programs/object_file.h"
#include "bpfmap/programs/program_result.h"
#include "bpfmap/programs/program_run.h"

namespace bpfmap {

class ObjectBackend {
 public:
  ObjectBackend() = default;
  virtual ~ObjectBackend() = default;
  ObjectBackend(const ObjectBackend&) = delete;
  ObjectBackend& operator=(const ObjectBackend&) = delete;

  // The object that all of the following is of. It outlives the backend.
  virtual void Start(const ObjectFile& /*file*/) {}

  // Makes the map of `spec`, empty. Maps are numbered in the order of calls.
  // `spec` outlives the backend.
  virtual absl::StatusOr<std::shared_ptr<BpfMap>> CreateMap(
      const MapSpec& spec) = 0;
  // The value that the user puts into a map of maps for map `index`.
  virtual absl::StatusOr<uint32_t> HandleOfMap(std::size_t index) = 0;

  // Loads a program, which is numbered as maps are. Its instructions name maps
  // by their numbers.
  virtual absl::Status LoadProgram(const ProgramSpec& spec,
                                   const std::string& license) = 0;
  // The value that the user puts into an array of programs for program `index`.
  virtual uint32_t HandleOfProgram(std::size_t index) = 0;

  virtual ProgramResult Run(std::size_t index, const RunRequest& request) = 0;

  // Ends the timers in the maps.
  virtual void EndTimers(World* /*world*/) {}

  // The records of a ring, or of all buffers of an array of perf events, that
  // were not taken yet.
  virtual std::vector<std::string> TakeRecords(std::size_t map) = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_OBJECT_BACKEND_H_
