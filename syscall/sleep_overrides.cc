// SPDX-License-Identifier: Apache-2.0

// The calls of the C library that sleep, for a whole process: while a tool
// sleeps, events happen (event_file.h).

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "bpfmap/syscall/event_file.h"
#include "bpfmap/syscall/next_function.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constinit NextFunction<unsigned(unsigned)> next_sleep("sleep");
constinit NextFunction<int(useconds_t)> next_usleep("usleep");
constinit NextFunction<int(const timespec*, timespec*)> next_nanosleep(
    "nanosleep");
constinit NextFunction<int(clockid_t, int, const timespec*, timespec*)>
    next_clock_nanosleep("clock_nanosleep");
constinit NextFunction<int()> next_pause("pause");

__attribute__((constructor(101))) void LookForNextFunctions() {
  next_sleep.Look();
  next_usleep.Look();
  next_nanosleep.Look();
  next_clock_nanosleep.Look();
  next_pause.Look();
}

int Interrupted() {
  errno = EINTR;
  return -1;
}

int Nanosleep(clockid_t clock, int flags, const timespec* time,
              timespec* left) {
  return static_cast<int>(
      -RawSyscall(SYS_clock_nanosleep, clock, flags, Word(time), Word(left)));
}

}  // namespace
}  // namespace bpfmap

#pragma GCC visibility push(default)

extern "C" {

unsigned sleep(unsigned seconds) {
  if (bpfmap::FireNextEvents()) return seconds;
  if (bpfmap::next_sleep) return bpfmap::next_sleep(seconds);
  timespec left = {static_cast<time_t>(seconds), 0};
  return bpfmap::Nanosleep(CLOCK_REALTIME, 0, &left, &left) == 0
             ? 0
             : static_cast<unsigned>(left.tv_sec);
}

int usleep(useconds_t microseconds) {
  if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  if (bpfmap::next_usleep) return bpfmap::next_usleep(microseconds);
  const timespec time = {static_cast<time_t>(microseconds / 1'000'000),
                         static_cast<long>(microseconds % 1'000'000 * 1000)};
  const int error = bpfmap::Nanosleep(CLOCK_REALTIME, 0, &time, nullptr);
  return static_cast<int>(bpfmap::WithErrno(-error));
}

int nanosleep(const timespec* time, timespec* left) {
  if (bpfmap::FireNextEvents()) {
    if (left != nullptr && time != nullptr) *left = *time;
    return bpfmap::Interrupted();
  }
  if (bpfmap::next_nanosleep) return bpfmap::next_nanosleep(time, left);
  const int error = bpfmap::Nanosleep(CLOCK_REALTIME, 0, time, left);
  return static_cast<int>(bpfmap::WithErrno(-error));
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* time,
                    timespec* left) {
  if (bpfmap::FireNextEvents()) return EINTR;
  return bpfmap::next_clock_nanosleep
             ? bpfmap::next_clock_nanosleep(clock, flags, time, left)
             : bpfmap::Nanosleep(clock, flags, time, left);
}

int pause() {
  // Nothing but a signal ends it: all happens that is left.
  while (bpfmap::HasMoreEvents()) {
    if (bpfmap::FireNextEvents()) return bpfmap::Interrupted();
  }
  if (bpfmap::next_pause) return bpfmap::next_pause();
  return static_cast<int>(
      bpfmap::WithErrno(bpfmap::RawSyscall(SYS_ppoll, 0, 0, 0, 0, 8)));
}

}  // extern "C"

#pragma GCC visibility pop
