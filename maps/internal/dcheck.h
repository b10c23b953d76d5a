// SPDX-License-Identifier: Apache-2.0
//
// BPFMAP_DCHECK(P, condition): what a comment says after REQUIRES, checked.
//
// A condition that does not hold is the caller's mistake: the program ends with
// the condition's text. Nothing is checked with NDEBUG, nor in a profile P that
// has no operating system to end a program in; the condition is then not
// evaluated. P must be a template parameter of the function that checks.

#ifndef BPFMAP_MAPS_INTERNAL_DCHECK_H_
#define BPFMAP_MAPS_INTERNAL_DCHECK_H_

#include <cassert>

#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

// Memory that costs nothing until it is touched comes from an operating system.
template <Profile P>
inline constexpr bool kChecksPreconditions = P::kLazyMemory;

}  // namespace bpfmap::internal

#define BPFMAP_DCHECK(P, condition)                              \
  do {                                                           \
    if constexpr (::bpfmap::internal::kChecksPreconditions<P>) { \
      assert(condition);                                         \
    }                                                            \
  } while (false)

#endif  // BPFMAP_MAPS_INTERNAL_DCHECK_H_
