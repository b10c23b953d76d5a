// SPDX-License-Identifier: Apache-2.0

// Processes that are killed while they write, and many at once.
//
//   storm_client KILLS PROCESSES
//
// Writers put values of equal bytes into maps that all share, and are killed at
// any point. Each value that is read is one that was written, others go on, and
// what only the dead had is gone.

#include <signal.h>
#include <sys/wait.h>

#include "run/raw_bpf.h"

enum { kWords = 64, kKeys = 4, kMapsOfKilled = 20, kOwnMaps = 100 };

static void CheckWhole(int map) {
  for (uint32_t key = 0; key < kKeys; ++key) {
    uint64_t value[kWords];
    if (Lookup(map, key, value) != 0) {
      CHECK(errno == ENOENT);
      continue;
    }
    for (int i = 1; i < kWords; ++i) CHECK(value[i] == value[0]);
  }
}

// Never returns.
static void Write(int hash, int array, uint64_t seed, int ready) {
  for (int i = 0; i < kMapsOfKilled; ++i) {
    CHECK(Create(BPF_MAP_TYPE_HASH, 8, 1, 0) >= 0);
  }
  uint64_t value[kWords];
  for (uint64_t n = seed;; ++n) {
    for (int i = 0; i < kWords; ++i) value[i] = n * 0x0101010101010101;
    CHECK(Update(hash, (uint32_t)(n % kKeys), value) == 0);
    CHECK(Update(array, (uint32_t)(n % kKeys), value) == 0);
    if (n % 3 == 0 && Delete(hash, (uint32_t)(n % kKeys)) != 0) {
      CHECK(errno == ENOENT);
    }
    if (n == seed + 3) CHECK(write(ready, "", 1) == 1);
  }
}

static void Storm(int kills) {
  const int hash =
      Create(BPF_MAP_TYPE_HASH, sizeof(uint64_t) * kWords, kKeys + 1, 0);
  // Values that are replaced, and values that are written in place: those may
  // be a mixture on Linux, too, unless one process writes at a time.
  const int array =
      Create(BPF_MAP_TYPE_ARRAY, sizeof(uint64_t) * kWords, kKeys, 0);
  CHECK(hash >= 0 && array >= 0);
  for (int i = 0; i < kills; ++i) {
    int ready[2];
    CHECK(pipe(ready) == 0);
    const pid_t writer = fork();
    if (writer == 0) Write(hash, array, (uint64_t)i * 1000, ready[1]);
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    for (int reads = 0; reads < i % 7; ++reads) CheckWhole(hash);
    CHECK(kill(writer, SIGKILL) == 0);
    CHECK(waitpid(writer, NULL, 0) == writer);
    CheckWhole(hash);
    CheckWhole(array);
    close(ready[0]);
    close(ready[1]);
  }
  CHECK(CountMaps() == 2);
  close(hash);
  close(array);
}

static void Crowd(int processes) {
  const int shared = Create(BPF_MAP_TYPE_HASH, 8, 1 << 16, 0);
  CHECK(shared >= 0);
  int go[2];
  CHECK(pipe(go) == 0);
  for (int i = 0; i < processes; ++i) {
    if (fork() != 0) continue;
    char byte;
    close(go[1]);
    CHECK(read(go[0], &byte, 1) == 0);  // all begin at once
    for (int map = 0; map < kOwnMaps; ++map) {
      const int own = Create(BPF_MAP_TYPE_HASH, 8, 4, 0);
      const uint64_t value = (uint64_t)i;
      uint64_t read_back = 0;
      CHECK(own >= 0);
      CHECK(Update(own, 1, &value) == 0);
      CHECK(Lookup(own, 1, &read_back) == 0 && read_back == value);
      CHECK(Update(shared, (uint32_t)(i * kOwnMaps + map), &value) == 0);
    }
    _exit(0);
  }
  close(go[0]);
  close(go[1]);
  int status;
  for (int i = 0; i < processes; ++i) {
    CHECK(wait(&status) > 0);
    CHECK(status == 0);
  }
  for (int key = 0; key < processes * kOwnMaps; ++key) {
    uint64_t value;
    CHECK(Lookup(shared, (uint32_t)key, &value) == 0);
    CHECK(value == (uint64_t)(key / kOwnMaps));
  }
  CHECK(CountMaps() == 1);
  close(shared);
}

int main(int argc, char** argv) {
  CHECK(argc == 3);
  Storm(atoi(argv[1]));
  Crowd(atoi(argv[2]));
  CHECK(CountMaps() == 0);
  puts("nothing is torn, and nothing is left");
  return 0;
}
