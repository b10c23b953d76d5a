// SPDX-License-Identifier: Apache-2.0

// Backend: one way to have a map. The tests of what maps have in common run
// over all of them: a row in LocalBackends() is all that a new profile needs.

#ifndef BPFMAP_TESTS_SUPPORT_BACKEND_H_
#define BPFMAP_TESTS_SUPPORT_BACKEND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {

// A map and whatever memory it lives in.
class TestMap {
 public:
  TestMap() = default;
  // `local` is null for a map that has no program view.
  TestMap(std::shared_ptr<void> owner, BpfMap* map, LocalMap* local)
      : owner_(std::move(owner)), map_(map), local_(local) {}
  // A map of the kernel, and its file descriptor.
  TestMap(std::shared_ptr<void> owner, BpfMap* map, int kernel_fd)
      : owner_(std::move(owner)), map_(map), kernel_fd_(kernel_fd) {}

  BpfMap& operator*() const { return *map_; }
  BpfMap* operator->() const { return map_; }
  BpfMap* get() const { return map_; }
  LocalMap* local() const { return local_; }
  // REQUIRES: local() is null, and the map is the kernel's.
  int kernel_fd() const { return kernel_fd_; }
  // The map and its memory, as long as anybody holds it.
  std::shared_ptr<LocalMap> shared_local() const { return {owner_, local_}; }
  explicit operator bool() const { return map_ != nullptr; }

 private:
  std::shared_ptr<void> owner_;
  BpfMap* map_ = nullptr;
  LocalMap* local_ = nullptr;
  int kernel_fd_ = -1;
};

// The programs that values of DEVMAP and CPUMAP may hold, and one that none
// may.
enum class XdpProgram { kPlain, kForDevices, kForCpus };

struct Backend {
  std::string name;
  bool is_kernel;
  // Whether a map of this definition has more bytes than the backend.
  bool (*is_too_large)(const MapDef& def);
  // Sets *map if it returns kOk.
  Errno (*create)(const MapDef& def, TestMap* map);
  // Opens a perf event that an array of such takes, and sets *fd to its number;
  // it is open while the result lives.
  std::shared_ptr<void> (*open_perf_event)(uint32_t* fd);
  // The same of a program, for an array of programs.
  std::shared_ptr<void> (*open_program)(uint32_t* fd) = nullptr;
  std::shared_ptr<void> (*open_xdp_program)(XdpProgram program,
                                            uint32_t* fd) = nullptr;
  // The same of a cgroup, for an array of cgroups.
  std::shared_ptr<void> (*open_cgroup)(uint32_t* fd) = nullptr;
  // Whether it has maps of this type.
  bool (*has)(MapType type) = [](MapType) { return true; };
};

// cloud, embedded (each map in a pool of its own), and kernel where there is
// one to ask: see kernel_backend.h.
const std::vector<Backend>& Backends();
// The same without the kernel.
const std::vector<Backend>& LocalBackends();

// Sets where the hash functions of maps on local backends start from, so that a
// test which fails does so again.
void SeedLocalMaps(uint64_t seed);

// For INSTANTIATE_TEST_SUITE_P: a test is named ".../cloud".
std::string BackendName(const ::testing::TestParamInfo<Backend>& info);
void PrintTo(const Backend& backend, std::ostream* out);

// The base of a suite over backends. A test on the kernel is skipped where the
// kernel cannot be asked, or fails with REQUIRE_KERNEL=1.
class BackendTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_BACKEND_H_
