// SPDX-License-Identifier: Apache-2.0

// Random records and drains on a UserRingBuffer and on the kernel's ring at
// once, whose memory this test maps and fills as libbpf does: what each drain
// returns, how often its callback ran, and with what. And what each makes of
// positions and lengths that libbpf never writes.
//
// Flags: --seed=N (printed by every run), --drains=N.

#include <linux/bpf.h>
#include <linux/btf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"

ABSL_FLAG(uint64_t, drains, 20000, "How many drains each test makes.");

namespace bpfmap {
namespace {

constexpr uint32_t kRingSize = 4096;
constexpr std::size_t kPage = 4096;

// The input of a drain, and its output.
struct Call {
  uint64_t flags;
  uint64_t stop_at;  // the number of the call that returns 1; 0 for none
  int64_t result = 0;
  uint64_t calls = 0;
  uint64_t sum = 0;   // of `last` after each call
  uint64_t last = 0;  // the first 8 bytes of the last record that has them
};

// A program that drains a ring once, with a callback. The verifier wants to
// know the callback as a static function, from BTF.
class DrainProgram {
 public:
  DrainProgram(int ring_fd, int call_fd) {
    const std::vector<uint64_t> code = Code(ring_fd, call_fd);
    const Btf btf = MakeBtf();
    bpf_attr attr = {};
    attr.btf = Address(&btf);
    attr.btf_size = sizeof btf;
    const int btf_fd = Bpf(BPF_BTF_LOAD, &attr);
    EXPECT_GE(btf_fd, 0) << std::strerror(errno);

    const bpf_func_info functions[] = {{0, Btf::kMain},
                                       {kCallbackAt, Btf::kCallback}};
    std::vector<char> log(1 << 16);
    attr = {};
    attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
    attr.insn_cnt = static_cast<uint32_t>(code.size());
    attr.insns = Address(code.data());
    attr.license = Address("GPL");
    attr.log_level = 1;
    attr.log_size = static_cast<uint32_t>(log.size());
    attr.log_buf = Address(log.data());
    attr.prog_btf_fd = static_cast<uint32_t>(btf_fd);
    attr.func_info_rec_size = sizeof functions[0];
    attr.func_info = Address(functions);
    attr.func_info_cnt = 2;
    fd_ = Bpf(BPF_PROG_LOAD, &attr);
    EXPECT_GE(fd_, 0) << std::strerror(errno) << "\n" << log.data();
    close(btf_fd);
  }
  ~DrainProgram() { close(fd_); }
  DrainProgram(const DrainProgram&) = delete;
  DrainProgram& operator=(const DrainProgram&) = delete;

  void Run() const {
    const char packet[64] = {};
    bpf_attr attr = {};
    attr.test.prog_fd = static_cast<uint32_t>(fd_);
    attr.test.data_in = Address(packet);
    attr.test.data_size_in = sizeof packet;
    EXPECT_EQ(Bpf(BPF_PROG_TEST_RUN, &attr), 0) << std::strerror(errno);
  }

 private:
  struct Btf {
    btf_header header;
    btf_type number;  // 1
    uint32_t number_encoding;
    btf_type main_type;      // 2
    btf_type main;           // 3
    btf_type callback_type;  // 4
    btf_param parameters[2];
    btf_type callback;  // 5
    char strings[16];
    static constexpr uint32_t kNumber = 1, kMainType = 2, kMain = 3,
                              kCallbackType = 4, kCallback = 5;
  };

  static Btf MakeBtf() {
    Btf btf = {};
    constexpr char kStrings[sizeof btf.strings] = "\0long\0main\0call";
    constexpr uint32_t kLong = 1, kMainName = 6, kCallName = 11;
    std::memcpy(btf.strings, kStrings, sizeof kStrings);
    btf.header.magic = 0xeb9f;
    btf.header.version = 1;
    btf.header.hdr_len = sizeof btf.header;
    btf.header.type_len = offsetof(Btf, strings) - sizeof btf.header;
    btf.header.str_off = btf.header.type_len;
    btf.header.str_len = sizeof btf.strings;
    const auto kind = [](uint32_t number, uint32_t count) {
      return number << 24 | count;
    };
    btf.number = {kLong, kind(BTF_KIND_INT, 0), {8}};
    btf.number_encoding = 64;
    btf.main_type = {0, kind(BTF_KIND_FUNC_PROTO, 0), {Btf::kNumber}};
    btf.main = {
        kMainName, kind(BTF_KIND_FUNC, BTF_FUNC_GLOBAL), {Btf::kMainType}};
    btf.callback_type = {0, kind(BTF_KIND_FUNC_PROTO, 2), {Btf::kNumber}};
    btf.parameters[0] = btf.parameters[1] = {kLong, Btf::kNumber};
    btf.callback = {
        kCallName, kind(BTF_KIND_FUNC, BTF_FUNC_STATIC), {Btf::kCallbackType}};
    return btf;
  }

  static constexpr uint32_t kCallbackAt = 12;

  static std::vector<uint64_t> Code(int ring_fd, int call_fd) {
    std::vector<uint64_t> code;
    const auto add = [&](uint8_t operation, int to, int from, int offset,
                         int32_t value) {
      code.push_back(uint64_t{operation} | uint64_t(to) << 8 |
                     uint64_t(from) << 12 |
                     uint64_t{static_cast<uint16_t>(offset)} << 16 |
                     uint64_t{static_cast<uint32_t>(value)} << 32);
    };
    const auto wide = [&](int to, int kind, int32_t value) {
      add(0x18, to, kind, 0, value);
      add(0, 0, 0, 0, 0);
    };
    const auto load = [&](int to, int from, std::size_t offset) {
      add(0x79, to, from, static_cast<int>(offset), 0);
    };
    const auto store = [&](int to, std::size_t offset, int from) {
      add(0x7b, to, from, static_cast<int>(offset), 0);
    };
    constexpr uint8_t kMove = 0xb7, kMoveRegister = 0xbf, kAdd = 0x07,
                      kAddRegister = 0x0f, kCall = 0x85, kExit = 0x95,
                      kSkipIfNotEqual = 0x5d;
    // The program.
    wide(6, BPF_PSEUDO_MAP_VALUE, call_fd);
    wide(1, BPF_PSEUDO_MAP_FD, ring_fd);
    wide(2, BPF_PSEUDO_FUNC, static_cast<int32_t>(kCallbackAt) - 5);
    add(kMove, 3, 0, 0, 0);
    load(4, 6, offsetof(Call, flags));
    add(kCall, 0, 0, 0, BPF_FUNC_user_ringbuf_drain);
    store(6, offsetof(Call, result), 0);
    add(kMove, 0, 0, 0, 0);
    add(kExit, 0, 0, 0, 0);
    EXPECT_EQ(code.size(), kCallbackAt);
    // The callback: the record is in r1.
    wide(6, BPF_PSEUDO_MAP_VALUE, call_fd);
    add(kMoveRegister, 3, 1, 0, 0);
    add(kMoveRegister, 1, 6, 0, 0);
    add(kAdd, 1, 0, 0, offsetof(Call, last));
    add(kMove, 2, 0, 0, 8);
    add(kMove, 4, 0, 0, 0);
    add(kMove, 5, 0, 0, 0);
    add(kCall, 0, 0, 0, BPF_FUNC_dynptr_read);
    load(1, 6, offsetof(Call, last));
    load(2, 6, offsetof(Call, sum));
    add(kAddRegister, 2, 1, 0, 0);
    store(6, offsetof(Call, sum), 2);
    load(1, 6, offsetof(Call, calls));
    add(kAdd, 1, 0, 0, 1);
    store(6, offsetof(Call, calls), 1);
    load(2, 6, offsetof(Call, stop_at));
    add(kMove, 0, 0, 0, 0);
    add(kSkipIfNotEqual, 1, 2, 1, 0);
    add(kMove, 0, 0, 0, 1);
    add(kExit, 0, 0, 0, 0);
    return code;
  }

  static uint64_t Address(const void* pointer) {
    return reinterpret_cast<uintptr_t>(pointer);
  }
  static int Bpf(int command, bpf_attr* attr) {
    return static_cast<int>(syscall(SYS_bpf, command, attr, sizeof *attr));
  }

  int fd_;
};

// The kernel's ring with the methods of a UserRingBuffer.
class KernelUserRing {
 public:
  KernelUserRing()
      : ring_(Create({.type = MapType::kUserRingBuf,
                      .max_entries = kRingSize,
                      .name = "ring"})),
        call_(Create({.type = MapType::kArray,
                      .key_size = 4,
                      .value_size = sizeof(Call),
                      .max_entries = 1,
                      .name = "call"})),
        program_(ring_->fd(), call_->fd()) {
    consumer_ = Map(PROT_READ, kPage, 0);
    producer_ = Map(PROT_READ | PROT_WRITE, kPage + 2 * kRingSize, kPage);
  }
  ~KernelUserRing() {
    munmap(consumer_, kPage);
    munmap(producer_, kPage + 2 * kRingSize);
  }

  Errno Reserve(uint32_t size, void** data) {
    const uint64_t length = (uint64_t{size} + 8 + 7) / 8 * 8;
    if (length > kRingSize) return Errno::k2Big;
    const unsigned long start = Position(producer_).load();
    if (kRingSize - (start - Position(consumer_).load()) < length) {
      return Errno::kNoSpc;
    }
    char* const header = producer_ + kPage + (start & (kRingSize - 1));
    Word(header) = size | BPF_RINGBUF_BUSY_BIT;
    Word(header + 4) = 0;
    Position(producer_).store(start + length);
    *data = header + 8;
    return Errno::kOk;
  }
  void Submit(void* data) {
    Word(static_cast<char*>(data) - 8) &= ~BPF_RINGBUF_BUSY_BIT;
  }
  void Discard(void* data) {
    uint32_t& length = Word(static_cast<char*>(data) - 8);
    length = (length & ~BPF_RINGBUF_BUSY_BIT) | BPF_RINGBUF_DISCARD_BIT;
  }
  // Writes of a producer that breaks the rules.
  void WriteProducer(uint64_t position) { Position(producer_).store(position); }
  void WriteFirstLength(uint32_t length) { Word(producer_ + kPage) = length; }
  uint64_t consumer_position() const { return Position(consumer_).load(); }

  void Drain(Call* call) {
    const uint32_t zero = 0;
    EXPECT_TRUE(call_->Update(&zero, call) == Errno::kOk);
    program_.Run();
    EXPECT_TRUE(call_->Lookup(&zero, call) == Errno::kOk);
  }

 private:
  static std::unique_ptr<KernelMap> Create(const MapDef& def) {
    absl::StatusOr<std::unique_ptr<KernelMap>> map = KernelMap::Create(def);
    EXPECT_TRUE(map.ok()) << map.status();
    return *std::move(map);
  }
  char* Map(int protection, std::size_t length, std::size_t offset) {
    void* const mapped = mmap(nullptr, length, protection, MAP_SHARED,
                              ring_->fd(), static_cast<off_t>(offset));
    EXPECT_NE(mapped, MAP_FAILED);
    return static_cast<char*>(mapped);
  }
  static std::atomic<unsigned long>& Position(char* page) {
    return *reinterpret_cast<std::atomic<unsigned long>*>(page);
  }
  static uint32_t& Word(char* at) { return *reinterpret_cast<uint32_t*>(at); }

  const std::unique_ptr<KernelMap> ring_, call_;
  const DrainProgram program_;
  char* consumer_;
  char* producer_;
};

// Profile P, with memory that a test can write to as the process can that maps
// a ring.
template <typename P>
class MappedMemory {
 public:
  void* Allocate(std::size_t bytes, std::size_t alignment) {
    arena_ = static_cast<std::byte*>(memory_.Allocate(bytes, alignment));
    return arena_;
  }
  void Deallocate(void* block) { memory_.Deallocate(block); }

  // See maps/internal/ring_memory.h.
  std::atomic<std::size_t>& consumer() { return *At<0>(); }
  std::atomic<std::size_t>& producer() { return *At<1>(); }
  uint32_t& first_length() {
    return *reinterpret_cast<uint32_t*>(arena_ + 2 * P::kCacheLineSize);
  }

 private:
  template <int kPart>
  std::atomic<std::size_t>* At() {
    return reinterpret_cast<std::atomic<std::size_t>*>(
        arena_ + kPart * P::kCacheLineSize);
  }

  typename P::Memory memory_;
  std::byte* arena_ = nullptr;
};
template <typename P>
struct Mapped : P {
  using Memory = MappedMemory<P>;
};

template <typename P>
class UserRingKernelTest : public testing::Test {
 protected:
  template <typename Ring>
  static void Drain(Ring& ring, Call* call) {
    const auto callback = [call](void* data, uint32_t size) {
      // bpf_dynptr_read() leaves it alone where there are not so many.
      if (size >= 8) std::memcpy(&call->last, data, 8);
      call->sum += call->last;
      return ++call->calls == call->stop_at ? 1 : 0;
    };
    call->result = ring.Drain(callback, RingFlags{call->flags});
  }

  typename P::Memory memory_;
};

struct ProfileName {
  template <typename P>
  static std::string GetName(int) {
    return P::kName;
  }
};
using Profiles = testing::Types<Cloud, Embedded>;
TYPED_TEST_SUITE(UserRingKernelTest, Profiles, ProfileName);

TYPED_TEST(UserRingKernelTest, EveryDrainMatchesKernel) {
  SKIP_WITHOUT_KERNEL();
  UserRingBuffer<TypeParam> local(
      {.type = MapType::kUserRingBuf, .max_entries = kRingSize},
      &this->memory_);
  ASSERT_EQ(local.Init(), Errno::kOk);
  KernelUserRing kernel;
  std::mt19937_64 random(RandomSeed());
  const auto below = [&](uint64_t end) { return random() % end; };
  struct Held {
    void* local;
    void* kernel;
  };
  std::vector<Held> held;
  uint64_t full = 0, drained = 0, stopped = 0, held_up = 0;
  for (uint64_t i = 0; i < absl::GetFlag(FLAGS_drains); ++i) {
    for (uint64_t sends = below(20); sends > 0; --sends) {
      const uint32_t size =
          static_cast<uint32_t>(below(40) == 0 ? below(4200) : below(200));
      Held record = {};
      const Errno error = local.Reserve(size, &record.local);
      ASSERT_EQ(error, kernel.Reserve(size, &record.kernel));
      if (error != Errno::kOk) {
        ++full;
        continue;
      }
      const uint64_t number = random();
      if (size >= 8) {
        std::memcpy(record.local, &number, 8);
        std::memcpy(record.kernel, &number, 8);
      }
      held.push_back(record);
    }
    const uint64_t keep = below(3) == 0 ? below(held.size() + 1) : 0;
    while (held.size() > keep) {
      const std::size_t at = below(held.size());
      if (below(4) == 0) {
        local.Discard(held[at].local);
        kernel.Discard(held[at].kernel);
      } else {
        local.Submit(held[at].local);
        kernel.Submit(held[at].kernel);
      }
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    }
    Call expected = {.flags = below(10) == 0 ? random() : below(4),
                     .stop_at = below(3) == 0 ? below(10) : 0};
    Call call = expected;
    this->Drain(local, &call);
    kernel.Drain(&expected);
    ASSERT_EQ(call.result, expected.result) << "drain " << i;
    ASSERT_EQ(call.calls, expected.calls) << "drain " << i;
    ASSERT_EQ(call.sum, expected.sum) << "drain " << i;
    ASSERT_EQ(call.last, expected.last) << "drain " << i;
    drained += call.calls;
    stopped += call.calls == call.stop_at && call.calls > 0 ? 1 : 0;
    held_up += held.empty() ? 0 : 1;
  }
  EXPECT_GT(full, 100u);
  EXPECT_GT(drained, 1000u);
  EXPECT_GT(stopped, 100u);
  EXPECT_GT(held_up, 100u);
}

TYPED_TEST(UserRingKernelTest, BadDefinitionIsRefusedAsByKernel) {
  SKIP_WITHOUT_KERNEL();
  int refused = 0;
  for (const uint64_t position :
       {uint64_t{0}, uint64_t{4}, uint64_t{8}, uint64_t{16}, uint64_t{24},
        uint64_t{4096}, uint64_t{4104}, uint64_t{8192}, uint64_t{1} << 40,
        ~uint64_t{7}, ~uint64_t{0}}) {
    for (const uint32_t size : {0U, 1U, 8U, 9U, 4088U, 4089U, 8184U, 0xfffff7U,
                                0xffffffU, 0x1000000U, 0x3fffffffU}) {
      for (uint32_t flags = 0; flags < 4; ++flags) {
        const uint32_t length = size | flags << 30;  // discarded, busy
        SCOPED_TRACE(testing::Message() << "position " << position << ", size "
                                        << size << ", flags " << flags);
        MappedMemory<TypeParam> memory;
        UserRingBuffer<Mapped<TypeParam>> local(
            {.type = MapType::kUserRingBuf, .max_entries = kRingSize}, &memory);
        ASSERT_EQ(local.Init(), Errno::kOk);
        memory.first_length() = length;
        memory.producer() = static_cast<std::size_t>(position);
        KernelUserRing kernel;
        kernel.WriteFirstLength(length);
        kernel.WriteProducer(position);
        // With the end far away, the rest of the ring is empty records.
        Call call = {.flags = 0, .stop_at = 3}, expected = call;
        this->Drain(local, &call);
        kernel.Drain(&expected);
        ASSERT_EQ(call.result, expected.result);
        ASSERT_EQ(call.calls, expected.calls);
        ASSERT_EQ(memory.consumer(), kernel.consumer_position());
        refused += call.result < 0 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace bpfmap
