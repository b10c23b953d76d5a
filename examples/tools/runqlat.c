/* SPDX-License-Identifier: Apache-2.0
 *
 * runqlat: prints how long threads wait for a CPU, as histograms, when it ends.
 *
 *   runqlat [-P] [-L] [-N] [-m] [-p PID] [-d SECONDS]
 *
 *     -P  a histogram for each process
 *     -L  a histogram for each thread
 *     -N  a histogram for each namespace of process ids
 *     -m  in milliseconds
 *     -p  of this process only
 *     -d  ends after so many seconds
 *
 * It knows nothing of bpfmap: it loads and attaches runqlat.bpf.c by libbpf.
 */

#include "examples/tools/runqlat.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "examples/tools/runqlat.skel.h"
#include "examples/tools/tool_end.h"

static void print(const struct runqlat *tool) {
  const struct bpf_map *map = tool->maps.histograms;
  const char *unit = tool->rodata->in_milliseconds ? "msecs" : "usecs";
  const __u32 *last = NULL;
  struct run_histogram histogram;
  __u32 next, key;
  while (bpf_map__get_next_key(map, last, &next, sizeof next) == 0) {
    key = next;
    last = &key;
    if (bpf_map__lookup_elem(map, &key, sizeof key, &histogram,
                             sizeof histogram, 0)) {
      continue;
    }
    if (tool->rodata->group == GROUP_PROCESS) {
      printf("pid = %u %s\n", key, histogram.comm);
    } else if (tool->rodata->group == GROUP_THREAD) {
      printf("tid = %u %s\n", key, histogram.comm);
    } else if (tool->rodata->group == GROUP_PID_NAMESPACE) {
      printf("pidns = %u %s\n", key, histogram.comm);
    }
    print_histogram(histogram.slots, unit);
  }
  if (tool->bss->lost) {
    printf("%llu lost\n", (unsigned long long)tool->bss->lost);
  }
}

static int take_options(struct runqlat *tool, int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "PLNmp:n:d:")) != -1) {
    if (option == 'P') {
      tool->rodata->group = GROUP_PROCESS;
    } else if (option == 'L') {
      tool->rodata->group = GROUP_THREAD;
    } else if (option == 'N') {
      tool->rodata->group = GROUP_PID_NAMESPACE;
    } else if (option == 'm') {
      tool->rodata->in_milliseconds = true;
    } else if (option == 'p') {
      tool->rodata->filter_process = (__u32)strtoul(optarg, NULL, 0);
    } else if (!take_end_option(option, optarg)) {
      return -EINVAL;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  struct runqlat *tool = runqlat__open();
  int error = tool ? take_options(tool, argc, argv) : -errno;
  end_at_signals();
  if (!error) error = runqlat__load(tool);
  if (!error) error = runqlat__attach(tool);
  if (!error) {
    while (!is_over()) usleep(100000);
    print(tool);
  }
  if (error) fprintf(stderr, "runqlat: %s\n", strerror(-error));
  runqlat__destroy(tool);
  return error != 0;
}
