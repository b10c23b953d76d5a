// SPDX-License-Identifier: Apache-2.0
//
// For users of BPF programs, with libbpf: Must() ends the program where libbpf
// reports an error, and RunOnFrame() is a test run on a packet.

#ifndef BPFMAP_EXAMPLES_BPF_RUN_H_
#define BPFMAP_EXAMPLES_BPF_RUN_H_

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "examples/frame.h"

namespace bpfmap::examples {

inline int Must(const char* what, int result) {
  if (result >= 0) return result;
  std::printf("%s: %s\n", what, std::strerror(-result));
  std::exit(1);
}

template <typename T>
T* Must(const char* what, T* pointer) {
  if (pointer == nullptr) Must(what, -errno);
  return pointer;
}

struct Answer {
  uint32_t retval;
  Frame frame;  // as the program left it
};

// With the context of the program's type, which is written back, or without.
inline Answer RunOnFrame(const bpf_program* program, const Frame& frame,
                         void* context = nullptr, uint32_t context_size = 0) {
  Answer answer = {.retval = 0, .frame = Frame(frame.size() + 256)};
  LIBBPF_OPTS(bpf_test_run_opts, test);
  test.data_in = frame.data();
  test.data_size_in = static_cast<uint32_t>(frame.size());
  test.data_out = answer.frame.data();
  test.data_size_out = static_cast<uint32_t>(answer.frame.size());
  test.ctx_in = test.ctx_out = context;
  test.ctx_size_in = test.ctx_size_out = context_size;
  Must("run", bpf_prog_test_run_opts(bpf_program__fd(program), &test));
  answer.frame.resize(test.data_size_out);
  answer.retval = test.retval;
  return answer;
}

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_BPF_RUN_H_
