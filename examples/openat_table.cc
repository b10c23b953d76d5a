// SPDX-License-Identifier: Apache-2.0

#include "examples/openat_table.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bpfmap::examples {

std::string OpenatTable(std::vector<OpenatRow> rows, size_t top) {
  if (rows.empty()) return "no openat calls\n\n";
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.calls != b.calls ? a.calls > b.calls : a.pid < b.pid;
  });
  if (top == 0 || top > rows.size()) top = rows.size();
  std::string text =
      absl::StrFormat("%7s  %-15s  %12s\n", "PID", "COMMAND", "OPENAT CALLS");
  for (size_t i = 0; i < top; ++i) {
    const OpenatRow& row = rows[i];
    const std::string comm = absl::CHexEscape(row.comm);
    absl::StrAppendFormat(&text, "%7s  %-15s  %12d\n",
                          row.pid == 0 ? "-" : absl::StrCat(row.pid),
                          comm.empty() ? "?" : comm, row.calls);
  }
  if (top < rows.size()) {
    absl::StrAppendFormat(&text, "%7s  %d more; --top=0 shows all\n", "...",
                          rows.size() - top);
  }
  uint64_t calls = 0;
  for (const OpenatRow& row : rows) calls += row.calls;
  absl::StrAppendFormat(&text, "\ntotal calls: %d\nprocesses: %d\n", calls,
                        rows.size());
  return text;
}

std::string DroppedText(uint64_t dropped) {
  if (dropped == 0) return "";
  return absl::StrFormat(
      "calls dropped, the map is full: %d; see "
      "--max_entries\n",
      dropped);
}

std::string LinesText(const StraceLines& lines) {
  std::string text = absl::StrFormat("lines read: %d\nlines not parsed: %d\n",
                                     lines.read, lines.not_parsed);
  if (lines.not_parsed > 0) {
    absl::StrAppendFormat(&text, "first line not parsed: %d: \"%s\"\n",
                          lines.first_not_parsed,
                          absl::CHexEscape(lines.sample));
  }
  return text;
}

}  // namespace bpfmap::examples
