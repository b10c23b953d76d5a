// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/fork_gate.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "absl/base/thread_annotations.h"
#include "bpfmap/syscall/striped_lock.h"

namespace bpfmap {
namespace {

// Held by a fork; shared by those who are inside.
constinit StripedLock gate;
constinit uint64_t forks_so_far ABSL_GUARDED_BY(gate) = 0;
constinit std::atomic<bool> has_forked{false};
constinit std::atomic<uint64_t> forks_begun{0};
constinit std::atomic<void (*)()> in_child[4] = {};
constinit thread_local int times_inside = 0;

// On a page that children find empty, however they were made.
struct ProcessPage {
  std::atomic<bool> not_a_new_child{true};
  std::atomic<pid_t> process{0};  // 0: not asked for yet
};
constinit ProcessPage* process_page = nullptr;

void MarkProcess() {
  constexpr std::size_t kSize = sizeof(ProcessPage);
  void* const page = mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  auto* const made = new (page) ProcessPage;
  if (madvise(page, kSize, MADV_WIPEONFORK) == 0) process_page = made;
}

// A signal handler may fork, and have interrupted a thread that is inside. The
// gate would never open for it. Its child may do only what a signal handler
// may, such as exec: there is no need to wait for others either.
bool IsInHandler() { return times_inside != 0; }

void Close() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  forks_begun.fetch_add(1, std::memory_order_relaxed);
  has_forked.store(true, std::memory_order_relaxed);
  if (!IsInHandler()) gate.Lock();
}

void OpenInParent() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (!IsInHandler()) gate.Unlock();
}

void OpenInChild() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ++forks_so_far;
  if (process_page != nullptr) process_page->not_a_new_child.store(true);
  // Not Unlock(): the threads that wait in front of it are the parent's.
  new (&gate) StripedLock;
  if (IsInHandler()) {
    gate.ReaderLock();  // the thread goes on to be inside
    return;
  }
  for (const auto& function : in_child) {
    if (auto* const run = function.load()) run();
  }
}

// While there is one thread: who is inside has a gate.
__attribute__((constructor)) void WatchForks() {
  MarkProcess();
  pthread_atfork(&Close, &OpenInParent, &OpenInChild);
}

}  // namespace

ForkGate::Inside::Inside() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
  if (times_inside++ == 0) gate.ReaderLock();
}

ForkGate::Inside::~Inside() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  // In this order, for a signal handler that forks in between.
  if (times_inside == 1) gate.ReaderUnlock();
  --times_inside;
  pthread_setcancelstate(cancel_state_, nullptr);
}

ForkGate::Alone::Alone() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
  // In this order: a signal handler that comes in between is inside.
  if (times_inside++ == 0) gate.Lock();
}

ForkGate::Alone::~Alone() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (times_inside == 1) gate.Unlock();
  --times_inside;
  pthread_setcancelstate(cancel_state_, nullptr);
}

void ForkGate::RunInChild(void (*function)()) {
  for (auto& place : in_child) {
    void (*expected)() = nullptr;
    if (place.compare_exchange_strong(expected, function)) return;
  }
}

bool ForkGate::is_shared() {
  return has_forked.load(std::memory_order_relaxed);
}

uint64_t ForkGate::begun() {
  return forks_begun.load(std::memory_order_relaxed);
}

pid_t ForkGate::process() {
  if (process_page == nullptr) return getpid();
  // It stands for itself: relaxed.
  pid_t process = process_page->process.load(std::memory_order_relaxed);
  if (process == 0) {
    process = getpid();
    process_page->process.store(process, std::memory_order_relaxed);
  }
  return process;
}

uint64_t ForkGate::forks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (process_page != nullptr &&
      !process_page->not_a_new_child.exchange(true)) {
    has_forked.store(true, std::memory_order_relaxed);
    ++forks_so_far;
  }
  return forks_so_far;
}

}  // namespace bpfmap
