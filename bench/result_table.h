// SPDX-License-Identifier: Apache-2.0

// The table that a run ends with: what is compared with each other stands
// together, with the ratios to the kernel and to the best peer.

#ifndef BPFMAP_BENCH_RESULT_TABLE_H_
#define BPFMAP_BENCH_RESULT_TABLE_H_

#include <string>
#include <vector>

namespace bpfmap::bench {

// A row that has run. A number that is not known is 0.
struct Result {
  std::string name;  // whole, as RowName() and Google Benchmark make
  std::vector<double> seconds = {};   // of one operation, at each repetition
  double p50 = 0, p99 = 0, p999 = 0;  // ns
  double bytes_per_entry = 0;
  bool at_most = false;  // the time of an operation about as cheap as the loop
  std::string error = {};
};

// The results in groups of the same map, operation, sizes, entries, keys
// and threads. The time is the median in ns, or "<" and more than it is.
//
//   floor      how many times as long as the floor in the same view it takes
//
// A ratio above 1 says that the row is so many times as fast as what it is
// compared with:
//
//   kernel     the kernel's map in the same view: a program's map with the
//              kernel in a program, all others with its system call
//   best peer  the fastest map of another library
//
// Below a group stands the goal that there is (goals.h), and whether it is met.
std::string ResultTable(const std::vector<Result>& results);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_RESULT_TABLE_H_
