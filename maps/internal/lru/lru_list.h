// SPDX-License-Identifier: Apache-2.0

// LruList: a list of nodes from the oldest to the newest, and FreeNodes, the
// nodes that no element has.
//
//               begin_                      end_
//                 v                           v
//   ring    |   | 4 | 0 | 9 | 2 | 0 | 0 | 7 |   |       0: a gap
//                 ^ oldest                ^ newest
//
// A list is a ring of node numbers. A node that is removed from the middle
// leaves a gap; when gaps have used up the room, or are more than the nodes,
// they are closed. So a walk runs along memory, where links would make it wait
// at every step. The price: of a list of n elements, one step in n takes time
// for n.
//
// Positions count up and wrap around; Add() gives the next one. They are valid
// until Reserve() or ReserveForWalk().
//
// Not thread-safe: its owner has a lock.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_LRU_LIST_H_
#define BPFMAP_MAPS_INTERNAL_LRU_LRU_LIST_H_

#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/internal/lru/lru_nodes.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class LruList {
 public:
  LruList(LruNodes<P>& nodes, ListName name) : nodes_(nodes), name_(name) {}

  // The room for `count` nodes, of which Reserve(reserve) can always be asked.
  // A power of two.
  static constexpr uint64_t CapacityFor(uint64_t count, uint64_t reserve) {
    return std::bit_ceil(count + count / 2 + reserve);
  }

  // Gives it its room: zeros, which must outlive it.
  void Init(uint32_t* ring, uint64_t capacity) {
    ring_ = ring;
    mask_ = static_cast<uint32_t>(capacity - 1);
  }

  uint32_t size() const { return size_; }

  // Sees to it that `count` nodes can be added.
  void Reserve(uint32_t count) {
    if (mask_ + 1 - (end_ - begin_) < count) [[unlikely]] {
      CloseGaps();
    }
  }

  // The same, for a list that is walked: closes gaps, too, where they are more
  // than the nodes and a walk would mostly step over them. Each gap is a node
  // that has left, so this takes a few steps for each of those.
  void ReserveForWalk(uint32_t count) {
    const uint32_t span = end_ - begin_;
    if (mask_ + 1 - span < count || span > 2 * size_ + kGapsToLeave)
        [[unlikely]] {
      CloseGaps();
    }
  }

  // Adds nodes as the newest of a list, whose other methods do not see them
  // before Finish(). Until then its members, which change with each node, stay
  // in registers.
  class Appender {
   public:
    explicit Appender(LruList& list)
        : list_(list), ring_(list.ring_), mask_(list.mask_), end_(list.end_) {}

    // Adds `node`, or nothing if it is 0. REQUIRES: there is room, see
    // Reserve().
    ABSL_ATTRIBUTE_ALWAYS_INLINE void Add(uint32_t node) {
      // No branch: a walk over gaps cannot guess where they are.
      list_.nodes_.SetPosition(node, end_);
      list_.nodes_.SetList(node, list_.name_);
      ring_[end_ & mask_] = node;
      end_ += node != 0;
    }

    void Finish() {
      list_.size_ += end_ - list_.end_;
      list_.end_ = end_;
    }

   private:
    LruList& list_;
    uint32_t* const ring_;
    const uint32_t mask_;
    uint32_t end_;
  };

  // Adds one node.
  void Add(uint32_t node) {
    Appender appender(*this);
    appender.Add(node);
    appender.Finish();
  }

  void Remove(uint32_t node) {
    const uint32_t position = nodes_[node].position;
    if (has_cursor_ && position == cursor_) SetCursor(After(position));
    ring_[position & mask_] = 0;
    --size_;
    if (position == begin_) begin_ = After(position);
    nodes_.SetList(node, ListName::kNone);
  }

  // Says that Remove(node) will come.
  void PrepareToRemove(uint32_t node) const {
    __builtin_prefetch(&ring_[nodes_[node].position & mask_], 1);
  }

  // Removes the oldest node. REQUIRES: there is one.
  uint32_t TakeOldest() {
    const uint32_t position = begin_;
    const uint32_t node = ring_[position & mask_];
    begin_ = After(position);
    if (has_cursor_ && position == cursor_) SetCursor(begin_);
    ring_[position & mask_] = 0;
    --size_;
    nodes_.SetList(node, ListName::kNone);
    return node;
  }

  // Removes the `count` oldest nodes, or all, and calls taker.Add(node) with
  // each, with 0 for each gap, and at last taker.Finish(). REQUIRES: Add() puts
  // them into another list or adds them to this one again; there is no cursor.
  template <typename Taker>
  ABSL_ATTRIBUTE_ALWAYS_INLINE void TakeOldest(uint32_t count, Taker taker) {
    uint32_t left = count < size_ ? count : size_;
    size_ -= left;
    uint32_t position = begin_;
    uint32_t* const ring = ring_;
    const uint32_t mask = mask_;
    while (left != 0) {
      const uint32_t node = ring[position & mask];
      ring[position & mask] = 0;
      ++position;
      left -= node != 0;
      taker.Add(node);
    }
    taker.Finish();
    begin_ = NotBefore(position);
  }

  // Walking: `for (p = begin(); p != end(); p = After(p)) At(p)`. A node may
  // be removed while one is there. Nodes that are added come at the end.
  uint32_t begin() const { return begin_; }
  uint32_t end() const { return end_; }
  uint32_t After(uint32_t position) const { return NotBefore(position + 1); }
  // Where the next node is, here or further on; or end().
  uint32_t NotBefore(uint32_t position) const {
    while (position != end_ && ring_[position & mask_] == 0) ++position;
    return position;
  }
  // The node that is there; 0 in a gap.
  uint32_t At(uint32_t position) const { return ring_[position & mask_]; }

  // A place that is remembered: a position, or the list's old end. If the node
  // there leaves, it is the next newer one.
  uint32_t cursor() const { return has_cursor_ ? cursor_ : begin_; }
  // end() stands for the old end, from now on.
  void SetCursor(uint32_t position) {
    cursor_ = position;
    has_cursor_ = position != end_;
  }

 private:
  // Short lists are not worth it.
  static constexpr uint32_t kGapsToLeave = 256;

  void CloseGaps() {
    uint32_t to = begin_;
    for (uint32_t from = begin_; from != end_; ++from) {
      const uint32_t node = ring_[from & mask_];
      if (node == 0) continue;
      if (has_cursor_ && cursor_ == from) cursor_ = to;
      ring_[from & mask_] = 0;
      ring_[to & mask_] = node;
      nodes_.SetPosition(node, to++);
    }
    end_ = to;
  }

  LruNodes<P>& nodes_;
  const ListName name_;
  uint32_t* ring_ = nullptr;  // 0: a gap
  uint32_t mask_ = 0;
  uint32_t begin_ = 0;  // the oldest one, or end_ if there is none
  uint32_t end_ = 0;
  uint32_t size_ = 0;
  bool has_cursor_ = false;
  uint32_t cursor_ = 0;
};

// A stack of free nodes, and below it nodes that were never used.
class FreeNodes {
 public:
  // Bytes of the memory that Init() is given, for `count` nodes. It is touched
  // as far as there were free nodes at a time.
  static constexpr uint64_t MemoryNeeded(uint64_t count) {
    return count * sizeof(uint32_t);
  }

  // Gives it `count` nodes from `first` on, which were never used and are not
  // touched before they are taken. There are no others. `memory` must outlive
  // it.
  void Init(std::byte* memory, uint32_t first, uint32_t count) {
    stack_ = reinterpret_cast<uint32_t*>(memory);
    next_unused_ = first;
    end_unused_ = first + count;
  }

  // Returns 0 if there is none.
  uint32_t Take() {
    if (size_ != 0) return stack_[--size_];
    return next_unused_ == end_unused_ ? 0 : next_unused_++;
  }
  void Give(uint32_t node) { stack_[size_++] = node; }

  bool empty() const { return size_ == 0 && next_unused_ == end_unused_; }

 private:
  uint32_t* stack_ = nullptr;
  uint32_t size_ = 0;
  uint32_t next_unused_ = 0;
  uint32_t end_unused_ = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_LRU_LIST_H_
