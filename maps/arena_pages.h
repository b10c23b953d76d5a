// SPDX-License-Identifier: Apache-2.0

// ArenaPages: what a BPF program does with a map of type ARENA, whatever
// profile the map is of.
//
//   if (ArenaPages* pages = AsArenaPages(map.get())) {
//     uint64_t address = pages->AllocatePages(0, 1);
//   }
//
// An arena is memory that user space and programs share. It has two addresses:
// that of user space (`user_start`), which is what pointers in the arena hold,
// and that of this process, which the engine of programs uses. They are the
// same for a map of CreateMap() without map_extra. A pointer of a program is
// cast from one to the other (the instruction addr_space_cast).
//
// A page is there once a program has allocated it or user space has touched it.
//
// Thread-safe: any method may be called from any thread at any time. The
// pointer to the interface is good as long as the map lives.

#ifndef BPFMAP_MAPS_ARENA_PAGES_H_
#define BPFMAP_MAPS_ARENA_PAGES_H_

#include <cstdint>
#include <memory>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"

namespace bpfmap {

class ArenaPages {
 public:
  // The first byte in this process, and the bytes that there are.
  uint64_t start() const { return start_; }
  uint64_t size() const { return size_; }
  uint32_t page_size() const { return page_size_; }

  // The first byte in user space; 0 until that is known.
  uint64_t user_start() const { return DoUserStart(); }
  // Says where user space has mapped it: the first answer counts.
  void SetUserStart(uint64_t address) { DoSetUserStart(address); }

  // bpf_arena_alloc_pages(): `count` pages in a row, filled with zeros; at the
  // address of user space `address`, or anywhere if that is 0. Returns the
  // address of user space; 0 if there are no such pages, if one of them is
  // there, or `count` is 0.
  uint64_t AllocatePages(uint64_t address, uint32_t count) {
    return DoAllocatePages(address, count);
  }
  // bpf_arena_free_pages(): they are not there any more.
  void FreePages(uint64_t address, uint32_t count) {
    DoFreePages(address, count);
  }

  // Whether all pages of [offset, offset + size) are there.
  // REQUIRES: they are in the arena.
  bool AreThere(uint64_t offset, uint64_t size) {
    return DoAreThere(offset, size);
  }
  // Makes these pages be there, as user space does by touching them, and
  // returns the address in this process of the first byte.
  // REQUIRES: they are in the arena.
  void* Touch(uint64_t offset, uint64_t size) { return DoTouch(offset, size); }

  // From the address in user space to that in this process, and back. An
  // address of neither is returned as Linux would make it: its lower half,
  // with the upper half of the arena's for user space. Null stays null.
  uint64_t ToLocal(uint64_t address) const {
    const uint64_t user = user_start();
    if (address == 0) return 0;
    // That of user space first: in another process it may be any number.
    if (address - user <= size_) return start_ + (address - user);
    if (address - start_ <= size_) return address;
    const uint32_t offset = static_cast<uint32_t>(address - user);
    return offset <= size_ ? start_ + offset : static_cast<uint32_t>(address);
  }
  uint64_t ToUser(uint64_t address) const {
    if (address == 0) return 0;
    const uint64_t user = user_start();
    if (address - start_ <= size_) return user + (address - start_);
    return (user & ~uint64_t{0xffffffff}) | static_cast<uint32_t>(address);
  }

 protected:
  ~ArenaPages() = default;

  void SetMemory(const void* start, uint64_t size, uint32_t page_size) {
    start_ = reinterpret_cast<uintptr_t>(start);
    size_ = size;
    page_size_ = page_size;
  }

 private:
  virtual uint64_t DoUserStart() const = 0;
  virtual void DoSetUserStart(uint64_t address) = 0;
  virtual uint64_t DoAllocatePages(uint64_t address, uint32_t count) = 0;
  virtual void DoFreePages(uint64_t address, uint32_t count) = 0;
  virtual bool DoAreThere(uint64_t offset, uint64_t size) = 0;
  virtual void* DoTouch(uint64_t offset, uint64_t size) = 0;

  // Constant after Init().
  uint64_t start_ = 0;
  uint64_t size_ = 0;
  uint32_t page_size_ = 0;
};

// The pages of the arena that `map` is. Null if it is no arena, and if `map` is
// null.
inline ArenaPages* AsArenaPages(LocalMap* map) {
  return map == nullptr ? nullptr : map->arena_pages();
}
inline ArenaPages* AsArenaPages(LocalMap& map) { return map.arena_pages(); }
// `map` must outlive the result, so it may not be a temporary.
inline ArenaPages* AsArenaPages(const std::shared_ptr<LocalMap>& map) {
  return AsArenaPages(map.get());
}
ArenaPages* AsArenaPages(std::shared_ptr<LocalMap>&& map) = delete;

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_ARENA_PAGES_H_
