// SPDX-License-Identifier: Apache-2.0
//
// LocalBackend: the maps and programs of an Object in this process.
//
// Types of programs that BPF_PROG_TEST_RUN takes run as it runs them; others
// get the context that the test gives. Not thread-safe, but for Run() after all
// is loaded.

#ifndef BPFMAP_PROGRAMS_LOCAL_BACKEND_H_
#define BPFMAP_PROGRAMS_LOCAL_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/perf_event.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/object_backend.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/run_path.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {

class LocalBackend final : public ObjectBackend, public ProgramSource {
 public:
  LocalBackend() = default;
  ~LocalBackend() override;

  void Start(const ObjectFile& file) override { types_ = &file.types(); }
  absl::StatusOr<std::shared_ptr<BpfMap>> CreateMap(
      const MapSpec& spec) override;
  absl::StatusOr<uint32_t> HandleOfMap(std::size_t index) override;
  absl::Status LoadProgram(const ProgramSpec& spec,
                           const std::string& license) override;
  uint32_t HandleOfProgram(std::size_t index) override;
  ProgramResult Run(std::size_t index, const RunRequest& request) override;
  void EndTimers(World* world) override;
  std::vector<std::string> TakeRecords(std::size_t map) override;

  LocalMap* map(std::size_t index) const { return maps_[index].get(); }
  const Program& program(std::size_t index) const { return *programs_[index]; }

 private:
  std::shared_ptr<const Program> ProgramOf(uint32_t handle) override;

  absl::Status AddPerfEvents(LocalMap* map);

  const BtfTypes* types_ = nullptr;
  MapNames names_;
  // The array that each one is in.
  std::vector<std::pair<LocalMap*, std::unique_ptr<PerfEvent<Cloud>>>>
      perf_events_;
  std::vector<std::shared_ptr<LocalMap>> maps_;
  std::vector<std::shared_ptr<const Program>> programs_;
  std::vector<uint32_t> map_fds_;  // of MapFdTable
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_LOCAL_BACKEND_H_
