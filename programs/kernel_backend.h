// SPDX-License-Identifier: Apache-2.0
//
// KernelBackend: the maps and programs of an Object in the running kernel, so
// that a test runs on both:
//
//   Object::Open(path, nullptr, std::make_unique<KernelBackend>())
//
// A program is loaded as it is, for the hook that its section names, so its
// verifier is asked, too; Load() says what it said. Programs run through
// BPF_PROG_TEST_RUN: the types that it does not take are ENOTSUPP. The World is
// the kernel's own: the clock runs, and nothing fails on demand.
//
// Not here: buffers of perf events.
//
// Linux only. Needs root. Not thread-safe.

#ifndef BPFMAP_PROGRAMS_KERNEL_BACKEND_H_
#define BPFMAP_PROGRAMS_KERNEL_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/programs/object_backend.h"

namespace bpfmap {

class KernelBackend final : public ObjectBackend {
 public:
  KernelBackend() = default;
  ~KernelBackend() override;

  // Whether this process may load programs.
  static bool IsAvailable();

  void Start(const ObjectFile& file) override;
  absl::StatusOr<std::shared_ptr<BpfMap>> CreateMap(
      const MapSpec& spec) override;
  absl::StatusOr<uint32_t> HandleOfMap(std::size_t index) override;
  absl::Status LoadProgram(const ProgramSpec& spec,
                           const std::string& license) override;
  uint32_t HandleOfProgram(std::size_t index) override;
  ProgramResult Run(std::size_t index, const RunRequest& request) override;
  std::vector<std::string> TakeRecords(std::size_t map) override;

 private:
  // The pages of a ring buffer that are mapped.
  struct Ring {
    void* consumer = nullptr;
    void* producer = nullptr;
    std::size_t size = 0;  // bytes of the data
  };

  Ring* RingOf(std::size_t map);

  const BtfTypes* object_types_ = nullptr;
  int btf_fd_ = -1;  // of the object; -1: the kernel did not take it
  std::vector<std::shared_ptr<KernelMap>> maps_;
  std::vector<std::shared_ptr<KernelMap>> inner_maps_;
  std::vector<int> programs_;  // descriptors
  std::vector<ProgramType> types_;
  std::map<std::size_t, Ring> rings_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_KERNEL_BACKEND_H_
