// SPDX-License-Identifier: Apache-2.0

// The command line of `bpfmap`.

#ifndef BPFMAP_RUN_OPTIONS_H_
#define BPFMAP_RUN_OPTIONS_H_

#include <string>

namespace bpfmap {

struct Options {
  enum class Action { kHelp, kRun, kServe, kStop };

  Action action = Action::kHelp;
  char** command = nullptr;  // of kRun, argv-like
  std::string directory;     // of kServe, kStop, and kRun with --join
  std::string trace_file;    // "-": standard error; "": no trace
  bool verbose = false;
  bool passes_on = false;
  bool ends_with_last = false;
  bool in_background = false;
  int cpus = 0;  // 0: as many as the machine has
};

// False: *problem says what is wrong, in one sentence.
bool ParseOptions(int argc, char** argv, Options* options,
                  std::string* problem);

extern const char kHelp[];

}  // namespace bpfmap

#endif  // BPFMAP_RUN_OPTIONS_H_
