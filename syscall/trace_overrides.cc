// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that libraries attach programs with, for a whole
// process: ioctl(2) of perf events (perf_event_calls.h), and fopen(3) of files
// that say which tracepoints and probes there are (trace_files.h). open(2) and
// access(2) of these are in file_overrides.cc.

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <string>

#include "absl/base/attributes.h"
#include "bpfmap/syscall/next_function.h"
#include "bpfmap/syscall/perf_event_calls.h"
#include "bpfmap/syscall/raw_syscall.h"
#include "bpfmap/syscall/trace_files.h"

namespace bpfmap {
namespace {

constinit NextFunction<int(int, unsigned long, ...)> next_ioctl("ioctl");
constinit NextFunction<FILE*(const char*, const char*)> next_fopen("fopen");
constinit NextFunction<FILE*(const char*, const char*)> next_fopen64("fopen64");

__attribute__((constructor(101))) void LookForNextFunctions() {
  next_ioctl.Look();
  next_fopen.Look();
  next_fopen64.Look();
}

// Null: the path is none of these files.
FILE* OpenTraceStream(const char* path, const char* mode) {
  if (!MayBeTraceFile(path) || mode == nullptr || mode[0] != 'r') {
    return nullptr;
  }
  const int fd = OpenTraceFile(path);
  return fd < 0 ? nullptr : fdopen(fd, "r");
}

// In a static program there is no next function.
FILE* OpenStream(const char* path, const char* mode) {
  const bool reads_only = mode[0] == 'r' && mode[1] != '+';
  const int flags = mode[0] == 'r'   ? reads_only ? O_RDONLY : O_RDWR
                    : mode[0] == 'w' ? O_WRONLY | O_CREAT | O_TRUNC
                                     : O_WRONLY | O_CREAT | O_APPEND;
  const int fd = open(path, flags | O_CLOEXEC, 0666);
  return fd < 0 ? nullptr : fdopen(fd, mode);
}

}  // namespace
}  // namespace bpfmap

#pragma GCC visibility push(default)

extern "C" {

int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  const auto argument = va_arg(arguments, unsigned long);
  va_end(arguments);
  long result;
  if (bpfmap::PerfEventIoctl(fd, request, argument, &result)) {
    return static_cast<int>(bpfmap::WithErrno(result));
  }
  if (bpfmap::next_ioctl) return bpfmap::next_ioctl(fd, request, argument);
  return static_cast<int>(bpfmap::WithErrno(bpfmap::RawSyscall(
      SYS_ioctl, fd, static_cast<long>(request), static_cast<long>(argument))));
}

FILE* fopen(const char* path, const char* mode) {
  FILE* const file = bpfmap::OpenTraceStream(path, mode);
  if (file != nullptr) return file;
  return bpfmap::next_fopen ? bpfmap::next_fopen(path, mode)
                            : bpfmap::OpenStream(path, mode);
}

FILE* fopen64(const char* path, const char* mode) {
  FILE* const file = bpfmap::OpenTraceStream(path, mode);
  if (file != nullptr) return file;
  return bpfmap::next_fopen64 ? bpfmap::next_fopen64(path, mode)
                              : bpfmap::OpenStream(path, mode);
}

}  // extern "C"

#pragma GCC visibility pop
