// SPDX-License-Identifier: Apache-2.0

// InterruptLock: a lock for one core, which masks interrupts from Lock() to
// Unlock(). So tasks of different priority, and interrupt handlers, may share a
// map: what would have to wait for the lock does not run.
//
// A profile with it as its Lock and Mutex allows from an interrupt handler all
// that it allows from a task, but for Init() and the destructor. Interrupts are
// masked for as long as a change takes: that of one element, or all of a batch,
// of which the caller chooses the size. Lookups mask none, unless a handler
// changes the map again and again during one. Callbacks run unmasked, but for
// those that say that they run under a lock.
//
// `Interrupts` has two static functions: Mask(), which returns what Restore()
// puts back. platform/cortex_m.h has them for Cortex-M.
//
// Readers exclude each other too: on one core that costs nothing. Not for more
// cores, and not recursive.

#ifndef BPFMAP_PROFILES_INTERRUPT_LOCK_H_
#define BPFMAP_PROFILES_INTERRUPT_LOCK_H_

#include "absl/base/thread_annotations.h"

namespace bpfmap {

template <typename Interrupts>
class ABSL_LOCKABLE InterruptLock {
 public:
  constexpr InterruptLock() = default;
  InterruptLock(const InterruptLock&) = delete;
  InterruptLock& operator=(const InterruptLock&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    // The holder alone writes to the member: nothing else runs.
    const auto before = Interrupts::Mask();
    before_ = before;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { Interrupts::Restore(before_); }

  void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() {
    const auto before = Interrupts::Mask();
    before_ = before;
  }
  void ReaderUnlock() ABSL_UNLOCK_FUNCTION() { Interrupts::Restore(before_); }

 private:
  decltype(Interrupts::Mask()) before_{};
};

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_INTERRUPT_LOCK_H_
