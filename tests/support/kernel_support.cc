#include "tests/support/kernel_support.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {
namespace {

std::string AskKernel() {
  const MapDef def = {.type = MapType::kArray,
                      .key_size = 4,
                      .value_size = 8,
                      .max_entries = 1,
                      .name = "probe",
                      .spin_lock_offset = 4};
  const absl::Status status = KernelMap::Create(def).status();
  if (status.ok()) return "";
  return absl::StrCat("the kernel cannot be asked: ", status.message());
}

}  // namespace

bool KernelAvailable() { return WhyNoKernel().empty(); }

const std::string& WhyNoKernel() {
  static const std::string& why = *new std::string(AskKernel());
  return why;
}

// The file says "0-3", or "0-3,8-11": the last number is the highest.
int KernelPossibleCpus() {
  std::ifstream file("/sys/devices/system/cpu/possible");
  std::string ranges;
  int last = 0;
  if (!std::getline(file, ranges)) return 0;
  const std::size_t number = ranges.find_last_of(",-") + 1;
  return absl::SimpleAtoi(ranges.substr(number), &last) ? last + 1 : 0;
}

bool KernelRequired() {
  const char* value = std::getenv("REQUIRE_KERNEL");
  return value != nullptr && absl::string_view(value) == "1";
}

}  // namespace bpfmap
