// SPDX-License-Identifier: Apache-2.0

// Pins of a process that has a root directory of its own: its paths, absolute
// and relative, lead to the same files as those of others.

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "run/raw_bpf.h"

static int Object(int command, const char* path, int map) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.pathname = Address(path);
  attr.bpf_fd = (uint32_t)map;
  return RawBpf(command, &attr);
}

static void CheckPin(const char* path, uint64_t value) {
  uint64_t found = 0;
  const int map = Object(BPF_OBJ_GET, path, 0);
  CHECK(map >= 0);
  CHECK(Lookup(map, 1, &found) == 0 && found == value);
  close(map);
}

int main(void) {
  const uint64_t value = 7;
  char root[] = "/tmp/bpfmap_test.XXXXXX";
  char pins[sizeof root + 4];
  CHECK(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
  CHECK(mkdtemp(root) != NULL);
  snprintf(pins, sizeof pins, "%s/bpf", root);
  CHECK(mkdir(pins, 0700) == 0);
  CHECK(mount("/sys/fs/bpf", pins, NULL, MS_BIND, NULL) == 0);
  const int map = Create(BPF_MAP_TYPE_HASH, 8, 4, 0);
  CHECK(map >= 0 && Update(map, 1, &value) == 0);
  CHECK(Object(BPF_OBJ_PIN, "/sys/fs/bpf/outside", map) == 0);
  CHECK(chroot(root) == 0 && chdir("/bpf") == 0);
  CHECK(Object(BPF_OBJ_PIN, "relative", map) == 0);
  CHECK(Object(BPF_OBJ_PIN, "/bpf/absolute", map) == 0);
  CheckPin("outside", value);
  CheckPin("/bpf/relative", value);
  CHECK(chdir("/") == 0);
  CheckPin("bpf/absolute", value);
  CHECK(Object(BPF_OBJ_GET, "bpf/nothing", 0) == -1 && errno == ENOENT);
  CHECK(umount2("/bpf", MNT_DETACH) == 0);
  CHECK(rmdir("/bpf") == 0);
  puts("pins are found from inside of a root");
  return 0;
}
