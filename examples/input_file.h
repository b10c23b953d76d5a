// SPDX-License-Identifier: Apache-2.0

// Where an example's input is.

#ifndef BPFMAP_EXAMPLES_INPUT_FILE_H_
#define BPFMAP_EXAMPLES_INPUT_FILE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace bpfmap::examples {

// The recording examples/data/`name`: seen from the runfiles (`bazel run`,
// `bazel test`) or the top of the repository, else beside `program`.
std::string RecordingPath(absl::string_view program, absl::string_view name);

// A path that the user typed: `bazel run` starts a program in its runfiles and
// tells where the user is.
std::string UserPath(const std::string& name);

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_INPUT_FILE_H_
