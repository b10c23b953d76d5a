/* SPDX-License-Identifier: Apache-2.0
 *
 * biolatency: prints how long block devices take, as histograms, when it ends.
 *
 *   biolatency [-Q] [-D] [-F] [-m] [-d SECONDS]
 *
 *     -Q  from when a request is queued
 *     -D  a histogram for each disk
 *     -F  a histogram for each kind of request
 *     -m  in milliseconds
 *     -d  ends after so many seconds
 *
 * It knows nothing of bpfmap: it loads and attaches biolatency.bpf.c by libbpf.
 */

#include "examples/tools/biolatency.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "examples/tools/biolatency.skel.h"
#include "examples/tools/tool_end.h"

static void print(const struct biolatency *tool) {
  const struct bpf_map *map = tool->maps.histograms;
  const struct io_kind *last = NULL;
  struct io_kind kind, key;
  struct io_histogram histogram;
  while (bpf_map__get_next_key(map, last, &kind, sizeof kind) == 0) {
    key = kind;
    last = &key;
    if (bpf_map__lookup_elem(map, &kind, sizeof kind, &histogram,
                             sizeof histogram, 0)) {
      continue;
    }
    if (tool->rodata->by_disk) {
      printf("disk = %u:%u\n", kind.device >> 20, kind.device & 0xfffff);
    }
    if (tool->rodata->by_flags) printf("flags = %#x\n", kind.flags);
    print_histogram(histogram.slots,
                    tool->rodata->in_milliseconds ? "msecs" : "usecs");
  }
  if (tool->bss->lost) {
    printf("%llu lost\n", (unsigned long long)tool->bss->lost);
  }
}

static int take_options(struct biolatency *tool, int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "QDFmn:d:")) != -1) {
    if (option == 'Q') {
      tool->rodata->with_queue = true;
    } else if (option == 'D') {
      tool->rodata->by_disk = true;
    } else if (option == 'F') {
      tool->rodata->by_flags = true;
    } else if (option == 'm') {
      tool->rodata->in_milliseconds = true;
    } else if (!take_end_option(option, optarg)) {
      return -EINVAL;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  struct biolatency *tool = biolatency__open();
  int error = tool ? take_options(tool, argc, argv) : -errno;
  end_at_signals();
  if (!error) error = biolatency__load(tool);
  if (!error) error = biolatency__attach(tool);
  if (!error) {
    while (!is_over()) usleep(100000);
    print(tool);
  }
  if (error) fprintf(stderr, "biolatency: %s\n", strerror(-error));
  biolatency__destroy(tool);
  return error != 0;
}
