/* SPDX-License-Identifier: Apache-2.0
 *
 * opensnoop: prints the files that processes open, as they do.
 *
 *   opensnoop [-x] [-p PID] [-t TID] [-u USER] [-f PREFIX] [-n EVENTS]
 *             [-d SECONDS]
 *
 *     -x  those that failed only
 *     -p, -t, -u  of this process, thread, user only
 *     -f  those whose name starts so
 *     -n  ends after so many
 *     -d  ends after so many seconds
 *
 * It knows nothing of bpfmap: it loads and attaches opensnoop.bpf.c by libbpf.
 */

#include "examples/tools/opensnoop.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "examples/tools/opensnoop.skel.h"
#include "examples/tools/tool_end.h"

enum { PAGES_OF_A_CPU = 64 };

static void print_event(void *unused, int cpu, void *data, __u32 size) {
  const struct open_event *event = data;
  (void)unused;
  (void)cpu;
  if (size < sizeof *event || events_left == 0) return;
  printf("%-7u %-16s %3d %3d %08o %s\n", event->pid, event->comm,
         event->result >= 0 ? event->result : -1,
         event->result >= 0 ? 0 : -event->result, event->flags, event->name);
  count_event();
}

static void print_lost(void *unused, int cpu, __u64 count) {
  (void)unused;
  printf("%llu lost on CPU %d\n", (unsigned long long)count, cpu);
}

static int trace(struct opensnoop *tool) {
  struct perf_buffer *buffer =
      perf_buffer__new(bpf_map__fd(tool->maps.events), PAGES_OF_A_CPU,
                       print_event, print_lost, NULL, NULL);
  int error = 0;
  if (!buffer) return -errno;
  printf("%-7s %-16s %3s %3s %-8s %s\n", "PID", "COMM", "FD", "ERR", "FLAGS",
         "PATH");
  while (!is_over()) {
    fflush(stdout);
    error = perf_buffer__poll(buffer, 100);
    if (error < 0 && error != -EINTR) break;
    error = 0;
  }
  perf_buffer__free(buffer);
  return error;
}

static int take_options(struct opensnoop *tool, int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "xp:t:u:f:n:d:")) != -1) {
    if (option == 'x') {
      tool->rodata->only_failed = true;
    } else if (option == 'p') {
      tool->rodata->filter_process = (__u32)strtoul(optarg, NULL, 0);
    } else if (option == 't') {
      tool->rodata->filter_thread = (__u32)strtoul(optarg, NULL, 0);
    } else if (option == 'u') {
      tool->rodata->filter_user = (__u32)strtoul(optarg, NULL, 0);
    } else if (option == 'f') {
      const size_t length = strnlen(optarg, PREFIX_LENGTH);
      memcpy((char *)tool->rodata->prefix, optarg, length);
      tool->rodata->prefix_length = (__u32)length;
    } else if (!take_end_option(option, optarg)) {
      return -EINVAL;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  struct opensnoop *tool = opensnoop__open();
  int error = tool ? take_options(tool, argc, argv) : -errno;
  end_at_signals();
  if (!error) error = opensnoop__load(tool);
  if (!error) error = opensnoop__attach(tool);
  if (!error) error = trace(tool);
  if (error) fprintf(stderr, "opensnoop: %s\n", strerror(-error));
  opensnoop__destroy(tool);
  return error != 0;
}
