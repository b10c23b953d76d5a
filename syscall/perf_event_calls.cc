// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/perf_event_calls.h"

#include <linux/perf_event.h>

#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/perf_event.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {

long PerfEventOpen(uint64_t attr, pid_t pid, int cpu, int group,
                   unsigned long flags) {
  const ForkGate::Inside inside;
  const int saved_errno = errno;
  long result;
  try {
    result = PerfEventTable::Global().Open(attr, pid, cpu, group, flags);
  } catch (const std::bad_alloc&) {
    result = -ENOMEM;
  }
  errno = saved_errno;
  return result;
}

bool PerfEventIoctl(int fd, unsigned long request, unsigned long argument,
                    long* result) {
  if (!IsPerfRequest(request) || !PerfEventTable::some_was_opened()) {
    return false;
  }
  const ForkGate::Inside inside;
  const int saved_errno = errno;
  std::shared_ptr<PerfEventObject> event;
  const bool is_event = PerfEventTable::Global().Find(fd, &event) == 0;
  if (is_event && request == PERF_EVENT_IOC_SET_BPF) {
    std::shared_ptr<ProgramObject> program;
    *result = BpfFdTable::Global().FindProgram(static_cast<uint32_t>(argument),
                                               &program);
    if (*result == 0) *result = event->Attach(event.get(), program, 0);
  } else if (is_event) {
    *result = event->Control(request, argument);
  }
  errno = saved_errno;
  return is_event;
}

}  // namespace bpfmap
