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

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "examples/tools/execsnoop.skel.h"

static volatile sig_atomic_t is_over = 0;
static long events_left = -1; /* -1: any number */

static void end(int number) {
  (void)number;
  is_over = 1;
}

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
  if (events_left > 0 && --events_left == 0) is_over = 1;
  return 0;
}

static int trace(struct execsnoop *tool, long seconds) {
  const time_t stop = time(NULL) + seconds;
  struct ring_buffer *ring = ring_buffer__new(
      bpf_map__fd(tool->maps.events), print_event, NULL, NULL);
  int error = 0;
  if (!ring) return -errno;
  printf("%-16s %-7s %-7s %3s %s\n", "COMM", "PID", "PPID", "RET", "ARGS");
  fflush(stdout);
  while (!is_over && (seconds == 0 || time(NULL) < stop)) {
    error = ring_buffer__poll(ring, 100);
    if (error < 0 && error != -EINTR) break;
    error = 0;
    fflush(stdout);
  }
  ring_buffer__free(ring);
  if (tool->bss->lost) {
    printf("%llu lost\n", (unsigned long long)tool->bss->lost);
  }
  return error;
}

int main(int argc, char **argv) {
  struct execsnoop *tool = execsnoop__open();
  long seconds = 0;
  int option, error;
  if (!tool) return 1;
  while ((option = getopt(argc, argv, "xu:n:d:")) != -1) {
    if (option == 'x') {
      tool->rodata->only_succeeded = false;
    } else if (option == 'u') {
      tool->rodata->filter_user = (__u32)strtoul(optarg, NULL, 0);
    } else if (option == 'n') {
      events_left = strtol(optarg, NULL, 0);
    } else if (option == 'd') {
      seconds = strtol(optarg, NULL, 0);
    } else {
      execsnoop__destroy(tool);
      return 2;
    }
  }
  signal(SIGINT, end);
  signal(SIGTERM, end);
  error = execsnoop__load(tool);
  if (!error) error = execsnoop__attach(tool);
  if (!error) error = trace(tool, seconds);
  if (error) fprintf(stderr, "execsnoop: %s\n", strerror(-error));
  execsnoop__destroy(tool);
  return error != 0;
}
