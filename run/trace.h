// SPDX-License-Identifier: Apache-2.0

// Trace: a line for each bpf(2), with its arguments decoded and its answer.
//
//   [1234] bpf(BPF_MAP_UPDATE_ELEM, {map=5 "counts", key=07 00 00 00,
//          value=01 00 00 00, flags=BPF_NOEXIST}) = -1 EEXIST
//
// (in one line). Keys and values are shown as the caller's memory has them,
// those that a command returns after it has; long ones end in "...".

#ifndef BPFMAP_RUN_TRACE_H_
#define BPFMAP_RUN_TRACE_H_

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "bpfmap/syscall/caller.h"

namespace bpfmap {

// Thread-safe: lines do not mix.
class Trace {
 public:
  // `file` must outlive it.
  explicit Trace(FILE* file) : file_(file) {}
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  void Print(const std::string& line);

 private:
  FILE* const file_;
};

// One call. Does nothing if `trace` is null.
class TracedCall {
 public:
  // Reads the arguments. All pointers must outlive it.
  TracedCall(Trace* trace, Caller* caller, pid_t thread, int command,
             uint64_t attributes, unsigned size);
  TracedCall(const TracedCall&) = delete;
  TracedCall& operator=(const TracedCall&) = delete;

  // Prints the line. REQUIRES: the caller still waits, unless the result is a
  // descriptor.
  void Finish(long result);
  void Finish(const std::string& result);

 private:
  Trace* const trace_;
  Caller* const caller_;
  const pid_t thread_;
  const int command_;
  const uint64_t attributes_;
  const unsigned size_;
  std::string arguments_;
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_TRACE_H_
