/* SPDX-License-Identifier: Apache-2.0
 *
 * execsnoop: prints the programs that processes execute, as they do.
 *
 *   execsnoop [-x] [-u USER] [-n EVENTS] [-d SECONDS]
 *
 *     -x  those that failed, too
 *     -u  of this user only
 *     -n  ends after so many
 *     -d  ends after so many seconds
 *
 * It knows nothing of bpfmap: it loads and attaches execsnoop.bpf.c by libbpf.
 */

#include "examples/tools/execsnoop.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "examples/tools/execsnoop.skel.h"
#include "examples/tools/tool_end.h"

static int print_event(void *unused, void *data, size_t size) {
  const struct exec_event *event = data;
  const char *at = event->args;
  const char *stop = at + event->args_size;
  (void)unused;
  if (size < offsetof(struct exec_event, args) + event->args_size) return 0;
  printf("%-16s %-7u %-7u %3d", event->comm, event->pid, event->ppid,
         event->result);
  for (; at < stop; at += strlen(at) + 1) printf(" %s", at);
  printf("%s\n", event->has_more_args ? " ..." : "");
  count_event();
  return 0;
}

static int trace(struct execsnoop *tool) {
  struct ring_buffer *ring =
      ring_buffer__new(bpf_map__fd(tool->maps.events), print_event, NULL, NULL);
  int error = 0;
  if (!ring) return -errno;
  printf("%-16s %-7s %-7s %3s %s\n", "COMM", "PID", "PPID", "RET", "ARGS");
  while (!is_over()) {
    fflush(stdout);
    error = ring_buffer__poll(ring, 100);
    if (error < 0 && error != -EINTR) break;
    error = 0;
  }
  ring_buffer__free(ring);
  if (tool->bss->lost) {
    printf("%llu lost\n", (unsigned long long)tool->bss->lost);
  }
  return error;
}

static int take_options(struct execsnoop *tool, int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "xu:n:d:")) != -1) {
    if (option == 'x') {
      tool->rodata->only_succeeded = false;
    } else if (option == 'u') {
      tool->rodata->filter_user = (__u32)strtoul(optarg, NULL, 0);
    } else if (!take_end_option(option, optarg)) {
      return -EINVAL;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  struct execsnoop *tool = execsnoop__open();
  int error = tool ? take_options(tool, argc, argv) : -errno;
  end_at_signals();
  if (!error) error = execsnoop__load(tool);
  if (!error) error = execsnoop__attach(tool);
  if (!error) error = trace(tool);
  if (error) fprintf(stderr, "execsnoop: %s\n", strerror(-error));
  execsnoop__destroy(tool);
  return error != 0;
}
