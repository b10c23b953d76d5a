// SPDX-License-Identifier: Apache-2.0

// Cloud::CallStack, in a file of its own for what it links: see cloud.h.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/debugging/stacktrace.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {

int Cloud::CallStack(const void* caller, uint64_t* addresses, int most) {
  // The chain of frames starts here. Compiled without frame pointers, this
  // function could keep another value in their register.
  asm volatile("" : : "r"(__builtin_frame_address(0)));
  // How many frames lie between here and the caller depends on how each of them
  // was compiled, so the caller is looked for.
  constexpr int kMost = 127;
  constexpr int kBefore = 8;
  void* found[kBefore + kMost];
  void** const end =
      found + absl::GetStackTrace(found, kBefore + kMost, /*skip_count=*/0);
  void** const looked_at = std::min(found + kBefore, end);
  void** const first = std::find(found, looked_at, caller);
  if (first == looked_at) {
    addresses[0] = reinterpret_cast<uintptr_t>(caller);
    return 1;
  }
  const int count =
      static_cast<int>(std::min<std::ptrdiff_t>(end - first, most));
  std::transform(first, first + count, addresses, [](void* address) {
    return reinterpret_cast<uintptr_t>(address);
  });
  return count;
}

}  // namespace bpfmap
