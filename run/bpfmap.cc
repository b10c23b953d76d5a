// SPDX-License-Identifier: Apache-2.0

// The program `bpfmap`. options.h has its command line.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/run/call_trace.h"
#include "bpfmap/run/launch.h"
#include "bpfmap/run/notification.h"
#include "bpfmap/run/options.h"
#include "bpfmap/run/pin_files.h"
#include "bpfmap/run/pin_mount.h"
#include "bpfmap/run/session.h"
#include "bpfmap/run/supervisor.h"

namespace bpfmap {
namespace {

constexpr int kFailed = 125;  // as env(1), nohup(1) and their like end

int Fail(const std::string& problem) {
  std::fprintf(stderr, "bpfmap: %s\n", problem.c_str());
  return kFailed;
}

// Null if there is to be none; false: it cannot be written.
bool OpenTrace(const std::string& path, std::unique_ptr<CallTrace>* trace,
               std::string* problem) {
  if (path.empty()) return true;
  FILE* const file = path == "-" ? stderr : std::fopen(path.c_str(), "ae");
  if (file == nullptr) {
    *problem = path + ": " + std::strerror(errno);
    return false;
  }
  *trace = std::make_unique<CallTrace>(file);
  return true;
}

PinMount PrepareProcess(const Options& options) {
  SetPossibleCpus(options.cpus);
  PinMount pins = MountPins(options.cpus);
  if (!pins.why_missing.empty()) {
    Fail("nothing can be pinned: " + pins.why_missing);
  } else if (options.verbose) {
    std::fprintf(stderr, "bpfmap: pins are files in %s, on a tmpfs in %s\n",
                 pins.directory.c_str(),
                 pins.has_user_namespace ? "a user and a mount namespace"
                                         : "a mount namespace");
  }
  if (options.verbose) {
    std::fprintf(stderr,
                 "bpfmap: bpf(2) is answered through seccomp's user "
                 "notification, by process %d\n",
                 getpid());
  }
  return pins;
}

// Maps that can be mapped are files here. Commands keep their own limits.
class HigherLimits {
 public:
  HigherLimits() {
    for (std::size_t i = 0; i < std::size(kWhich); ++i) {
      getrlimit(kWhich[i], &previous_[i]);
      rlimit most = previous_[i];
      most.rlim_cur = most.rlim_max;
      setrlimit(kWhich[i], &most);
    }
    if (previous_[1].rlim_max != RLIM_INFINITY) {
      Fail("maps that can be mapped cannot be larger than ulimit -f says");
    }
  }
  void Restore(pid_t process) const {
    for (std::size_t i = 0; i < std::size(kWhich); ++i) {
      prlimit(process, kWhich[i], &previous_[i], nullptr);
    }
  }

 private:
  static constexpr __rlimit_resource kWhich[] = {RLIMIT_NOFILE, RLIMIT_FSIZE};

  rlimit previous_[std::size(kWhich)] = {};
};

int Run(const Options& options) {
  std::string problem;
  if (!options.directory.empty()) {
    const int status =
        JoinSession(options.directory, options.command, &problem);
    return status < 0 ? Fail(problem) : status;
  }
  std::unique_ptr<CallTrace> trace;
  if (!OpenTrace(options.trace_file, &trace, &problem)) return Fail(problem);
  const PinMount mount = PrepareProcess(options);
  PinFiles pins(mount.device);
  Supervisor supervisor(&pins, trace.get(), options.passes_on);
  const HigherLimits limits;
  std::thread thread;
  const Launched launched =
      Launch(options.command, [&](int fd, const Waiting& waiting) {
        const auto listener = std::make_shared<Listener>(fd);
        limits.Restore(waiting.process);
        std::string why = WhyNoAccess(waiting);
        if (!why.empty()) return why;
        try {
          thread = std::thread(
              [&supervisor, listener] { supervisor.Supervise(listener); });
        } catch (const std::system_error& error) {
          why = std::string("no thread: ") + error.what();
        }
        return why;
      });
  if (launched.process < 0) return Fail(launched.problem);
  const int status = WaitFor(launched.process);
  thread.join();
  return status;
}

// Goes on in another process. This one ends when that one has written a byte to
// *ready, or has ended.
bool GoToBackground(int* ready) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const pid_t process = fork();
  if (process < 0) return false;
  if (process != 0) {
    close(ends[1]);
    char byte;
    _exit(read(ends[0], &byte, 1) == 1 ? 0 : kFailed);
  }
  close(ends[0]);
  *ready = ends[1];
  setsid();
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  close(nothing);
  return true;
}

int Serve(const Options& options) {
  std::string problem;
  std::unique_ptr<CallTrace> trace;
  if (!OpenTrace(options.trace_file, &trace, &problem)) return Fail(problem);
  const int socket = OpenSession(options.directory, &problem);
  if (socket < 0) return Fail(problem);
  int ready = -1;
  if (options.in_background && !GoToBackground(&ready)) {
    return Fail(std::string("no process: ") + std::strerror(errno));
  }
  const PinMount mount = PrepareProcess(options);
  const HigherLimits limits;
  PinFiles pins(mount.device);
  Supervisor supervisor(&pins, trace.get(), /*passes_on=*/false);
  ServeSession(socket, options.directory, mount, &supervisor,
               options.ends_with_last, ready);
  return 0;
}

int Main(int argc, char** argv) {
  Options options;
  std::string problem;
  if (!ParseOptions(argc, argv, &options, &problem)) return Fail(problem);
  if (options.action != Options::Action::kHelp &&
      access("/proc/self/fd", X_OK) != 0) {
    return Fail("it needs /proc, which is not mounted");
  }
  switch (options.action) {
    case Options::Action::kHelp:
      std::fputs(kHelp, stdout);
      return 0;
    case Options::Action::kRun:
      return Run(options);
    case Options::Action::kServe:
      return Serve(options);
    case Options::Action::kStop:
      return StopSession(options.directory, &problem) ? 0 : Fail(problem);
  }
  return 0;
}

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  const int status = bpfmap::Main(argc, argv);
  std::fflush(nullptr);
  // Threads may be at work still.
  _exit(status);
}
