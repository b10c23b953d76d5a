// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/options.h"

#include <cstdlib>
#include <cstring>
#include <string>

#include "bpfmap/profiles/platform/cpu_list.h"

namespace bpfmap {

const char kHelp[] =
    R"(bpfmap: run programs with bpf(2) answered, without any rights.

  bpfmap run [OPTIONS] [--] COMMAND [ARGUMENTS]
      Runs COMMAND. Its calls of bpf(2), and those of all that it starts, are
      answered by maps and programs of this process. Ends with COMMAND and all
      that it has started, and with COMMAND's status.

  bpfmap serve [OPTIONS] DIR
      Keeps maps, programs and pins for commands of `bpfmap run --join DIR`,
      until it is stopped.
  bpfmap stop DIR
      Stops it.

Options of run and serve:
  --trace[=FILE]  write a line for each bpf(2), decoded, with its answer, to
                  FILE or to standard error
  --cpus=N        possible CPUs, to programs and to per-CPU maps
  --verbose       say how calls are answered, and where pins are
Options of run:
  --join=DIR      share maps and pins with all that joined the same `serve`
  --kernel        let the kernel answer; good with --trace
Options of serve:
  --once          end with the last command that joined
  --background    return when commands can join

  bpfmap help

Pins are files below /sys/fs/bpf, or below $BPFMAP_PIN_DIR: these processes have
a file system of their own there. Lines of bpf_printk() are appended to the file
that $BPFMAP_TRACE names.
)";

namespace {

// "--name" or "--name=value" or "--name value".
class Arguments {
 public:
  Arguments(int argc, char** argv) : next_(argv), end_(argv + argc) {}

  bool empty() const { return next_ == end_; }
  char** rest() const { return next_; }
  const char* Take() { return *next_++; }

  bool TakeIf(const char* text) {
    if (empty() || std::strcmp(*next_, text) != 0) return false;
    ++next_;
    return true;
  }

  // `name` with its "--".
  bool TakeValue(const char* name, std::string* value) {
    const std::size_t length = std::strlen(name);
    if (empty() || std::strncmp(*next_, name, length) != 0) return false;
    if ((*next_)[length] == '=') {
      *value = *next_++ + length + 1;
      return true;
    }
    if ((*next_)[length] != 0 || next_ + 1 == end_) return false;
    *value = next_[1];
    next_ += 2;
    return true;
  }

 private:
  char** next_;
  char** const end_;
};

bool ParseCpus(const std::string& text, int* cpus, std::string* problem) {
  char* end;
  const long number = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != 0 || number < 1 || number > kMaxCpus) {
    *problem = "--cpus takes a number from 1 to " + std::to_string(kMaxCpus);
    return false;
  }
  *cpus = static_cast<int>(number);
  return true;
}

bool ParseAction(const char* word, Options::Action* action) {
  if (std::strcmp(word, "run") == 0) {
    *action = Options::Action::kRun;
  } else if (std::strcmp(word, "serve") == 0) {
    *action = Options::Action::kServe;
  } else if (std::strcmp(word, "stop") == 0) {
    *action = Options::Action::kStop;
  } else if (std::strcmp(word, "help") == 0 ||
             std::strcmp(word, "--help") == 0 || std::strcmp(word, "-h") == 0) {
    *action = Options::Action::kHelp;
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool ParseOptions(int argc, char** argv, Options* options,
                  std::string* problem) {
  Arguments arguments(argc - 1, argv + 1);
  if (arguments.empty()) {
    *problem = "what to do? `bpfmap help` says what there is";
    return false;
  }
  const char* const word = arguments.Take();
  if (!ParseAction(word, &options->action)) {
    *problem = std::string("there is no `") + word + "`";
    return false;
  }
  const bool runs = options->action == Options::Action::kRun;
  const bool serves = options->action == Options::Action::kServe;
  std::string cpus;
  while (!arguments.empty() && (*arguments.rest())[0] == '-') {
    if (arguments.TakeIf("--")) break;
    if (arguments.TakeIf("--help")) {
      options->action = Options::Action::kHelp;
      return true;
    }
    if ((runs || serves) && arguments.TakeIf("--verbose")) {
      options->verbose = true;
    } else if ((runs || serves) && arguments.TakeIf("--trace")) {
      options->trace_file = "-";
    } else if ((runs || serves) &&
               arguments.TakeValue("--trace", &options->trace_file)) {
    } else if ((runs || serves) && arguments.TakeValue("--cpus", &cpus)) {
      if (!ParseCpus(cpus, &options->cpus, problem)) return false;
    } else if (runs && arguments.TakeIf("--kernel")) {
      options->passes_on = true;
    } else if (runs && arguments.TakeValue("--join", &options->directory)) {
    } else if (serves && arguments.TakeIf("--once")) {
      options->ends_with_last = true;
    } else if (serves && arguments.TakeIf("--background")) {
      options->in_background = true;
    } else {
      *problem = std::string(word) + " has no option " + *arguments.rest();
      return false;
    }
  }
  if (runs) {
    options->command = arguments.rest();
    if (arguments.empty()) *problem = "run takes a command";
    if (!options->directory.empty() &&
        (options->cpus != 0 || options->passes_on ||
         !options->trace_file.empty())) {
      *problem =
          "--cpus, --trace and --kernel are the server's to which a "
          "command is joined";
    }
  } else if (serves || options->action == Options::Action::kStop) {
    if (arguments.empty()) {
      *problem = std::string(word) + " takes a directory";
    } else {
      options->directory = arguments.Take();
      if (!arguments.empty()) *problem = "there is too much";
    }
  }
  return problem->empty();
}

}  // namespace bpfmap
