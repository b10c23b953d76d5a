// SPDX-License-Identifier: Apache-2.0
//
// LoadLog: what BPF_PROG_LOAD says to its caller in words: log_level, log_size
// and log_buf of the attribute.
//
// As in Linux: where the text is longer than the buffer, the load fails with
// ENOSPC and the buffer has the end of the text, or with BPF_LOG_FIXED its
// start; log_true_size is what would have been enough.

#ifndef BPFMAP_SYSCALL_LOAD_LOG_H_
#define BPFMAP_SYSCALL_LOAD_LOG_H_

#include <cstdint>
#include <string>

#include "bpfmap/syscall/attributes.h"

namespace bpfmap {

class LoadLog {
 public:
  // `attributes` must outlive it.
  explicit LoadLog(const Attributes& attributes) : attributes_(attributes) {}
  LoadLog(const LoadLog&) = delete;
  LoadLog& operator=(const LoadLog&) = delete;

  // Whether the three fields go together.
  bool valid() const;

  void Add(const std::string& text) { text_ += text; }

  // Hands the text over. 0 or
  //   ENOSPC  it was cut
  //   EFAULT  it could not be written
  long Finish();

 private:
  const Attributes& attributes_;
  std::string text_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_LOAD_LOG_H_
