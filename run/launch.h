// SPDX-License-Identifier: Apache-2.0

// Starting a command whose calls a supervisor answers.

#ifndef BPFMAP_RUN_LAUNCH_H_
#define BPFMAP_RUN_LAUNCH_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace bpfmap {

struct Launched {
  pid_t process = -1;
  std::string problem;  // one sentence, if process is -1
};

// A process that waits for its supervisor.
struct Waiting {
  pid_t process = -1;
  uint64_t address = 0;  // of a byte of its memory
};

// "", or why this process may not look at the memory of that one: a sentence.
std::string WhyNoAccess(const Waiting& waiting);

// Starts `command`, argv-like, under the filter of filter.h. Before it begins,
// `supervise` gets the descriptor of its listener, and sees to it that calls
// are answered from then on; it returns a sentence if they are not, else "".
// REQUIRES: the process has one thread.
Launched Launch(
    char** command,
    const std::function<std::string(int listener, const Waiting& waiting)>&
        supervise);

// Waits for the process, and hands it the signals that ask this process to end.
// Returns what a shell would show as $?.
int WaitFor(pid_t process);

// Over sockets of AF_UNIX: one message with up to two descriptors, which are
// close-on-exec when they arrive. False: errno says why.
bool SendMessage(int socket, const void* bytes, std::size_t size,
                 const int* fds, int fd_count);
// Receives exactly `size` bytes. Descriptors that did not come are -1. False:
// the other end is gone, or sent something else.
bool ReceiveMessage(int socket, void* bytes, std::size_t size, int fds[2]);

}  // namespace bpfmap

#endif  // BPFMAP_RUN_LAUNCH_H_
