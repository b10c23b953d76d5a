// SPDX-License-Identifier: Apache-2.0

// StrictLru: the exact order in which the elements of an LruTable were last
// used, and which nodes are free.
//
// Each use stamps the node with the time, a counter that never goes back. A
// heap finds the node with the smallest stamp, and is put right only when an
// element has to be evicted. It holds each node with a stamp that it once had,
// so the stamp on top is no larger than any true one:
//
//   1. If the stamp on top is the true one of its node, that node was used
//      least recently. Done.
//   2. Otherwise the node sinks by its true stamp, and the next one is on top.
//
// So a use takes no lock, and costs at most one step of the heap later.
//
// There is one node more than elements: an update fills a free node before the
// old one, or the victim, is released.
//
// Thread-safety: Touch() may be called at any time; the others by the thread
// that holds lock().

#ifndef BPFMAP_MAPS_INTERNAL_LRU_STRICT_LRU_H_
#define BPFMAP_MAPS_INTERNAL_LRU_STRICT_LRU_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/lru/lru_list.h"
#include "bpfmap/maps/internal/lru/lru_nodes.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class StrictLru {
 public:
  // `node_count` is one more than there may be elements. `memory` must outlive
  // it.
  StrictLru(uint32_t node_count, typename P::Memory& memory)
      : node_count_(node_count), nodes_(memory), arena_(memory) {}
  StrictLru(const StrictLru&) = delete;
  StrictLru& operator=(const StrictLru&) = delete;

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t nodes) {
    return LruNodes<P>::MemoryNeeded(nodes) + OwnMemory(nodes);
  }

  // Returns false if there is no memory. REQUIRES: called once.
  bool Init() {
    if (!nodes_.Init(node_count_) || !arena_.Allocate(OwnMemory(node_count_))) {
      return false;
    }
    WriterLock lock(lock_);
    heap_ = reinterpret_cast<Entry*>(
        arena_.Take(uint64_t{node_count_} * sizeof(Entry)));
    stamps_ = reinterpret_cast<uint64_t*>(
        arena_.Take((uint64_t{node_count_} + 1) * sizeof(uint64_t)));
    free_.Init(arena_.Take(FreeNodes::MemoryNeeded(node_count_)), 1,
               node_count_);
    return true;
  }

  typename P::Lock& lock() const ABSL_LOCK_RETURNED(lock_) { return lock_; }

  // The element in `node` is used now. Writes nothing if it was the last one
  // that was used.
  void Touch(uint32_t node) {
    uint64_t* const stamp = &stamps_[node];
    uint64_t seen = __atomic_load_n(stamp, __ATOMIC_RELAXED);
    if (seen == time_.load(std::memory_order_relaxed)) return;
    const uint64_t now = NextTime();
    // Another thread may have used it later already. It is all about numbers,
    // and nobody follows them to other memory: relaxed.
    while (seen < now &&
           !__atomic_compare_exchange_n(stamp, &seen, now, /*weak=*/true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
  }

  bool full() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    return elements_ + 1 == node_count_;
  }

  // A node for a new element, or for one that takes the place of another. The
  // caller must put it into the table and say where, see SetSlot().
  // REQUIRES: not full(), or another node is released next.
  uint32_t Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const uint32_t node = free_.Take();
    const uint64_t now = NextTime();
    // Relaxed: see Touch().
    __atomic_store_n(&stamps_[node], now, __ATOMIC_RELAXED);
    // New in the heap: its stamp is the largest, so its place is the last.
    if (nodes_[node].position == kNeverTaken) {
      heap_[heap_size_++] = {now, node};
    }
    nodes_[node].position = kTaken;
    ++elements_;
    return node;
  }
  void SetSlot(uint32_t node, uint32_t slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    nodes_[node].slot = slot;
  }
  uint32_t SlotOf(uint32_t node) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    return nodes_[node].slot;
  }

  // Makes the node of an element free that is gone from the table.
  void Release(uint32_t node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    nodes_[node].position = kFree;
    free_.Give(node);
    --elements_;
  }

  // Links nodes until they are released.
  void SetNext(uint32_t node, uint32_t next)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    nodes_[node].next = next;
  }
  uint32_t NextOf(uint32_t node) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    return nodes_[node].next;
  }

  // The element that was used least recently. REQUIRES: there is one.
  uint32_t LeastRecentlyUsed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    while (true) {
      const uint32_t node = heap_[0].node;
      const uint64_t stamp = __atomic_load_n(&stamps_[node], __ATOMIC_RELAXED);
      const bool is_free = nodes_[node].position == kFree;
      if (stamp == heap_[0].stamp && !is_free) return node;
      // A free node waits below all others until it is taken again.
      SiftDown({is_free ? NextTime() : stamp, node});
    }
  }

 private:
  // A node's stamp as it was when it was last looked at.
  struct Entry {
    uint64_t stamp;
    uint32_t node;
  };

  // What Node::position says here.
  static constexpr uint32_t kNeverTaken = 0;
  static constexpr uint32_t kTaken = 1;
  static constexpr uint32_t kFree = 2;

  static constexpr uint64_t OwnMemory(uint32_t nodes) {
    return Arena<P>::AlignedSize(uint64_t{nodes} * sizeof(Entry)) +
           Arena<P>::AlignedSize((uint64_t{nodes} + 1) * sizeof(uint64_t)) +
           Arena<P>::AlignedSize(FreeNodes::MemoryNeeded(nodes));
  }

  uint64_t NextTime() {
    return time_.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  // Gives the entry on top another stamp, and the place that goes with it.
  void SiftDown(Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    uint32_t hole = 0;
    for (uint64_t child = 1; child < heap_size_; child = 2 * child + 1) {
      if (child + 1 < heap_size_ &&
          heap_[child + 1].stamp < heap_[child].stamp) {
        ++child;
      }
      if (entry.stamp <= heap_[child].stamp) break;
      heap_[hole] = heap_[child];
      hole = static_cast<uint32_t>(child);
    }
    heap_[hole] = entry;
  }

  const uint32_t node_count_;
  LruNodes<P> nodes_;
  Arena<P> arena_;
  uint64_t* stamps_ = nullptr;  // when each node was used, by its number
  mutable typename P::Lock lock_;
  FreeNodes free_ ABSL_GUARDED_BY(lock_);
  uint32_t elements_ ABSL_GUARDED_BY(lock_) = 0;
  Entry* heap_ = nullptr;  // guarded by lock_, the entries too
  uint32_t heap_size_ ABSL_GUARDED_BY(lock_) = 0;
  // On a line of its own: every use writes it.
  alignas(P::kCacheLineSize) std::atomic<uint64_t> time_{0};
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_STRICT_LRU_H_
