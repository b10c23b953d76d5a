// SPDX-License-Identifier: Apache-2.0

// Text for HTML and SVG.

#ifndef BPFMAP_BENCH_REPORT_HTML_H_
#define BPFMAP_BENCH_REPORT_HTML_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace bpfmap::bench {

// `text` as text or as an attribute in quotes, whatever it contains: a report
// may be of a file that somebody else wrote.
std::string Escape(absl::string_view text);

// "8.1 ns", "450 ns", "1.43 µs": three digits and a unit.
std::string FormatNs(double ns);

// "56 B", "1.5 KiB".
std::string FormatBytes(double bytes);

// "12×", "3.4×", "0.82×".
std::string FormatRatio(double ratio);

// "1K", "64K", "1M" for powers of two; "1000" otherwise.
std::string FormatEntries(uint64_t entries);

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_REPORT_HTML_H_
