// SPDX-License-Identifier: Apache-2.0
//
// EventFile: what happens while a tool waits: the lines of the file
// $BPFMAP_EVENTS (event_line.h), from the first to the last.
//
//   BPFMAP_EVENTS=opens.events LD_PRELOAD=libbpfmap_preload.so opensnoop
//
// A tool waits in epoll_wait(2), poll(2), select(2), sleep(3) and their like:
// then the next lines happen, kEventsAtOnce at a time, so that it can take
// what they left in its rings. Nothing happens before something is attached.
//
// Besides events, a line may be
//   signal INT           the process gets the signal: SIGINT, as of Ctrl-C
//   object NAME STRUCT   see event_line.h
// A line that is wrong is said on standard error, with its number.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_EVENT_FILE_H_
#define BPFMAP_SYSCALL_EVENT_FILE_H_

#include <cstddef>

namespace bpfmap {

inline constexpr int kEventsAtOnce = 64;

// Makes the next lines happen. Returns whether there was a signal among them,
// which ends a wait as EINTR.
bool FireNextEvents();

// Whether lines are left, and something is attached.
bool HasMoreEvents();

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_EVENT_FILE_H_
