// SPDX-License-Identifier: Apache-2.0

// A table of RESULTS.md that a program makes anew: it stands between two lines
// that name the program.

#ifndef BPFMAP_BENCH_RESULTS_FILE_H_
#define BPFMAP_BENCH_RESULTS_FILE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace bpfmap::bench {

// `text` with `table` between
//   <!-- From here on: bench/PROGRAM -->
//   <!-- Up to here: bench/PROGRAM -->
// or nothing, if these lines are not there.
std::string WithTable(absl::string_view text, absl::string_view program,
                      absl::string_view table);

// The main() of such a program, after it made its table: writes it to stdout
// and, with the argument --out=FILE, into that file. Returns its exit code.
int WriteTable(int argc, char** argv, absl::string_view program,
               absl::string_view table);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_RESULTS_FILE_H_
