// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/perf_ring_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "bpfmap/maps/perf_event.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/mappable.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

// Offsets in struct perf_event_mmap_page.
constexpr std::size_t kHeadAt = 1024;  // data_head, which this writes
constexpr std::size_t kTailAt = 1032;  // data_tail, which the reader writes
constexpr std::size_t kDataOffsetAt = 1040;
constexpr std::size_t kDataSizeAt = 1048;

constexpr uint64_t RoundUp8(uint64_t size) { return (size + 7) & ~uint64_t{7}; }

}  // namespace

PerfRingFile::~PerfRingFile() {
  if (start_ == nullptr) return;
  RawSyscall(SYS_munmap, Word(start_), static_cast<long>(PageSize() + size_));
}

uint64_t* PerfRingFile::PositionAt(std::size_t offset) const {
  return reinterpret_cast<uint64_t*>(start_ + offset);
}

long PerfRingFile::Map(int fd, uint64_t pages, bool overwrites, Wakeup wakeup) {
  const std::size_t page = PageSize();
  const std::size_t bytes = page * (1 + static_cast<std::size_t>(pages));
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) return -errno;
  // A process that has a descriptor of it cannot take the pages away.
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) return -errno;
  // Past the C library, whose mmap() may be what this is called by.
  const long start = RawSyscall(SYS_mmap, 0, static_cast<long>(bytes),
                                PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (start < 0 && start > -4096) return start;
  start_ = reinterpret_cast<std::byte*>(start);
  size_ = bytes - page;
  pages_ = pages;
  overwrites_ = overwrites;
  wakeup_ = wakeup;
  if (wakeup_.bytes == 0) wakeup_.bytes = static_cast<uint32_t>(size_ / 2);
  *PositionAt(kDataOffsetAt) = page;
  *PositionAt(kDataSizeAt) = size_;
  return 0;
}

void PerfRingFile::Put(uint64_t at, const void* data, std::size_t size) {
  if (size == 0) return;
  std::byte* const records = start_ + PageSize();
  const std::size_t offset = static_cast<std::size_t>(at) & (size_ - 1);
  const std::size_t first = std::min(size, size_ - offset);
  std::memcpy(records + offset, data, first);
  std::memcpy(records, static_cast<const std::byte*>(data) + first,
              size - first);
}

PerfRingFile::Written PerfRingFile::Write(uint64_t id, const void* data,
                                          std::size_t size, const void* more,
                                          std::size_t more_size) {
  const uint64_t length =
      RoundUp8(sizeof(internal::PerfSample) + size + more_size);
  WriterLock lock(mutex_);
  const uint64_t lost_length = lost_ == 0 ? 0 : sizeof(internal::PerfLost);
  const uint64_t end = head_ + lost_length + length;
  // Acquire pairs with the reader's release: it is done with what is before.
  const uint64_t tail =
      overwrites_ ? head_
                  : __atomic_load_n(PositionAt(kTailAt), __ATOMIC_ACQUIRE);
  // One byte always stays free.
  if (size_ == 0 || end - tail > size_ - 1) {
    ++lost_;
    return Written::kNoRoom;
  }
  uint64_t at = head_;
  if (lost_ != 0) {
    const internal::PerfLost lost = {
        {kPerfRecordLost, 0, sizeof(internal::PerfLost)}, id, lost_};
    Put(at, &lost, sizeof lost);
    lost_ = 0;
    at += sizeof lost;
  }
  const internal::PerfSample sample = {
      {kPerfRecordSample, internal::kPerfMiscKernel,
       static_cast<uint16_t>(length)},
      static_cast<uint32_t>(length - sizeof(internal::PerfSample))};
  Put(at, &sample, sizeof sample);
  Put(at + sizeof sample, data, size);
  Put(at + sizeof sample + size, more, more_size);
  constexpr std::byte kZeros[8] = {};
  const uint64_t filled = sizeof sample + size + more_size;
  Put(at + filled, kZeros, static_cast<std::size_t>(length - filled));
  head_ = end;
  // Release pairs with the reader's acquire: the record is whole.
  __atomic_store_n(PositionAt(kHeadAt), end, __ATOMIC_RELEASE);
  return Wakes(end) ? Written::kAndWake : Written::kQuietly;
}

// Linux counts both, bytes and samples, towards one position.
bool PerfRingFile::Wakes(uint64_t end) {
  bool wakes = false;
  if (end - woken_at_ > wakeup_.bytes) {
    woken_at_ += wakeup_.bytes;
    wakes = true;
  }
  if (wakeup_.events != 0 && ++events_ >= wakeup_.events) {
    events_ = 0;
    ++woken_at_;
    wakes = true;
  }
  return wakes;
}

}  // namespace bpfmap
