// SPDX-License-Identifier: Apache-2.0

// Supervisor: answers the system calls of other processes that concern BPF, by
// the maps and programs of this one.
//
// Each tree of processes has a listener, with threads of its own
// (call_threads.h): a call that takes long holds up no other.
//
// Thread-safe.

#ifndef BPFMAP_RUN_SUPERVISOR_H_
#define BPFMAP_RUN_SUPERVISOR_H_

#include <memory>

#include "bpfmap/run/call_trace.h"
#include "bpfmap/run/calls_at_work.h"
#include "bpfmap/run/notification.h"
#include "bpfmap/run/pin_files.h"
#include "bpfmap/run/supervised_caller.h"

namespace bpfmap {

class Supervisor {
 public:
  // Both must outlive all processes. `trace` may be null. If `passes_on`, the
  // kernel answers all calls.
  Supervisor(PinFiles* pins, CallTrace* trace, bool passes_on)
      : pins_(pins), trace_(trace), passes_on_(passes_on) {}
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Answers the calls that come from `listener`, until no process is left that
  // could make one.
  void Supervise(const std::shared_ptr<Listener>& listener);

 private:
  void Handle(const Listener& listener, const Notification& call);
  void HandleBpf(const Listener& listener, const Notification& call,
                 SupervisedCaller* caller);

  PinFiles* const pins_;
  CallTrace* const trace_;
  const bool passes_on_;
  CallsAtWork at_work_;
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_SUPERVISOR_H_
