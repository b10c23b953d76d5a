// SPDX-License-Identifier: Apache-2.0

// Cloud: a server. Memory from the heap, many cores, maps that can be resized.

#ifndef BPFMAP_PROFILES_CLOUD_H_
#define BPFMAP_PROFILES_CLOUD_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/event.h"
#include "bpfmap/profiles/heap.h"
#include "bpfmap/profiles/mutex.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/profiles/spin_then_yield.h"
#include "bpfmap/profiles/thread_number.h"

namespace bpfmap {

struct Cloud {
  static constexpr const char* kName = "cloud";
  static constexpr bool kResizable = true;
  static constexpr bool kLazyMemory = true;
  static constexpr uint32_t kLockStripes = 64;
  static constexpr std::size_t kCacheLineSize = 64;
  using Lock = RwLock;
  using Mutex = BasicMutex<SpinLongThenYield>;
  using BitLock = BasicBitLock<SpinThenYield>;
  using Memory = Heap;
  using Event = bpfmap::Event;

  // From the operating system's source of randomness.
  static uint64_t RandomSeed();

  // Virtual CPUs: see cpu.h.
  static int PossibleCpus() { return bpfmap::PossibleCpus(); }
  static int CurrentCpu() { return bpfmap::CurrentCpu(); }
  static int KnownCpu() { return bpfmap::KnownCpu(); }

  // See thread_number.h.
  static constexpr int kThreadNumbers = bpfmap::kThreadNumbers;
  static int ThreadNumber() { return bpfmap::ThreadNumber(); }

  // See profile.h. By frame pointers: where code was compiled without them,
  // that is `caller` alone. In cloud_call_stack.cc, the only file of a profile
  // that needs a compiled part of Abseil: a program that has no map of stack
  // traces need not link either.
  static int CallStack(const void* caller, uint64_t* addresses, int most);

  // The heap that maps use when they are given none.
  static Heap& DefaultMemory();
};
static_assert(Profile<Cloud>);

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_CLOUD_H_
