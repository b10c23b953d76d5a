// SPDX-License-Identifier: Apache-2.0

// Embedded: 64 KiB for all maps, no heap, no operating system. BasicEmbedded is
// the same with a pool of another size, or with other locks.
//
// Memory is never given back, so maps allocate in Init() only and have no
// Resize(). A thread that waits for a lock of Embedded spins: on one core, do
// not share a map between tasks of different priority, or between an interrupt
// handler and a task. With locks that mask interrupts they may share it, see
// interrupt_lock.h:
//
//   using Board = bpfmap::BasicEmbedded<
//       8 * 1024, bpfmap::InterruptLock<bpfmap::platform::CortexMInterrupts>>;

#ifndef BPFMAP_PROFILES_EMBEDDED_H_
#define BPFMAP_PROFILES_EMBEDDED_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "bpfmap/profiles/mutex.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/profiles/static_pool.h"

namespace bpfmap {

struct Spin {
  void Pause() {}
};
using SpinRwLock = BasicRwLock<Spin>;

// `PoolBytes` of memory for all maps, a multiple of 8. LockType and MutexType
// are as profile.h says of Lock and Mutex.
template <std::size_t PoolBytes, typename LockType = SpinRwLock,
          typename MutexType = std::conditional_t<
              std::is_same_v<LockType, SpinRwLock>, BasicMutex<Spin>, LockType>>
struct BasicEmbedded {
  static constexpr const char* kName = "embedded";
  static constexpr bool kResizable = false;
  static constexpr bool kLazyMemory = false;
  static constexpr uint32_t kLockStripes = 1;
  static constexpr std::size_t kCacheLineSize = 8;
  using Lock = LockType;
  using Mutex = MutexType;
  using Memory = StaticPool<PoolBytes>;

  // There is no source of chance here that every board has: maps differ from
  // each other, but not from run to run. Keys that an attacker chooses need a
  // profile of your own.
  static uint64_t RandomSeed() {
    static constinit std::atomic<uint32_t> maps{0};
    const uint64_t map = maps.fetch_add(1, std::memory_order_relaxed) + 1;
    return map * 0x9e3779b97f4a7c15;
  }
};
struct Embedded : BasicEmbedded<64 * 1024> {};
static_assert(Profile<Embedded>);

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_EMBEDDED_H_
