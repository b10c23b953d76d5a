// SPDX-License-Identifier: Apache-2.0
//
// How long programs live, and the maps that they use.

#include <fcntl.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/pins.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using Instructions = std::vector<bpf_insn>;

constexpr bpf_insn kExit = {BPF_JMP | BPF_EXIT, 0, 0, 0, 0};

bpf_insn Return(int number) {
  return {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, number};
}

int Load(const Instructions& program,
         uint32_t type = BPF_PROG_TYPE_SOCKET_FILTER) {
  bpf_attr attr = ZeroedAttr();
  attr.prog_type = type;
  attr.insns = Address(program.data());
  attr.insn_cnt = static_cast<uint32_t>(program.size());
  attr.license = Address("GPL");
  return static_cast<int>(Call(BPF_PROG_LOAD, &attr));
}

// Adds 1 to the first value of an array of one, and returns what was there.
Instructions Counts(int array) {
  return {
      {BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, 0, array},
      {},
      {BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_0, 0, 0},
      {BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, 1},
      {BPF_STX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_2, 0, 0},
      kExit};
}

// Calls the first program of an array, and returns 99 if there is none.
Instructions Jumps(int array) {
  return {{BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, BPF_PSEUDO_MAP_FD, 0, array},
          {},
          {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0},
          {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call},
          Return(99),
          kExit};
}

// The result of the program, or -errno.
long RunOnce(int program) {
  char packet[64] = {};
  bpf_attr attr = ZeroedAttr();
  attr.test.prog_fd = static_cast<uint32_t>(program);
  attr.test.data_in = Address(packet);
  attr.test.data_size_in = sizeof packet;
  const long error = Call(BPF_PROG_TEST_RUN, &attr);
  return error != 0 ? error : static_cast<long>(attr.test.retval);
}

bool AnyProgram() {
  bpf_attr attr = ZeroedAttr();
  return Call(BPF_PROG_GET_NEXT_ID, &attr) == 0;
}

constexpr MapDef kCounter = {.type = MapType::kArray,
                             .key_size = 4,
                             .value_size = 8,
                             .max_entries = 1,
                             .map_flags = kMmapable};
constexpr MapDef kStages = {.type = MapType::kProgArray,
                            .key_size = 4,
                            .value_size = 4,
                            .max_entries = 4};

TEST(ProgramLifetimeTest, AProgramKeepsItsMapsAfterTheyAreClosed) {
  const int counter = CreateFd(kCounter);
  const uint32_t id = IdOf(counter);
  const int program = Load(Counts(counter));
  ASSERT_GE(program, 0);
  close(counter);
  EXPECT_EQ(RunOnce(program), 0);
  EXPECT_EQ(RunOnce(program), 1);
  const int again = static_cast<int>(FdById(id));
  ASSERT_GE(again, 0);
  const uint32_t key = 0;
  uint64_t value = 0;
  EXPECT_EQ(Lookup(again, &key, &value), 0);
  EXPECT_EQ(value, 2u);
  value = 40;
  EXPECT_EQ(Update(again, &key, &value), 0);
  EXPECT_EQ(RunOnce(program), 40);
  close(again);
  close(program);
  EXPECT_TRUE(IsLetGo(id));
}

TEST(ProgramLifetimeTest, AMapThatIsBoundLivesAsLongAsTheProgram) {
  const int counter = CreateFd(kCounter);
  const uint32_t id = IdOf(counter);
  const int program = Load({Return(7), kExit});
  bpf_attr attr = ZeroedAttr();
  attr.prog_bind_map.prog_fd = static_cast<uint32_t>(program);
  attr.prog_bind_map.map_fd = static_cast<uint32_t>(counter);
  ASSERT_EQ(Call(BPF_PROG_BIND_MAP, &attr), 0);
  close(counter);
  const long again = FdById(id);
  EXPECT_GE(again, 0);
  close(static_cast<int>(again));
  close(program);
  EXPECT_TRUE(IsLetGo(id));
}

TEST(ProgramLifetimeTest, AnArrayKeepsItsProgramsAndTailCallsFindThem) {
  const int stages = CreateFd(kStages);
  const int jumps = Load(Jumps(stages));
  ASSERT_GE(jumps, 0);
  EXPECT_EQ(RunOnce(jumps), 99);
  const int target = Load({Return(7), kExit});
  const uint32_t key = 0;
  ASSERT_EQ(Update(stages, &key, &target), 0);
  close(target);
  EXPECT_EQ(RunOnce(jumps), 7);
  EXPECT_EQ(Delete(stages, &key), 0);
  EXPECT_EQ(RunOnce(jumps), 99);
  close(stages);
  close(jumps);
  EXPECT_FALSE(AnyProgram());
}

TEST(ProgramLifetimeTest, AProgramInAnArrayThatItUsesIsLetGo) {
  const int stages = CreateFd(kStages);
  const uint32_t id = IdOf(stages);
  const int jumps = Load(Jumps(stages));
  const uint32_t key = 0;
  ASSERT_EQ(Update(stages, &key, &jumps), 0);
  EXPECT_EQ(RunOnce(jumps), 99);  // after 33 tail calls to itself
  close(jumps);
  close(stages);
  EXPECT_TRUE(IsLetGo(id));
  EXPECT_FALSE(AnyProgram());
}

TEST(ProgramLifetimeTest, AnArrayThatUserSpaceLetGoIsEmpty) {
  const int stages = CreateFd(kStages);
  const int jumps = Load(Jumps(stages));
  const int target = Load({Return(7), kExit});
  const uint32_t key = 0;
  ASSERT_EQ(Update(stages, &key, &target), 0);
  close(stages);
  EXPECT_TRUE(AnyProgram());  // closed files are looked for
  EXPECT_EQ(RunOnce(jumps), 99);
  close(target);
  close(jumps);
  EXPECT_FALSE(AnyProgram());
}

TEST(ProgramLifetimeTest, APinKeepsAProgram) {
  constexpr char kPath[] = "/sys/fs/bpf/program";
  const int program = Load({Return(7), kExit});
  ASSERT_EQ(Pin(program, kPath), 0);
  close(program);
  const int again = static_cast<int>(Get(kPath));
  ASSERT_GE(again, 0);
  EXPECT_EQ(RunOnce(again), 7);
  close(again);
  EXPECT_TRUE(AnyProgram());
  EXPECT_EQ(ProcessPins::Global().Unlink(kPath), 0);
  EXPECT_FALSE(AnyProgram());
}

TEST(ProgramLifetimeTest, AFaultEndsTheRunAndNotTheProcess) {
  const Instructions reads_null = {
      Return(0),
      {BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_0, 0, 0},
      kExit};
  const int program = Load(reads_null);
  ASSERT_GE(program, 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(RunOnce(program), -EFAULT);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("instruction 1"),
            std::string::npos);
  close(program);
}

}  // namespace
}  // namespace bpfmap
