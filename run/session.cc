// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "bpfmap/run/launch.h"
#include "bpfmap/run/notification.h"

namespace bpfmap {
namespace {

constexpr uint32_t kVersion = 1;  // of the messages

struct Request {
  enum Kind : uint32_t { kJoin = 1, kStop = 2 };

  uint32_t version = kVersion;
  uint32_t kind = kJoin;
};

struct Welcome {
  uint32_t version = kVersion;
  uint32_t has_namespaces = 0;
  uint32_t has_user_namespace = 0;
};

struct Sentence {
  char text[256] = {};
};

std::string Failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

// Paths of sockets are short, those of directories need not be.
sockaddr_un AddressIn(int directory) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path,
                "/proc/self/fd/%d/socket", directory);
  return address;
}

// The directory, if it is this user's alone; else -1.
int OpenDirectory(const std::string& path, std::string* problem) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) {
    *problem = Failed(path);
  } else if (status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    *problem = path + " is not yours alone: chmod 700 makes it so";
  } else {
    return fd;
  }
  if (fd >= 0) close(fd);
  return -1;
}

bool IsSameUser(int socket) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == geteuid();
}

// A connection to the server, or -1.
int Connect(const std::string& path, std::string* problem) {
  const int directory = OpenDirectory(path, problem);
  if (directory < 0) return -1;
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressIn(directory);
  const bool connected =
      fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address),
                         sizeof address) == 0;
  close(directory);
  if (connected && IsSameUser(fd)) return fd;
  *problem = "nothing serves " + path;
  if (fd >= 0) close(fd);
  return -1;
}

bool IsListener(int fd) {
  char path[32];
  char target[64] = {};
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return readlink(path, target, sizeof target - 1) > 0 &&
         std::strcmp(target, "anon_inode:seccomp notify") == 0;
}

// Thread-safe: each connection has a thread. Run() is called once.
class Server {
 public:
  Server(const PinMount& pins, Supervisor* supervisor, bool once)
      : pins_(pins),
        supervisor_(supervisor),
        once_(once),
        stop_(eventfd(0, EFD_CLOEXEC)) {}

  void Run(int socket, int ready);

 private:
  void Talk(int connection);
  void Join(int connection);
  void Stop() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_, &one, sizeof one);
  }

  const PinMount& pins_;
  Supervisor* const supervisor_;
  const bool once_;
  const int stop_;
  std::atomic<int> commands_{0};  // a count, which guards nothing else
};

void Server::Run(int socket, int ready) {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, signal);
  sigprocmask(SIG_BLOCK, &ends, nullptr);  // of later threads, too
  const int signals = signalfd(-1, &ends, SFD_CLOEXEC);
  if (ready >= 0) {
    [[maybe_unused]] const ssize_t written = write(ready, "", 1);
    close(ready);
  }
  for (;;) {
    pollfd events[] = {
        {socket, POLLIN, 0}, {stop_, POLLIN, 0}, {signals, POLLIN, 0}};
    if (poll(events, 3, -1) < 0) continue;
    if ((events[1].revents | events[2].revents) != 0) return;
    const int connection = accept4(socket, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) {
      // The client waits until there are descriptors again, which nothing says.
      constexpr int kMilliseconds = 20;
      poll(events + 1, 2, kMilliseconds);
      continue;
    }
    if (!IsSameUser(connection)) {
      close(connection);
      continue;
    }
    try {
      std::thread([this, connection] { Talk(connection); }).detach();
    } catch (const std::system_error&) {
      close(connection);  // the user has too many threads; the maps stay
    }
  }
}

// Closes the connection, but for that of `stop`: it ends with this process.
void Server::Talk(int connection) {
  Request request;
  int fds[2];
  if (ReceiveMessage(connection, &request, sizeof request, fds) &&
      request.version == kVersion) {
    if (request.kind == Request::kStop) return Stop();
    if (request.kind == Request::kJoin) Join(connection);
  }
  for (const int fd : fds) {
    if (fd >= 0) close(fd);
  }
  close(connection);
}

void Server::Join(int connection) {
  const bool has_pins = pins_.device != 0;
  const Welcome welcome = {
      .has_namespaces = has_pins,
      .has_user_namespace = has_pins && pins_.has_user_namespace};
  int namespaces[2] = {open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
                       open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC)};
  const bool welcomed =
      SendMessage(connection, &welcome, sizeof welcome, namespaces, 2);
  for (const int fd : namespaces) close(fd);
  Waiting waiting;
  int fds[2];
  if (!welcomed || !ReceiveMessage(connection, &waiting, sizeof waiting, fds)) {
    return;
  }
  if (fds[1] >= 0) close(fds[1]);
  if (fds[0] < 0 || !IsListener(fds[0])) {
    if (fds[0] >= 0) close(fds[0]);
    return;
  }
  const auto listener = std::make_shared<Listener>(fds[0]);
  Sentence sentence;
  WhyNoAccess(waiting).copy(sentence.text, sizeof sentence.text - 1);
  ++commands_;
  SendMessage(connection, &sentence, sizeof sentence, nullptr, 0);
  supervisor_->Supervise(listener);
  if (--commands_ == 0 && once_) Stop();
}

// Hands the listener to the server. A sentence if it does not take it.
std::string HandOver(int connection, int listener, const Waiting& waiting) {
  Sentence answer;
  int fds[2];
  const bool done =
      SendMessage(connection, &waiting, sizeof waiting, &listener, 1) &&
      ReceiveMessage(connection, &answer, sizeof answer, fds);
  close(listener);
  answer.text[sizeof answer.text - 1] = 0;
  return done ? answer.text : "the server has ended";
}

}  // namespace

int OpenSession(const std::string& directory, std::string* problem) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    *problem = Failed(directory);
    return -1;
  }
  const int fd = OpenDirectory(directory, problem);
  if (fd < 0) return -1;
  // Held until the process ends: no two serve one directory.
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    *problem = directory + " is served already";
    return -1;
  }
  unlinkat(fd, "socket", 0);
  const int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressIn(fd);
  const mode_t mask = umask(077);
  const bool bound =
      listening >= 0 &&
      bind(listening, reinterpret_cast<const sockaddr*>(&address),
           sizeof address) == 0;
  umask(mask);
  if (bound && listen(listening, SOMAXCONN) == 0) return listening;
  *problem = Failed("the socket in " + directory);
  return -1;
}

void ServeSession(int socket, const std::string& directory,
                  const PinMount& pins, Supervisor* supervisor, bool once,
                  int ready) {
  // Threads may use it until the process ends.
  auto& server = *new Server(pins, supervisor, once);
  server.Run(socket, ready);
  unlink((directory + "/socket").c_str());
}

int JoinSession(const std::string& directory, char** command,
                std::string* problem) {
  const int connection = Connect(directory, problem);
  if (connection < 0) return -1;
  const Request request;
  Welcome welcome;
  int namespaces[2];
  if (!SendMessage(connection, &request, sizeof request, nullptr, 0) ||
      !ReceiveMessage(connection, &welcome, sizeof welcome, namespaces) ||
      welcome.version != kVersion) {
    *problem = "the server has ended, or is of another version";
    return -1;
  }
  if (welcome.has_namespaces != 0 &&
      !EnterNamespaces(welcome.has_user_namespace != 0 ? namespaces[1] : -1,
                       namespaces[0])) {
    *problem = Failed("the namespaces of the server");
    return -1;
  }
  for (const int fd : namespaces) close(fd);
  const Launched launched =
      Launch(command, [connection](int listener, const Waiting& waiting) {
        return HandOver(connection, listener, waiting);
      });
  *problem = launched.problem;
  return launched.process < 0 ? -1 : WaitFor(launched.process);
}

bool StopSession(const std::string& directory, std::string* problem) {
  const int connection = Connect(directory, problem);
  if (connection < 0) return false;
  const Request request = {.kind = Request::kStop};
  char nothing;
  if (!SendMessage(connection, &request, sizeof request, nullptr, 0)) {
    *problem = Failed("the server of " + directory);
    return false;
  }
  while (read(connection, &nothing, 1) > 0) {
  }
  return true;
}

}  // namespace bpfmap
