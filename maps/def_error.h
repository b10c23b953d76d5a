// SPDX-License-Identifier: Apache-2.0
//
// DefError: what is wrong with a MapDef, as an errno and as a sentence.

#ifndef BPFMAP_MAPS_DEF_ERROR_H_
#define BPFMAP_MAPS_DEF_ERROR_H_

#include "bpfmap/maps/errno.h"

namespace bpfmap {

struct [[nodiscard]] DefError {
  // kOk if nothing is wrong.
  Errno error = Errno::kOk;
  // Says what is wrong and what would be right. A static string; "" for kOk.
  const char* reason = "";

  constexpr bool failed() const { return error != Errno::kOk; }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_DEF_ERROR_H_
