// SPDX-License-Identifier: Apache-2.0
//
// Test runs here and on the kernel: the same errors, results, packets and
// contexts.

#include "bpfmap/programs/test_run.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/assembler.h"
#include "bpfmap/programs/context.h"
#include "bpfmap/programs/kernel_run.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/world.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using namespace assembler;  // NOLINT: the test is written in it

using Bytes = std::vector<uint8_t>;

// A program on both sides.
class Both {
 public:
  Both(ProgramType type, const Code& code) : kernel_(type, code) {
    ProgramDef def;
    def.type = type;
    def.gpl_compatible = true;
    def.instructions = code;
    const LoadError error = Program::Load(def, &program_);
    EXPECT_FALSE(error.failed()) << error.instruction << ": " << error.reason;
  }

  // A program that the verifier refuses must fault here, and the other way
  // round. Returns whether both take the program.
  bool AgreeOnLoad(const KernelTest& test) {
    const TestResult here = RunHere(test);
    const bool faults = here.run.faulted();
    EXPECT_EQ(kernel_.load_error() != 0, faults)
        << kernel_.log() << here.run.fault;
    return kernel_.load_error() == 0 && !faults;
  }

  // Runs `test` on both.
  void Compare(KernelTest test) {
    ASSERT_EQ(kernel_.load_error(), 0) << kernel_.log();
    const TestResult here = RunHere(test);
    kernel_.Run(&test);
    ASSERT_EQ(static_cast<int>(here.error), test.error) << here.run.fault;
    if (here.has_answer) {
      EXPECT_EQ(here.retval, test.retval);
      EXPECT_EQ(here.data_size_out, test.data_size_out);
      test.data_out.resize(here.data_out.size());
      EXPECT_EQ(here.data_out, test.data_out);
    }
    if (here.has_context) {
      EXPECT_EQ(here.context_size_out, test.ctx_size_out);
      test.ctx_out.resize(here.context_out.size());
      EXPECT_EQ(here.context_out, test.ctx_out);
    }
    kernel_retval_ = test.retval;
  }

  // Of the last Compare().
  uint32_t kernel_retval() const { return kernel_retval_; }

 private:
  TestResult RunHere(const KernelTest& test) {
    TestInput input;
    if (!test.data_in.empty()) input.data = test.data_in;
    if (!test.ctx_in.empty()) input.context = test.ctx_in;
    input.has_data_out = test.data_size_out != 0;
    input.data_size_out = test.data_size_out;
    input.has_context_out = test.ctx_size_out != 0;
    input.context_size_out = test.ctx_size_out;
    input.repeat = test.repeat;
    input.flags = test.flags;
    input.cpu = test.cpu;
    World world;
    return RunTest(*program_, input, &world);
  }

  const KernelRun kernel_;
  std::shared_ptr<const Program> program_;
  uint32_t kernel_retval_ = 0;
};

// An Ethernet frame with IPv4 or IPv6, UDP and a few bytes.
Bytes Frame(uint16_t protocol, std::size_t size = 64) {
  Bytes frame(size);
  for (std::size_t i = 0; i < size; ++i) {
    frame[i] = static_cast<uint8_t>(i * 7 + 1);
  }
  if (size < 14) return frame;
  frame[0] = 0;  // no group address
  frame[12] = static_cast<uint8_t>(protocol >> 8);
  frame[13] = static_cast<uint8_t>(protocol);
  if (size > 14) frame[14] = protocol == 0x86dd ? 0x60 : 0x45;
  return frame;
}

KernelTest OnPacket(Bytes data) {
  KernelTest test;
  test.data_in = std::move(data);
  test.data_size_out = 4096;
  return test;
}

constexpr ProgramType kPacketTypes[] = {
    ProgramType::kSocketFilter, ProgramType::kSchedCls, ProgramType::kSchedAct,
    ProgramType::kCgroupSkb,    ProgramType::kLwtIn,    ProgramType::kLwtOut,
    ProgramType::kLwtXmit,      ProgramType::kXdp};

class TestRunTest : public testing::TestWithParam<ProgramType> {
 protected:
  void SetUp() override { SKIP_WITHOUT_KERNEL_RUN(); }

  ProgramType type() const { return GetParam(); }
  bool is_xdp() const { return type() == ProgramType::kXdp; }
  uint32_t context_size() const {
    return is_xdp() ? sizeof(XdpContext) : sizeof(SkbContext);
  }
};

const Code kReturn0 = {Mov64(R0, 0), Exit()};

TEST_P(TestRunTest, ContextMayBeReadWhereLinuxLets) {
  for (const uint8_t size : {kSizeB, kSizeH, kSizeW, kSizeDw}) {
    for (int16_t offset = 0; offset < 200; ++offset) {
      SCOPED_TRACE(testing::Message() << "offset " << offset << ", "
                                      << AccessSize(size) << " bytes");
      Both both(type(), Join({{Load(size, R2, R1, offset)}, kReturn0}));
      both.AgreeOnLoad(OnPacket(Frame(0x0800)));
    }
  }
}

TEST_P(TestRunTest, ContextMayBeWrittenWhereLinuxLets) {
  for (const uint8_t size : {kSizeB, kSizeH, kSizeW, kSizeDw}) {
    for (int16_t offset = 0; offset < 200; ++offset) {
      SCOPED_TRACE(testing::Message() << "offset " << offset << ", "
                                      << AccessSize(size) << " bytes");
      Both both(type(),
                Join({{Mov64(R2, 0), Store(size, R1, offset, R2)}, kReturn0}));
      both.AgreeOnLoad(OnPacket(Frame(0x0800)));
    }
  }
}

TEST_P(TestRunTest, FieldsOfTheContextHaveTheSameValues) {
  for (const uint16_t protocol : {0x0800, 0x86dd, 0x0806, 0x0100}) {
    for (const ContextField& field : ContextOf(type()).fields) {
      if (field.holds != FieldHolds::kNumber) continue;
      for (int16_t part = 0; part < field.size; part += 4) {
        SCOPED_TRACE(testing::Message() << field.name << " + " << part);
        const int16_t offset = static_cast<int16_t>(field.offset + part);
        const uint8_t size = field.size == 8 && !is_xdp() && part == 0 ? kSizeDw
                             : field.size == 1                         ? kSizeB
                                                                       : kSizeW;
        Code code = {Load(size, R2, R1, offset)};
        // To where it can be seen: the result, or cb[0].
        if (is_xdp()) {
          code = Join({code, {Mov64(R0, R2), Exit()}});
        } else {
          code = Join({code, {Store(kSizeW, R1, 48, R2)}, kReturn0});
        }
        if (size == kSizeDw) part += 4;
        Both both(type(), code);
        KernelTest test = OnPacket(Frame(protocol));
        if (!is_xdp()) test.ctx_size_out = context_size();
        both.Compare(test);
      }
    }
  }
}

TEST_P(TestRunTest, PacketsHaveTheSameSmallestAndLargestSize) {
  Both both(type(), kReturn0);
  for (const uint16_t protocol : {0x0800, 0x86dd, 0x0806}) {
    for (const std::size_t size :
         {0,    1,    13,   14,   15,   16,   33,   34,   53,   54,   60,  1500,
          3519, 3520, 3521, 3648, 3649, 3711, 3712, 3713, 3776, 4000, 4096}) {
      SCOPED_TRACE(testing::Message() << protocol << ", " << size);
      KernelTest test = OnPacket(Frame(protocol, size));
      test.data_size_out = 8192;
      both.Compare(test);
      if (is_xdp()) continue;
      test.ctx_size_out = context_size();
      both.Compare(test);
    }
  }
}

TEST_P(TestRunTest, RoomForResultsMayBeSmall) {
  Both both(type(), kReturn0);
  for (const uint32_t room : {0U, 1U, 14U, 50U, 63U, 64U, 100U}) {
    for (const uint32_t context_room : {0U, 1U, 20U, 24U, 100U, 192U, 300U}) {
      SCOPED_TRACE(testing::Message() << room << ", " << context_room);
      KernelTest test = OnPacket(Frame(0x0800));
      test.data_size_out = room;
      test.ctx_size_out = context_room;
      both.Compare(test);
    }
  }
}

TEST_P(TestRunTest, ContextsAreAcceptedWhereLinuxAccepts) {
  Both both(type(), kReturn0);
  for (const uint32_t size : {1U, 8U, 24U, 40U, 191U, 192U, 193U, 256U}) {
    SCOPED_TRACE(size);
    KernelTest test = OnPacket(Frame(0x0800));
    test.ctx_in.resize(size);
    test.ctx_size_out = 192;
    both.Compare(test);
    test.ctx_in.back() = 1;
    both.Compare(test);
  }
}

TEST_P(TestRunTest, EachWordOfTheContextIsCheckedAsLinuxDoes) {
  Both both(type(), kReturn0);
  for (const uint32_t value : {1U, 40U, 60U, 64U, 65535U, 65536U, 70000U}) {
    for (uint32_t offset = 0; offset < context_size(); offset += 4) {
      SCOPED_TRACE(testing::Message() << offset << " = " << value);
      KernelTest test = OnPacket(Frame(0x0800));
      test.ctx_in.resize(context_size());
      if (is_xdp()) test.ctx_in[4] = 64;  // data_end
      std::memcpy(&test.ctx_in[offset], &value, 4);
      test.ctx_size_out = context_size();
      both.Compare(test);
    }
  }
}

TEST_P(TestRunTest, FlagsAreCheckedAsLinuxDoes) {
  Both both(type(), kReturn0);
  for (const uint32_t flags : {0U, 1U, 4U, 8U, 16U}) {
    for (const uint32_t cpu : {0U, 1U}) {
      SCOPED_TRACE(testing::Message() << flags << ", " << cpu);
      KernelTest test = OnPacket(Frame(0x0800));
      test.flags = flags;
      test.cpu = cpu;
      if (flags == 4) continue;  // sums the packet: another test
      both.Compare(test);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, TestRunTest, testing::ValuesIn(kPacketTypes),
                         [](const auto& info) {
                           return std::string(ProgramTypeName(info.param));
                         });

// Helpers on packets.

class PacketHelperTest : public testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_KERNEL_RUN(); }
};

// Calls a helper with the context and up to four numbers.
Code CallWithNumbers(int32_t helper, std::vector<int32_t> numbers) {
  Code code;
  const Register registers[] = {R2, R3, R4, R5};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    code.push_back(Mov64(registers[i], numbers[i]));
  }
  code = Join({code, {CallHelper(helper), Exit()}});
  return code;
}

TEST_F(PacketHelperTest, XdpMovesItsEdges) {
  for (const int32_t helper : {44, 54, 65}) {
    for (const int32_t offset :
         {-4000, -300, -257, -256, -255, -217, -216, -215, -128, -100,
          -64,   -50,  -49,  -36,  -35,  -33,  -32,  -31,  -28,  -8,
          -4,    -3,   -1,   0,    1,    2,    4,    8,    32,   49,
          50,    51,   64,   100,  1000, 3455, 3456, 3457, 4000}) {
      SCOPED_TRACE(testing::Message() << helper << ", " << offset);
      Both both(ProgramType::kXdp, CallWithNumbers(helper, {offset}));
      KernelTest test = OnPacket(Frame(0x0800));
      both.Compare(test);
      // With metadata.
      const XdpContext context = {8, 64, 0, 0, 0, 0};
      test.ctx_in.resize(sizeof context);
      std::memcpy(test.ctx_in.data(), &context, sizeof context);
      test.ctx_size_out = sizeof context;
      both.Compare(test);
    }
  }
}

TEST_F(PacketHelperTest, SkbMovesItsEdges) {
  for (const ProgramType type :
       {ProgramType::kSchedCls, ProgramType::kLwtXmit}) {
    for (const int32_t helper : {38, 43}) {
      for (const int32_t size :
           {0, 1, 13, 14, 15, 20, 33, 34, 35, 50, 63, 64, 65, 100, 200, 400}) {
        for (const int32_t flags : {0, 1}) {
          SCOPED_TRACE(testing::Message() << helper << ", " << size);
          Both both(type, CallWithNumbers(helper, {size, flags}));
          both.Compare(OnPacket(Frame(0x0800)));
        }
      }
    }
    for (const int32_t size : {0, 1, 63, 64, 65, 1000, -1}) {
      SCOPED_TRACE(size);
      Both both(type, CallWithNumbers(39, {size}));
      both.Compare(OnPacket(Frame(0x0800)));
    }
  }
}

TEST_F(PacketHelperTest, SkbChangesTypeAndProtocol) {
  for (const int32_t pkt_type : {0, 1, 3, 4, 7, -1}) {
    Both both(ProgramType::kSchedCls, CallWithNumbers(32, {pkt_type}));
    both.Compare(OnPacket(Frame(0x0800)));
  }
  for (const uint16_t from : {0x0800, 0x86dd, 0x0806}) {
    for (const int32_t to : {0x0008, 0xdd86, 0x0608}) {
      SCOPED_TRACE(testing::Message() << from << " to " << to);
      Both both(ProgramType::kSchedCls, CallWithNumbers(31, {to, 0}));
      both.Compare(OnPacket(Frame(from)));
    }
  }
}

TEST_F(PacketHelperTest, BytesAreLoadedAndStored) {
  for (const int32_t offset : {0, 1, 13, 14, 50, 59, 60, 61, 64, 1000, -1}) {
    for (const int32_t size : {1, 4, 8}) {
      SCOPED_TRACE(testing::Message() << offset << ", " << size);
      const Code buffer = {StoreImm(kSizeDw, R10, -8, 0x12345678),
                           Mov64(R2, offset), Mov64(R3, R10),
                           Alu64(kAdd, R3, -8), Mov64(R4, size)};
      const Code load = Join({buffer,
                              {CallHelper(26), Load(kSizeDw, R1, R10, -8),
                               Alu64(kAdd, R0, R1), Exit()}});
      Both skb(ProgramType::kSchedCls, load);
      skb.Compare(OnPacket(Frame(0x0800)));
      Both filter(ProgramType::kSocketFilter, load);
      filter.Compare(OnPacket(Frame(0x0800)));
      Code xdp_load = load;
      xdp_load[5] = CallHelper(189);
      Both xdp(ProgramType::kXdp, xdp_load);
      xdp.Compare(OnPacket(Frame(0x0800)));
      Both xdp_store(ProgramType::kXdp,
                     Join({buffer, {CallHelper(190), Exit()}}));
      xdp_store.Compare(OnPacket(Frame(0x0800)));
      for (const int32_t flags : {0, 1, 2, 4}) {
        Both store(ProgramType::kSchedCls,
                   Join({buffer, {Mov64(R5, flags), CallHelper(9), Exit()}}));
        store.Compare(OnPacket(Frame(0x0800)));
      }
      for (const int32_t start : {0, 1, 2}) {
        Both relative(
            ProgramType::kSchedCls,
            Join({buffer,
                  {Mov64(R5, start), CallHelper(68), Load(kSizeDw, R1, R10, -8),
                   Alu64(kAdd, R0, R1), Exit()}}));
        relative.Compare(OnPacket(Frame(0x0800)));
      }
    }
  }
}

TEST_F(PacketHelperTest, ClassicLoadsEndTheProgramOutsideOfThePacket) {
  for (const ProgramType type :
       {ProgramType::kSocketFilter, ProgramType::kSchedCls}) {
    for (const uint8_t size : {kSizeB, kSizeH, kSizeW}) {
      for (const int32_t offset :
           {0, 1, 13, 14, 46, 48, 49, 50, 60, 62, 63, 64, 1000}) {
        SCOPED_TRACE(testing::Message() << offset << ", " << AccessSize(size));
        Both absolute(type, {Mov64(R6, R1), LoadAbsolute(size, offset),
                             Alu64(kAdd, R0, 1), Exit()});
        absolute.Compare(OnPacket(Frame(0x0800)));
        Both indirect(type, {Mov64(R6, R1), Mov64(R7, 2),
                             LoadIndirect(size, R7, offset - 2),
                             Alu64(kAdd, R0, 1), Exit()});
        if (offset >= 2) indirect.Compare(OnPacket(Frame(0x0800)));
      }
    }
  }
}

TEST_F(PacketHelperTest, ChecksumsAreReplaced) {
  for (const int32_t helper : {10, 11}) {
    for (const int32_t flags : {0, 1, 2, 4, 8, 0x10, 0x12, 0x14, 0x20, 0x22,
                                0x24, 0x34, 0x60, 0x62, 0x80, 0x100}) {
      for (const int32_t offset : {0, 1, 24, 40, 62, 63, 64, -2}) {
        for (const auto& [from, to] : {std::pair{0, 0x1234},
                                       {0x1234, 0x4321},
                                       {0, 0},
                                       {-1, 1},
                                       {0x0100007f, 0x0200007f}}) {
          SCOPED_TRACE(testing::Message()
                       << helper << ", flags " << flags << ", at " << offset
                       << ": " << from << " by " << to);
          Both both(ProgramType::kSchedCls,
                    CallWithNumbers(helper, {offset, from, to, flags}));
          KernelTest test = OnPacket(Frame(0x0800));
          both.Compare(test);
          test.data_in[40] = test.data_in[41] = 0;
          both.Compare(test);
        }
      }
    }
  }
}

TEST_F(PacketHelperTest, DifferencesOfSumsAreTheSame) {
  for (const int32_t from_size : {0, 4, 8, 6}) {
    for (const int32_t to_size : {0, 4, 8, 6}) {
      for (const int32_t seed : {0, 1, 0xffff, -1, 0x12345678}) {
        for (const int32_t fill : {0, -1, 0x7f010203, -0x01020304}) {
          SCOPED_TRACE(testing::Message() << from_size << ", " << to_size
                                          << ", " << seed << ", " << fill);
          Code code = {StoreImm(kSizeDw, R10, -8, fill),
                       StoreImm(kSizeDw, R10, -16, 0x01020304)};
          code = Join(
              {code,
               {Mov64(R1, from_size == 0 ? R10 : R10), Alu64(kAdd, R1, -8),
                Mov64(R2, from_size), Mov64(R3, R10), Alu64(kAdd, R3, -16),
                Mov64(R4, to_size), Mov64(R5, seed), CallHelper(28), Exit()}});
          Both both(ProgramType::kSchedCls, code);
          both.Compare(OnPacket(Frame(0x0800)));
        }
      }
    }
  }
}

TEST_F(PacketHelperTest, RedirectsAnswerAlike) {
  for (const int32_t flags : {0, 1, 2, 8}) {
    Both xdp(ProgramType::kXdp,
             {Mov64(R1, 1), Mov64(R2, flags), CallHelper(23), Exit()});
    xdp.Compare(OnPacket(Frame(0x0800)));
    Both tc(ProgramType::kSchedCls,
            {Mov64(R1, 1), Mov64(R2, flags), CallHelper(23), Exit()});
    tc.Compare(OnPacket(Frame(0x0800)));
  }
}

// Types without packets.

TEST_F(PacketHelperTest, RawTracepointsTakeArguments) {
  Both both(ProgramType::kRawTracepoint, {Load(kSizeDw, R0, R1, 8), Exit()});
  for (const uint32_t size : {16U, 24U, 96U, 97U, 104U}) {
    for (const uint32_t flags : {0U, 1U, 2U, 3U}) {
      for (const uint32_t cpu : {0U, 1U, 9000U}) {
        // There may be fewer CPUs for maps than the kernel has.
        if (cpu == 1 && PossibleCpus() < 2) continue;
        SCOPED_TRACE(testing::Message()
                     << size << ", " << flags << ", " << cpu);
        KernelTest test;
        test.ctx_in.resize(size);
        test.ctx_in[8] = 77;
        test.flags = flags;
        test.cpu = cpu;
        both.Compare(test);
      }
    }
  }
  KernelTest test;
  test.ctx_in.resize(16);
  test.repeat = 1;
  both.Compare(test);
  test.repeat = 0;
  test.data_in.resize(64);
  both.Compare(test);
  test.data_in.clear();
  test.ctx_size_out = 16;
  both.Compare(test);
}

TEST_F(PacketHelperTest, SyscallsChangeTheirContext) {
  const Code code = {Load(kSizeDw, R0, R1, 0), Alu64(kAdd, R0, 1),
                     Store(kSizeDw, R1, 8, R0), Exit()};
  Both both(ProgramType::kSyscall, code);
  for (const uint32_t size : {0U, 8U, 15U, 16U, 17U, 1000U, 65535U, 65536U}) {
    SCOPED_TRACE(size);
    KernelTest test;
    test.ctx_in.resize(size);
    if (size > 0) test.ctx_in[0] = 76;
    both.Compare(test);
    test.repeat = 1;
    both.Compare(test);
    test.repeat = 0;
    test.flags = 1;
    both.Compare(test);
    test.flags = 0;
    test.ctx_size_out = 8;
    both.Compare(test);
    test.ctx_size_out = 0;
    test.data_size_out = 8;
    both.Compare(test);
    test.data_size_out = 0;
    test.data_in.resize(64);
    both.Compare(test);
  }
}

TEST_F(PacketHelperTest, FlowDissectorsFillTheirKeys) {
  for (const int32_t nhoff : {0, 13, 14, 20, 64, 70, -1}) {
    for (const int32_t thoff : {0, 14, 34, 64, 70, -1}) {
      for (const std::size_t size : {13, 14, 40, 64, 4000}) {
        SCOPED_TRACE(testing::Message()
                     << nhoff << ", " << thoff << ", " << size);
        Both both(
            ProgramType::kFlowDissector,
            {Load(kSizeDw, R2, R1, 144), Load(kSizeH, R3, R2, 0),
             Load(kSizeH, R4, R2, 2), Load(kSizeH, R5, R2, 10),
             StoreImm(kSizeH, R2, 0, nhoff), StoreImm(kSizeH, R2, 2, thoff),
             StoreImm(kSizeB, R2, 9, 17), Store(kSizeH, R2, 12, R3),
             Store(kSizeH, R2, 14, R5), Mov64(R0, 0), Exit()});
        KernelTest test = OnPacket(Frame(0x0800, size));
        both.Compare(test);
        test.ctx_in.resize(56);
        test.ctx_in[48] = 1;
        test.ctx_size_out = 56;
        both.Compare(test);
        test.ctx_in[10] = 1;
        both.Compare(test);
      }
    }
  }
}

TEST_F(PacketHelperTest, TypesWithoutTestRunsAreRefused) {
  for (const ProgramType type :
       {ProgramType::kKprobe, ProgramType::kTracepoint, ProgramType::kPerfEvent,
        ProgramType::kSockOps, ProgramType::kCgroupDevice,
        ProgramType::kLwtSeg6Local, ProgramType::kSkMsg}) {
    Both both(type, kReturn0);
    both.Compare(OnPacket(Frame(0x0800)));
  }
}

}  // namespace
}  // namespace bpfmap
