// SPDX-License-Identifier: Apache-2.0

// RowFilter: which rows --benchmark_filter selects, in order to count them.

#ifndef BPFMAP_BENCH_ROW_FILTER_H_
#define BPFMAP_BENCH_ROW_FILTER_H_

#include <regex.h>

#include <string>

namespace bpfmap::bench {

// Reads a filter as Google Benchmark does.
class RowFilter {
 public:
  explicit RowFilter(const std::string& filter)
      : selects_all_(filter.empty() || filter == "all"),
        is_negative_(filter.starts_with('-')),
        has_regex_(regcomp(&regex_, filter.c_str() + (is_negative_ ? 1 : 0),
                           REG_EXTENDED | REG_NOSUB) == 0) {}

  ~RowFilter() {
    if (has_regex_) regfree(&regex_);
  }

  RowFilter(const RowFilter&) = delete;
  RowFilter& operator=(const RowFilter&) = delete;

  bool Selects(const std::string& row) const {
    if (selects_all_ || !has_regex_) return selects_all_;
    const bool matches = regexec(&regex_, row.c_str(), 0, nullptr, 0) == 0;
    return matches != is_negative_;
  }

 private:
  regex_t regex_;
  const bool selects_all_;
  const bool is_negative_;
  const bool has_regex_;  // false: it is no regular expression
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_ROW_FILTER_H_
