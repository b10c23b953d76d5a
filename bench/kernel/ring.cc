// SPDX-License-Identifier: Apache-2.0

#include "bench/kernel/ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace bpfmap::bench {
namespace {

// A record: its size and two flags, 4 bytes for the kernel, and the data; all
// of it in a multiple of 8 bytes.
constexpr uint32_t kBusy = 1U << 31;
constexpr uint32_t kDiscarded = 1U << 30;
constexpr size_t kHeaderSize = 8;

template <typename T>
std::atomic_ref<T> At(std::byte* place) {
  return std::atomic_ref<T>(*reinterpret_cast<T*>(place));
}

std::byte* MapPages(const KernelMap& map, size_t size, int rights,
                    size_t offset) {
  void* const mapped = mmap(nullptr, size, rights, MAP_SHARED, map.fd(),
                            static_cast<off_t>(offset));
  return mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
}

}  // namespace

KernelRing::KernelRing(KernelMap& map, const MapDef& def)
    : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))),
      size_(def.max_entries),
      consumer_(MapPages(map, page_, PROT_READ | PROT_WRITE, 0)),
      producer_(MapPages(map, page_ + 2 * size_, PROT_READ, page_)) {}

absl::Status KernelRing::status() const {
  if (consumer_ != nullptr && producer_ != nullptr) return absl::OkStatus();
  return absl::InternalError("the ring of the kernel cannot be mapped");
}

KernelRing::~KernelRing() {
  if (consumer_ != nullptr) munmap(consumer_, page_);
  if (producer_ != nullptr) munmap(producer_, page_ + 2 * size_);
}

uint64_t KernelRing::Consume() {
  uint64_t count = 0;
  uint64_t position = At<uint64_t>(consumer_).load(std::memory_order_relaxed);
  while (position < At<uint64_t>(producer_).load(std::memory_order_acquire)) {
    std::byte* const record = producer_ + page_ + (position & (size_ - 1));
    const uint32_t head = At<uint32_t>(record).load(std::memory_order_acquire);
    if ((head & kBusy) != 0) break;
    if ((head & kDiscarded) == 0) {
      std::memcpy(&last_, record + kHeaderSize, sizeof(last_));
      ++count;
    }
    const uint64_t size = head & ~(kBusy | kDiscarded);
    position += (kHeaderSize + size + 7) / 8 * 8;
    At<uint64_t>(consumer_).store(position, std::memory_order_release);
  }
  return count;
}

}  // namespace bpfmap::bench
