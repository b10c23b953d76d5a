// SPDX-License-Identifier: Apache-2.0

#include "examples/input_file.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace bpfmap::examples {

std::string RecordingPath(absl::string_view program, absl::string_view name) {
  std::string recording = absl::StrCat("examples/data/", name);
  std::error_code ignored;
  for (const std::string& path :
       {recording, absl::StrCat(program, ".runfiles/bpfmap/", recording),
        absl::StrCat(program, ".runfiles/_main/", recording)}) {
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return recording;
}

std::string UserPath(const std::string& name) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  if (directory == nullptr) return name;
  return (std::filesystem::path(directory) / name).string();
}

}  // namespace bpfmap::examples
