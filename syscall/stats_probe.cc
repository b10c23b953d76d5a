// SPDX-License-Identifier: Apache-2.0
//
// stats_probe: asks bpf(2) to count runs of programs, and prints what it
// counted. Run as root on Linux 6.18 it writes stats_probe.out.

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace {

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

union Attr {
  bpf_attr fields;
  uint32_t words[sizeof(bpf_attr) / 4];
};

Attr Zeros() {
  Attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

long Bpf(int command, Attr* attr, unsigned size) {
  const long result = syscall(SYS_bpf, command, attr, size);
  return result < 0 ? -errno : result;
}

long Enable(uint32_t type = BPF_STATS_RUN_TIME) {
  Attr attr = Zeros();
  attr.fields.enable_stats.type = type;
  return Bpf(BPF_ENABLE_STATS, &attr, 4);
}

int Load(uint32_t type, const bpf_insn* instructions, uint32_t count) {
  Attr attr = Zeros();
  attr.fields.prog_type = type;
  attr.fields.insn_cnt = count;
  attr.fields.insns = Address(instructions);
  attr.fields.license = Address("GPL");
  if (type == BPF_PROG_TYPE_SYSCALL) attr.fields.prog_flags = BPF_F_SLEEPABLE;
  return static_cast<int>(Bpf(BPF_PROG_LOAD, &attr, sizeof attr));
}

constexpr bpf_insn kReturn0 = {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0};
constexpr bpf_insn kExit = {BPF_JMP | BPF_EXIT, 0, 0, 0, 0};

int LoadReturn0(uint32_t type) {
  const bpf_insn program[] = {kReturn0, kExit};
  return Load(type, program, 2);
}

int ProgramArray() {
  Attr attr = Zeros();
  attr.fields.map_type = BPF_MAP_TYPE_PROG_ARRAY;
  attr.fields.key_size = attr.fields.value_size = 4;
  attr.fields.max_entries = 1;
  return static_cast<int>(Bpf(BPF_MAP_CREATE, &attr, 72));
}

// A program that calls the only program of `array`, which becomes `callee`.
int LoadTailCall(int array, int callee) {
  const bpf_insn program[] = {
      {BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_MAP_FD, 0, array},
      {0, 0, 0, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0},
      {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call},
      kReturn0,
      kExit};
  const int caller = Load(BPF_PROG_TYPE_SOCKET_FILTER, program, 6);
  const uint32_t zero = 0;
  Attr attr = Zeros();
  attr.fields.map_fd = static_cast<uint32_t>(array);
  attr.fields.key = Address(&zero);
  attr.fields.value = Address(&callee);
  Bpf(BPF_MAP_UPDATE_ELEM, &attr, 32);
  return caller;
}

void Run(int fd, uint32_t repeat, bool has_packet = true) {
  static uint8_t packet[64] = {};
  Attr attr = Zeros();
  attr.fields.test.prog_fd = static_cast<uint32_t>(fd);
  attr.fields.test.repeat = repeat;
  if (has_packet) {
    attr.fields.test.data_in = Address(packet);
    attr.fields.test.data_size_in = sizeof packet;
  }
  const long error = Bpf(BPF_PROG_TEST_RUN, &attr, 80);
  if (error != 0) std::printf("run: %ld\n", error);
}

bpf_prog_info InfoOf(int fd) {
  bpf_prog_info info = {};
  Attr attr = Zeros();
  attr.fields.info.bpf_fd = static_cast<uint32_t>(fd);
  attr.fields.info.info_len = sizeof info;
  attr.fields.info.info = Address(&info);
  const long error = Bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, 16);
  if (error != 0) std::printf("info: %ld\n", error);
  return info;
}

void Say(const char* what, int fd) {
  const bpf_prog_info info = InfoOf(fd);
  std::printf("%s: %llu runs, %s time, %llu misses\n", what,
              static_cast<unsigned long long>(info.run_cnt),
              info.run_time_ns != 0 ? "some" : "no",
              static_cast<unsigned long long>(info.recursion_misses));
}

void Answers() {
  for (const uint32_t type : {1u, 2u, 99u}) {
    std::printf("type %u: %ld\n", type, Enable(type));
  }
  Attr attr = Zeros();
  attr.words[1] = 1;
  std::printf("more than a type: %ld\n", Bpf(BPF_ENABLE_STATS, &attr, 8));
  // Type 0 is that of run times.
  const int fd = static_cast<int>(Bpf(BPF_ENABLE_STATS, &attr, 0));
  std::printf("close-on-exec: %d\n", fcntl(fd, F_GETFD));
  std::printf("writable: %d\n", (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY);
  attr = Zeros();
  attr.fields.info.bpf_fd = static_cast<uint32_t>(fd);
  std::printf("info: %ld\n", Bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, 16));
  attr = Zeros();
  attr.fields.bpf_fd = static_cast<uint32_t>(fd);
  attr.fields.pathname = Address("/sys/fs/bpf/stats_probe");
  std::printf("pin: %ld\n", Bpf(BPF_OBJ_PIN, &attr, 16));
  close(fd);
}

void Counts() {
  const int filter = LoadReturn0(BPF_PROG_TYPE_SOCKET_FILTER);
  Run(filter, 1);
  Say("before", filter);
  const int first = static_cast<int>(Enable());
  Run(filter, 1);
  Say("once", filter);
  Run(filter, 3);
  Say("three times more", filter);
  Run(filter, 0);
  Say("repeat 0", filter);
  const int second = static_cast<int>(Enable());
  close(first);
  Run(filter, 1);
  Say("one of two closed", filter);
  const int third = dup(second);
  close(second);
  Run(filter, 1);
  Say("a duplicate left", filter);
  close(third);
  Run(filter, 1);
  Say("all closed", filter);
  Run(filter, 5);
  Say("all closed, five times", filter);
}

void Types() {
  const int fd = static_cast<int>(Enable());
  for (const bpf_prog_type type : {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
                                   BPF_PROG_TYPE_FLOW_DISSECTOR}) {
    const int program = LoadReturn0(type);
    Run(program, 2);
    Say("a type with packets, twice", program);
  }
  for (const bpf_prog_type type :
       {BPF_PROG_TYPE_SYSCALL, BPF_PROG_TYPE_RAW_TRACEPOINT}) {
    const int program = LoadReturn0(type);
    Run(program, 0, /*has_packet=*/false);
    Say("a type without", program);
    Run(program, 2, /*has_packet=*/false);
    Say("a run that is refused", program);
  }
  const int array = ProgramArray();
  const int callee = LoadReturn0(BPF_PROG_TYPE_SOCKET_FILTER);
  const int caller = LoadTailCall(array, callee);
  Run(caller, 1);
  Say("the program that makes a tail call", caller);
  Say("the program that it leads to", callee);
  std::printf("verified instructions: %u\n", InfoOf(callee).verified_insns);
  close(fd);
}

}  // namespace

int main() {
  Answers();
  Counts();
  Types();
  return 0;
}
