// SPDX-License-Identifier: Apache-2.0

#include "bench/report/html.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bpfmap::bench {
namespace {

// Three digits: "8.13", "81.3", "813".
std::string ThreeDigits(double value) {
  const double size = std::fabs(value);
  const int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  std::string text = absl::StrFormat("%.*f", decimals, value);
  while (decimals > 0 && text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

std::string Escape(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // Control characters are errors in HTML.
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
          out += "\uFFFD";
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string FormatNs(double ns) {
  if (ns < 999.5) return absl::StrCat(ThreeDigits(ns), " ns");
  if (ns < 999.5e3) return absl::StrCat(ThreeDigits(ns / 1e3), " µs");
  if (ns < 999.5e6) return absl::StrCat(ThreeDigits(ns / 1e6), " ms");
  return absl::StrCat(ThreeDigits(ns / 1e9), " s");
}

std::string FormatBytes(double bytes) {
  if (bytes < 1023.5) return absl::StrCat(ThreeDigits(bytes), " B");
  if (bytes < 1024 * 1023.5) {
    return absl::StrCat(ThreeDigits(bytes / 1024), " KiB");
  }
  return absl::StrCat(ThreeDigits(bytes / (1024 * 1024)), " MiB");
}

std::string FormatRatio(double ratio) {
  const int decimals = ratio < 0.995 ? 2 : ratio < 9.95 ? 1 : 0;
  return absl::StrFormat("%.*f×", decimals, ratio);
}

std::string FormatEntries(uint64_t entries) {
  constexpr uint64_t kKi = 1024;
  if (entries >= kKi * kKi && entries % (kKi * kKi) == 0) {
    return absl::StrCat(entries / (kKi * kKi), "M");
  }
  if (entries >= kKi && entries % kKi == 0) {
    return absl::StrCat(entries / kKi, "K");
  }
  return absl::StrCat(entries);
}

}  // namespace bpfmap::bench
