// SPDX-License-Identifier: Apache-2.0
//
// ProgramResult: the outcome of a run of a program. A value.

#ifndef BPFMAP_PROGRAMS_PROGRAM_RESULT_H_
#define BPFMAP_PROGRAMS_PROGRAM_RESULT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bpfmap/maps/errno.h"

namespace bpfmap {

struct ProgramResult {
  // OK; EFAULT where the program did wrong, see `fault`; or why it did not
  // start, as BPF_PROG_TEST_RUN answers.
  Errno error = Errno::kOk;
  uint32_t retval = 0;
  std::vector<uint8_t> data;     // the packet, afterwards
  std::vector<uint8_t> context;  // the context, afterwards
  uint64_t instructions = 0;     // how many ran; 0: unknown
  std::string fault;             // a sentence
  std::string path;  // what the program did, line by line; may be empty

  bool ok() const { return error == Errno::kOk; }
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_PROGRAM_RESULT_H_
