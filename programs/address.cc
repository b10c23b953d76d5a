// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/address.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "bpfmap/programs/misuse.h"

namespace bpfmap {
namespace {

bool ParseNumber(std::string_view text, int base, unsigned most,
                 unsigned* number) {
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *number, base);
  return !text.empty() && result.ec == std::errc() && result.ptr == end &&
         *number <= most;
}

std::vector<std::string_view> Split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool ParseBytes(std::string_view text, char by, int base, uint8_t* to,
                std::size_t count) {
  const std::vector<std::string_view> parts = Split(text, by);
  if (parts.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    unsigned number = 0;
    if (!ParseNumber(parts[i], base, 255, &number)) return false;
    to[i] = static_cast<uint8_t>(number);
  }
  return true;
}

// Groups of 16 bits; the last may be an address of version 4.
bool ParseGroups(std::string_view text, std::vector<uint8_t>* bytes) {
  if (text.empty()) return true;
  const std::vector<std::string_view> parts = Split(text, ':');
  for (std::string_view part : parts) {
    if (part.find('.') != std::string_view::npos) {
      uint8_t last[4];
      if (!ParseBytes(part, '.', 10, last, 4)) return false;
      bytes->insert(bytes->end(), last, last + 4);
      continue;
    }
    unsigned number = 0;
    if (!ParseNumber(part, 16, 0xffff, &number)) return false;
    bytes->push_back(static_cast<uint8_t>(number >> 8));
    bytes->push_back(static_cast<uint8_t>(number));
  }
  return true;
}

bool ParseIpv6(std::string_view text, std::array<uint8_t, 16>* address) {
  std::vector<uint8_t> head, tail;
  const std::size_t gap = text.find("::");
  if (!ParseGroups(text.substr(0, gap), &head)) return false;
  if (gap != std::string_view::npos &&
      !ParseGroups(text.substr(gap + 2), &tail)) {
    return false;
  }
  const std::size_t size = head.size() + tail.size();
  if (gap == std::string_view::npos ? size != 16 : size > 14) return false;
  std::copy(head.begin(), head.end(), address->begin());
  std::copy(tail.begin(), tail.end(),
            address->end() - static_cast<std::ptrdiff_t>(tail.size()));
  return true;
}

void Complain(std::string_view text, const char* kind) {
  Misuse("\"" + std::string(text) + "\" is no " + kind);
}

}  // namespace

Ipv4::Ipv4(std::string_view text) {
  if (ParseBytes(text, '.', 10, bytes.data(), bytes.size())) return;
  bytes = {};
  Complain(text, "IPv4 address such as 10.0.0.7");
}

Ipv6::Ipv6(std::string_view text) {
  if (ParseIpv6(text, &bytes)) return;
  bytes = {};
  Complain(text, "IPv6 address such as fe80::1");
}

Mac::Mac(std::string_view text) {
  if (ParseBytes(text, ':', 16, bytes.data(), bytes.size())) return;
  bytes = {};
  Complain(text, "address of Ethernet such as 02:00:00:00:00:01");
}

}  // namespace bpfmap
