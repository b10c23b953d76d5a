// SPDX-License-Identifier: Apache-2.0
//
// Perf events as perf_event_open(2) knows them, as far as BPF needs them: those
// that programs write records to (PERF_COUNT_SW_BPF_OUTPUT), and those that
// programs are attached to: tracepoints, kprobes, uprobes, and events of
// hardware and software. Nothing is counted.
//
// The descriptor is that of a memfd of its own, which is the buffer once it is
// mapped. Each holds a shared flock(2), so that it can be told whether any is
// left: at the next call that concerns events, those that nothing refers to
// end. An event that is in a PERF_EVENT_ARRAY, or that a link is on, goes on
// living.
//
// Source: perf_event_open(2); answers of Linux 6.18. Thread-safe.

#ifndef BPFMAP_SYSCALL_PERF_EVENT_H_
#define BPFMAP_SYSCALL_PERF_EVENT_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/perf_event.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/syscall/attached_programs.h"
#include "bpfmap/syscall/perf_ring_file.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {

class PerfEventObject final : private PerfSink {
 public:
  enum class Kind { kOutput, kTracepoint, kKprobe, kUprobe, kCounter };

  struct Facts {
    Kind kind = Kind::kCounter;
    int cpu = -1;
    pid_t pid = -1;
    std::string hook;  // of those that programs are attached to
    bool is_inherited = false;
    bool has_raw_samples = true;
    PerfRingFile::Wakeup wakeup;
    uint32_t type = 0;
    uint64_t config = 0;
  };

  // `memory` is the memfd, which becomes this object's own.
  PerfEventObject(Facts facts, int memory, ino_t inode);
  ~PerfEventObject();
  PerfEventObject(const PerfEventObject&) = delete;
  PerfEventObject& operator=(const PerfEventObject&) = delete;

  const Facts& facts() const { return facts_; }
  uint64_t id() const { return event_.id(); }
  // The number that a PERF_EVENT_ARRAY is given for it.
  uint32_t number() const { return event_.fd(); }

  // mmap(2) of the descriptor: makes the buffer, if it is the first.
  //   EINVAL  private; an offset; pages that are not 1 and a power of two; not
  //           as many as before
  long PrepareMap(std::size_t length, int protection, int flags, off_t offset);

  // Attaches a program, until Detach() by the same owner.
  //   EEXIST  there is one
  //   EINVAL  the program is of another type
  long Attach(const void* owner, std::shared_ptr<ProgramObject> program,
              uint64_t cookie);
  void Detach(const void* owner);

  // ioctl(2), but for PERF_EVENT_IOC_SET_BPF.
  long Control(unsigned long request, unsigned long argument);

  // The eventfd that is readable when the reader is woken, which is made at the
  // first call; -1: there can be none.
  int EventFile();
  // Makes it not readable.
  void TakeWakeups();

  // Whether no descriptor is left.
  bool IsClosed() const;

 private:
  Errno WriteSample(const void* data, uint64_t size, const void* more,
                    uint64_t more_size) override;
  long SetOutput(unsigned long fd);
  void Wake();

  const Facts facts_;
  const int memory_;
  const ino_t inode_;
  PerfEvent<Cloud> event_;
  // Whose buffer is written to; null: its own.
  mutable Cloud::Lock lock_;
  std::shared_ptr<PerfEventObject> output_ ABSL_GUARDED_BY(lock_);
  const void* program_owner_ ABSL_GUARDED_BY(lock_) = nullptr;
  Cloud::Lock map_lock_;
  PerfRingFile ring_;
  std::atomic<bool> is_paused_{false};
  std::atomic<int> event_file_{-1};
};

class PerfEventTable {
 public:
  // The process has one.
  static PerfEventTable& Global();

  // Whether there was an event: few processes have any.
  static bool some_was_opened();

  // perf_event_open(2): `attr` is an address of the caller's.
  long Open(uint64_t attr, pid_t pid, int cpu, int group, unsigned long flags);

  //   EBADF   the descriptor of the caller is not open
  //   EINVAL  it is of something else
  long Find(int fd, std::shared_ptr<PerfEventObject>* event);

  // Ends events that nothing refers to.
  void ReleaseClosed();

 private:
  PerfEventTable() = default;

  mutable Cloud::Lock lock_;
  std::unordered_map<ino_t, std::shared_ptr<PerfEventObject>> events_
      ABSL_GUARDED_BY(lock_);
  dev_t device_ ABSL_GUARDED_BY(lock_) = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PERF_EVENT_H_
