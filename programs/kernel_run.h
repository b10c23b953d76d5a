// SPDX-License-Identifier: Apache-2.0
//
// KernelRun: a program in the running kernel, for tests that compare.
//
// Linux only; needs root. Not thread-safe.

#ifndef BPFMAP_PROGRAMS_KERNEL_RUN_H_
#define BPFMAP_PROGRAMS_KERNEL_RUN_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/program_type.h"
#include "gtest/gtest.h"

namespace bpfmap {

// The input of BPF_PROG_TEST_RUN, and its answer.
struct KernelTest {
  std::vector<uint8_t> data_in;
  std::vector<uint8_t> ctx_in;
  uint32_t data_size_out = 0;  // room; then what the kernel wrote there
  uint32_t ctx_size_out = 0;
  uint32_t repeat = 0;
  uint32_t flags = 0;
  uint32_t cpu = 0;

  int error = 0;  // errno
  uint32_t retval = 0;
  uint32_t duration = 0;  // nanoseconds of a run, on average
  std::vector<uint8_t> data_out;
  std::vector<uint8_t> ctx_out;
};

class KernelRun {
 public:
  KernelRun(ProgramType type, std::span<const Instruction> program);
  ~KernelRun();
  KernelRun(const KernelRun&) = delete;
  KernelRun& operator=(const KernelRun&) = delete;

  // errno of BPF_PROG_LOAD, 0 if it was loaded; and what the verifier said.
  int load_error() const { return load_error_; }
  const std::string& log() const { return log_; }
  int fd() const { return fd_; }

  // REQUIRES: load_error() is 0.
  void Run(KernelTest* test) const;

 private:
  int fd_ = -1;
  int load_error_ = 0;
  std::string log_;
};

// A map of the kernel, for programs: an array or a hash map.
class KernelPlainMap {
 public:
  explicit KernelPlainMap(const MapDef& def);
  ~KernelPlainMap();
  KernelPlainMap(const KernelPlainMap&) = delete;
  KernelPlainMap& operator=(const KernelPlainMap&) = delete;

  int fd() const { return fd_; }
  // These return 0, or an errno.
  int Update(const void* key, const void* value) const;
  int Delete(const void* key) const;
  int Freeze() const;
  std::map<std::vector<uint8_t>, std::vector<uint8_t>> Read() const;

 private:
  int Command(int command, const void* key, void* value) const;

  const MapDef def_;
  int fd_ = -1;
};

// Why no program can be loaded into the kernel; null where one can.
const char* WhyNoKernelRun();

// Whether the environment says REQUIRE_KERNEL=1: to go without the kernel is
// then a failure.
bool KernelRunRequired();

}  // namespace bpfmap

// The first line of a test that runs programs in the kernel.
#define SKIP_WITHOUT_KERNEL_RUN()                       \
  do {                                                  \
    const char* const why = ::bpfmap::WhyNoKernelRun(); \
    if (why == nullptr) break;                          \
    if (::bpfmap::KernelRunRequired()) FAIL() << why;   \
    GTEST_SKIP() << why;                                \
  } while (false)

#endif  // BPFMAP_PROGRAMS_KERNEL_RUN_H_
