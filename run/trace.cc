// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/trace.h"

namespace bpfmap {

void Trace::Print(const std::string& line) {
  const std::string text = line + "\n";
  std::fwrite(text.data(), 1, text.size(), file_);
  std::fflush(file_);
}

TracedCall::TracedCall(Trace* trace, Caller* caller, pid_t thread, int command,
                       uint64_t attributes, unsigned size)
    : trace_(trace),
      caller_(caller),
      thread_(thread),
      command_(command),
      attributes_(attributes),
      size_(size) {}

void TracedCall::Finish(long result) { Finish(std::to_string(result)); }

void TracedCall::Finish(const std::string& result) {
  if (trace_ == nullptr) return;
  trace_->Print("[" + std::to_string(thread_) + "] bpf(" +
                std::to_string(command_) + ") = " + result);
}

}  // namespace bpfmap
