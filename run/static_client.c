// SPDX-License-Identifier: Apache-2.0

// A program that is linked statically, so that nothing can be preloaded: one
// map of each way to be shared, across fork(2), exec(2) and sockets; mappings;
// epoll and poll; pins. Ends with 0 if all was as on Linux.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "run/raw_bpf.h"

#define PINS "/sys/fs/bpf/"

static void WaitForSuccess(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

static void ElementsAreKept(void) {
  const int map = Create(BPF_MAP_TYPE_HASH, 8, 2, 0);
  CHECK(map >= 0);
  CHECK(fcntl(map, F_GETFD) == FD_CLOEXEC);
  uint64_t value = 70;
  CHECK(Update(map, 7, &value) == 0);
  value = 80;
  CHECK(Update(map, 8, &value) == 0);
  CHECK(Update(map, 9, &value) == -1 && errno == E2BIG);
  CHECK(Lookup(map, 7, &value) == 0 && value == 70);
  CHECK(Delete(map, 7) == 0);
  CHECK(Lookup(map, 7, &value) == -1 && errno == ENOENT);
  close(map);
  CHECK(Lookup(map, 7, &value) == -1 && errno == EBADF);
  CHECK(Lookup(STDERR_FILENO, 7, &value) == -1 && errno == EINVAL);
}

static void ChildSharesMap(const char* self) {
  const int map = Create(BPF_MAP_TYPE_ARRAY, 8, 1, 0);
  CHECK(map >= 0);
  const pid_t child = fork();
  if (child == 0) {
    char number[16];
    snprintf(number, sizeof number, "%d", map);
    fcntl(map, F_SETFD, 0);
    execl(self, self, "update", number, NULL);
    _exit(1);
  }
  WaitForSuccess(child);
  uint64_t value = 0;
  CHECK(Lookup(map, 0, &value) == 0 && value == 42);
  close(map);
}

static void SocketSharesMap(void) {
  int sockets[2];
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) == 0);
  const pid_t child = fork();
  char control[CMSG_SPACE(sizeof(int))] = {0};
  char byte = 0;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  if (child == 0) {
    int map = Create(BPF_MAP_TYPE_HASH, 8, 1, 0);
    const uint64_t value = 43;
    CHECK(Update(map, 1, &value) == 0);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof map);
    memcpy(CMSG_DATA(header), &map, sizeof map);
    CHECK(sendmsg(sockets[0], &message, 0) == 1);
    _exit(0);
  }
  WaitForSuccess(child);
  CHECK(recvmsg(sockets[1], &message, 0) == 1);
  int map;
  memcpy(&map, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof map);
  uint64_t value = 0;
  CHECK(Lookup(map, 1, &value) == 0 && value == 43);
  close(map);
  close(sockets[0]);
  close(sockets[1]);
}

static void MappingIsMap(void) {
  const int map = Create(BPF_MAP_TYPE_ARRAY, 8, 4, BPF_F_MMAPABLE);
  CHECK(map >= 0);
  uint64_t* const values =
      mmap(NULL, 32, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  CHECK(values != MAP_FAILED);
  uint64_t value = 5;
  CHECK(Update(map, 2, &value) == 0 && values[2] == 5);
  values[3] = 6;
  CHECK(Lookup(map, 3, &value) == 0 && value == 6);
  CHECK(mmap(NULL, 32, PROT_READ, MAP_PRIVATE, map, 0) == MAP_FAILED &&
        errno == EINVAL);
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_fd = (uint32_t)map;
  CHECK(RawBpf(BPF_MAP_FREEZE, &attr) == -1 && errno == EBUSY);
  CHECK(munmap(values, 32) == 0);
  CHECK(RawBpf(BPF_MAP_FREEZE, &attr) == 0);
  CHECK(mmap(NULL, 32, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0) ==
            MAP_FAILED &&
        errno == EPERM);
  close(map);
}

// A program that puts one record into the ring, run by a test run.
static int LoadProducer(int ring) {
  const struct bpf_insn instructions[] = {
      {BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 77},
      {BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, ring},
      {0, 0, 0, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0},
      {BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -8},
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 8},
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, 0},
      {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attr.insns = Address(instructions);
  attr.insn_cnt = sizeof instructions / sizeof instructions[0];
  attr.license = Address("GPL");
  return RawBpf(BPF_PROG_LOAD, &attr);
}

static void RunOnce(int program) {
  char packet[64] = {0};
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.test.prog_fd = (uint32_t)program;
  attr.test.data_in = Address(packet);
  attr.test.data_size_in = sizeof packet;
  CHECK(RawBpf(BPF_PROG_TEST_RUN, &attr) == 0);
  CHECK(attr.test.retval == 0);
}

static void EpollWaitsForRing(void) {
  const int ring = Create(BPF_MAP_TYPE_RINGBUF, 0, 4096, 0);
  CHECK(ring >= 0);
  const int program = LoadProducer(ring);
  CHECK(program >= 0);
  volatile uint64_t* const consumer =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
  const volatile char* const producer =
      mmap(NULL, 4096 + 2 * 4096, PROT_READ, MAP_SHARED, ring, 4096);
  CHECK(consumer != MAP_FAILED && producer != MAP_FAILED);
  const int set = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 99}};
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, ring, &event) == 0);
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, ring, &event) == -1 && errno == EEXIST);
  CHECK(epoll_wait(set, &event, 1, 0) == 0);
  RunOnce(program);
  event.data.u64 = 0;
  CHECK(epoll_wait(set, &event, 1, -1) == 1 && event.data.u64 == 99);
  CHECK(epoll_wait(set, &event, 1, 0) == 1);  // nothing was consumed
  CHECK(*(const volatile uint64_t*)producer == 16);
  CHECK(*(const volatile uint64_t*)(producer + 4096 + 8) == 77);
  *consumer = 16;
  CHECK(epoll_wait(set, &event, 1, 0) == 0);
  // In another thread of control, while this one waits.
  const pid_t child = fork();
  if (child == 0) {
    RunOnce(program);
    _exit(0);
  }
  CHECK(epoll_wait(set, &event, 1, -1) == 1);
  WaitForSuccess(child);
  CHECK(epoll_ctl(set, EPOLL_CTL_DEL, ring, NULL) == 0);
  CHECK(epoll_wait(set, &event, 1, 0) == 0);
  munmap((void*)consumer, 4096);
  munmap((void*)producer, 3 * 4096);
  close(set);
  close(program);
  close(ring);
}

static void PinsAreFiles(void) {
  const int map = Create(BPF_MAP_TYPE_HASH, 8, 1, 0);
  struct statfs file_system;
  CHECK(statfs(PINS, &file_system) == 0);
  CHECK((uint32_t)file_system.f_type == 0xcafe4a11);
  CHECK(mkdir(PINS "d", 0700) == 0);
  CHECK(Pin(map, PINS "d/a.b") == -1 && errno == EPERM);
  CHECK(Pin(map, PINS "none/a") == -1 && errno == ENOENT);
  CHECK(Pin(map, "/tmp/a") == -1 && errno == EPERM);
  CHECK(Pin(map, PINS "d/a") == 0);
  CHECK(Pin(map, PINS "d/a") == -1 && errno == EEXIST);
  CHECK(chmod(PINS "d", 0500) == 0);
  CHECK(geteuid() == 0 || (Pin(map, PINS "d/c") == -1 && errno == EACCES));
  CHECK(chmod(PINS "d", 0) == 0);
  CHECK(geteuid() == 0 || (Get(PINS "d/a") == -1 && errno == EACCES));
  CHECK(chmod(PINS "d", 0700) == 0);
  CHECK(chdir(PINS "d") == 0);
  CHECK(rename("a", "b") == 0);
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.pathname = Address("b");
  attr.file_flags = 1 << 14;  // BPF_F_PATH_FD
  const int32_t directory = open(PINS "d", O_PATH);
  memcpy((char*)&attr + 16, &directory, sizeof directory);
  CHECK(chdir("/") == 0);
  const int at = RawBpf(BPF_OBJ_GET, &attr);
  CHECK(at >= 0);
  close(at);
  close(directory);
  CHECK(chdir(PINS "d") == 0);
  close(map);
  CHECK(Get(PINS "d/a") == -1 && errno == ENOENT);
  const int same = Get("b");
  CHECK(same >= 0);
  CHECK(chmod("b", 0) == 0);
  CHECK(geteuid() == 0 || (Get("b") == -1 && errno == EACCES));
  CHECK(Get(PINS "d") == -1 && errno == EACCES);
  close(same);
  CHECK(CountMaps() == 1);
  CHECK(unlink("b") == 0);
  CHECK(CountMaps() == 0);
  CHECK(chdir("/") == 0 && rmdir(PINS "d") == 0);
}

static void DoNothing(int signal) { (void)signal; }

static void PollWaitsForRing(void) {
  const int ring = Create(BPF_MAP_TYPE_RINGBUF, 0, 4096, 0);
  const int program = LoadProducer(ring);
  int pipe_ends[2];
  CHECK(ring >= 0 && program >= 0 && pipe(pipe_ends) == 0);
  struct pollfd polled[] = {{.fd = ring, .events = POLLIN},
                            {.fd = pipe_ends[0], .events = POLLIN},
                            {.fd = -1, .events = POLLIN}};
  CHECK(poll(polled, 3, 0) == 0);
  CHECK(poll(polled, 3, 30) == 0);
  CHECK(write(pipe_ends[1], "", 1) == 1);
  CHECK(poll(polled, 3, -1) == 1);
  CHECK(polled[0].revents == 0 && polled[1].revents == POLLIN);
  polled[1].fd = pipe_ends[1];  // nothing comes there
  // In another thread of control, while this one waits.
  const pid_t child = fork();
  if (child == 0) {
    RunOnce(program);
    _exit(0);
  }
  CHECK(poll(polled, 3, -1) == 1);
  CHECK(polled[0].revents == POLLIN && polled[1].revents == 0);
  WaitForSuccess(child);
  polled[1].fd = 999;
  CHECK(poll(polled, 2, 0) == 2 && polled[1].revents == POLLNVAL);
  polled[0].events = POLLOUT;
  const struct itimerval soon = {.it_value = {.tv_usec = 1000}};
  signal(SIGALRM, &DoNothing);
  CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
  CHECK(poll(polled, 1, -1) == -1 && errno == EINTR);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  close(program);
  close(ring);
}

int main(int argc, char** argv) {
  if (argc == 3) {  // what ChildSharesMap() starts
    const uint64_t value = 42;
    return Update(atoi(argv[2]), 0, &value) == 0 ? 0 : 1;
  }
  ElementsAreKept();
  CHECK(CountMaps() == 0);
  ChildSharesMap(argv[0]);
  SocketSharesMap();
  MappingIsMap();
  EpollWaitsForRing();
  PollWaitsForRing();
  CHECK(CountMaps() == 0);
  PinsAreFiles();
  puts("all is as on Linux");
  return 0;
}
