// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/fork_gate.h"

#include <pthread.h>

#include <cstdint>
#include <new>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {
namespace {

// Held by a fork; shared by those who are inside.
constinit Cloud::Lock gate;
constinit uint64_t forks_so_far ABSL_GUARDED_BY(gate) = 0;
constinit thread_local int times_inside = 0;

void Close() ABSL_NO_THREAD_SAFETY_ANALYSIS { gate.Lock(); }

void OpenInParent() ABSL_NO_THREAD_SAFETY_ANALYSIS { gate.Unlock(); }

void OpenInChild() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ++forks_so_far;
  // Not Unlock(): the threads that wait in front of it are the parent's.
  new (&gate) Cloud::Lock;
}

// While there is one thread: who is inside has a gate.
__attribute__((constructor)) void WatchForks() {
  pthread_atfork(&Close, &OpenInParent, &OpenInChild);
}

}  // namespace

ForkGate::Inside::Inside() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (times_inside++ == 0) gate.ReaderLock();
}

ForkGate::Inside::~Inside() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (--times_inside == 0) gate.ReaderUnlock();
}

uint64_t ForkGate::forks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return forks_so_far;
}

}  // namespace bpfmap
