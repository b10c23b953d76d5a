// Cloud: a server. Memory from the heap, many cores, maps that can be resized.

#ifndef BPFMAP_PROFILES_CLOUD_H_
#define BPFMAP_PROFILES_CLOUD_H_

#include <cstddef>
#include <cstdint>

#include "profiles/heap.h"
#include "profiles/mutex.h"
#include "profiles/profile.h"
#include "profiles/reader_writer_lock.h"

namespace bpfmap {

// Spins for a short time, then lets another thread run.
class SpinThenYield {
 public:
  void Once();

 private:
  int spins_ = 0;
};
using RwLock = BasicRwLock<SpinThenYield>;

struct Cloud {
  static constexpr const char* kName = "cloud";
  static constexpr bool kResizable = true;
  static constexpr bool kLazyMemory = true;
  static constexpr uint32_t kLockStripes = 64;
  static constexpr std::size_t kCacheLineSize = 64;
  using Lock = RwLock;
  using Mutex = BasicMutex<SpinThenYield>;
  using Memory = Heap;

  // From the operating system's source of randomness.
  static uint64_t RandomSeed();

  // The heap that maps use when they are given none.
  static Heap& DefaultMemory();
};
static_assert(Profile<Cloud>);

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_CLOUD_H_
