#include "syscall/fork_gate.h"

#include <pthread.h>

#include <cstdint>
#include <new>

#include "absl/base/thread_annotations.h"
#include "profiles/cloud.h"

namespace bpfmap {
namespace {

struct Gate {
  static Gate& OfProcess() {
    static auto& gate = *new Gate;
    return gate;
  }

  Gate() {
    pthread_atfork(
        []() ABSL_NO_THREAD_SAFETY_ANALYSIS { OfProcess().lock.Lock(); },
        []() ABSL_NO_THREAD_SAFETY_ANALYSIS { OfProcess().lock.Unlock(); },
        [] {
          Gate& gate = OfProcess();
          ++gate.forks;
          // Not Unlock(): threads that wait in front of it are in
          // the parent only.
          new (&gate.lock) Cloud::Lock;
        });
  }

  Cloud::Lock lock;  // held by a fork; shared by those who are inside
  uint64_t forks = 0;
};

constinit thread_local int times_inside = 0;

}  // namespace

ForkGate::Inside::Inside() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (times_inside++ == 0) Gate::OfProcess().lock.ReaderLock();
}

ForkGate::Inside::~Inside() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (--times_inside == 0) Gate::OfProcess().lock.ReaderUnlock();
}

uint64_t ForkGate::forks() { return Gate::OfProcess().forks; }

}  // namespace bpfmap
