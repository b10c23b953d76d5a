// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/fuzz_attribute.h"

#include <linux/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"

namespace bpfmap {

FuzzArena::FuzzArena()
    : bytes_(static_cast<char*>(mmap(nullptr, kSize + kPage,
                                     PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
  mprotect(bytes_ + kSize, kPage, PROT_NONE);
}

void FuzzArena::Fill(const uint8_t* data, std::size_t size) {
  if (size == 0) return;
  size = std::min(size, kSize);
  std::memcpy(bytes_, data, size);
  for (; size < kSize; size *= 2) {
    std::memcpy(bytes_ + size, bytes_, std::min(size, kSize - size));
  }
}

uint64_t FuzzArena::Choose(uint8_t choice) const {
  if (choice == 0) return 0;
  if (choice == 1) return 8;
  return Address(bytes_) +
         (choice < 32 ? kSize - choice : (choice - 32) * std::size_t{256});
}

std::size_t FuzzAttribute::BytesOf(int command) {
  switch (command) {
    case BPF_MAP_CREATE:
      return 72;
    case BPF_MAP_LOOKUP_BATCH:
    case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
    case BPF_MAP_UPDATE_BATCH:
    case BPF_MAP_DELETE_BATCH:
      return 56;
    case BPF_PROG_LOAD:
    case BPF_PROG_TEST_RUN:
      return 96;
    default:
      return 32;
  }
}

uint32_t FuzzAttribute::ChooseFd(uint8_t choice) const {
  if (fds_.empty() || choice > 0xf0) return choice;
  return static_cast<uint32_t>(fds_[choice % fds_.size()]);
}

void FuzzAttribute::SetKey(std::size_t offset) {
  if (bytes_[offset + 1] % 2 == 0) return SetAddress(offset);
  std::memset(key_, 0, sizeof key_);
  key_[0] = static_cast<char>(bytes_[offset] % 8);
  Set(offset, Address(key_));
}

void FuzzAttribute::SetValue(std::size_t offset) {
  if (bytes_[offset + 1] % 4 != 0) return SetAddress(offset);
  const uint32_t fd = ChooseFd(bytes_[offset]);
  std::memcpy(value_, &fd, sizeof fd);
  Set(offset, Address(value_));
}

void FuzzAttribute::SetSizes() {
  Limit(4, 40);
  Limit(8, 300);
  Limit(12, 64);
  switch (MapType{At<uint32_t>(0)}) {
    case MapType::kArray:
    case MapType::kPerCpuArray:
      return Set(4, uint32_t{4});
    case MapType::kProgArray:
    case MapType::kPerfEventArray:
    case MapType::kCgroupArray:
    case MapType::kXskMap:
    case MapType::kArrayOfMaps:
    case MapType::kHashOfMaps:
      Set(4, uint32_t{4});
      return Set(8, uint32_t{4});
    case MapType::kSockMap:
    case MapType::kSockHash:
    case MapType::kReuseportSockArray:
    case MapType::kDevMap:
    case MapType::kDevMapHash:
    case MapType::kCpuMap:
      Set(4, uint32_t{4});
      return Set(8, 4 + At<uint32_t>(8) % 2 * 4);
    case MapType::kCgroupStorage:
    case MapType::kPerCpuCgroupStorage:
      Set(4, 8 + At<uint32_t>(4) % 2 * 8);
      Set(8, uint32_t{8});
      return Set(12, uint32_t{0});
    case MapType::kSkStorage:
    case MapType::kInodeStorage:
    case MapType::kTaskStorage:
    case MapType::kCgrpStorage:
      Set(4, uint32_t{4});
      Set(8, uint32_t{8});
      return Set(12, uint32_t{0});
    case MapType::kStackTrace:
      Set(4, uint32_t{4});
      return Set(8, At<uint32_t>(8) / 8 * 8);
    case MapType::kLpmTrie:
      return Set(4, 5 + At<uint32_t>(4) % 16);
    case MapType::kQueue:
    case MapType::kStack:
    case MapType::kBloomFilter:
      return Set(4, uint32_t{0});
    case MapType::kArena:
      Set(4, uint32_t{0});
      return Set(8, uint32_t{0});
    case MapType::kRingBuf:
    case MapType::kUserRingBuf:
      Set(4, uint32_t{0});
      Set(8, uint32_t{0});
      return Set(12, uint32_t{4096});
    default:
      return;
  }
}

// Offsets are those of the fields in bpf_attr. Bytes that are overwritten later
// choose what else happens.
void FuzzAttribute::MakeSenseOfCreate() {
  // All that there are, those with most in them again, and some more.
  constexpr uint32_t kTypes[] = {1,  2,  3,  4,  5,  6,  7,  9,  10, 11,
                                 12, 13, 22, 23, 27, 30, 31, 27, 31, 2,
                                 2,  1,  8,  14, 15, 16, 17, 18, 19, 21,
                                 20, 25, 24, 28, 29, 32, 33, 26, 0,  34};
  constexpr MapFlags kFlags[] = {MapFlags{}, kNoPrealloc, kNoCommonLru,
                                 kRdOnly,    kWrOnly,     kStackBuildId,
                                 kZeroSeed,  kRdOnlyProg, kWrOnlyProg,
                                 kMmapable,  kInnerMap,   kPreserveElems};
  Set(0, kTypes[bytes_[0] % std::size(kTypes)]);
  if (bytes_[21] % 16 == 0) {
    Limit(4, 40);
    Limit(8, 300);
    Limit(12, 1 << 12);
  } else {
    SetSizes();
  }
  if (bytes_[17] % 16 != 0) {
    const MapType type{At<uint32_t>(0)};
    const bool always =
        type == MapType::kLpmTrie || type == MapType::kSkStorage ||
        type == MapType::kInodeStorage || type == MapType::kTaskStorage ||
        type == MapType::kCgrpStorage;
    Set(16, ToNumber(kFlags[bytes_[16] % std::size(kFlags)] |
                     kFlags[bytes_[18] % 2 * bytes_[19] % std::size(kFlags)] |
                     (always ? kNoPrealloc : MapFlags{}) |
                     (type == MapType::kArena ? kMmapable : MapFlags{})));
  }
  SetFd(20);
  if (bytes_[25] % 4 != 0) return ZeroFrom(24);
  if (bytes_[26] % 4 != 0) ZeroFrom(64);           // map_extra
  if (bytes_[27] % 16 != 0) Set(60, uint32_t{0});  // a kernel's type
  Set(24, uint32_t{bytes_[24]} % 2);               // numa_node
  if (bytes_[43] % 8 != 0) std::memset(bytes_ + 29, 0, 15);
  if (bytes_[28] % 8 != 0) bytes_[28] = 'n';  // a name
  if (bytes_[44] % 4 != 0) {
    Set(4, uint32_t{4});  // as long as the types
    Set(8, uint32_t{8});
  }
  Set(44, uint32_t{0});  // map_ifindex
  if (bytes_[48] % 8 != 0) {
    Set(48, btf_fd_);
  } else {
    SetFd(48);
  }
  // btf_key_type_id, btf_value_type_id: of SomeBtf
  Set(52, bytes_[52] % 4 != 0 ? 1 : bytes_[53] % 17u);
  Set(56, bytes_[56] % 4 != 0 ? 3 : bytes_[57] % 17u);
}

void FuzzAttribute::MakeSenseOfBtf() {
  if (bytes_[1] % 4 == 0) {
    SetAddress(0);
    Limit(16, 512);
  } else {
    btf_ = SomeBtf();
    auto* const bytes = reinterpret_cast<unsigned char*>(&btf_);
    for (std::size_t i = 2; i < 8 && bytes_[i] % 2 != 0; i += 3) {
      const std::size_t at = bytes_[i] / 2 + bytes_[i + 1] % 4 * 128u;
      bytes[at % sizeof btf_] = bytes_[i + 2];
    }
    Set(0, Address(&btf_));
    Set(16, static_cast<uint32_t>(sizeof btf_));
  }
  Set(20, uint32_t{bytes_[20]});  // a log
  Set(24, uint32_t{bytes_[24]} % 3);
  if (bytes_[9] % 2 == 0) {
    Set(8, uint64_t{0});
    return ZeroFrom(20);
  }
  SetAddress(8);
  ZeroFrom(28);
}

// A few instructions that may well make sense, with a map in r1.
void FuzzAttribute::MakeProgram() {
  static constexpr uint8_t kCodes[] = {
      BPF_ALU64 | BPF_MOV | BPF_X,  BPF_ALU64 | BPF_MOV | BPF_K,
      BPF_ALU64 | BPF_ADD | BPF_K,  BPF_ALU | BPF_XOR | BPF_X,
      BPF_LDX | BPF_MEM | BPF_DW,   BPF_LDX | BPF_MEM | BPF_W,
      BPF_STX | BPF_MEM | BPF_DW,   BPF_ST | BPF_MEM | BPF_W,
      BPF_STX | BPF_ATOMIC | BPF_W, BPF_JMP | BPF_JEQ | BPF_K,
      BPF_JMP | BPF_JNE | BPF_X,    BPF_JMP | BPF_JA,
      BPF_JMP | BPF_CALL,           BPF_JMP | BPF_EXIT};
  constexpr int kRandom = 8;
  bpf_insn program[kRandom + 8] = {
      {BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0},
      {BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1,
       static_cast<uint8_t>(bytes_[20] % 4 == 0 ? BPF_PSEUDO_MAP_VALUE
                                                : BPF_PSEUDO_MAP_FD),
       0, static_cast<int>(ChooseFd(bytes_[21]))},
      {},
      {BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, bytes_[22] % 4},
      {BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0},
      {BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -8},
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, bytes_[23]}};
  for (int i = 0; i < kRandom; ++i) {
    const unsigned char* const bytes = bytes_ + 24 + 8 * i;
    bpf_insn& insn = program[7 + i];
    insn.code = kCodes[bytes[0] % std::size(kCodes)];
    insn.dst_reg = bytes[1] % 10 & 0xf;
    insn.src_reg = bytes[2] % 11 & 0xf;
    insn.off = static_cast<int8_t>(bytes[3] % 24) - 16;
    insn.imm = static_cast<int8_t>(bytes[4]);
    // The fields that an instruction does not use must be 0.
    const uint8_t kind = BPF_CLASS(insn.code);
    const bool jumps = kind == BPF_JMP;
    const bool computes = kind == BPF_ALU || kind == BPF_ALU64;
    if (computes) insn.off = 0;
    if (kind == BPF_LDX || kind == BPF_STX) insn.imm = 0;
    if (jumps) insn.off = static_cast<int16_t>(bytes[3] % (kRandom - i));
    if (computes || jumps) {
      if (BPF_SRC(insn.code) == BPF_X) insn.imm = 0;
      if (BPF_SRC(insn.code) == BPF_K) insn.src_reg = 0;
    }
    if (kind == BPF_ST) insn.src_reg = 0;
    if (insn.code == (BPF_JMP | BPF_JA) || insn.code == (BPF_JMP | BPF_EXIT)) {
      insn.dst_reg = 0;
      insn.imm = 0;
      if (insn.code == (BPF_JMP | BPF_EXIT)) insn.off = 0;
    }
    if (insn.code == (BPF_JMP | BPF_CALL)) {
      insn.dst_reg = 0;
      insn.src_reg = 0;
      insn.off = 0;
      insn.imm = bytes[4];
      // It writes anywhere in this process, as it is meant to.
      if (insn.imm == BPF_FUNC_probe_write_user) insn.imm = 1;
    }
  }
  program[kRandom + 7] = {BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
  static_assert(sizeof program <= sizeof value_);
  std::memcpy(value_, program, sizeof program);
  Set(4, static_cast<uint32_t>(std::size(program)));
}

void FuzzAttribute::MakeSenseOfProgram() {
  static constexpr uint32_t kTypes[] = {
      BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS,
      BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_SYSCALL};
  if (bytes_[0] % 16 == 0) {
    SetAddress(8);
    SetAddress(16);
    return Limit(4, 3);
  }
  MakeProgram();
  const uint32_t type = kTypes[bytes_[0] % std::size(kTypes)];
  Set(0, type);
  Set(8, Address(value_));
  Set(16, Address("GPL"));
  ZeroFrom(24);
  if (type == BPF_PROG_TYPE_SYSCALL) Set(44, uint32_t{BPF_F_SLEEPABLE});
}

void FuzzAttribute::MakeSenseOfTestRun() {
  SetFd(0);
  Limit(8, 200);
  Limit(12, 200);
  SetAddress(16);
  SetAddress(24);
  Set(32, uint32_t{bytes_[32]} % 3);
  Set(36, uint32_t{0});
  if (bytes_[40] % 4 != 0) return ZeroFrom(40);
  Limit(40, 200);
  Limit(44, 200);
  SetAddress(48);
  SetAddress(56);
  ZeroFrom(64);
}

void FuzzAttribute::SetId(int next_command) {
  bpf_attr attr = ZeroedAttr();
  Call(next_command, &attr);
  Set(0, attr.next_id + bytes_[0] % 32 - 1);
  ZeroFrom(4);
}

void FuzzAttribute::MakeSense(int command) {
  switch (command) {
    case BPF_MAP_CREATE:
      return MakeSenseOfCreate();
    case BPF_MAP_LOOKUP_ELEM:
    case BPF_MAP_UPDATE_ELEM:
    case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
      SetFd(0);
      SetKey(8);
      SetValue(16);
      Set(24, uint64_t{bytes_[24]} % 6);
      return ZeroFrom(32);
    case BPF_MAP_DELETE_ELEM:
      SetFd(0);
      SetKey(8);
      return ZeroFrom(16);
    case BPF_MAP_GET_NEXT_KEY:
      SetFd(0);
      SetKey(8);
      SetAddress(16);
      return ZeroFrom(24);
    case BPF_MAP_FREEZE:
      SetFd(0);
      return ZeroFrom(4);
    case BPF_MAP_LOOKUP_BATCH:
    case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
    case BPF_MAP_UPDATE_BATCH:
    case BPF_MAP_DELETE_BATCH:
      for (std::size_t address : {0, 8, 16, 24}) SetAddress(address);
      if (bytes_[35] % 4 != 0) Limit(32, 300);
      SetFd(36);
      Set(40, uint64_t{bytes_[40]} % 6);
      Set(48, uint64_t{bytes_[48]} % 2);
      return ZeroFrom(56);
    case BPF_OBJ_PIN:
    case BPF_OBJ_GET:
      Set(0, Address(kFuzzPaths[bytes_[0] % std::size(kFuzzPaths)]));
      if (command == BPF_OBJ_PIN) {
        SetFd(8);
        Set(12, uint32_t{0});
      } else {
        Set(8, uint32_t{0});
        Set(12, (bytes_[12] % 4u) << 3);
      }
      return ZeroFrom(16);
    case BPF_OBJ_GET_INFO_BY_FD:
      SetFd(0);
      Limit(4, 300);
      if (bytes_[9] % 2 != 0) {  // a structure that says nothing
        std::memset(value_, 0, sizeof value_);
        Set(8, Address(value_));
      } else {
        SetAddress(8);
      }
      return ZeroFrom(16);
    case BPF_MAP_GET_NEXT_ID:
    case BPF_MAP_GET_FD_BY_ID:
      return SetId(BPF_MAP_GET_NEXT_ID);
    case BPF_BTF_GET_NEXT_ID:
    case BPF_BTF_GET_FD_BY_ID:
      return SetId(BPF_BTF_GET_NEXT_ID);
    case BPF_BTF_LOAD:
      return MakeSenseOfBtf();
    case BPF_PROG_LOAD:
      return MakeSenseOfProgram();
    case BPF_PROG_TEST_RUN:
      return MakeSenseOfTestRun();
    case BPF_PROG_BIND_MAP:
      SetFd(0);
      SetFd(4);
      return ZeroFrom(8);
    case BPF_PROG_GET_NEXT_ID:
    case BPF_PROG_GET_FD_BY_ID:
      return SetId(BPF_PROG_GET_NEXT_ID);
  }
}

void FuzzAttribute::KeepSmall(int command) {
  if (command == BPF_MAP_CREATE) {
    Limit(4, 40);
    Limit(8, 300);
    Limit(12, 1 << 12);
  } else if (command == BPF_BTF_LOAD) {
    Limit(16, 1 << 16);
  } else if (command == BPF_PROG_TEST_RUN) {
    Set(32, uint32_t{bytes_[32]} % 3);
  }
}

}  // namespace bpfmap
