// SPDX-License-Identifier: Apache-2.0
//
// poll(2) of rings and perf events by a supervised thread. Their descriptors
// are those of files, which are ready at any time, so the supervisor waits for
// the thread, with eventfds in their place.
//
// Events happen while it waits (event_file.h). A signal ends the wait within
// kPollSlice.
//
// Thread-safe.

#ifndef BPFMAP_RUN_POLL_CALL_H_
#define BPFMAP_RUN_POLL_CALL_H_

#include <chrono>

#include "bpfmap/run/notification.h"
#include "bpfmap/run/supervised_caller.h"

namespace bpfmap {

inline constexpr std::chrono::milliseconds kPollSlice{20};

// SYS_poll or SYS_ppoll. Returns its result, or `own`: the call is the
// kernel's, as it waits for nothing of this library. So is one with a signal
// mask, which only the kernel can set for the wait. Asks for the descriptors of
// Caller::Other(), which is `caller`.
long HandlePoll(const Notification& call, SupervisedCaller* caller, long own);

}  // namespace bpfmap

#endif  // BPFMAP_RUN_POLL_CALL_H_
