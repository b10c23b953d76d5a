// SPDX-License-Identifier: Apache-2.0

// Mappable: the profile of maps whose memory other mappings show as well.
//
// An array with BPF_F_MMAPABLE and the ring buffers live in a memfd, from its
// first byte on, laid out as Linux lays them out: the elements of an array, 8
// bytes apart; or the consumer position, the producer position and the records
// of a ring, each from a page of its own on. kCacheLineSize is the page size,
// so each part starts on a page. The rest of a map, such as its locks, follows,
// and is in no file. The page size is the kernel's: 4 KiB nearly everywhere,
// and 16 or 64 KiB on some machines with ARM or POWER.

#ifndef BPFMAP_SYSCALL_MAPPABLE_H_
#define BPFMAP_SYSCALL_MAPPABLE_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/syscall/ring_event.h"

namespace bpfmap {

// Bytes of a page: the kernel's, or what SetPageSize() said.
std::size_t PageSize();
// For tests of larger pages: a multiple of the kernel's. REQUIRES: there is no
// map yet.
void SetPageSize(std::size_t bytes);

inline uint64_t RoundUpToPage(uint64_t bytes) {
  const uint64_t page = PageSize();
  return (bytes + page - 1) & ~(page - 1);
}

// The memory of one map, which allocates once.
class MappableMemory {
 public:
  // The first `file_size` bytes of what is allocated are a file's; whole pages.
  explicit MappableMemory(uint64_t file_size) : file_size_(file_size) {}
  ~MappableMemory();
  MappableMemory(const MappableMemory&) = delete;
  MappableMemory& operator=(const MappableMemory&) = delete;

  // For the map, whose `alignment` is the page size that it was compiled for.
  // Null if that is not PageSize(), if there is no memory, or no descriptor;
  // out_of_descriptors() says which.
  void* Allocate(std::size_t bytes, std::size_t alignment);
  void Deallocate(void*) {}  // the file may still be mapped by others

  // Whether this process has had one.
  static bool some_was_made();

  // For arenas: the first byte of the file from `offset` on that some mapping
  // has touched; file_size() if there is none.
  uint64_t NextTouched(uint64_t offset) const;
  // Takes bytes away, from all mappings: they read as zeros. Whole pages.
  void Drop(uint64_t offset, uint64_t size);

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

template <std::size_t kPageSize>
struct MappableIn {
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
using Mappable = MappableIn<4096>;
static_assert(Profile<Mappable>);

// Calls `visitor` with the std::type_identity of the profile for PageSize(). A
// size that Linux has on no machine of today gets the usual one, whose maps
// find no memory.
template <typename Visitor>
void VisitMappable(Visitor&& visitor) {
  switch (PageSize()) {
    case 16384:
      return visitor(std::type_identity<MappableIn<16384>>{});
    case 65536:
      return visitor(std::type_identity<MappableIn<65536>>{});
    default:
      return visitor(std::type_identity<Mappable>{});
  }
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_MAPPABLE_H_
