// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#include "bpfmap/run/filter.h"

namespace bpfmap {
namespace {

constexpr int kMostFds = 2;
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;

// The command has it at the same address until it begins.
const char kOne = 1;

// The process that PassOn() passes signals on to; 0: none. It guards nothing.
std::atomic<pid_t> signalled{0};
static_assert(std::atomic<pid_t>::is_always_lock_free);  // for a handler

void PassOn(int signal) {
  if (const pid_t process = signalled; process > 0) kill(process, signal);
}

std::string WhyNoFilter(int error) {
  switch (error) {
    case EBUSY:
      return "the command is under a supervisor already, and Linux allows one";
    case EINVAL:
      return "the kernel has no user notification of seccomp as of Linux 5.19";
    case EPERM:
    case ENOSYS:
      return "a sandbox around this process refuses seccomp(2)";
    default:
      return std::string("there can be no filter of system calls: ") +
             std::strerror(error);
  }
}

// In the child: never returns.
[[noreturn]] void Begin(int socket, char** command) {
  const int listener = InstallFilter(std::getenv("BPFMAP_EVENTS") != nullptr);
  const int error = listener < 0 ? -listener : 0;
  char go = 0;
  if (!SendMessage(socket, &error, sizeof error, &listener, error == 0) ||
      error != 0 || read(socket, &go, 1) != 1) {
    _exit(kCannotRun);
  }
  close(listener);
  close(socket);
  execvp(command[0], command);
  const int exec_error = errno;
  std::fprintf(stderr, "bpfmap: cannot run %s: %s\n", command[0],
               std::strerror(exec_error));
  _exit(exec_error == ENOENT ? kNotFound : kCannotRun);
}

}  // namespace

bool SendMessage(int socket, const void* bytes, std::size_t size,
                 const int* fds, int fd_count) {
  alignas(cmsghdr) char control[CMSG_SPACE(kMostFds * sizeof(int))] = {};
  iovec part = {const_cast<void*>(bytes), size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd_count > 0) {
    const std::size_t length = static_cast<std::size_t>(fd_count) * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(length);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(length);
    std::memcpy(CMSG_DATA(header), fds, length);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

bool ReceiveMessage(int socket, void* bytes, std::size_t size, int fds[2]) {
  fds[0] = fds[1] = -1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMostFds * sizeof(int))] = {};
  iovec part = {bytes, size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (received < 0) return false;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    std::memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
  }
  if (received == static_cast<ssize_t>(size) &&
      (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
    return true;
  }
  for (int i = 0; i < kMostFds; ++i) {
    if (fds[i] >= 0) close(fds[i]);
    fds[i] = -1;
  }
  return false;
}

std::string WhyNoAccess(const Waiting& waiting) {
  char byte = 0;
  const iovec local = {&byte, 1};
  const iovec remote = {reinterpret_cast<void*>(waiting.address), 1};
  if (process_vm_readv(waiting.process, &local, 1, &remote, 1, 0) == 1) {
    return "";
  }
  const std::string path = "/proc/" + std::to_string(waiting.process) + "/mem";
  const int memory = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (memory >= 0) {
    close(memory);
    return "";
  }
  return std::string(
             "memory of the command cannot be read, as a debugger "
             "would: ") +
         std::strerror(errno);
}

Launched Launch(
    char** command,
    const std::function<std::string(int listener, const Waiting& waiting)>&
        supervise) {
  Launched result;
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    result.problem = std::string("no socket: ") + std::strerror(errno);
    return result;
  }
  const pid_t process = fork();
  if (process == 0) {
    close(sockets[0]);
    Begin(sockets[1], command);
  }
  close(sockets[1]);
  int error = 0;
  int fds[2] = {-1, -1};
  if (process < 0) {
    result.problem = std::string("no process: ") + std::strerror(errno);
  } else if (!ReceiveMessage(sockets[0], &error, sizeof error, fds)) {
    result.problem = "the command ended before it began";
  } else if (error != 0 || fds[0] < 0) {
    result.problem = WhyNoFilter(error);
  } else {
    result.problem =
        supervise(fds[0], {process, reinterpret_cast<uintptr_t>(&kOne)});
  }
  const char go = 1;
  if (result.problem.empty() && write(sockets[0], &go, 1) != 1) {
    result.problem = "the command ended before it began";
  }
  close(sockets[0]);
  if (result.problem.empty()) {
    result.process = process;
  } else if (process > 0) {
    waitpid(process, nullptr, 0);
  }
  return result;
}

int WaitFor(pid_t process) {
  signalled = process;
  struct sigaction action = {};
  action.sa_handler = &PassOn;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
  // A terminal sends these to the command itself.
  action.sa_handler = SIG_IGN;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGQUIT, &action, nullptr);
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return kCannotRun;
  }
  signalled = 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace bpfmap
