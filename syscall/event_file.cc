// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/event_file.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>

#include "bpfmap/programs/event_line.h"
#include "bpfmap/programs/world.h"
#include "bpfmap/syscall/attached_programs.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/fire.h"

namespace bpfmap {
namespace {

struct SignalName {
  const char* name;
  int number;
};
constexpr SignalName kSignals[] = {
    {"INT", SIGINT},   {"TERM", SIGTERM}, {"HUP", SIGHUP},   {"ALRM", SIGALRM},
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"QUIT", SIGQUIT},
};

class Events {
 public:
  static Events& Global() {
    static auto& events = *new Events;
    return events;
  }

  // An event may wait itself, in this thread: that is no next one.
  bool FireNext() {
    if (is_over_.load(std::memory_order_relaxed)) return false;
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || AttachedPrograms::Global().empty()) return false;
    if (!signal_.empty()) return Signal();
    std::string line;
    for (int i = 0; i < kEventsAtOnce; ++i) {
      if (!std::getline(file_, line)) {
        is_over_.store(true, std::memory_order_relaxed);
        return false;
      }
      ++line_;
      if (line.rfind("signal ", 0) == 0) {
        // First the tool takes what the lines before left in its rings.
        signal_ = line.substr(7);
        return i == 0 && Signal();
      }
      const std::string reason = FireLine(line);
      if (!reason.empty()) Say(reason);
    }
    return false;
  }

  bool has_more() const { return !is_over_.load(std::memory_order_relaxed); }

 private:
  Events() : path_(PathOrEmpty()), file_(path_) {
    if (path_.empty()) {
      is_over_ = true;
    } else if (!file_) {
      Say("it cannot be read");
      is_over_ = true;
    }
  }

  static std::string PathOrEmpty() {
    const char* const path = std::getenv("BPFMAP_EVENTS");
    return path == nullptr ? "" : path;
  }

  bool Signal() {
    const std::string name = std::exchange(signal_, "");
    for (const SignalName& signal : kSignals) {
      if (name != signal.name) continue;
      Caller* const caller = Caller::Other();
      if (caller == nullptr) {
        raise(signal.number);
      } else {
        kill(static_cast<pid_t>(caller->CurrentTask().tgid), signal.number);
      }
      return true;
    }
    Say("there is no signal " + name);
    return false;
  }

  void Say(const std::string& reason) const {
    std::fprintf(stderr, "bpfmap: %s:%d: %s\n", path_.c_str(), line_,
                 reason.c_str());
  }

  std::mutex mutex_;
  const std::string path_;
  std::ifstream file_;
  int line_ = 0;
  std::string signal_;  // that is due
  // A hint that saves looking: relaxed.
  std::atomic<bool> is_over_{false};
};

}  // namespace

bool FireNextEvents() {
  // Few processes attach anything.
  if (!AttachedPrograms::some_was_attached()) return false;
  const int saved_errno = errno;
  const bool was_signalled = Events::Global().FireNext();
  errno = saved_errno;
  return was_signalled;
}

bool HasMoreEvents() {
  return AttachedPrograms::some_was_attached() &&
         !AttachedPrograms::Global().empty() && Events::Global().has_more();
}

}  // namespace bpfmap
