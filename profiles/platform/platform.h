// SPDX-License-Identifier: Apache-2.0

// The platform: what the profiles of this library ask of an operating system:
// nothing else under maps/ and profiles/ knows of one.
//
// A port is one more file beside linux.cc, windows.cc, posix.cc (any other
// POSIX, such as macOS) and none.cc (no operating system) that defines what is
// declared here, and a name for it below. All files are compiled everywhere,
// and all but one are empty then.
//
// How threads sleep is in monitor.h, which by default takes std::mutex and
// std::condition_variable of the C++ library. The cloud profile's Heap takes
// calloc().
//
// Thread-safe.

#ifndef BPFMAP_PROFILES_PLATFORM_PLATFORM_H_
#define BPFMAP_PROFILES_PLATFORM_PLATFORM_H_

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#define BPFMAP_PLATFORM_LINUX 1
#elif defined(_WIN32)
#define BPFMAP_PLATFORM_WINDOWS 1
#elif defined(__unix__) || defined(__APPLE__)
#define BPFMAP_PLATFORM_POSIX 1
#else
#define BPFMAP_PLATFORM_NONE 1
#endif

namespace bpfmap::platform {

// How many CPUs this machine can have, 1 or more. Always the same.
int CpuCount();

// Lets another thread run, if one is ready.
void YieldThread();

// 64 bits that an attacker cannot know. Without an operating system they are
// only different each time.
uint64_t RandomBits();

// Pages with `bytes` bytes of zeros, none of which is touched before the caller
// touches it; null if there is no memory, or nothing but calloc() to have it
// from. UnmapPages() gives them back; it returns false, and does nothing, if
// `pages` are none that MapPages() gave.
void* MapPages(std::size_t bytes);
bool UnmapPages(void* pages);

// Advice that [memory, memory + bytes) had better lie in huge pages, for a
// table that is accessed at random. May do nothing; touches no memory.
void PreferHugePages(void* memory, std::size_t bytes);

// An int that each thread has for itself: 0 until the thread sets it. It can be
// read and set until the thread has ended, also by destructors of thread_local
// objects.
#if defined(BPFMAP_PLATFORM_WINDOWS)
// mingw frees what is thread_local before it destroys it, so this is a slot of
// the operating system's.
int ThreadWord();
void SetThreadWord(int word);
#else
namespace internal {
#if defined(BPFMAP_PLATFORM_NONE)
extern int thread_word;  // one thread, or a profile with numbers of its own
#else
extern constinit thread_local int thread_word;
#endif
}  // namespace internal
inline int ThreadWord() { return internal::thread_word; }
inline void SetThreadWord(int word) { internal::thread_word = word; }
#endif

// Makes the calling thread call `call` when it ends, while ThreadWord() still
// says what the thread set. REQUIRES: once per thread, always the same `call`.
void CallAtThreadExit(void (*call)());

}  // namespace bpfmap::platform

#endif  // BPFMAP_PROFILES_PLATFORM_PLATFORM_H_
