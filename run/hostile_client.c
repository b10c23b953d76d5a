// SPDX-License-Identifier: Apache-2.0

// A caller that means harm: random attributes that change while they are read,
// memory that comes and goes, descriptors that are closed and reused by other
// threads, paths without an end, threads that end in the middle of a call.
//
//   hostile_client SEED CALLS
//
// It succeeds if it lives; whether the supervisor does is seen by others.

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "run/raw_bpf.h"

enum { kFds = 16, kRacers = 3, kPage = 4096 };

static union bpf_attr shared_attr;
static char* page;  // one that can be read, and one after it that cannot
static int base_fd;
static atomic_int ends;

static uint64_t Next(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static uint64_t Pointer(uint64_t* state) {
  switch (Next(state) % 8) {
    case 0:
      return 0;
    case 1:
      return Next(state);
    case 2:
      return Address(page) + kPage - Next(state) % 64;
    case 3:
      return Address(&shared_attr);
    case 4:
      return UINT64_MAX - Next(state) % 16;
    default:
      return Address(page) + Next(state) % 2048;
  }
}

static void Fill(union bpf_attr* attr, uint64_t* state) {
  uint64_t* const words = (uint64_t*)attr;
  memset(attr, 0, sizeof *attr);
  for (int i = 0; i < 8; ++i) {
    if (Next(state) % 3 == 0) words[i] = Pointer(state);
  }
  if (Next(state) % 2 == 0) {
    attr->map_fd = (uint32_t)base_fd + (uint32_t)(Next(state) % kFds);
    attr->key = Pointer(state);
    attr->value = Pointer(state);
    attr->flags = Next(state) % 8;
  } else {
    attr->map_type = (uint32_t)(Next(state) % 36);
    attr->key_size = (uint32_t)(Next(state) % 16);
    attr->value_size = (uint32_t)(Next(state) % 64);
    attr->max_entries = (uint32_t)(Next(state) % 64);
  }
}

// Changes everything that the others use.
static void* Race(void* seed) {
  uint64_t state = (uint64_t)(uintptr_t)seed;
  while (!ends) {
    ((volatile uint32_t*)&shared_attr)[Next(&state) % 30] =
        (uint32_t)Next(&state);
    const int fd = base_fd + (int)(Next(&state) % kFds);
    switch (Next(&state) % 4) {
      case 0:
        close(fd);
        break;
      case 1:
        dup2(STDERR_FILENO, fd);
        break;
      case 2:
        mprotect(page, kPage, (int)(Next(&state) % 4));
        break;
      default:
        mprotect(page, kPage, PROT_READ | PROT_WRITE);
    }
  }
  return NULL;
}

static void CallOnce(uint64_t* state) {
  static struct epoll_event* const kBadEvent = (struct epoll_event*)16;
  union bpf_attr attr;
  const int fd = base_fd + (int)(Next(state) % kFds);
  switch (Next(state) % 16) {
    case 0:
      syscall(SYS_statfs, Pointer(state), Pointer(state));
      break;
    case 1:
      syscall(SYS_fstatfs, fd, Pointer(state));
      break;
    case 2:
      syscall(SYS_epoll_ctl, fd, (int)(Next(state) % 4),
              base_fd + (int)(Next(state) % kFds), kBadEvent);
      break;
    case 3:
      syscall(SYS_mmap, 0, Next(state), (int)(Next(state) % 8),
              (int)(Next(state) % 4), fd, Next(state));
      break;
    case 4:
      syscall(SYS_bpf, (int)(Next(state) % 40), Pointer(state),
              (unsigned)(Next(state) % 5000));
      break;
    case 5:
    case 6:
      syscall(SYS_bpf, (int)(Next(state) % 40), &shared_attr,
              sizeof shared_attr);
      break;
    case 7:
      Create((uint32_t)(Next(state) % 36), 8, 4096, 0);
      break;
    default:
      Fill(&attr, state);
      syscall(SYS_bpf, (int)(Next(state) % 40), &attr, sizeof attr);
  }
}

// A child that is killed in a call of one of its threads.
static void DieInCall(uint64_t seed) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child != 0) {
    CHECK(waitpid(child, NULL, 0) == child);
    return;
  }
  pthread_t thread;
  pthread_create(&thread, NULL, Race, (void*)(uintptr_t)(seed | 1));
  uint64_t state = seed | 1;
  for (uint64_t i = 0; i < seed % 50; ++i) CallOnce(&state);
  kill(getpid(), SIGKILL);
}

int main(int argc, char** argv) {
  CHECK(argc == 3);
  uint64_t state = strtoull(argv[1], NULL, 10) | 1;
  const int calls = atoi(argv[2]);
  page = mmap(NULL, 2 * kPage, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED && mprotect(page + kPage, kPage, PROT_NONE) == 0);
  memset(page, 'a', kPage);
  base_fd = 100;
  for (int i = 0; i < 40; ++i) DieInCall(Next(&state));
  pthread_t racers[kRacers];
  for (int i = 0; i < kRacers; ++i) {
    CHECK(pthread_create(&racers[i], NULL, Race,
                         (void*)(uintptr_t)Next(&state)) == 0);
  }
  for (int i = 0; i < calls; ++i) {
    CallOnce(&state);
    const int created = Create(BPF_MAP_TYPE_HASH, 8, 4, 0);
    if (created >= 0) {
      dup2(created, base_fd + (int)(Next(&state) % kFds));
      close(created);
    }
    if (i % 64 == 0) {
      for (int fd = 3; fd < base_fd; ++fd) close(fd);
    }
  }
  ends = 1;
  for (int i = 0; i < kRacers; ++i) pthread_join(racers[i], NULL);
  return 0;
}
