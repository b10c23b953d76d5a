// SPDX-License-Identifier: Apache-2.0
//
// local_storage: asks the maps of local_storage.bpf.c by descriptors of
// everything, gives and takes values of this task by its programs, and prints
// the answers.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "tests/objects/local_storage.skel.h"

namespace {

struct Value {
  uint64_t first, second;
};

struct Object {
  const char* name;
  int fd;
};

int OpenProcess(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

// Where systemd mounts version 2 alone, and where beside version 1.
int OpenCgroup() {
  const int root = open("/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY);
  return root >= 0 ? root : open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
}

// A process that has ended.
int OpenEnded() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const int fd = OpenProcess(child);
  waitpid(child, nullptr, 0);
  return fd;
}

void AskOf(const char* name, int map, const Object& object) {
  const int* const key = &object.fd;
  Value value = {};
  std::printf("%s of %s: lookup %d", name, object.name,
              bpf_map_lookup_elem(map, key, &value));
  value = {1, 2};
  std::printf("; EXIST %d; update with flags",
              bpf_map_update_elem(map, key, &value, BPF_EXIST));
  for (const uint64_t flags : {0, 1, 2, 3, 4, 5, 8, 9}) {
    value = {10 + flags, 2};
    std::printf(" %d", bpf_map_update_elem(map, key, &value, flags));
  }
  value = {};
  const int found = bpf_map_lookup_elem(map, key, &value);
  std::printf("; lookup %d: %d %d", found, static_cast<int>(value.first),
              static_cast<int>(value.second));
  std::printf("; with LOCK %d",
              bpf_map_lookup_elem_flags(map, key, &value, BPF_F_LOCK));
  std::printf("; take %d", bpf_map_lookup_and_delete_elem(map, key, &value));
  int next;
  std::printf("; next %d, first %d", bpf_map_get_next_key(map, key, &next),
              bpf_map_get_next_key(map, nullptr, &next));
  const int deleted = bpf_map_delete_elem(map, key);
  std::printf("; delete %d, again %d\n", deleted,
              bpf_map_delete_elem(map, key));
}

void Ask(const char* name, const bpf_map* map) {
  int sockets[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
  const int fd = bpf_map__fd(map);
  const Object objects[] = {{"no descriptor", -1},
                            {"a descriptor that is not open", 9999},
                            {"the map", fd},
                            {"a file", open("/etc/passwd", O_RDONLY)},
                            {"a directory", open("/", O_RDONLY)},
                            {"a socket", socket(AF_INET, SOCK_DGRAM, 0)},
                            {"one of a pair", sockets[0]},
                            {"a process", OpenProcess(getpid())},
                            {"an ended process", OpenEnded()},
                            {"a cgroup", OpenCgroup()}};
  for (const Object& object : objects) AskOf(name, fd, object);
  Value value = {3, 4};
  uint32_t count = 1;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  std::printf(
      "%s: batches %d", name,
      bpf_map_update_batch(fd, &objects[3].fd, &value, &count, &options));
  bpf_map_info info = {};
  uint32_t length = sizeof info;
  bpf_obj_get_info_by_fd(fd, &info, &length);
  std::printf("; flags %u, max_entries %u", info.map_flags, info.max_entries);
  for (const Object& object : objects) {
    if (object.fd != fd && object.fd >= 0 && object.fd < 9999) {
      close(object.fd);
    }
  }
  close(sockets[1]);
  std::printf("; freeze %d", bpf_map_freeze(fd));
  std::printf("; update %d\n", bpf_map_update_elem(fd, &fd, &value, 0));
}

void Run(const bpf_program* program, uint64_t flags, uint64_t adds,
         uint64_t has_initial) {
  uint64_t asked[] = {flags, adds, has_initial};
  LIBBPF_OPTS(bpf_test_run_opts, run);
  run.ctx_in = asked;
  run.ctx_size_in = sizeof asked;
  const int error = bpf_prog_test_run_opts(bpf_program__fd(program), &run);
  std::printf("%s, flags %d, adds %d, initial %d: %d, answer %d\n",
              bpf_program__name(program), static_cast<int>(flags),
              static_cast<int>(adds), static_cast<int>(has_initial), error,
              static_cast<int>(run.retval));
}

void ShowOwn(int tasks) {
  const int self = OpenProcess(getpid());
  Value value = {};
  const int found = bpf_map_lookup_elem(tasks, &self, &value);
  std::printf("seen from user space: %d: %d %d\n", found,
              static_cast<int>(value.first), static_cast<int>(value.second));
  close(self);
}

void RunPrograms(const local_storage* skeleton) {
  const bpf_program* const get = skeleton->progs.get;
  const bpf_program* const drop = skeleton->progs.drop;
  const int tasks = bpf_map__fd(skeleton->maps.tasks);
  Run(get, 0, 1, 0);
  Run(get, 2, 1, 0);
  Run(get, 1, 1, 0);
  Run(get, 1, 5, 1);
  Run(get, 0, 1, 0);
  Run(get, 3, 1, 0);
  ShowOwn(tasks);
  Run(drop, 0, 0, 0);
  Run(drop, 0, 0, 0);
  ShowOwn(tasks);
  Run(get, 1, 1, 1);
  ShowOwn(tasks);
  const int self = OpenProcess(getpid());
  const Value value = {1000, 1};
  std::printf("update from user space: %d\n",
              bpf_map_update_elem(tasks, &self, &value, BPF_EXIST));
  close(self);
  Run(get, 0, 0, 0);
  Run(drop, 0, 0, 0);
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  local_storage* const skeleton = local_storage__open_and_load();
  if (skeleton == nullptr) {
    std::perror("load");
    return 1;
  }
  RunPrograms(skeleton);
  Ask("sockets", skeleton->maps.sockets);
  Ask("inodes", skeleton->maps.inodes);
  Ask("tasks", skeleton->maps.tasks);
  Ask("cgroups", skeleton->maps.cgroups);
  local_storage__destroy(skeleton);
  return 0;
}
