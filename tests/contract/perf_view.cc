// SPDX-License-Identifier: Apache-2.0

#include "tests/contract/perf_view.h"

#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/perf_event_array.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_program.h"

namespace bpfmap {
namespace {

constexpr MapDef kDef = {.type = MapType::kPerfEventArray,
                         .key_size = 4,
                         .value_size = 4,
                         .max_entries = kPerfSlots};
constexpr std::size_t kPage = 4096;
constexpr uint32_t kMaxOutput = 1 << 16;

// A sample's bytes: its size, so that who reads it knows where the padding
// starts, and numbers made from `mark`; zeros if there is no room for the size.
std::vector<uint8_t> SampleBytes(uint32_t size, uint32_t mark) {
  std::vector<uint8_t> bytes(size + sizeof size);
  if (size < sizeof size) return bytes;
  for (uint32_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<uint8_t>((mark + i) * 37 + (i >> 8));
  }
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes;
}

// `record` is in one piece.
PerfSeen Seen(const char* record) {
  PerfSeen seen = {};
  std::memcpy(&seen.type, record, 4);
  std::memcpy(&seen.misc, record + 4, 2);
  std::memcpy(&seen.size, record + 6, 2);
  if (seen.type == PERF_RECORD_LOST) {
    std::memcpy(&seen.lost, record + 16, 8);
    return seen;
  }
  std::memcpy(&seen.data_size, record + 8, 4);
  uint32_t size = 0;  // as in SampleBytes(); a packet is zeros
  if (seen.data_size > sizeof size) std::memcpy(&size, record + 12, 4);
  for (uint32_t i = 0; i < size; ++i) {
    seen.sum = seen.sum * 31 + static_cast<uint8_t>(record[12 + i]);
  }
  return seen;
}

template <typename P>
class LocalPerfView final : public PerfView {
 public:
  LocalPerfView() : array_(kDef, &memory_, &events_) {
    EXPECT_EQ(array_.Init(), Errno::kOk);
  }

  Errno Open(uint32_t slot, const PerfEventAttr& attr) override {
    opened_.push_back(std::make_unique<Opened>(attr, &events_));
    PerfEvent<P>& event = opened_.back()->event;
    const Errno error = event.Init();
    if (error != Errno::kOk) return error;
    in_slot_[slot] = &event;
    const uint32_t fd = event.fd();
    return array_.Update(&slot, &fd);
  }

  int Output(PerfFlags flags, uint32_t size, uint32_t mark) override {
    const char packet[kPerfPacketSize] = {};
    return -static_cast<int>(array_.Output(
        flags, SampleBytes(size, mark).data(), size, packet, sizeof packet));
  }

  std::vector<PerfSeen> Consume(uint32_t slot) override {
    std::vector<PerfSeen> all;
    in_slot_[slot]->ConsumeRecords([&](const PerfRecord* record) {
      all.push_back(Seen(reinterpret_cast<const char*>(record)));
      return true;
    });
    return all;
  }

  bool can_poll() const override { return HasEvent<P>; }
  std::vector<PerfSeen> Poll(uint32_t slot) override {
    std::vector<PerfSeen> all;
    if constexpr (HasEvent<P>) {
      const auto at = [](void* data) { return static_cast<char*>(data); };
      int64_t samples = 0;
      const int64_t polled = in_slot_[slot]->Poll(
          0,
          [&](void* data, uint32_t) {
            all.push_back(Seen(at(data) - 12));
            ++samples;
          },
          [&](uint64_t lost) {
            all.push_back({PERF_RECORD_LOST, 0, 24, 0, 0, lost});
          });
      EXPECT_EQ(polled, samples);
    }
    return all;
  }

  uint64_t LostSamples(uint32_t slot) override {
    return in_slot_[slot]->lost_samples();
  }

 private:
  struct Opened {
    Opened(const PerfEventAttr& attr, PerfEvents<P>* events)
        : event(attr, &memory, events) {}
    typename P::Memory memory;
    PerfEvent<P> event;
  };

  PerfEvents<P> events_;
  std::vector<std::unique_ptr<Opened>> opened_;
  PerfEvent<P>* in_slot_[kPerfSlots] = {};
  typename P::Memory memory_;
  PerfEventArray<P> array_;
};

// The user space side of one event.
class KernelEvent {
 public:
  ~KernelEvent() {
    if (page_ != nullptr) munmap(page_, kPage + size_);
    if (epoll_ >= 0) close(epoll_);
    if (fd_ >= 0) close(fd_);
  }

  Errno Open(const PerfEventAttr& wanted) {
    perf_event_attr attr = {};
    attr.type = PERF_TYPE_SOFTWARE;
    attr.size = sizeof attr;
    attr.config = wanted.config;
    attr.sample_type = PERF_SAMPLE_RAW;
    attr.read_format = PERF_FORMAT_LOST;
    attr.watermark = wanted.watermark;
    if (wanted.watermark) {
      attr.wakeup_watermark = wanted.wakeup_watermark;
    } else {
      attr.wakeup_events = wanted.wakeup_events;
    }
    fd_ = static_cast<int>(
        syscall(SYS_perf_event_open, &attr, /*pid=*/-1, wanted.cpu, -1, 0));
    if (fd_ < 0) return static_cast<Errno>(errno);
    if (wanted.buffer_size == 0) return Errno::kOk;
    size_ = wanted.buffer_size;
    void* const mapped = mmap(nullptr, kPage + size_, PROT_READ | PROT_WRITE,
                              MAP_SHARED, fd_, 0);
    if (mapped == MAP_FAILED) return static_cast<Errno>(errno);
    page_ = static_cast<perf_event_mmap_page*>(mapped);
    epoll_ = epoll_create1(0);
    epoll_event event = {.events = EPOLLIN, .data = {}};
    EXPECT_EQ(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event), 0);
    return Errno::kOk;
  }

  int fd() const { return fd_; }

  std::vector<PerfSeen> Consume() {
    std::vector<PerfSeen> all;
    const char* const data = reinterpret_cast<const char*>(page_) + kPage;
    std::vector<char> record;
    const uint64_t head = __atomic_load_n(&page_->data_head, __ATOMIC_SEQ_CST);
    for (uint64_t at = page_->data_tail; at != head; at += record.size()) {
      record.resize(8);
      for (std::size_t i = 0; i < record.size(); ++i) {
        record[i] = data[(at + i) % size_];
        uint16_t length;
        std::memcpy(&length, &record[6], 2);
        if (i == 7) record.resize(length);
      }
      all.push_back(Seen(record.data()));
    }
    __atomic_store_n(&page_->data_tail, head, __ATOMIC_SEQ_CST);
    return all;
  }

  bool IsAwake() {
    epoll_event event;
    return epoll_wait(epoll_, &event, 1, 0) == 1;
  }

  uint64_t LostSamples() {
    uint64_t value_and_lost[2] = {};
    EXPECT_EQ(read(fd_, value_and_lost, sizeof value_and_lost),
              static_cast<ssize_t>(sizeof value_and_lost));
    return value_and_lost[1];
  }

 private:
  int fd_ = -1;
  int epoll_ = -1;
  std::size_t size_ = 0;
  perf_event_mmap_page* page_ = nullptr;
};

class KernelPerfView final : public PerfView {
 public:
  KernelPerfView() : array_(NewMap(kDef)), scratch_(NewMap(kScratchDef)) {
    constexpr int kPerfEventOutput = 25;
    BpfAssembler assembler;
    assembler.LoadMapValue(kR6, scratch_->fd())
        .LoadMap(kR2, array_->fd())
        .Load(8, kR3, kR6, 0)
        .Move(kR4, kR6)
        .AddValue(kR4, 16)
        .Load(8, kR5, kR6, 8)
        .AndValue(kR5, kMaxOutput - 1)
        .Call(kPerfEventOutput)
        .Exit();
    program_.emplace(assembler, "GPL");
    EXPECT_TRUE(program_->load_error() == Errno::kOk)
        << program_->verifier_log();
  }

  Errno Open(uint32_t slot, const PerfEventAttr& attr) override {
    opened_.push_back(std::make_unique<KernelEvent>());
    KernelEvent& event = *opened_.back();
    const Errno error = event.Open(attr);
    if (error != Errno::kOk) return error;
    in_slot_[slot] = &event;
    const uint32_t fd = static_cast<uint32_t>(event.fd());
    return array_->Update(&slot, &fd);
  }

  int Output(PerfFlags flags, uint32_t size, uint32_t mark) override {
    std::vector<uint8_t> arguments(kScratchDef.value_size);
    const uint64_t wide_size = size;
    const uint32_t zero = 0;
    std::memcpy(arguments.data(), &flags, sizeof flags);
    std::memcpy(arguments.data() + 8, &wide_size, sizeof wide_size);
    std::memcpy(arguments.data() + 16, SampleBytes(size, mark).data(), size);
    EXPECT_TRUE(scratch_->Update(&zero, arguments.data()) == Errno::kOk);
    int result = -1;
    EXPECT_TRUE(program_->Run(&result) == Errno::kOk);
    return result;
  }

  std::vector<PerfSeen> Consume(uint32_t slot) override {
    return in_slot_[slot]->Consume();
  }
  bool can_poll() const override { return true; }
  std::vector<PerfSeen> Poll(uint32_t slot) override {
    if (!in_slot_[slot]->IsAwake()) return {};
    return in_slot_[slot]->Consume();
  }
  uint64_t LostSamples(uint32_t slot) override {
    return in_slot_[slot]->LostSamples();
  }

 private:
  // The flags, the size, the bytes.
  static constexpr MapDef kScratchDef = {.type = MapType::kArray,
                                         .key_size = 4,
                                         .value_size = 16 + kMaxOutput,
                                         .max_entries = 1,
                                         .name = "scratch"};

  static std::unique_ptr<KernelMap> NewMap(const MapDef& def) {
    absl::StatusOr<std::unique_ptr<KernelMap>> map = KernelMap::Create(def);
    EXPECT_TRUE(map.ok()) << map.status();
    return *std::move(map);
  }

  const std::unique_ptr<KernelMap> array_, scratch_;
  std::optional<KernelProgram> program_;
  std::vector<std::unique_ptr<KernelEvent>> opened_;
  KernelEvent* in_slot_[kPerfSlots] = {};
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const PerfSeen& seen) {
  return out << "{type " << seen.type << ", misc " << seen.misc << ", size "
             << seen.size << ", data " << seen.data_size << ", sum " << seen.sum
             << ", lost " << seen.lost << "}";
}

const std::vector<std::string>& PerfViewNames() {
  static const auto& names =
      *new std::vector<std::string>{"cloud", "embedded", "kernel"};
  return names;
}

std::unique_ptr<PerfView> NewPerfView(const std::string& name) {
  if (name == "cloud") return std::make_unique<LocalPerfView<Cloud>>();
  if (name == "embedded") return std::make_unique<LocalPerfView<Embedded>>();
  return std::make_unique<KernelPerfView>();
}

}  // namespace bpfmap
