// SPDX-License-Identifier: Apache-2.0

#include "tests/support/kernel_support.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "tests/support/possible_cpus.h"

namespace bpfmap {
namespace {

// For how many CPUs the kernel's maps are. An array holds zeros at first, and
// a lookup writes 8 bytes for each.
int CpusOfKernelMaps() {
  constexpr uint64_t kUnwritten = ~uint64_t{0};
  const auto map = KernelMap::Create({.type = MapType::kPerCpuArray,
                                      .key_size = 4,
                                      .value_size = 8,
                                      .max_entries = 1});
  std::vector<uint64_t> values(kMaxCpus, kUnwritten);
  const uint32_t key = 0;
  if (!map.ok() || (*map)->Lookup(&key, values.data()) != Errno::kOk) return 0;
  return static_cast<int>(std::count(values.begin(), values.end(), 0));
}

std::string AskKernel() {
  const MapDef def = {.type = MapType::kArray,
                      .key_size = 4,
                      .value_size = 8,
                      .max_entries = 1,
                      .name = "probe",
                      .spin_lock_offset = 4};
  const absl::Status status = KernelMap::Create(def).status();
  if (!status.ok()) {
    return absl::StrCat("the kernel cannot be asked: ", status.message());
  }
  const int of_kernel = CpusOfKernelMaps();
  if (of_kernel == ListedCpus()) return "";
  return absl::StrCat("the kernel's maps are for ", of_kernel,
                      " CPUs, and those of this test for ", ListedCpus());
}

}  // namespace

bool KernelAvailable() { return WhyNoKernel().empty(); }

const std::string& WhyNoKernel() {
  static const std::string& why = *new std::string(AskKernel());
  return why;
}

bool KernelRequired() {
  const char* value = std::getenv("REQUIRE_KERNEL");
  return value != nullptr && absl::string_view(value) == "1";
}

}  // namespace bpfmap
