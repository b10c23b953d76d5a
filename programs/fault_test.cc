// SPDX-License-Identifier: Apache-2.0
//
// Programs that do wrong: each ends with the sentence that says what, and where
// in the source. The process goes on, locks are open and rings are usable.

#include <cstdint>
#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/test_run.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it

// The maps that every program may use, by descriptor.
enum Fd : int32_t {
  kCounts = 1,   // hash of 4 to 16 bytes
  kTable = 2,    // array of 4 values of 8 bytes
  kConfig = 3,   // array of 1 value of 8 bytes, read-only for programs
  kEvents = 4,   // ring
  kGuarded = 5,  // array of 1 value of 16 bytes with a lock at 8
  kJumps = 6,    // array of programs
  kSecret = 7,   // array of 1 value of 8 bytes, write-only for programs
  kQueue = 8,    // queue of values of 8 bytes
  kPerCpu = 9,   // per-CPU array of 1 value of 8 bytes
};

std::shared_ptr<LocalMap> Create(const MapDef& def) {
  absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(def);
  EXPECT_TRUE(map.ok()) << map.status();
  return *map;
}

std::vector<std::shared_ptr<LocalMap>> CreateMaps() {
  std::vector<std::shared_ptr<LocalMap>> maps(kPerCpu + 1);
  maps[kCounts] = Create({.type = MapType::kHash,
                          .key_size = 4,
                          .value_size = 16,
                          .max_entries = 8,
                          .name = "counts"});
  maps[kTable] = Create({.type = MapType::kArray,
                         .key_size = 4,
                         .value_size = 8,
                         .max_entries = 4,
                         .name = "table"});
  maps[kConfig] = Create({.type = MapType::kArray,
                          .key_size = 4,
                          .value_size = 8,
                          .max_entries = 1,
                          .map_flags = kRdOnlyProg,
                          .name = "config"});
  maps[kEvents] = Create(
      {.type = MapType::kRingBuf, .max_entries = 4096, .name = "events"});
  maps[kGuarded] = Create({.type = MapType::kArray,
                           .key_size = 4,
                           .value_size = 16,
                           .max_entries = 1,
                           .name = "guarded",
                           .spin_lock_offset = 8});
  maps[kJumps] = Create({.type = MapType::kProgArray,
                         .key_size = 4,
                         .value_size = 4,
                         .max_entries = 1,
                         .name = "jumps"});
  maps[kSecret] = Create({.type = MapType::kArray,
                          .key_size = 4,
                          .value_size = 8,
                          .max_entries = 1,
                          .map_flags = kWrOnlyProg,
                          .name = "secret"});
  maps[kQueue] = Create({.type = MapType::kQueue,
                         .value_size = 8,
                         .max_entries = 4,
                         .name = "queue"});
  maps[kPerCpu] = Create({.type = MapType::kPerCpuArray,
                          .key_size = 4,
                          .value_size = 8,
                          .max_entries = 1,
                          .name = "per_cpu"});
  return maps;
}

struct Wrong {
  const char* name;
  ProgramType type;
  Code code;
  // The line is that of the instruction, from 1 on.
  const char* sentence;
};

std::ostream& operator<<(std::ostream& out, const Wrong& wrong) {
  return out << wrong.name;
}

// r2 = a pointer to 4 bytes of stack that hold `key`.
Code Key(int32_t key) {
  return {StoreImm(kSizeW, R10, -4, key), Mov64(R2, R10), Alu64(kAdd, R2, -4)};
}

// r0 = bpf_map_lookup_elem(map, &key): 6 instructions, 0 to 5.
Code Lookup(int32_t fd, int32_t key) {
  return Join({LoadMap(R1, fd), Key(key), {CallHelper(1)}});
}

// r6 = the context, r7 = data, r8 = data_end: 3 instructions of XDP.
Code PacketPointers() {
  return {Mov64(R6, R1), Load(kSizeW, R7, R6, 0), Load(kSizeW, R8, R6, 4)};
}

const Code kEnd = {Mov64(R0, 0), Exit()};

std::vector<Wrong> StackFaults() {
  constexpr ProgramType kType = ProgramType::kXdp;
  return {
      {"RegisterNeverSet", kType, Join({{Mov64(R0, R3), Exit()}}),
       "wrong.bpf.c:1 (instruction 0: r0 = r3): reads r3, which was not set "
       "since the start or the last call"},
      {"ResultNeverSet",
       kType,
       {Exit()},
       "wrong.bpf.c:1 (instruction 0: exit): reads r0, which was not set"},
      {"ArgumentAfterCall",
       kType,
       {Mov64(R1, 1), CallHelper(8), Mov64(R0, R1), Exit()},
       "wrong.bpf.c:3 (instruction 2: r0 = r1): reads r1, which was not set "
       "since the start or the last call"},
      {"StackNeverWritten",
       kType,
       {Load(kSizeDw, R0, R10, -8), Exit()},
       "wrong.bpf.c:1 (instruction 0: r0 = *(u64 *)(r10 - 8)): reads 8 bytes "
       "of the stack, of which the byte at r10 - 8 was never written"},
      {"StackHalfWritten",
       kType,
       {StoreImm(kSizeW, R10, -8, 1), Load(kSizeDw, R0, R10, -8), Exit()},
       "wrong.bpf.c:2 (instruction 1: r0 = *(u64 *)(r10 - 8)): reads 8 bytes "
       "of the stack, of which the byte at r10 - 4 was never written"},
      {"BelowTheStack", kType, Join({{StoreImm(kSizeDw, R10, -520, 1)}, kEnd}),
       "wrong.bpf.c:1 (instruction 0: *(u64 *)(r10 - 520) = 1): writes 8 "
       "bytes, 8 before the stack (512 bytes)"},
      {"AboveTheStack", kType, Join({{StoreImm(kSizeDw, R10, 0, 1)}, kEnd}),
       "wrong.bpf.c:1 (instruction 0: *(u64 *)(r10 + 0) = 1): writes 8 bytes, "
       "8 past the end of the stack (512 bytes)"},
      {"StackNotAligned", kType, Join({{StoreImm(kSizeDw, R10, -9, 1)}, kEnd}),
       "wrong.bpf.c:1 (instruction 0: *(u64 *)(r10 - 9) = 1): writes 8 bytes "
       "of the stack at an address that is no multiple of that"},
      {"StackOfAFunctionThatReturned",
       kType,
       {CallFunction(1), Exit(), Mov64(R0, R10), Exit()},
       "wrong.bpf.c:4 (instruction 3: exit): returns a pointer to its own "
       "stack"},
      {"NumberAsPointer",
       kType,
       {Mov64(R1, 16), Load(kSizeW, R0, R1, 0), Exit()},
       "wrong.bpf.c:2 (instruction 1: r0 = *(u32 *)(r1 + 0)): reads 4 bytes "
       "at 0x10, a number that is no pointer"},
      {"PointerThatWasMultiplied",
       kType,
       {Mov64(R1, R10), Alu64(kMul, R1, 0), Load(kSizeW, R0, R1, 0), Exit()},
       "wrong.bpf.c:3 (instruction 2: r0 = *(u32 *)(r1 + 0)): reads 4 bytes "
       "at 0x0, a number that is no pointer"},
      {"NineFramesDeep",
       kType,
       {CallFunction(-1), Exit()},
       "wrong.bpf.c:1 (instruction 0: call pc-1): calls functions more than 8 "
       "frames deep"},
      {"EndlessLoop",
       kType,
       {Mov64(R0, 0), Goto(-1)},
       "wrong.bpf.c:2 (instruction 1: goto -1): runs more than 1000000 "
       "instructions: Linux refuses such loops"},
      {"AtomicOnAnOddAddress", kType,
       Join({{StoreImm(kSizeDw, R10, -8, 1), StoreImm(kSizeDw, R10, -16, 1),
              Mov64(R1, 1), Atomic(kSizeDw, kAdd, R10, -12, R1)},
             kEnd}),
       "wrong.bpf.c:4 (instruction 3: lock *(u64 *)(r10 - 12) += r1): is "
       "atomic, but its address is no multiple of its size"},
  };
}

std::vector<Wrong> MapFaults() {
  constexpr ProgramType kType = ProgramType::kXdp;
  return {
      {"NullFromALookup", kType,
       Join({Lookup(kCounts, 1), {Load(kSizeDw, R0, R0, 8), Exit()}}),
       "wrong.bpf.c:7 (instruction 6: r0 = *(u64 *)(r0 + 8)): reads 8 bytes "
       "through null: bpf_map_lookup_elem() of instruction 5 returned null, "
       "which was not checked"},
      {"PastAValue", kType,
       Join({Lookup(kTable, 1), {Load(kSizeDw, R0, R0, 4), Exit()}}),
       "wrong.bpf.c:7 (instruction 6: r0 = *(u64 *)(r0 + 4)): reads 8 bytes, "
       "4 past the end of the value of map table (8 bytes)"},
      {"TheNextValue", kType,
       Join({Lookup(kTable, 1), {StoreImm(kSizeDw, R0, 8, 7)}, kEnd}),
       "wrong.bpf.c:7 (instruction 6: *(u64 *)(r0 + 8) = 7): writes 8 bytes, "
       "8 past the end of the value of map table (8 bytes)"},
      {"TheValueBefore", kType,
       Join({Lookup(kTable, 1), {StoreImm(kSizeB, R0, -1, 7)}, kEnd}),
       "wrong.bpf.c:7 (instruction 6: *(u8 *)(r0 - 1) = 7): writes 1 byte, 1 "
       "before the value of map table (8 bytes)"},
      {"AReadOnlyMap", kType,
       Join({LoadMapValue(R1, kConfig, 0), {StoreImm(kSizeW, R1, 0, 7)}, kEnd}),
       "wrong.bpf.c:3 (instruction 2: *(u32 *)(r1 + 0) = 7): writes 4 bytes of "
       "map config, which programs may not write (BPF_F_RDONLY_PROG)"},
      {"UpdateOfAReadOnlyMap", kType,
       Join({LoadMap(R1, kConfig),
             Key(0),
             {StoreImm(kSizeDw, R10, -16, 1), Mov64(R3, R10),
              Alu64(kAdd, R3, -16), Mov64(R4, 0), CallHelper(2)},
             kEnd}),
       "wrong.bpf.c:10 (instruction 9: call bpf_map_update_elem#2): writes to "
       "map config, which programs may not write (BPF_F_RDONLY_PROG)"},
      {"AWriteOnlyMap", kType,
       Join({LoadMapValue(R1, kSecret, 0), {Load(kSizeW, R0, R1, 0), Exit()}}),
       "wrong.bpf.c:3 (instruction 2: r0 = *(u32 *)(r1 + 0)): reads 4 bytes of "
       "map secret, which programs may not read (BPF_F_WRONLY_PROG)"},
      {"TheMapItself", kType,
       Join({LoadMap(R1, kTable), {StoreImm(kSizeDw, R1, 0, 1)}, kEnd}),
       "wrong.bpf.c:3 (instruction 2: *(u64 *)(r1 + 0) = 1): writes 8 bytes of "
       "the map itself, not of a value: map table"},
      {"KeyNotWritten", kType,
       Join({LoadMap(R1, kCounts),
             {Mov64(R2, R10), Alu64(kAdd, R2, -4), CallHelper(1)},
             kEnd}),
       "wrong.bpf.c:5 (instruction 4: call bpf_map_lookup_elem#1): argument 2 "
       "of bpf_map_lookup_elem() reads 4 bytes of the stack, of which the byte "
       "at r10 - 4 was never written"},
      {"KeyPastTheStack", kType,
       Join({LoadMap(R1, kCounts),
             {StoreImm(kSizeDw, R10, -8, 0), Mov64(R2, R10),
              Alu64(kAdd, R2, -2), CallHelper(1)},
             kEnd}),
       "wrong.bpf.c:6 (instruction 5: call bpf_map_lookup_elem#1): argument 2 "
       "of bpf_map_lookup_elem() reads 4 bytes, 2 past the end of the stack "
       "(512 bytes)"},
      {"NumberForAMap", kType,
       Join({{Mov64(R1, 3)}, Key(0), {CallHelper(1)}, kEnd}),
       "wrong.bpf.c:5 (instruction 4: call bpf_map_lookup_elem#1): calls "
       "bpf_map_lookup_elem() with argument 1, which is no map"},
      {"ArgumentNotSet", kType,
       Join({LoadMap(R1, kCounts), {CallHelper(3)}, kEnd}),
       "wrong.bpf.c:3 (instruction 2: call bpf_map_delete_elem#3): calls "
       "bpf_map_delete_elem() with argument 2, a register that was not set"},
      {"ContextForAKey", kType,
       Join({{Mov64(R2, R1)}, LoadMap(R1, kCounts), {CallHelper(3)}, kEnd}),
       "wrong.bpf.c:4 (instruction 3: call bpf_map_delete_elem#3): calls "
       "bpf_map_delete_elem() with argument 2, a pointer into the context: no "
       "helper takes that as memory"},
      {"LookupInAQueue", kType, Join({Lookup(kQueue, 0), kEnd}),
       "wrong.bpf.c:6 (instruction 5: call bpf_map_lookup_elem#1): calls "
       "bpf_map_lookup_elem() on a map of type QUEUE, which has no such "
       "helper"},
      {"PushToAHash", kType,
       Join({LoadMap(R1, kCounts),
             {StoreImm(kSizeDw, R10, -16, 0), StoreImm(kSizeDw, R10, -8, 0),
              Mov64(R2, R10), Alu64(kAdd, R2, -16), Mov64(R3, 0),
              CallHelper(87)},
             kEnd}),
       "wrong.bpf.c:8 (instruction 7: call bpf_map_push_elem#87): calls "
       "bpf_map_push_elem() on a map of type HASH, which has no such helper"},
      {"TailCallThroughAnotherMap", kType,
       Join({LoadMap(R2, kTable), {Mov64(R3, 0), CallHelper(12)}, kEnd}),
       "wrong.bpf.c:4 (instruction 3: call bpf_tail_call#12): passes r2, which "
       "is no map of type PROG_ARRAY"},
      {"NullAfterPointerArithmetic", kType,
       Join({Lookup(kCounts, 9),
             {Alu64(kAdd, R0, 8), StoreImm(kSizeW, R0, 0, 1)},
             kEnd}),
       "wrong.bpf.c:8 (instruction 7: *(u32 *)(r0 + 0) = 1): writes 4 bytes "
       "through null: bpf_map_lookup_elem() of instruction 5 returned null, "
       "which was not checked"},
  };
}

std::vector<Wrong> LockAndRingFaults() {
  constexpr ProgramType kType = ProgramType::kSchedCls;
  const Code reserve = Join(
      {LoadMap(R1, kEvents), {Mov64(R2, 16), Mov64(R3, 0), CallHelper(131)}});
  const Code lock = Join({LoadMapValue(R6, kGuarded, 0),
                          {Mov64(R1, R6), Alu64(kAdd, R1, 8), CallHelper(93)}});
  return {
      {"RecordNotChecked", kType,
       Join({LoadMap(R1, kEvents),
             {Mov64(R2, 1 << 20), Mov64(R3, 0), CallHelper(131),
              StoreImm(kSizeDw, R0, 0, 1)},
             kEnd}),
       "wrong.bpf.c:6 (instruction 5: *(u64 *)(r0 + 0) = 1): writes 8 bytes "
       "through null: bpf_ringbuf_reserve() of instruction 4 returned null, "
       "which was not checked"},
      {"RecordKept", kType, Join({reserve, kEnd}),
       "wrong.bpf.c:7 (instruction 6: exit): ends the program while it holds a "
       "ring record that was neither submitted nor discarded"},
      {"PastARecord", kType,
       Join({reserve, {StoreImm(kSizeDw, R0, 16, 1)}, kEnd}),
       "wrong.bpf.c:6 (instruction 5: *(u64 *)(r0 + 16) = 1): writes 8 bytes, "
       "8 past the end of the ring record (16 bytes)"},
      {"RecordAfterSubmit", kType,
       Join({reserve,
             {Mov64(R6, R0), Mov64(R1, R0), Mov64(R2, 0), CallHelper(132),
              StoreImm(kSizeDw, R6, 0, 1)},
             kEnd}),
       "wrong.bpf.c:10 (instruction 9: *(u64 *)(r6 + 0) = 1): writes 8 bytes "
       "through a pointer from before bpf_ringbuf_submit()"},
      {"SubmitTwice", kType,
       Join({reserve,
             {Mov64(R6, R0), Mov64(R1, R0), Mov64(R2, 0), CallHelper(132),
              Mov64(R1, R6), Mov64(R2, 0), CallHelper(132)},
             kEnd}),
       "wrong.bpf.c:12 (instruction 11: call bpf_ringbuf_submit#132): calls "
       "bpf_ringbuf_submit() with argument 1, which is no start of a ring "
       "record that the program holds"},
      {"SubmitOfTheMiddle", kType,
       Join({reserve,
             {Mov64(R1, R0), Alu64(kAdd, R1, 8), Mov64(R2, 0), CallHelper(133)},
             kEnd}),
       "wrong.bpf.c:9 (instruction 8: call bpf_ringbuf_discard#133): calls "
       "bpf_ringbuf_discard() with argument 1, which is no start of a ring "
       "record that the program holds"},
      {"LockKept", kType, Join({lock, kEnd}),
       "wrong.bpf.c:7 (instruction 6: exit): ends the program while it holds a "
       "lock"},
      {"CallUnderALock", kType, Join({lock, {CallHelper(7)}, kEnd}),
       "wrong.bpf.c:6 (instruction 5: call bpf_get_prandom_u32#7): calls "
       "bpf_get_prandom_u32() while it holds a lock"},
      {"UnlockOfNothing", kType,
       Join({LoadMapValue(R1, kGuarded, 8), {CallHelper(94)}, kEnd}),
       "wrong.bpf.c:3 (instruction 2: call bpf_spin_unlock#94): releases a "
       "lock that it does not hold"},
      {"StoreToTheLock", kType,
       Join(
           {LoadMapValue(R1, kGuarded, 0), {StoreImm(kSizeW, R1, 8, 1)}, kEnd}),
       "wrong.bpf.c:3 (instruction 2: *(u32 *)(r1 + 8) = 1): writes 4 bytes of "
       "the lock in the value of map guarded"},
  };
}

std::vector<Wrong> PacketFaults() {
  constexpr ProgramType kType = ProgramType::kXdp;
  return {
      {"PastDataEnd", kType,
       Join({PacketPointers(), {Load(kSizeH, R0, R7, 66), Exit()}}),
       "wrong.bpf.c:4 (instruction 3: r0 = *(u16 *)(r7 + 66)): reads 2 bytes, "
       "4 past data_end"},
      {"BeforeData", kType,
       Join({PacketPointers(), {Load(kSizeB, R0, R7, -1), Exit()}}),
       "wrong.bpf.c:4 (instruction 3: r0 = *(u8 *)(r7 - 1)): reads 1 byte, 1 "
       "before the packet (64 bytes)"},
      {"ThroughDataEnd", kType,
       Join({PacketPointers(), {Load(kSizeB, R0, R8, -1), Exit()}}),
       "wrong.bpf.c:4 (instruction 3: r0 = *(u8 *)(r8 - 1)): reads 1 byte "
       "through data_end, which is there to compare with"},
      {"OldPacketPointer", kType,
       Join({PacketPointers(),
             {Mov64(R1, R6), Mov64(R2, 4), CallHelper(44),
              Load(kSizeB, R0, R7, 0), Exit()}}),
       "wrong.bpf.c:7 (instruction 6: r0 = *(u8 *)(r7 + 0)): reads 1 byte "
       "through a pointer from before bpf_xdp_adjust_head()"},
      {"StoreToTheContext", kType, Join({{StoreImm(kSizeW, R1, 12, 1)}, kEnd}),
       "wrong.bpf.c:1 (instruction 0: *(u32 *)(r1 + 12) = 1): writes 4 bytes "
       "at "
       "offset 12 of struct xdp_md (ingress_ifindex), which programs of type "
       "xdp may not"},
      {"PastTheContext",
       kType,
       {Load(kSizeW, R0, R1, 24), Exit()},
       "wrong.bpf.c:1 (instruction 0: r0 = *(u32 *)(r1 + 24)): reads 4 bytes "
       "at offset 24 of struct xdp_md, which has 24 bytes"},
      {"FieldOfTheContextByTheWrongSize",
       kType,
       {Load(kSizeB, R0, R1, 0), Exit()},
       "wrong.bpf.c:1 (instruction 0: r0 = *(u8 *)(r1 + 0)): reads 1 byte at "
       "offset 0 of struct xdp_md, where data has 4 bytes"},
      {"AtomicOnThePacket", kType,
       Join({PacketPointers(),
             {Mov64(R1, 1), Atomic(kSizeW, kAdd, R7, 0, R1)},
             kEnd}),
       "wrong.bpf.c:5 (instruction 4: lock *(u32 *)(r7 + 0) += w1): is atomic, "
       "which is not allowed on the packet (64 bytes)"},
      {"StoreToAPacketThatIsReadOnly", ProgramType::kCgroupSkb,
       Join({{Load(kSizeW, R7, R1, 76), StoreImm(kSizeB, R7, 0, 1)}, kEnd}),
       "wrong.bpf.c:2 (instruction 1: *(u8 *)(r7 + 0) = 1): writes 1 byte of "
       "the packet (50 bytes), which programs of type cgroup_skb may not"},
      {"HelperOfAnotherType", kType,
       Join({{Mov64(R2, 0), CallHelper(39)}, kEnd}),
       "wrong.bpf.c:2 (instruction 1: call bpf_skb_pull_data#39): calls "
       "bpf_skb_pull_data(), which programs of type xdp may not call"},
      {"HelperThatIsAbsent", kType, Join({{CallHelper(76)}, kEnd}),
       "wrong.bpf.c:1 (instruction 0: call bpf_lwt_seg6_action#76): calls "
       "bpf_lwt_seg6_action(), which is absent here"},
      {"HelperThatDoesNotExist", kType, Join({{CallHelper(195896080)}, kEnd}),
       "wrong.bpf.c:1 (instruction 0: call unknown#195896080): calls helper "
       "195896080, which does not exist (libbpf leaves such calls where a "
       "CO-RE relocation failed)"},
      {"NegativeSize", kType,
       Join(
           {LoadMap(R1, kEvents),
            {StoreImm(kSizeDw, R10, -8, 1), Mov64(R2, R10), Alu64(kAdd, R2, -8),
             Mov64(R3, -1), Mov64(R4, 0), CallHelper(130)},
            kEnd}),
       "wrong.bpf.c:8 (instruction 7: call bpf_ringbuf_output#130): calls "
       "bpf_ringbuf_output() with argument 3, a size of -1"},
      {"OutputOfMoreThanThereIs", kType,
       Join(
           {LoadMap(R1, kEvents),
            {StoreImm(kSizeDw, R10, -8, 1), Mov64(R2, R10), Alu64(kAdd, R2, -8),
             Mov64(R3, 16), Mov64(R4, 0), CallHelper(130)},
            kEnd}),
       "wrong.bpf.c:8 (instruction 7: call bpf_ringbuf_output#130): argument 2 "
       "of bpf_ringbuf_output() reads 16 bytes, 8 past the end of the stack "
       "(512 bytes)"},
  };
}

class FaultTest : public testing::TestWithParam<Wrong> {
 protected:
  TestResult Run(ProgramType type, const Code& code) {
    ProgramDef def;
    def.type = type;
    def.gpl_compatible = true;
    def.instructions = code;
    def.map_of_fd = [this](int32_t fd) {
      const std::size_t place = static_cast<std::size_t>(fd);
      return place < maps_.size() ? maps_[place] : nullptr;
    };
    for (uint32_t i = 0; i < code.size(); ++i) {
      def.lines.push_back({i, "/src/wrong.bpf.c", i + 1, ""});
    }
    std::shared_ptr<const Program> program;
    const LoadError error = Program::Load(def, &program);
    EXPECT_FALSE(error.failed()) << error.instruction << ": " << error.reason;
    if (error.failed()) return {};
    const std::vector<uint8_t> packet(64);
    TestInput input;
    input.data = packet;
    return RunTest(*program, input, &world_);
  }

  World world_;
  std::vector<std::shared_ptr<LocalMap>> maps_ = CreateMaps();
};

TEST_P(FaultTest, EndsWithItsSentence) {
  const TestResult result = Run(GetParam().type, GetParam().code);
  EXPECT_EQ(result.error, Errno::kFault);
  EXPECT_EQ(result.run.fault, GetParam().sentence);
}

// Locks and records of a run that faulted are free again.
TEST_P(FaultTest, LeavesLocksOpenAndRingsUsable) {
  Run(GetParam().type, GetParam().code);
  const Code good = Join(
      {LoadMapValue(R6, kGuarded, 0),
       {Mov64(R1, R6), Alu64(kAdd, R1, 8), CallHelper(93), Mov64(R1, R6),
        Alu64(kAdd, R1, 8), CallHelper(94)},
       LoadMap(R1, kEvents),
       {Mov64(R2, 1024), Mov64(R3, 0), CallHelper(131), JumpIf(kJeq, R0, 0, 5),
        Mov64(R1, R0), Mov64(R2, 0), CallHelper(132), Mov64(R0, 1), Exit()},
       kEnd});
  const TestResult result = Run(ProgramType::kSchedCls, good);
  EXPECT_EQ(result.error, Errno::kOk) << result.run.fault;
  EXPECT_EQ(result.retval, 1U);
}

std::string NameOf(const testing::TestParamInfo<Wrong>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Stack, FaultTest, testing::ValuesIn(StackFaults()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Maps, FaultTest, testing::ValuesIn(MapFaults()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Held, FaultTest,
                         testing::ValuesIn(LockAndRingFaults()), NameOf);
INSTANTIATE_TEST_SUITE_P(Packets, FaultTest, testing::ValuesIn(PacketFaults()),
                         NameOf);

}  // namespace
}  // namespace bpfmap
