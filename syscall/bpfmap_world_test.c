/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpfmap_world.h in C11, beside libbpf and a skeleton.
 *
 * Each function is a test; one that fails ends the program. With
 * BPFMAP_WORLD_OPTIONAL it says so where bpfmap is not there, and ends well.
 */

#include "bpfmap/syscall/bpfmap_world.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "syscall/world_calls.h"
#include "syscall/world_calls.skel.h"

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

static struct world_calls *skeleton;

/* Runs the program with a text in this process, and returns what it saw. */
static struct seen run(void) {
  static const char text[] = "text";
  unsigned long long arguments[1] = {(unsigned long)text};
  LIBBPF_OPTS(bpf_test_run_opts, test);
  test.ctx_in = arguments;
  test.ctx_size_in = sizeof arguments;
  CHECK(bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.look), &test) ==
        0);
  return skeleton->bss->seen;
}

static void without_a_world_it_is_the_system(void) {
  const struct seen seen = run();
  CHECK(seen.pid_tgid >> 32 == (unsigned long long)getpid());
  CHECK(seen.now != 1000000000);
  CHECK(strcmp(seen.text, "text") == 0);
}

static void each_world_begins_the_same(void) {
  struct seen first, second, again;
  bpfmap_world_begin();
  first = run();
  second = run();
  CHECK(first.now == 1000000000 && second.now == 1000000000);
  CHECK(first.pid_tgid == (1ULL << 32 | 1));
  CHECK(first.uid_gid == 0 && first.cgroup == 1 && first.cpu == 0);
  CHECK(strcmp(first.comm, "bpfmap") == 0);
  CHECK(first.random != second.random);
  bpfmap_world_begin();
  again = run();
  CHECK(memcmp(&again, &first, sizeof first) == 0);
}

static void memory_is_that_of_the_process(void) {
  struct seen seen;
  bpfmap_world_begin();
  seen = run();
  CHECK(seen.read == (int)sizeof "text" && strcmp(seen.text, "text") == 0);
}

static void clock_stands_and_is_advanced(void) {
  struct seen seen;
  bpfmap_world_set_clock(5);
  bpfmap_world_advance_clock(2);
  CHECK(run().now == 7 && run().now == 7);
  bpfmap_world_run_clock();
  do {
    seen = run();
  } while (seen.now == 7);
  CHECK(seen.now > 7);
}

static void task_and_cpu_are_those_that_were_set(void) {
  struct bpfmap_task task = {.pid = 8, .tgid = 7, .uid = 6, .gid = 5};
  struct seen seen;
  bpfmap_world_begin();
  memset(task.comm, 'x', sizeof task.comm);
  task.cgroup_id = 4;
  bpfmap_world_set_task(&task);
  CHECK(bpfmap_world_set_cpu(-1) == -EINVAL);
  CHECK(bpfmap_world_set_cpu(libbpf_num_possible_cpus()) == -EINVAL);
  CHECK(bpfmap_world_set_cpu(libbpf_num_possible_cpus() - 1) == 0);
  seen = run();
  CHECK(seen.pid_tgid == (7ULL << 32 | 8));
  CHECK(seen.uid_gid == (5ULL << 32 | 6) && seen.cgroup == 4);
  CHECK(strcmp(seen.comm, "xxxxxxxxxxxxxxx") == 0);
  CHECK((int)seen.cpu == libbpf_num_possible_cpus() - 1);
}

static void seed_gives_other_numbers(void) {
  unsigned seven, eight;
  bpfmap_world_set_seed(7);
  seven = run().random;
  bpfmap_world_set_seed(8);
  eight = run().random;
  bpfmap_world_set_seed(7);
  CHECK(run().random == seven && seven != eight);
  bpfmap_world_set_seed(0);
  seven = run().random;
  bpfmap_world_begin();
  CHECK(run().random == seven);
}

static void printed_lines_are_taken_in_order(void) {
  bpfmap_world_begin();
  CHECK(bpfmap_world_take_printed() == NULL);
  run();
  if (libbpf_num_possible_cpus() > 1) bpfmap_world_set_cpu(1);
  run();
  CHECK(strcmp(bpfmap_world_take_printed(), "run on 0") == 0);
  CHECK(strncmp(bpfmap_world_take_printed(), "run on ", 7) == 0);
  CHECK(bpfmap_world_take_printed() == NULL);
}

static void nth_call_fails(void) {
  const unsigned update = BPF_FUNC_map_update_elem;
  bpfmap_world_begin();
  CHECK(bpfmap_world_fail(update, 0, E2BIG, NULL) == -EINVAL);
  CHECK(bpfmap_world_fail(update, 1, 0, NULL) == -EINVAL);
  CHECK(bpfmap_world_fail(update, 2, E2BIG, "counts") == 0);
  CHECK(bpfmap_world_fail(update, 1, EPERM, "other") == 0);
  CHECK(run().update == 0);
  CHECK(run().update == -E2BIG);
  CHECK(run().update == 0);
}

static uint64_t read_nothing(void *context, const uint64_t arguments[5]) {
  *(uint64_t *)context = arguments[1];
  memcpy((void *)(uintptr_t)arguments[0], "other", 6);
  return 6;
}

static void helper_is_replaced(void) {
  uint64_t size = 0;
  struct seen seen;
  bpfmap_world_begin();
  CHECK(bpfmap_world_on_helper(BPF_FUNC_probe_read_user_str, NULL, NULL) ==
        -EINVAL);
  CHECK(bpfmap_world_on_helper(BPF_FUNC_probe_read_user_str, read_nothing,
                               &size) == 0);
  bpfmap_world_set_return(BPF_FUNC_get_current_cgroup_id, -7);
  seen = run();
  CHECK(seen.read == 6 && strcmp(seen.text, "other") == 0);
  CHECK(size == sizeof seen.text);
  CHECK((long long)seen.cgroup == -7);
}

static void event_happens_in_the_world(void) {
  const unsigned update = BPF_FUNC_map_update_elem;
  struct bpf_link *link;
  struct seen seen;
  bpfmap_world_begin();
  bpfmap_world_set_clock(5);
  CHECK(bpfmap_world_fail(update, 1, E2BIG, "counts") == 0);
  bpfmap_world_set_return(BPF_FUNC_get_current_cgroup_id, 9);
  link = bpf_program__attach(skeleton->progs.look);
  CHECK(link != NULL);
  CHECK(bpfmap_fire("raw_tp/sys_enter arg0=\"text\"") == 1);
  seen = skeleton->bss->seen;
  CHECK(seen.now == 5 && seen.pid_tgid == (1ULL << 32 | 1));
  CHECK(seen.cpu == 0 && seen.cgroup == 9 && seen.update == -E2BIG);
  CHECK(strcmp(seen.comm, "bpfmap") == 0);
  CHECK(strcmp(bpfmap_world_take_printed(), "run on 0") == 0);
  CHECK(bpfmap_fire("time=7 pid=3 raw_tp/sys_enter arg0=\"text\"") == 1);
  seen = skeleton->bss->seen;
  CHECK(seen.now == 7000000000 && seen.pid_tgid == (3ULL << 32 | 3));
  CHECK(seen.update == 0 && strcmp(seen.comm, "bpfmap") == 0);
  bpfmap_world_end();
  CHECK(bpfmap_fire("raw_tp/sys_enter arg0=\"text\"") == 1);
  seen = skeleton->bss->seen;
  CHECK(seen.pid_tgid >> 32 == (unsigned long long)getpid());
  CHECK(bpf_link__destroy(link) == 0);
}

int main(void) {
#ifdef BPFMAP_WORLD_OPTIONAL
  if (bpfmap_world_begin == NULL) {
    puts("bpfmap is not there");
    return 0;
  }
#endif
  skeleton = world_calls__open_and_load();
  CHECK(skeleton != NULL);
  without_a_world_it_is_the_system();
  each_world_begins_the_same();
  memory_is_that_of_the_process();
  clock_stands_and_is_advanced();
  task_and_cpu_are_those_that_were_set();
  seed_gives_other_numbers();
  printed_lines_are_taken_in_order();
  nth_call_fails();
  helper_is_replaced();
  event_happens_in_the_world();
  bpfmap_world_end();
  without_a_world_it_is_the_system();
  world_calls__destroy(skeleton);
  puts("passed");
  return 0;
}
