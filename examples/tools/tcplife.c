/* SPDX-License-Identifier: Apache-2.0
 *
 * tcplife: prints TCP connections when they end.
 *
 *   tcplife [-4] [-6] [-p PID] [-L PORT] [-R PORT] [-n EVENTS] [-d SECONDS]
 *
 *     -4, -6  of IPv4, of IPv6 only
 *     -p  of this process only
 *     -L, -R  of this local, of this remote port only
 *     -n  ends after so many
 *     -d  ends after so many seconds
 *
 * It knows nothing of bpfmap: it loads and attaches tcplife.bpf.c by libbpf.
 */

#include "examples/tools/tcplife.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "examples/tools/tcplife.skel.h"
#include "examples/tools/tool_end.h"

static int print_life(void *unused, void *data, size_t size) {
  const struct tcp_life *life = data;
  char local[INET6_ADDRSTRLEN] = "", remote[INET6_ADDRSTRLEN] = "";
  (void)unused;
  if (size < sizeof *life || events_left == 0) return 0;
  inet_ntop(life->family, life->local, local, sizeof local);
  inet_ntop(life->family, life->remote, remote, sizeof remote);
  printf("%-7u %-16s %-15s %-5u %-15s %-5u %6llu %6llu %llu.%03llu\n",
         life->pid, life->comm, local, life->local_port, remote,
         life->remote_port, (unsigned long long)life->sent,
         (unsigned long long)life->received,
         (unsigned long long)life->lasted_ns / 1000000,
         (unsigned long long)life->lasted_ns / 1000 % 1000);
  count_event();
  return 0;
}

static int trace(struct tcplife *tool) {
  struct ring_buffer *ring =
      ring_buffer__new(bpf_map__fd(tool->maps.events), print_life, NULL, NULL);
  int error = 0;
  if (!ring) return -errno;
  printf("%-7s %-16s %-15s %-5s %-15s %-5s %6s %6s %s\n", "PID", "COMM",
         "LADDR", "LPORT", "RADDR", "RPORT", "TX", "RX", "MS");
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

static int take_options(struct tcplife *tool, int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "46p:L:R:n:d:")) != -1) {
    if (option == '4' || option == '6') {
      tool->rodata->filter_family = option == '4' ? AF_INET : AF_INET6;
    } else if (option == 'p') {
      tool->rodata->filter_process = (__u32)strtoul(optarg, NULL, 0);
    } else if (option == 'L') {
      tool->rodata->local_ports[0] = (__u16)strtoul(optarg, NULL, 0);
    } else if (option == 'R') {
      tool->rodata->remote_ports[0] = (__u16)strtoul(optarg, NULL, 0);
    } else if (!take_end_option(option, optarg)) {
      return -EINVAL;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  struct tcplife *tool = tcplife__open();
  int error = tool ? take_options(tool, argc, argv) : -errno;
  end_at_signals();
  if (!error) error = tcplife__load(tool);
  if (!error) error = tcplife__attach(tool);
  if (!error) error = trace(tool);
  if (error) fprintf(stderr, "tcplife: %s\n", strerror(-error));
  tcplife__destroy(tool);
  return error != 0;
}
