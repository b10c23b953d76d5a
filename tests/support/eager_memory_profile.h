// SPDX-License-Identifier: Apache-2.0

// EagerMemory: the cloud, but that memory counts before it is touched.
//
// Hash maps of small elements then use the table that otherwise only embedded
// maps and large elements have: here with many locks, and with Resize.

#ifndef BPFMAP_TESTS_EAGER_MEMORY_PROFILE_H_
#define BPFMAP_TESTS_EAGER_MEMORY_PROFILE_H_

#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

struct EagerMemory : Cloud {
  static constexpr const char* kName = "eager_memory";
  static constexpr bool kLazyMemory = false;
};
static_assert(Profile<EagerMemory>);

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_EAGER_MEMORY_PROFILE_H_
