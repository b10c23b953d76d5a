// SPDX-License-Identifier: Apache-2.0

// PerfEvent: where the programs of one CPU write records for user space, by
// way of a PerfEventArray (perf_event_array.h). On Linux this is a software
// event, PERF_COUNT_SW_BPF_OUTPUT, with the buffer that user space has mapped.
//
//   PerfEvent<Cloud> event({.cpu = 0, .buffer_size = 65536});
//   if (event.Init() != Errno::kOk) ...
//   const uint32_t index = 0, fd = event.fd();
//   error = array.Update(&index, &fd);
//
//   event.Poll(100, [](void* data, uint32_t size) { ... },
//              [](uint64_t lost) { ... });
//
// A sample that finds no room is lost. The number of lost samples is reported
// with the next sample that fits; lost_samples() has it at once.
//
// A reader that waits in Poll() is woken as one that waits in epoll_wait(2),
// which is what perf_buffer__poll() of libbpf does: each wakeup_events samples,
// or each so many bytes as the watermark says. Consume() reads whether or not a
// reader was woken.
//
// Embedded: Poll() does not exist there, since there is no operating system to
// sleep in. A buffer takes twice its size.
//
// Source: perf_event_open(2), bpf-helpers(7), libbpf; what Linux 6.18 does with
// programs that call bpf_perf_event_output().
//
// Thread-safe; but only one thread at a time may be in Consume(),
// ConsumeRecords() or Poll().

#ifndef BPFMAP_MAPS_PERF_EVENT_H_
#define BPFMAP_MAPS_PERF_EVENT_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/ring/perf_ring.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// PERF_COUNT_SW_BPF_OUTPUT. Events with other numbers count something; they may
// be put into an array, but nobody can write to them.
inline constexpr uint64_t kPerfSwBpfOutput = 10;

// PerfSink takes the samples of an event in the place of its buffer: another
// one that is laid out as Linux's, for a reader in another process.
class PerfSink {
 public:
  // Of both pieces.
  //   ENOSPC  no room, now or ever; the sample is lost
  virtual Errno WriteSample(const void* data, uint64_t size, const void* more,
                            uint64_t more_size) = 0;

 protected:
  ~PerfSink() = default;
};

// The parts of struct perf_event_attr that matter here, with their names, and
// what else an event is opened and mapped with.
struct PerfEventAttr {
  int cpu = 0;               // whose programs write to it
  uint32_t buffer_size = 0;  // bytes: a power of two, and whole pages of 4096;
                             // 0: nobody has mapped it, so there is no room
  bool watermark = false;    // whether bytes wake the reader, or samples
  uint32_t wakeup_events = 1;     // each so many samples; 0: as watermark = 0
  uint32_t wakeup_watermark = 0;  // each so many bytes; 0: half the buffer
  uint64_t config = kPerfSwBpfOutput;
  PerfSink* sink = nullptr;  // outlives the event; null: the event's buffer
};

// The header of a record, as perf_event_open(2) lays it out; the rest follows.
using PerfRecord = internal::PerfHeader;
inline constexpr uint32_t kPerfRecordLost = internal::kPerfRecordLost;
inline constexpr uint32_t kPerfRecordSample = internal::kPerfRecordSample;

// Bytes of the largest sample. (Linux takes more without an error, and writes
// records that make no sense.)
inline constexpr uint64_t kPerfMaxSample = internal::kPerfMaxData;

template <Profile P>
class PerfEvent;

// The numbers that user space has for perf events. They are no numbers of maps
// (map_fd_table.h).
//
// Thread-safe.
template <Profile P>
class PerfEvents {
 public:
  // The one of the process. Events and arrays use it if they are given no
  // other.
  static PerfEvents& Global() {
    static constinit PerfEvents events;
    return events;
  }

  constexpr PerfEvents() = default;
  PerfEvents(const PerfEvents&) = delete;
  PerfEvents& operator=(const PerfEvents&) = delete;

  // The event of `fd`; null if it is not open.
  PerfEvent<P>* Find(uint32_t fd) const {
    ReaderLock lock(lock_);
    PerfEvent<P>* event = first_;
    while (event != nullptr && event->fd_ != fd) event = event->next_;
    return event;
  }

 private:
  friend PerfEvent<P>;

  // Gives `event` the lowest number that is free.
  void Open(PerfEvent<P>* event) {
    WriterLock lock(lock_);
    uint32_t fd = kFirst;
    PerfEvent<P>** link = &first_;  // in the order of their numbers
    for (; *link != nullptr && (*link)->fd_ == fd; link = &(*link)->next_) ++fd;
    event->fd_ = fd;
    event->next_ = *link;
    *link = event;
  }
  void Close(PerfEvent<P>* event) {
    WriterLock lock(lock_);
    PerfEvent<P>** link = &first_;
    while (*link != event) link = &(*link)->next_;
    *link = event->next_;
  }

  static constexpr uint32_t kFirst = 1 << 20;

  mutable typename P::Lock lock_;
  PerfEvent<P>* first_ ABSL_GUARDED_BY(lock_) = nullptr;
};

template <Profile P>
class PerfEvent {
 public:
  using Memory = typename P::Memory;

  // `memory` and `events` must outlive the event.
  PerfEvent(const PerfEventAttr& attr, Memory* memory,
            PerfEvents<P>* events = &PerfEvents<P>::Global())
      : attr_(attr), events_(*events), ring_(*memory) {}
  explicit PerfEvent(const PerfEventAttr& attr) requires HasDefaultMemory<P>
      : PerfEvent(attr, &P::DefaultMemory()) {}
  // REQUIRES: the arrays that it was put into are destroyed.
  ~PerfEvent() {
    if (fd_ != 0) events_.Close(this);
  }
  PerfEvent(const PerfEvent&) = delete;
  PerfEvent& operator=(const PerfEvent&) = delete;

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(const PerfEventAttr& attr) {
    if (attr.buffer_size == 0) return 0;
    return internal::PerfRing<P>::MemoryNeeded(attr.buffer_size);
  }

  // Makes the event usable. After an error it may only be destroyed.
  // REQUIRES: called once, before any other method.
  //   EINVAL  there is no such CPU; a buffer_size that no buffer has
  //   ENOMEM  no memory
  Errno Init() {
    if (attr_.cpu < 0 || attr_.cpu >= PossibleCpusOf<P>()) return Errno::kInval;
    if (attr_.buffer_size != 0) {
      if (!IsRingSize(attr_.buffer_size)) return Errno::kInval;
      if (!ring_.Init(attr_.buffer_size,
                      attr_.watermark ? 0 : attr_.wakeup_events,
                      attr_.watermark ? attr_.wakeup_watermark : 0)) {
        return Errno::kNoMem;
      }
    }
    events_.Open(this);
    return Errno::kOk;
  }

  const PerfEventAttr& attr() const { return attr_; }

  // The number for a PerfEventArray.
  uint32_t fd() const { return fd_; }

  // The id in records of lost samples.
  uint64_t id() const { return fd_; }

  // How many samples were lost so far, those of PERF_FORMAT_LOST.
  uint64_t lost_samples() const { return ring_.lost_samples(); }

  // The programs' side, for PerfEventArray: writes a sample of both pieces.
  //   EINVAL      no event for that
  //   EOPNOTSUPP  `cpu`, where the program runs, is not the event's
  //   E2BIG       more than kPerfMaxSample
  //   ENOSPC      no room, now or ever; the sample is lost
  Errno Output(int cpu, const void* data, uint64_t size, const void* more,
               uint64_t more_size) {
    if (attr_.config != kPerfSwBpfOutput) return Errno::kInval;
    if (cpu != attr_.cpu) return Errno::kOpNotSupp;
    if (size > kPerfMaxSample || more_size > kPerfMaxSample - size) {
      return Errno::k2Big;
    }
    if (attr_.sink != nullptr) {
      return attr_.sink->WriteSample(data, size, more, more_size);
    }
    if (attr_.buffer_size == 0) return Errno::kNoSpc;
    using Written = typename internal::PerfRing<P>::Written;
    const Written written =
        ring_.Write(id(), data, static_cast<std::size_t>(size), more,
                    static_cast<std::size_t>(more_size));
    if (written == Written::kNoRoom) return Errno::kNoSpc;
    if constexpr (HasEvent<P>) {
      if (written == Written::kAndWake) readable_.event.Set();
    }
    return Errno::kOk;
  }

  // The reader: user space.

  // perf_event_read_simple(): calls visit(record), a PerfRecord*, for one
  // record after the other, in order, up to the last that was there when it
  // began, or until it returns false. A record is gone when the call for it
  // returns.
  template <typename Visitor>
  void ConsumeRecords(Visitor visit) {
    if (attr_.buffer_size != 0) ring_.Read(visit);
  }

  // perf_buffer__consume(): calls on_sample(data, size) for each sample, and
  // on_lost(count) where samples were lost. `data` is a void*, aligned to 4;
  // `size`, 32 bits, counts the padding: it is 4 more than a multiple of 8.
  // Returns the number of samples.
  template <typename OnSample, typename OnLost>
  int64_t Consume(OnSample on_sample, OnLost on_lost) {
    int64_t samples = 0;
    ConsumeRecords([&](PerfRecord* record) {
      if (record->type == kPerfRecordLost) {
        on_lost(reinterpret_cast<internal::PerfLost*>(record)->lost);
      } else {
        auto* const sample = reinterpret_cast<internal::PerfSample*>(record);
        on_sample(static_cast<void*>(sample + 1), sample->data_size);
        ++samples;
      }
      return true;
    });
    return samples;
  }

  // perf_buffer__poll(): waits until it is woken, for `timeout_ms` milliseconds
  // at most (below 0: without limit), and consumes what is there. Returns the
  // number of samples: 0 if the time was over, and if Consume() was faster.
  template <typename OnSample, typename OnLost>
  int64_t Poll(int timeout_ms, OnSample on_sample,
               OnLost on_lost) requires HasEvent<P> {
    if (!readable_.event.WaitUntil(P::Event::In(timeout_ms))) return 0;
    // Samples written before the Set() that this takes back are seen below;
    // later ones set it again.
    readable_.event.Clear();
    return Consume(on_sample, on_lost);
  }

 private:
  const PerfEventAttr attr_;
  PerfEvents<P>& events_;
  internal::PerfRing<P> ring_;
  [[no_unique_address]] RingEvent<P> readable_;

  friend PerfEvents<P>;
  // Of events_.
  uint32_t fd_ = 0;
  PerfEvent* next_ = nullptr;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PERF_EVENT_H_
