// SPDX-License-Identifier: Apache-2.0

// Mappable: the profile of maps whose memory other mappings show as well.
//
// An array with BPF_F_MMAPABLE and the ring buffers live in a memfd, from its
// first byte on, laid out as Linux lays them out: the elements of an array, 8
// bytes apart; or the consumer position, the producer position and the records
// of a ring, each from a page of its own on. kCacheLineSize is the page size,
// so each part starts on a page. The rest of a map, such as its locks, follows,
// and is in no file.

#ifndef BPFMAP_SYSCALL_MAPPABLE_H_
#define BPFMAP_SYSCALL_MAPPABLE_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/syscall/ring_event.h"

namespace bpfmap {

// Kernels of larger pages, as some for ARM have, get no mappable map: ENOMEM.
inline constexpr std::size_t kPageSize = 4096;

constexpr uint64_t RoundUpToPage(uint64_t bytes) {
  return (bytes + kPageSize - 1) & ~uint64_t{kPageSize - 1};
}

// The memory of one map, which allocates once.
class MappableMemory {
 public:
  // The first `file_size` bytes of what is allocated are a file's; whole pages.
  explicit MappableMemory(uint64_t file_size) : file_size_(file_size) {}
  ~MappableMemory();
  MappableMemory(const MappableMemory&) = delete;
  MappableMemory& operator=(const MappableMemory&) = delete;

  // For the map. `alignment` is at most a page. Null if there is no memory, or
  // no descriptor; out_of_descriptors() then says which.
  void* Allocate(std::size_t bytes, std::size_t alignment);
  void Deallocate(void*) {}  // the file may still be mapped by others

  uint64_t file_size() const { return file_size_; }
  bool out_of_descriptors() const { return out_of_descriptors_; }

  // The memfd. It is this object's, and out of the way of the numbers that the
  // program gets; -1 if the program has closed it.
  int fd() const;

  // Whether `address` is in this object's own mapping.
  bool Contains(uintptr_t address) const {
    return address - reinterpret_cast<uintptr_t>(start_) < size_;
  }

 private:
  const uint64_t file_size_;
  std::byte* start_ = nullptr;
  std::size_t size_ = 0;
  int fd_ = -1;
  uint64_t inode_ = 0;  // of fd_, which the program may close or reuse
  bool out_of_descriptors_ = false;
};

struct Mappable {
  static constexpr const char* kName = "mappable";
  static constexpr bool kResizable = false;  // nor can the kernel's be
  static constexpr bool kLazyMemory = true;
  static constexpr uint32_t kLockStripes = Cloud::kLockStripes;
  static constexpr std::size_t kCacheLineSize = kPageSize;
  using Lock = Cloud::Lock;
  using Mutex = Cloud::Mutex;
  using BitLock = Cloud::BitLock;
  using Memory = MappableMemory;
  using Event = RingEventFile;

  static uint64_t RandomSeed() { return Cloud::RandomSeed(); }
};
static_assert(Profile<Mappable>);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_MAPPABLE_H_
