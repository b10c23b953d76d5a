// SPDX-License-Identifier: Apache-2.0
//
// PerfRingFile: the buffer of a perf event that user space has mapped: a page
// with positions, struct perf_event_mmap_page, and then the records, which run
// on from the end of the pages to their start.
//
// The pages are those of a memfd: see perf_event.h. A process that maps them
// may write anything there; positions are taken for what they are only if they
// make sense, and no access leaves the pages.
//
// Source: perf_event_open(2), <linux/perf_event.h>. Thread-safe.

#ifndef BPFMAP_SYSCALL_PERF_RING_FILE_H_
#define BPFMAP_SYSCALL_PERF_RING_FILE_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {

class PerfRingFile {
 public:
  // When the reader is woken: each so many samples, or each so many bytes; 0:
  // half the buffer.
  struct Wakeup {
    uint32_t events = 0;
    uint32_t bytes = 0;
  };

  PerfRingFile() = default;
  ~PerfRingFile();
  PerfRingFile(const PerfRingFile&) = delete;
  PerfRingFile& operator=(const PerfRingFile&) = delete;

  // Makes the file `fd`, which is empty, a buffer of `pages` pages of records,
  // a power of two or 0. `overwrites`: old records make room. Or -errno.
  long Map(int fd, uint64_t pages, bool overwrites, Wakeup wakeup);
  bool is_mapped() const { return start_ != nullptr; }
  uint64_t pages() const { return pages_; }

  enum class Written { kNoRoom, kQuietly, kAndWake };

  // Writes a sample of both pieces, of the event `id`. REQUIRES: it is mapped;
  // together they are kPerfMaxSample or less.
  Written Write(uint64_t id, const void* data, std::size_t size,
                const void* more, std::size_t more_size);

 private:
  void Put(uint64_t at, const void* data, std::size_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Wakes(uint64_t end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t* PositionAt(std::size_t offset) const;

  // Constant after Map().
  std::byte* start_ = nullptr;
  std::size_t size_ = 0;  // bytes of records
  uint64_t pages_ = 0;
  bool overwrites_ = false;
  Wakeup wakeup_;

  Cloud::Mutex mutex_;
  uint64_t head_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;  // since the last record
  uint64_t woken_at_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t events_ ABSL_GUARDED_BY(mutex_) = 0;  // since the last that woke
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PERF_RING_FILE_H_
