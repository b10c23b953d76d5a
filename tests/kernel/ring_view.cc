// SPDX-License-Identifier: Apache-2.0

#include "tests/kernel/ring_view.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_program.h"

namespace bpfmap {
namespace {

constexpr std::size_t kPage = 4096;
constexpr uint32_t kFlagBits = (1U << 31) | (1U << 30);  // busy, discarded

RingRecord RecordAt(const char* data, uint32_t size) {
  RingRecord record = {};
  std::memcpy(&record.length, data - 8, 4);
  std::memcpy(&record.page, data - 4, 4);
  if (size >= 8) std::memcpy(&record.first, data, 8);
  return record;
}

std::vector<char> OutputBytes(uint32_t mark, uint32_t size) {
  std::vector<char> bytes(size + 1);  // so that data() is not null
  for (uint32_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(RingOutputByte(mark, i));
  }
  return bytes;
}

template <typename P>
class LocalRingView final : public RingView {
 public:
  explicit LocalRingView(uint32_t size)
      : ring_({.type = MapType::kRingBuf, .max_entries = size}, &memory_) {
    usable_ = ring_.Init() == Errno::kOk;
  }
  bool usable() const { return usable_; }

  std::vector<int64_t> Run(const std::vector<RingCall>& calls) override {
    std::vector<int64_t> results;
    void* slots[kRingSlots] = {};
    for (const RingCall& call : calls) {
      results.push_back(Call(call, slots[call.slot]));
    }
    return results;
  }

  std::vector<RingRecord> ConsumeN(std::size_t most) override {
    std::vector<RingRecord> records;
    const int64_t count = ring_.ConsumeN(most, [&](void* data, uint32_t size) {
      records.push_back(RecordAt(static_cast<const char*>(data), size));
      return 0;
    });
    EXPECT_EQ(count, static_cast<int64_t>(records.size()));
    return records;
  }

  bool can_poll() const override { return HasEvent<P>; }
  bool Poll(std::vector<RingRecord>* records) override {
    if constexpr (HasEvent<P>) {
      const uint64_t before = ring_.Query(kRbConsPos);
      const bool ready = ring_.Query(kRbAvailData) != 0;
      records->clear();
      const int64_t count = ring_.Poll(0, [&](void* data, uint32_t size) {
        records->push_back(RecordAt(static_cast<const char*>(data), size));
        return 0;
      });
      EXPECT_EQ(count, static_cast<int64_t>(records->size()));
      // All records may have been discarded ones.
      return ready && ring_.Query(kRbConsPos) != before;
    }
    return false;
  }

 private:
  int64_t Call(const RingCall& call, void*& slot) {
    const uint64_t number = static_cast<uint64_t>(int64_t{call.flags});
    const RingFlags flags{number};
    switch (call.kind) {
      case RingCall::kReserve: {
        slot = ring_.Reserve(call.size, flags);
        if (slot == nullptr) return 0;
        const uint64_t mark = call.mark;
        if (call.size >= 8) std::memcpy(slot, &mark, 8);
        return 1;
      }
      case RingCall::kSubmit:
        if (slot != nullptr) ring_.Submit(slot, flags);
        return 0;
      case RingCall::kDiscard:
        if (slot != nullptr) ring_.Discard(slot, flags);
        return 0;
      case RingCall::kOutput:
        return -static_cast<int64_t>(ring_.Output(
            OutputBytes(call.mark, call.size).data(), call.size, flags));
      case RingCall::kQuery:
        return static_cast<int64_t>(ring_.Query(number));
    }
    return -1;
  }

  typename P::Memory memory_;
  RingBuffer<P> ring_;
  bool usable_ = false;
};

class KernelRingView final : public RingView {
 public:
  explicit KernelRingView(uint32_t size) : size_(size) {
    absl::StatusOr<std::unique_ptr<KernelMap>> map = KernelMap::Create(
        {.type = MapType::kRingBuf, .max_entries = size, .name = "ring"});
    EXPECT_TRUE(map.ok()) << map.status();
    map_ = *std::move(map);
    map = KernelMap::Create({.type = MapType::kArray,
                             .key_size = 4,
                             .value_size = kScratchSize,
                             .max_entries = 1,
                             .name = "scratch"});
    EXPECT_TRUE(map.ok()) << map.status();
    scratch_ = *std::move(map);
    consumer_ = Map(PROT_READ | PROT_WRITE, kPage, 0);
    producer_ = Map(PROT_READ, kPage + 2 * size_, kPage);
    epoll_ = epoll_create1(0);
    epoll_event event = {.events = EPOLLIN, .data = {}};
    EXPECT_EQ(epoll_ctl(epoll_, EPOLL_CTL_ADD, map_->fd(), &event), 0);
  }
  ~KernelRingView() override {
    close(epoll_);
    munmap(consumer_, kPage);
    munmap(producer_, kPage + 2 * size_);
  }

  std::vector<int64_t> Run(const std::vector<RingCall>& calls) override {
    if (calls.empty()) return {};
    std::vector<char> scratch(kScratchSize);
    uint32_t used = kOutputsAt;
    BpfAssembler program;
    program.LoadMapValue(kR6, scratch_->fd());
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const RingCall& call = calls[i];
      if (call.kind == RingCall::kOutput) {
        EXPECT_LE(used + call.size, kScratchSize);
        const std::vector<char> bytes = OutputBytes(call.mark, call.size);
        std::memcpy(&scratch[used], bytes.data(), call.size);
      }
      Append(call, static_cast<int>(8 * i), static_cast<int>(used), &program);
      if (call.kind == RingCall::kOutput) used += (call.size + 7) / 8 * 8;
    }
    program.MoveValue(kR0, 0).Exit();

    const uint32_t zero = 0;
    EXPECT_TRUE(scratch_->Update(&zero, scratch.data()) == Errno::kOk);
    const KernelProgram loaded(program);
    EXPECT_TRUE(loaded.load_error() == Errno::kOk) << loaded.verifier_log();
    int result = -1;
    EXPECT_TRUE(loaded.Run(&result) == Errno::kOk);
    EXPECT_TRUE(scratch_->Lookup(&zero, scratch.data()) == Errno::kOk);
    std::vector<int64_t> results(calls.size());
    std::memcpy(results.data(), scratch.data(), 8 * results.size());
    return results;
  }

  std::vector<RingRecord> ConsumeN(std::size_t most) override {
    std::vector<RingRecord> records;
    unsigned long at = Position(consumer_).load(std::memory_order_relaxed);
    while (records.size() < most &&
           at < Position(producer_).load(std::memory_order_acquire)) {
      char* const header = producer_ + kPage + (at & (size_ - 1));
      const uint32_t length =
          reinterpret_cast<std::atomic<uint32_t>*>(header)->load(
              std::memory_order_acquire);
      if ((length & (1U << 31)) != 0) break;
      const uint32_t size = length & ~kFlagBits;
      at += (size + 8 + 7) / 8 * 8;
      if ((length & kFlagBits) == 0) {
        records.push_back(RecordAt(header + 8, size));
      }
      Position(consumer_).store(at, std::memory_order_release);
    }
    return records;
  }

  bool can_poll() const override { return true; }
  bool Poll(std::vector<RingRecord>* records) override {
    epoll_event event;
    records->clear();
    if (epoll_wait(epoll_, &event, 1, 0) != 1) return false;
    *records = ConsumeN(~std::size_t{0});
    return true;
  }

 private:
  static constexpr uint32_t kOutputsAt = 8 * kRingCalls;
  static constexpr uint32_t kScratchSize = kOutputsAt + 2 * kRingOutputMax;
  static constexpr int kOutput = 130, kReserve = 131, kSubmit = 132,
                       kDiscard = 133, kQuery = 134;  // helpers

  char* Map(int protection, std::size_t length, std::size_t offset) {
    void* const mapped = mmap(nullptr, length, protection, MAP_SHARED,
                              map_->fd(), static_cast<off_t>(offset));
    EXPECT_NE(mapped, MAP_FAILED);
    return static_cast<char*>(mapped);
  }
  static std::atomic<unsigned long>& Position(char* page) {
    return *reinterpret_cast<std::atomic<unsigned long>*>(page);
  }

  void Append(const RingCall& call, int result, int data,
              BpfAssembler* program) const {
    const int slot = -8 * (call.slot + 1);  // on the stack
    const int32_t size = static_cast<int32_t>(call.size);
    switch (call.kind) {
      case RingCall::kReserve: {
        BpfAssembler found;
        if (call.size >= 8) {
          found.MoveValue(kR1, static_cast<int32_t>(call.mark))
              .Store(8, kR0, 0, kR1);
        }
        found.MoveValue(kR1, 1).Store(8, kR6, result, kR1);
        program->LoadMap(kR1, map_->fd())
            .MoveValue(kR2, size)
            .MoveValue(kR3, call.flags)
            .Call(kReserve)
            .Store(8, kR10, slot, kR0)
            .SkipIfZero(kR0, static_cast<int>(found.instructions().size()))
            .Append(found);
        return;
      }
      case RingCall::kSubmit:
      case RingCall::kDiscard:
        program->Load(8, kR1, kR10, slot)
            .SkipIfZero(kR1, 2)
            .MoveValue(kR2, call.flags)
            .Call(call.kind == RingCall::kSubmit ? kSubmit : kDiscard);
        return;
      case RingCall::kOutput:
        program->LoadMap(kR1, map_->fd())
            .Move(kR2, kR6)
            .AddValue(kR2, data)
            .MoveValue(kR3, size)
            .MoveValue(kR4, call.flags)
            .Call(kOutput)
            .Store(8, kR6, result, kR0);
        return;
      case RingCall::kQuery:
        program->LoadMap(kR1, map_->fd())
            .MoveValue(kR2, call.flags)
            .Call(kQuery)
            .Store(8, kR6, result, kR0);
        return;
    }
  }

  const std::size_t size_;
  std::unique_ptr<KernelMap> map_;
  // An array of one value: the results, then what is given out.
  std::unique_ptr<KernelMap> scratch_;
  char* consumer_;
  char* producer_;
  int epoll_;
};

template <typename P>
std::unique_ptr<RingView> NewLocal(uint32_t size) {
  auto view = std::make_unique<LocalRingView<P>>(size);
  if (!view->usable()) return nullptr;
  return view;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const RingRecord& record) {
  return out << "{length " << record.length << ", page " << record.page
             << ", first " << record.first << "}";
}

const std::vector<std::string>& RingViewNames() {
  static const auto& names =
      *new std::vector<std::string>{"cloud", "embedded", "kernel"};
  return names;
}

std::unique_ptr<RingView> NewRingView(const std::string& name, uint32_t size) {
  if (name == "cloud") return NewLocal<Cloud>(size);
  if (name == "embedded") return NewLocal<Embedded>(size);
  return std::make_unique<KernelRingView>(size);
}

}  // namespace bpfmap
