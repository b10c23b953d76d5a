// SPDX-License-Identifier: Apache-2.0

// CallTrace: a line for each bpf(2), with its arguments decoded and its answer.
//
//   [1234] bpf(BPF_MAP_UPDATE_ELEM, {map=5<counts>, key=07 00 00 00, value=01
//          00 00 00, flags=BPF_NOEXIST}) = -1 EEXIST
//
// (in one line). Keys and values are shown as the caller's memory has them; a
// value that a command returns, after it has. Long ones end in "...". Fields
// that are 0, and mostly are, are left out.

#ifndef BPFMAP_RUN_CALL_TRACE_H_
#define BPFMAP_RUN_CALL_TRACE_H_

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "bpfmap/run/command_fields.h"
#include "bpfmap/syscall/caller.h"

namespace bpfmap {

// Thread-safe: lines do not mix.
class CallTrace {
 public:
  // `file` must outlive it.
  explicit CallTrace(FILE* file) : file_(file) {}
  CallTrace(const CallTrace&) = delete;
  CallTrace& operator=(const CallTrace&) = delete;

  void Print(const std::string& line);

 private:
  FILE* const file_;
};

// One call, in this order: Start(), the answer, Finish(). Does nothing if
// `trace` is null. Not thread-safe.
class TracedCall {
 public:
  // Pointers must outlive it.
  TracedCall(CallTrace* trace, Caller* caller, pid_t thread)
      : trace_(trace), caller_(caller), thread_(thread) {}
  TracedCall(const TracedCall&) = delete;
  TracedCall& operator=(const TracedCall&) = delete;

  // Reads the arguments.
  void Start(int command, uint64_t attributes, unsigned size);

  // Prints the line. REQUIRES: the caller still waits.
  void Finish(long result);
  // The same for a call that the kernel answers.
  void FinishUnknown();

 private:
  static constexpr std::size_t kMostAttributes = 256;

  void ReadAttributes();
  // Appends the fields that a command reads, or those that it has written.
  void Append(bool written);
  std::string Show(const Field& field) const;
  std::string ShowFd(uint32_t fd) const;
  std::string ShowBytes(uint64_t address, std::size_t size) const;
  uint32_t WordAt(std::size_t offset) const;
  uint64_t LongAt(std::size_t offset) const;
  void Print(const std::string& result);

  CallTrace* const trace_;
  Caller* const caller_;
  const pid_t thread_;
  const CommandFields* fields_ = nullptr;
  uint64_t address_ = 0;
  std::size_t size_ = 0;
  unsigned char attributes_[kMostAttributes] = {};
  std::size_t key_size_ = 0;  // of the map, if the command has one
  std::size_t value_size_ = 0;
  std::string line_;
  bool first_ = true;
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_CALL_TRACE_H_
