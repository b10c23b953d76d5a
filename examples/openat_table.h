// SPDX-License-Identifier: Apache-2.0
//
// OpenatTable: what process_counter prints, of the programs in C++ and of those
// in BPF C.

#ifndef BPFMAP_EXAMPLES_OPENAT_TABLE_H_
#define BPFMAP_EXAMPLES_OPENAT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "examples/strace_replay.h"

namespace bpfmap::examples {

struct OpenatRow {
  uint32_t pid;  // 0: not known
  uint64_t calls;
  std::string comm;
};

// A line for each process, the largest count first, and the sums. 0 for `top`
// shows all.
std::string OpenatTable(std::vector<OpenatRow> rows, size_t top);

// How many calls could not be counted; nothing if all were.
std::string DroppedText(uint64_t dropped);

std::string LinesText(const StraceLines& lines);

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_OPENAT_TABLE_H_
