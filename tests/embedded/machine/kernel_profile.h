// SPDX-License-Identifier: Apache-2.0

// KernelProfile: maps on a real-time kernel, of which this is the whole port.
// Tasks and interrupt handlers may share them.

#ifndef BPFMAP_TESTS_EMBEDDED_MACHINE_KERNEL_PROFILE_H_
#define BPFMAP_TESTS_EMBEDDED_MACHINE_KERNEL_PROFILE_H_

#include <cstddef>

#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/interrupt_lock.h"
#include "bpfmap/profiles/platform/cortex_m.h"
#include "bpfmap/profiles/profile.h"
#include "tests/embedded/machine/tiny_kernel.h"

namespace bpfmap {

// A task switch is an interrupt, so a task that has masked these keeps all
// others out. A task that waits in Poll() sleeps in the kernel.
template <std::size_t PoolBytes>
struct KernelProfile
    : BasicEmbedded<PoolBytes, InterruptLock<platform::CortexMInterrupts>> {
  static constexpr const char* kName = "kernel";
  using Event = machine::TaskEvent;
};
static_assert(Profile<KernelProfile<1024>> && HasEvent<KernelProfile<1024>>);

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_EMBEDDED_MACHINE_KERNEL_PROFILE_H_
