#include "tests/kernel_support.h"

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "maps/kernel_map.h"
#include "maps/map_def.h"

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

bool KernelRequired() {
  const char* value = std::getenv("REQUIRE_KERNEL");
  return value != nullptr && absl::string_view(value) == "1";
}

}  // namespace bpfmap
