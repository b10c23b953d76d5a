// SPDX-License-Identifier: Apache-2.0

// Profile: what a map needs from the platform. Memory, a lock, a few numbers.
//
// A map is a template over one Profile. Two come with the library, cloud.h and
// embedded.h; a third one is a struct that satisfies the concept below, and
// nothing else. The members:
//
//   kName            What test names and benchmark rows call it.
//   kResizable       Whether maps have Resize(). It needs memory that can be
//                    asked for after a map was created.
//   kLazyMemory      Whether memory that is never touched costs nothing, as
//                    where an operating system hands out pages.
//   kLockStripes     Power of two. How many locks a large map spreads its
//                    writers over.
//   kCacheLineSize   Power of two. Locks of different stripes are kept this
//                    many bytes apart; 8 where caches do not matter.
//   Lock             Reader-writer lock with Lock, Unlock, ReaderLock and
//                    ReaderUnlock; usually a BasicRwLock.
//   Mutex            Lock with Lock and Unlock, for sections of a few
//                    instructions; usually a BasicMutex.
//   BitLock          Where kLazyMemory: the same in the lowest bit of a word;
//                    usually a BasicBitLock.
//   Memory           Where maps live. Thread-safe.
//     Allocate(bytes, alignment): zeroed memory, or null when spent.
//     Deallocate(p): gives it back, or does nothing.
//   Event            Optional: how a thread sleeps until another wakes it, with
//                    the methods of event.h. Without it no map has a method
//                    that waits.
//   DefaultMemory()  Optional: the Memory that maps use when given none.
//   PossibleCpus(), CurrentCpu()
//                    Optional: how many CPUs per-CPU maps have parts for, the
//                    same for as long as one of them exists; and which one the
//                    calling thread is on, see cpu.h. Without them there is
//                    one.
//   kThreadNumbers, ThreadNumber()
//                    Optional: how many numbers there are for threads; and that
//                    of the calling thread, from 0 on, which no other living
//                    thread has, or -1, see thread_number.h.
//   CallStack(caller, addresses, most)
//                    Optional: the return addresses of the calling thread's
//                    stack, the innermost first, from `caller` on, which is one
//                    of them; at most `most`, 1 or more, and 127 at least where
//                    there are so many. Returns how many.
//   RandomSeed()     64 bits for a map's hash function; best if an attacker
//                    cannot know them.
//
// A port to another machine must give:
//   - atomic loads, stores and read-modify-writes of 1 and 4 bytes, as of
//     ARMv7-M on. Where there are none, as on a Cortex-M0, the compiler calls
//     functions by the name of __atomic_compare_exchange_4: the program brings
//     them, and they mask interrupts. Of 8 bytes too, where kLazyMemory or
//     where there are thread numbers.
//   - gcc 12, clang 14 or later with C++20, for a machine of 32 or 64 bits and
//     either byte order; any memory order that C++ allows.
//   - for the cloud profile, what platform/platform.h asks of an operating
//     system, which is one file; std::mutex and std::condition_variable, or
//     what platform/monitor.h takes in their place; and calloc().
//
// Locks are held for a bounded number of instructions, and never while the
// caller's code runs but for callbacks that say so. A thread that waits for one
// spins: so an interrupt handler, or a task that another one cannot preempt,
// may share a map with what it interrupts only if Lock and Mutex keep it out,
// by masking interrupts from Lock() to Unlock(): see interrupt_lock.h, and
// tests/embedded/machine/kernel_profile.h, the port to a real-time kernel.
// Where there is an Event, its Set() then comes from an interrupt handler too.

#ifndef BPFMAP_PROFILES_PROFILE_H_
#define BPFMAP_PROFILES_PROFILE_H_

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace bpfmap {

template <typename P>
concept Profile = requires(typename P::Lock& lock, typename P::Mutex& mutex,
                           typename P::Memory& memory, std::size_t size,
                           void* block) {
  { P::kName } -> std::convertible_to<const char*>;
  { P::kResizable } -> std::convertible_to<bool>;
  { P::kLazyMemory } -> std::convertible_to<bool>;
  { P::kLockStripes } -> std::convertible_to<uint32_t>;
  { P::kCacheLineSize } -> std::convertible_to<std::size_t>;
  lock.Lock();
  lock.Unlock();
  lock.ReaderLock();
  lock.ReaderUnlock();
  mutex.Lock();
  mutex.Unlock();
  { memory.Allocate(size, size) } -> std::same_as<void*>;
  memory.Deallocate(block);
  { P::RandomSeed() } -> std::same_as<uint64_t>;
};

// Whether maps of profile P can be created without naming a Memory.
template <typename P>
concept HasDefaultMemory = requires {
  P::DefaultMemory();
};

// Whether threads can sleep in profile P.
template <typename P>
concept HasEvent = requires(typename P::Event& event) {
  { event.is_set() } -> std::same_as<bool>;
  event.Set();
  event.Clear();
  { event.WaitUntil(P::Event::In(0)) } -> std::same_as<bool>;
};

// Whether P is for a machine on which every byte of code counts: a fixed pool
// of memory. Maps then have one path where others have a fast and a slow one.
template <Profile P>
inline constexpr bool kIsSmall = !P::kLazyMemory && !P::kResizable;

// PossibleCpus() and CurrentCpu() of P, or 1 and 0. Maps ask these.
template <Profile P>
constexpr int PossibleCpusOf() {
  if constexpr (requires { P::PossibleCpus(); }) {
    return P::PossibleCpus();
  } else {
    return 1;
  }
}
template <Profile P>
constexpr int ThreadNumbersOf() {
  if constexpr (requires { P::ThreadNumber(); }) {
    return P::kThreadNumbers;
  } else {
    return 0;
  }
}
template <Profile P>
int CurrentCpuOf() {
  if constexpr (requires { P::CurrentCpu(); }) {
    return P::CurrentCpu();
  } else {
    return 0;
  }
}
// CurrentCpuOf(), or below 0 where P would have to make a call to find out.
template <Profile P>
int KnownCpuOf() {
  if constexpr (requires { P::KnownCpu(); }) {
    return P::KnownCpu();
  } else {
    return CurrentCpuOf<P>();
  }
}

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_PROFILE_H_
