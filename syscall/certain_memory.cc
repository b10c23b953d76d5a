// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/certain_memory.h"

#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/config.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/own_mapping.h"

namespace bpfmap {
namespace {

// A sanitizer does not see what the kernel copies, and would see this.
#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || \
    defined(ABSL_HAVE_THREAD_SANITIZER) || defined(ABSL_HAVE_MEMORY_SANITIZER)
constexpr bool kHasSanitizer = true;
#else
constexpr bool kHasSanitizer = false;
#endif

// Whether `size` bytes from `first` on have one from `start` on, up to `end`.
bool Overlap(uint64_t first, uint64_t size, uint64_t start, uint64_t end) {
  if (first >= end || start >= end) return false;
  return first >= start ? size != 0 : size > start - first;
}

// Addresses from `start` on, up to `end`; 0: there are none.
//
// They become fewer only while no thread is inside of ForkGate. The first stack
// may grow at its start at any time, so whoever finds an end must find a start
// that was set with it, or later.
struct Range {
  std::atomic<uint64_t> start{0};
  std::atomic<uint64_t> end{0};
  std::atomic<bool> is_writable{false};

  bool Contains(uint64_t first, std::size_t size) const {
    const uint64_t stop = end.load(std::memory_order_acquire);
    return first < stop && first >= start.load(std::memory_order_relaxed) &&
           size <= stop - first;
  }
  bool Overlaps(uint64_t first, uint64_t size) const {
    return Overlap(first, size, start.load(std::memory_order_relaxed),
                   end.load(std::memory_order_relaxed));
  }
  void Set(uint64_t first, uint64_t stop, bool writable) {
    is_writable.store(writable, std::memory_order_relaxed);
    start.store(first, std::memory_order_relaxed);
    end.store(stop, std::memory_order_release);
  }
  void Clear() { end.store(0, std::memory_order_relaxed); }
};

constinit std::atomic<bool> has_started{false};
constinit Range segments[8];
constinit Range first_stack;
constinit std::atomic<bool> is_first_stack_taken{false};  // by the program
constinit std::atomic<uint64_t> first_break{0};  // 0: it is not certain

// The stack of the calling thread, if that is not the first.
struct ThreadStack {
  uint64_t start = 0;
  uint64_t end = 0;
  int looks_left = 8;  // they take long
};
constinit thread_local ThreadStack thread_stack;

void AddSegments(const dl_phdr_info& program) {
  uint64_t end_of_relro = 0;
  for (int i = 0; i < program.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = program.dlpi_phdr[i];
    if (part.p_type == PT_GNU_RELRO) {
      end_of_relro = program.dlpi_addr + part.p_vaddr + part.p_memsz;
    }
  }
  Range* next = segments;
  for (int i = 0; i < program.dlpi_phnum && next != std::end(segments); ++i) {
    const ElfW(Phdr)& part = program.dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_R) == 0) continue;
    const uint64_t start = program.dlpi_addr + part.p_vaddr;
    const uint64_t end = start + part.p_memsz;
    const bool writable = (part.p_flags & PF_W) != 0;
    const bool has_relro = end_of_relro > start && end_of_relro <= end;
    next++->Set(writable && has_relro ? end_of_relro : start, end, writable);
  }
}

// The executable comes first.
int AddProgram(dl_phdr_info* program, std::size_t, void*) {
  AddSegments(*program);
  return 1;
}

// Finds the stack of the calling thread, which has a frame there.
void LookForStack(uint64_t frame) {
  ThreadStack& stack = thread_stack;
  if (stack.looks_left == 0) return;
  --stack.looks_left;
  OwnMapping mapping;
  if (!mapping.Find(frame) || !mapping.can_be_written) return;
  if (mapping.is_first_stack) {
    if (is_first_stack_taken.load(std::memory_order_relaxed)) return;
    first_stack.Set(mapping.start, mapping.end, /*writable=*/true);
    ++stack.looks_left;  // it may have to grow often
    return;
  }
  const auto block = static_cast<uint64_t>(pthread_self());
  if (block <= frame || block >= mapping.end) return;
  stack.start = mapping.start;
  stack.end = block;
}

bool IsOnStack(uint64_t start, std::size_t size) {
  if (first_stack.Contains(start, size)) return true;
  const auto frame = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  if (start < frame || first_stack.Contains(frame, 1)) return false;
  const ThreadStack& stack = thread_stack;
  if (frame < stack.start || frame >= stack.end) {
    LookForStack(frame);
    if (first_stack.Contains(start, size)) return true;
  }
  return frame >= stack.start && start < stack.end && size <= stack.end - start;
}

uint64_t EndOfBreak() {
#if defined(__GLIBC__)
  // A variable of the C library: no system call.
  return reinterpret_cast<uint64_t>(sbrk(0));
#else
  return 0;
#endif
}

bool IsInBreak(uint64_t start, std::size_t size) {
  const uint64_t first = first_break.load(std::memory_order_relaxed);
  if (first == 0 || start < first) return false;
  const uint64_t end = EndOfBreak();
  return start < end && size <= end - start;
}

bool IsInSegment(uint64_t start, std::size_t size, bool writable) {
  return std::any_of(
      std::begin(segments), std::end(segments), [=](const Range& range) {
        return range.Contains(start, size) &&
               (!writable || range.is_writable.load(std::memory_order_relaxed));
      });
}

bool IsCertain(uint64_t start, std::size_t size, bool writable) {
  if (!has_started.load(std::memory_order_relaxed)) return false;
  return IsOnStack(start, size) || IsInBreak(start, size) ||
         IsInSegment(start, size, writable);
}

}  // namespace

void CertainMemory::Start() {
  if (kHasSanitizer) return;
  dl_iterate_phdr(&AddProgram, nullptr);
  const uint64_t end_of_break = EndOfBreak();
  OwnMapping heap;  // or what lies in front of an empty one
  const bool is_found = heap.Find(end_of_break - 1) && heap.can_be_written;
  first_break.store(is_found ? heap.start : end_of_break,
                    std::memory_order_relaxed);
  has_started.store(true, std::memory_order_relaxed);
}

bool CertainMemory::CanBeRead(uint64_t start, std::size_t size) {
  return IsCertain(start, size, /*writable=*/false);
}

bool CertainMemory::CanBeWritten(uint64_t start, std::size_t size) {
  return IsCertain(start, size, /*writable=*/true);
}

void CertainMemory::Forget(uint64_t start, uint64_t size) {
  if (!has_started.load(std::memory_order_relaxed)) return;
  ThreadStack& stack = thread_stack;
  if (Overlap(start, size, stack.start, stack.end)) stack = {0, 0, 0};
  const uint64_t begin = first_break.load(std::memory_order_relaxed);
  const bool is_in_break =
      begin != 0 && Overlap(start, size, begin, EndOfBreak());
  const auto overlaps = [=](const Range& range) {
    return range.Overlaps(start, size);
  };
  if (!is_in_break && !overlaps(first_stack) &&
      std::none_of(std::begin(segments), std::end(segments), overlaps)) {
    return;
  }
  const ForkGate::Alone alone;
  if (is_in_break) ForgetBreak();
  if (overlaps(first_stack)) {
    is_first_stack_taken.store(true, std::memory_order_relaxed);
    first_stack.Clear();
  }
  for (Range& range : segments) {
    if (overlaps(range)) range.Clear();
  }
}

void CertainMemory::ForgetBreak() {
  first_break.store(0, std::memory_order_relaxed);
}

}  // namespace bpfmap
