// SPDX-License-Identifier: Apache-2.0

// For test programs in C: the commands of bpf(2) as functions, which make the
// system call themselves. Results are those of syscall(2): -1 and errno.

#ifndef BPFMAP_RUN_RAW_BPF_H_
#define BPFMAP_RUN_RAW_BPF_H_

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHECK(condition)                                                    \
  do {                                                                      \
    if (!(condition)) {                                                     \
      fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, \
              #condition, errno);                                           \
      exit(1);                                                              \
    }                                                                       \
  } while (0)

static inline uint64_t Address(const void* pointer) {
  return (uint64_t)(uintptr_t)pointer;
}

static inline int RawBpf(int command, const union bpf_attr* attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static inline int Create(uint32_t type, uint32_t value_size, uint32_t entries,
                         uint32_t flags) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = type;
  attr.key_size = type == BPF_MAP_TYPE_RINGBUF ? 0 : 4;
  attr.value_size = value_size;
  attr.max_entries = entries;
  attr.map_flags = flags;
  return RawBpf(BPF_MAP_CREATE, &attr);
}

static inline int Element(int command, int fd, uint32_t key,
                          const void* value) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_fd = (uint32_t)fd;
  attr.key = Address(&key);
  attr.value = Address(value);
  return RawBpf(command, &attr);
}
static inline int Update(int fd, uint32_t key, const void* value) {
  return Element(BPF_MAP_UPDATE_ELEM, fd, key, value);
}
static inline int Lookup(int fd, uint32_t key, void* value) {
  return Element(BPF_MAP_LOOKUP_ELEM, fd, key, value);
}
static inline int Delete(int fd, uint32_t key) {
  return Element(BPF_MAP_DELETE_ELEM, fd, key, NULL);
}

static inline int Pin(int fd, const char* path) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.pathname = Address(path);
  attr.bpf_fd = (uint32_t)fd;
  return RawBpf(BPF_OBJ_PIN, &attr);
}
static inline int Get(const char* path) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.pathname = Address(path);
  return RawBpf(BPF_OBJ_GET, &attr);
}

// How many maps there are.
static inline int CountMaps(void) {
  int count = 0;
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  while (RawBpf(BPF_MAP_GET_NEXT_ID, &attr) == 0) {
    attr.start_id = attr.next_id;
    ++count;
  }
  return count;
}

#endif  // BPFMAP_RUN_RAW_BPF_H_
