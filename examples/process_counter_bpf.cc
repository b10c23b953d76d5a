// SPDX-License-Identifier: Apache-2.0
//
// process_counter_bpf: counts the openat(2) calls of each process, by
// process_counter.bpf.c, and prints the counts when it ends.
//
//   process_counter_bpf [-d SECONDS] [-t TOP] [-m MAX_ENTRIES]
//
//     -d  ends after so many seconds, and not at SIGINT alone
//     -t  shows so many processes; 0, the default, shows all
//     -m  how many processes the map has room for
//
// It knows nothing of bpfmap: it loads and attaches the programs by libbpf.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "examples/openat_table.h"
#include "examples/process_counter.h"
#include "examples/process_counter.skel.h"

namespace bpfmap::examples {
namespace {

volatile std::sig_atomic_t got_signal = 0;

void OnSignal(int) { got_signal = 1; }

struct Options {
  std::time_t seconds = -1;  // below 0: until a signal
  size_t top = 0;
  uint32_t max_entries = 0;  // 0: as the object says
};

bool TakeOptions(int argc, char** argv, Options* options) {
  int option;
  while ((option = getopt(argc, argv, "d:t:m:")) != -1) {
    const unsigned long number =
        optarg == nullptr ? 0 : std::strtoul(optarg, nullptr, 0);
    switch (option) {
      case 'd':
        options->seconds = static_cast<std::time_t>(number);
        break;
      case 't':
        options->top = number;
        break;
      case 'm':
        options->max_entries = static_cast<uint32_t>(number);
        break;
      default:
        return false;
    }
  }
  return optind == argc;
}

std::vector<OpenatRow> ReadRows(const bpf_map* counts) {
  std::vector<OpenatRow> rows;
  uint32_t pid;
  const uint32_t* last = nullptr;
  while (bpf_map__get_next_key(counts, last, &pid, sizeof pid) == 0) {
    openat_count count;
    if (bpf_map__lookup_elem(counts, &pid, sizeof pid, &count, sizeof count,
                             0) == 0) {
      rows.push_back({pid, count.calls, count.comm});
    }
    last = &pid;
  }
  return rows;
}

void Wait(std::time_t seconds) {
  const std::time_t end = std::time(nullptr) + seconds;
  while (!got_signal && (seconds < 0 || std::time(nullptr) < end)) {
    usleep(10'000);
  }
}

int Run(process_counter* tool, const Options& options) {
  int error = 0;
  if (options.max_entries != 0) {
    error =
        bpf_map__set_max_entries(tool->maps.openat_counts, options.max_entries);
  }
  if (error == 0) error = process_counter__load(tool);
  if (error == 0) error = process_counter__attach(tool);
  if (error != 0) {
    std::fprintf(stderr, "process_counter_bpf: %s\n", std::strerror(-error));
    return 1;
  }
  Wait(options.seconds);
  const std::string text =
      OpenatTable(ReadRows(tool->maps.openat_counts), options.top) +
      DroppedText(tool->bss->dropped);
  std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

int Main(int argc, char** argv) {
  Options options;
  if (!TakeOptions(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: process_counter_bpf [-d SECONDS] [-t TOP] "
                 "[-m MAX_ENTRIES]\n");
    return 2;
  }
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  process_counter* const tool = process_counter__open();
  if (tool == nullptr) {
    std::fprintf(stderr, "process_counter_bpf: %s\n", std::strerror(errno));
    return 1;
  }
  const int status = Run(tool, options);
  process_counter__destroy(tool);
  return status;
}

}  // namespace bpfmap::examples

int main(int argc, char** argv) { return bpfmap::examples::Main(argc, argv); }
