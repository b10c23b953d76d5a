// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/maps/lpm_key.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/status.h"

namespace bpfmap::internal {
namespace {

constexpr int kGroups = 8;  // of 16 bits in an address of IPv6

// A number from 0 to `most` in decimal digits, without needless zeros.
bool ParseNumber(absl::string_view text, uint32_t most, uint32_t* number) {
  const bool digits = !text.empty() && text.size() <= 3 &&
                      std::all_of(text.begin(), text.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || (text.size() > 1 && text[0] == '0')) return false;
  return absl::SimpleAtoi(text, number) && *number <= most;
}

bool ParseIpv4(absl::string_view text, uint8_t* data) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 4) return false;
  for (int i = 0; i < 4; ++i) {
    uint32_t byte;
    if (!ParseNumber(parts[i], 255, &byte)) return false;
    data[i] = static_cast<uint8_t>(byte);
  }
  return true;
}

// Groups between colons, as bytes at the end of *bytes; the last one may be an
// address of IPv4. The empty text has no groups.
bool ParseGroups(absl::string_view text, bool ends_address,
                 std::vector<uint8_t>* bytes) {
  if (text.empty()) return true;
  const std::vector<absl::string_view> groups = absl::StrSplit(text, ':');
  for (std::size_t i = 0; i < groups.size(); ++i) {
    uint8_t ipv4[4];
    if (ends_address && i + 1 == groups.size() && ParseIpv4(groups[i], ipv4)) {
      bytes->insert(bytes->end(), ipv4, ipv4 + 4);
      continue;
    }
    uint32_t group;
    // SimpleHexAtoi() takes signs, spaces and "0x", too.
    const bool digits =
        groups[i].size() <= 4 &&
        std::all_of(groups[i].begin(), groups[i].end(), [](char c) {
          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                 (c >= 'A' && c <= 'F');
        });
    if (!digits || !absl::SimpleHexAtoi(groups[i], &group)) return false;
    bytes->push_back(static_cast<uint8_t>(group >> 8));
    bytes->push_back(static_cast<uint8_t>(group));
  }
  return true;
}

bool ParseIpv6(absl::string_view text, uint8_t* data) {
  std::vector<uint8_t> front, back;
  const std::size_t gap = text.find("::");
  if (gap == absl::string_view::npos) {
    if (!ParseGroups(text, /*ends_address=*/true, &front)) return false;
    if (front.size() != 16) return false;
  } else {
    // A second gap leaves an empty group, which is no number.
    if (!ParseGroups(text.substr(0, gap), /*ends_address=*/false, &front) ||
        !ParseGroups(text.substr(gap + 2), /*ends_address=*/true, &back) ||
        front.size() + back.size() > 14) {
      return false;
    }
  }
  std::fill(data, data + 16, uint8_t{0});
  std::copy(front.begin(), front.end(), data);
  std::copy(back.begin(), back.end(), data + 16 - back.size());
  return true;
}

std::string Ipv4ToString(const uint8_t* data) {
  return absl::StrCat(data[0], ".", data[1], ".", data[2], ".", data[3]);
}

std::string Ipv6ToString(const uint8_t* data) {
  static constexpr uint8_t kMappedIpv4[12] = {0, 0, 0, 0, 0,    0,
                                              0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMappedIpv4, kMappedIpv4 + 12, data)) {
    return absl::StrCat("::ffff:", Ipv4ToString(data + 12));
  }
  uint32_t groups[kGroups];
  for (int i = 0; i < kGroups; ++i) {
    groups[i] = uint32_t{data[2 * i]} << 8 | data[2 * i + 1];
  }
  // The first of the longest runs of two zeros or more.
  int gap = kGroups, gap_size = 1;
  for (int start = 0, end = 0; start < kGroups; start = end + 1) {
    for (end = start; end < kGroups && groups[end] == 0;) ++end;
    if (end - start > gap_size) {
      gap = start;
      gap_size = end - start;
    }
  }
  std::string text;
  for (int i = 0; i < kGroups; ++i) {
    if (i == gap) {
      text += "::";
      i += gap_size - 1;
      continue;
    }
    if (i > 0 && text.back() != ':') text += ':';
    absl::StrAppend(&text, absl::Hex(groups[i]));
  }
  return text;
}

}  // namespace

absl::Status ParseLpmKey(absl::string_view text, uint8_t* data, uint32_t bytes,
                         uint32_t* prefixlen) {
  const std::size_t slash = text.find('/');
  const absl::string_view address = text.substr(0, slash);
  const bool is_ipv4 = bytes == 4;
  if (!(is_ipv4 ? ParseIpv4(address, data) : ParseIpv6(address, data))) {
    return ToStatus(Errno::kInval,
                    absl::StrCat("\"", text, "\" is no prefix such as ",
                                 is_ipv4 ? "10.0.0.0/8" : "2001:db8::/32"));
  }
  *prefixlen = bytes * 8;
  if (slash != absl::string_view::npos &&
      !ParseNumber(text.substr(slash + 1), bytes * 8, prefixlen)) {
    return ToStatus(Errno::kInval,
                    absl::StrCat("\"", text,
                                 "\": the length of a prefix must be a number "
                                 "from 0 to ",
                                 bytes * 8));
  }
  return absl::OkStatus();
}

std::string LpmKeyToString(const uint8_t* data, uint32_t bytes,
                           uint32_t prefixlen) {
  return absl::StrCat(bytes == 4 ? Ipv4ToString(data) : Ipv6ToString(data), "/",
                      prefixlen);
}

}  // namespace bpfmap::internal
