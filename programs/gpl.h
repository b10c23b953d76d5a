// SPDX-License-Identifier: Apache-2.0
//
// Licences that Linux takes for compatible with the GPL, so that their programs
// may call any helper.
//
// Source: include/linux/license.h of the kernel.

#ifndef BPFMAP_PROGRAMS_GPL_H_
#define BPFMAP_PROGRAMS_GPL_H_

#include <algorithm>
#include <iterator>
#include <string_view>

namespace bpfmap {

constexpr bool IsGplCompatible(std::string_view license) {
  constexpr std::string_view kLicenses[] = {
      "GPL",          "GPL v2",       "GPL and additional rights",
      "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
  return std::find(std::begin(kLicenses), std::end(kLicenses), license) !=
         std::end(kLicenses);
}

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_GPL_H_
