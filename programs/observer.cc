// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/observer.h"

namespace bpfmap {
namespace {

constinit thread_local Observer* thread_observer = nullptr;

}  // namespace

Observer* Observer::OfThread() { return thread_observer; }

ScopedObserver::ScopedObserver(Observer* observer)
    : previous_(thread_observer) {
  thread_observer = observer;
}

ScopedObserver::~ScopedObserver() { thread_observer = previous_; }

}  // namespace bpfmap
