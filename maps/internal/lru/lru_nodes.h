// SPDX-License-Identifier: Apache-2.0

// LruNodes: what the lists of an LRU map know of its elements. A node, named by
// a number from 1 on, stands for one element, or is free.
//
// The reference bits and the names of the lists lie apart from the rest: they
// are read far more often, and so take few cache lines.
//
// Each method says which thread may call it, in terms of linux_lru.h.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_LRU_NODES_H_
#define BPFMAP_MAPS_INTERNAL_LRU_LRU_NODES_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

// The list that a node is in, if any. kEvicting: none any more, as its element
// is about to be evicted.
enum class ListName : uint8_t {
  kNone,
  kPending,
  kActive,
  kInactive,
  kEvicting
};

// A node, to the thread that holds the lock of its list; or that has its
// element, or its number from a list of free nodes, for itself.
struct Node {
  uint32_t slot;      // of the element, see lru_table.h
  uint32_t position;  // in the list
  uint32_t next;      // to be released: the next one
  uint32_t cpu;       // where it was taken
};

template <Profile P>
class LruNodes {
 public:
  explicit LruNodes(typename P::Memory& memory) : arena_(memory) {}

  // Bytes that Init() takes from the memory, for nodes 1 to `count`.
  static constexpr uint64_t MemoryNeeded(uint32_t count) {
    const uint64_t end = uint64_t{count} + 1;
    return 2 * Arena<P>::AlignedSize(end) +
           Arena<P>::AlignedSize(end * sizeof(Node));
  }

  // Returns false if there is no memory.
  bool Init(uint32_t count) {
    if (!arena_.Allocate(MemoryNeeded(count))) return false;
    const uint64_t end = uint64_t{count} + 1;
    referenced_ = reinterpret_cast<uint8_t*>(arena_.Take(end));
    lists_ = reinterpret_cast<uint8_t*>(arena_.Take(end));
    nodes_ = reinterpret_cast<Node*>(arena_.Take(end * sizeof(Node)));
    return true;
  }

  Node& operator[](uint32_t node) const { return nodes_[node]; }

  // Atomic, as node 0, which is none, gets positions from everybody.
  void SetPosition(uint32_t node, uint32_t position) {
    __atomic_store_n(&nodes_[node].position, position, __ATOMIC_RELAXED);
  }

  // The reference bit: used since the last scan. Any thread may call
  // these at any time: it is a hint.
  bool IsReferenced(uint32_t node) const {
    return __atomic_load_n(&referenced_[node], __ATOMIC_RELAXED) != 0;
  }
  // Writes only if that changes something.
  void SetReferenced(uint32_t node, bool used) {
    if (IsReferenced(node) != used) {
      __atomic_store_n(&referenced_[node], uint8_t{used}, __ATOMIC_RELAXED);
    }
  }

  // Clears the bit, and returns what it was.
  bool TakeReferenced(uint32_t node) {
    const bool used = IsReferenced(node);
    if (used) {
      __atomic_store_n(&referenced_[node], uint8_t{0}, __ATOMIC_RELAXED);
    }
    return used;
  }

  // Any thread may ask for the list; one without its lock learns what it was
  // a moment ago.
  ListName ListOf(uint32_t node) const {
    return static_cast<ListName>(
        __atomic_load_n(&lists_[node], __ATOMIC_RELAXED));
  }
  void SetList(uint32_t node, ListName list) {
    __atomic_store_n(&lists_[node], static_cast<uint8_t>(list),
                     __ATOMIC_RELAXED);
  }

  void Prefetch(uint32_t node) const { __builtin_prefetch(&nodes_[node], 1); }

 private:
  Arena<P> arena_;
  uint8_t* referenced_ = nullptr;
  uint8_t* lists_ = nullptr;
  Node* nodes_ = nullptr;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_LRU_NODES_H_
