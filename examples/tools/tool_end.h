/* SPDX-License-Identifier: Apache-2.0
 *
 * For users of BPF programs: when a tool ends. At SIGINT or SIGTERM, after a
 * number of events (-n), or after a number of seconds (-d).
 */

#ifndef EXAMPLES_TOOLS_TOOL_END_H_
#define EXAMPLES_TOOLS_TOOL_END_H_

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t got_signal = 0;
static long events_left = -1; /* -1: any number */
static time_t end_time = 0;   /* 0: never */

static inline void on_signal(int number) {
  (void)number;
  got_signal = 1;
}

/* Takes an option of getopt(3), if it is one of the above. */
static inline bool take_end_option(int option, const char *argument) {
  if (option == 'n') {
    events_left = strtol(argument, NULL, 0);
  } else if (option == 'd') {
    end_time = time(NULL) + strtol(argument, NULL, 0);
  } else {
    return false;
  }
  return true;
}

static inline void end_at_signals(void) {
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
}

static inline void count_event(void) {
  if (events_left > 0) events_left--;
}

static inline bool is_over(void) {
  return got_signal || events_left == 0 ||
         (end_time != 0 && time(NULL) >= end_time);
}

#endif /* EXAMPLES_TOOLS_TOOL_END_H_ */
