/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpfmap_world.h: the world of the BPF programs that this process runs through
 * bpf(2), for tests in C: clock, CPU, task, random numbers, what is printed,
 * helpers that fail or answer otherwise.
 *
 *   bpfmap_world_begin();
 *   bpfmap_world_set_clock(10000000000);  // nanoseconds
 *   bpfmap_world_fail(BPF_FUNC_map_update_elem, 3, E2BIG, "rules");
 *   bpf_prog_test_run_opts(bpf_program__fd(skel->progs.firewall), &test);
 *   assert(strcmp(bpfmap_world_take_printed(), "dropped 7") == 0);
 *
 * Without any of these calls the world is the system: its clock and random
 * numbers, the task that runs the program. bpfmap_world_begin() makes one that
 * knows no machine, so that each run gives the same result:
 *
 *   clock           stands at 1,000,000,000 ns
 *   CPU             0
 *   task            pid 1, tgid 1, uid 0, gid 0, comm "bpfmap", cgroup 1
 *   random numbers  of a seed that is always the same
 *
 * Memory that programs read by bpf_probe_read_*() is that of this process in
 * any case. The first of the other calls begins such a world too, if there is
 * none. Tests in C++ that open object files have World (programs/world.h).
 *
 * Link bpfmap's syscall library beside libbpf. A program that is to run without
 * it too, on the kernel or with libbpfmap_preload.so preloaded, defines
 * BPFMAP_WORLD_OPTIONAL before it includes this; then bpfmap_world_begin is
 * null where bpfmap is not there. `bpfmap run` has no such world.
 *
 * Thread-safe. While there is a world of a test, runs of several threads wait
 * for each other. After fork(2) the child has a copy.
 */

#ifndef BPFMAP_SYSCALL_BPFMAP_WORLD_H_
#define BPFMAP_SYSCALL_BPFMAP_WORLD_H_

#include <stdint.h>

#ifdef BPFMAP_WORLD_OPTIONAL
#define BPFMAP_WORLD_CALL __attribute__((weak))
#else
#define BPFMAP_WORLD_CALL
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Begins a world of the test, anew if there is one: all that was set, printed
   and made to fail is forgotten. */
BPFMAP_WORLD_CALL void bpfmap_world_begin(void);

/* Ends it: the world is the system again. */
BPFMAP_WORLD_CALL void bpfmap_world_end(void);

/* The clocks of bpf_ktime_get_ns() and its like, in nanoseconds: stand at a
   time; stand, or run, later by some; run as fast as the machine's. */
BPFMAP_WORLD_CALL void bpfmap_world_set_clock(uint64_t ns);
BPFMAP_WORLD_CALL void bpfmap_world_advance_clock(uint64_t ns);
BPFMAP_WORLD_CALL void bpfmap_world_run_clock(void);

/* The CPU that programs run on, and whose per-CPU values they see. Returns 0;
   -EINVAL: there is no such CPU. */
BPFMAP_WORLD_CALL int bpfmap_world_set_cpu(int cpu);

/* NOLINTNEXTLINE(readability-identifier-naming): of C */
struct bpfmap_task {
  uint32_t pid;  /* of the thread */
  uint32_t tgid; /* of the process */
  uint32_t uid;
  uint32_t gid;
  char comm[16]; /* the last byte is taken for 0 */
  uint64_t cgroup_id;
};

/* The task that bpf_get_current_pid_tgid() and its like tell of. */
BPFMAP_WORLD_CALL void bpfmap_world_set_task(const struct bpfmap_task *task);

/* Where bpf_get_prandom_u32() starts; 0: where each world does. */
BPFMAP_WORLD_CALL void bpfmap_world_set_seed(uint64_t seed);

/* The oldest line of bpf_printk() that was not taken yet; NULL: there is none.
   It is good until the next call by the same thread. $BPFMAP_TRACE gets none of
   them. */
BPFMAP_WORLD_CALL const char *bpfmap_world_take_printed(void);

/* Makes the nth call of a helper (BPF_FUNC_*) from now on, from 1 on, fail
   without doing anything: it returns -error, or NULL if it returns pointers.
   Only calls for the map of this name count; NULL: all do. Returns 0; -EINVAL:
   nth is below 1, or error is not above 0. */
BPFMAP_WORLD_CALL int bpfmap_world_fail(uint32_t helper, int nth, int error,
                                        const char *map);

/* Makes a helper return `value`, without doing anything. */
BPFMAP_WORLD_CALL void bpfmap_world_set_return(uint32_t helper, int64_t value);

/* Calls `function` in place of a helper, or of one that is absent, and returns
   to the program what it returns. Memory that an argument points to can be
   read, and written where the helper writes it. A helper that returns pointers
   can return 0 alone. Returns 0; -EINVAL: there is no function. */
typedef uint64_t (*bpfmap_helper)(void *context, const uint64_t arguments[5]);
BPFMAP_WORLD_CALL int bpfmap_world_on_helper(uint32_t helper,
                                             bpfmap_helper function,
                                             void *context);

/* Makes something happen: the programs that are attached to its hook run.

     bpfmap_fire("pid=7 comm=cc1 tracepoint/syscalls/sys_enter_openat "
                 "args[1]=\"/etc/passwd\"");

   The line is as programs/event_line.h says. Its programs see the clock, the
   task and the CPU of the line, and what it does not say as in the world of the
   test, if there is one, or else the system. Returns how many programs ran; -1:
   the line is wrong, which is said on standard error. */
BPFMAP_WORLD_CALL int bpfmap_fire(const char *line);

#ifdef __cplusplus
}
#endif

#endif /* BPFMAP_SYSCALL_BPFMAP_WORLD_H_ */
