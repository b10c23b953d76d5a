// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/observer.h"

namespace bpfmap {

constinit thread_local Observer* internal::thread_observer = nullptr;

ScopedObserver::ScopedObserver(Observer* observer)
    : previous_(internal::thread_observer) {
  internal::thread_observer = observer;
}

ScopedObserver::~ScopedObserver() { internal::thread_observer = previous_; }

}  // namespace bpfmap
