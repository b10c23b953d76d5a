// SPDX-License-Identifier: Apache-2.0

// Where the loads and stores of a program go that was compiled with
// -fsanitize=thread and linked without ThreadSanitizer: the compiler then calls
// a function for each of them, and trace.cc has these functions.
//
// For one thread.

#ifndef BPFMAP_BENCH_COHERENCE_TRACE_H_
#define BPFMAP_BENCH_COHERENCE_TRACE_H_

#include "bench/coherence/model.h"

namespace bpfmap::bench {

// Starts and ends telling `model`. Memory on the stack, up to the caller's
// caller, or thread_local is left out: each CPU has its own.
void StartTracing(CoherenceModel& model);
void StopTracing();

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_COHERENCE_TRACE_H_
