// SPDX-License-Identifier: Apache-2.0

// LruLists: the lists of an LRU map that one lock guards: active, inactive and
// free nodes.
//
//                oldest                     newest
//   active     | .................................  <-- referenced since the
//                  |  rotate                            last scan
//                  v
//   inactive   | .................................  <-- new elements, and those
//                  |  shrink                            not referenced
//                  v
//               evicted, then free
//
// An element starts at the newest end of a list and moves to the oldest end as
// others are added. A scan moves elements whose reference bit is set to the
// active list, and clears the bit; those that were not referenced for a while
// move to the inactive list, from whose oldest end elements are evicted. Each
// step is Linux's, so that the same keys survive: see
// Documentation/bpf/map_hash.rst and the answers in
// tests/contract/golden/lru_survivors.tsv.
//
// Not thread-safe: its owner has a lock. Only the reference bits may change
// without it.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_LRU_LISTS_H_
#define BPFMAP_MAPS_INTERNAL_LRU_LRU_LISTS_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/internal/lru/lru_list.h"
#include "bpfmap/maps/internal/lru/lru_nodes.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class LruLists {
 public:
  // `scans`: how many nodes one step looks at, at most.
  LruLists(LruNodes<P>& nodes, uint32_t scans)
      : nodes_(nodes),
        scans_(scans),
        active_(nodes, ListName::kActive),
        inactive_(nodes, ListName::kInactive) {}

  // Bytes of the memory that Init() is given, for `count` nodes and
  // Reserve(reserve).
  static constexpr uint64_t MemoryNeeded(uint64_t count, uint32_t reserve) {
    return 2 * sizeof(uint32_t) * LruList<P>::CapacityFor(count, reserve) +
           FreeNodes::MemoryNeeded(count);
  }

  // Gives it `count` nodes from `first` on, which are free. `memory` is zeroed,
  // and must outlive it.
  void Init(std::byte* memory, uint32_t first, uint32_t count,
            uint32_t reserve) {
    const uint64_t capacity = LruList<P>::CapacityFor(count, reserve);
    uint32_t* const rings = reinterpret_cast<uint32_t*>(memory);
    active_.Init(rings, capacity);
    inactive_.Init(rings + capacity, capacity);
    free_.Init(reinterpret_cast<std::byte*>(rings + 2 * capacity), first,
               count);
  }

  FreeNodes& free() { return free_; }

  // To be called before a row of steps that add up to `count` nodes to a list.
  void Reserve(uint32_t count) {
    active_.ReserveForWalk(count);
    inactive_.ReserveForWalk(count);
  }

  // Puts a node that is on no list where it belongs now; nothing if it is 0.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Add(uint32_t node) {
    if (nodes_.TakeReferenced(node)) {
      active_.Add(node);
    } else {
      inactive_.Add(node);
    }
  }

  // Takes all from another list.
  void AddAll(LruList<P>& from) { from.TakeOldest(from.size(), Adder(*this)); }

  // Makes a node free that is in the active or inactive list, or in none.
  void Release(uint32_t node) {
    if (nodes_.ListOf(node) != ListName::kNone) ListWith(node).Remove(node);
    free_.Give(node);
  }
  void PrepareToRelease(uint32_t node) { ListWith(node).PrepareToRemove(node); }

  // Moves nodes from list to list, by whether they were used lately.
  void Rotate() {
    if (inactive_.size() < active_.size()) RotateActive();
    RotateInactive();
  }

  // Chooses up to `wanted` elements that are to be evicted: those that were not
  // used lately; or one that was, if there are no others. Takes their nodes off
  // the lists and calls chosen(node) with each.
  template <typename Chosen>
  void Shrink(uint32_t wanted, Chosen chosen) {
    if (wanted == 0 || ShrinkInactive(wanted, chosen)) return;
    LruList<P>& list = inactive_.size() != 0 ? inactive_ : active_;
    if (list.size() != 0) chosen(list.TakeOldest());
  }

 private:
  // Add(), of many nodes: see LruList::Appender.
  class Adder {
   public:
    explicit Adder(LruLists& lists)
        : nodes_(lists.nodes_),
          active_(lists.active_),
          inactive_(lists.inactive_) {}
    ABSL_ATTRIBUTE_ALWAYS_INLINE void Add(uint32_t node) {
      if (nodes_.TakeReferenced(node)) {
        active_.Add(node);
      } else {
        inactive_.Add(node);
      }
    }
    void Finish() {
      active_.Finish();
      inactive_.Finish();
    }

   private:
    LruNodes<P>& nodes_;
    typename LruList<P>::Appender active_;
    typename LruList<P>::Appender inactive_;
  };

  LruList<P>& ListWith(uint32_t node) {
    return nodes_.ListOf(node) == ListName::kActive ? active_ : inactive_;
  }

  void RotateActive() {
    // Those that come back are at the new end, and not looked at again.
    active_.TakeOldest(scans_, Adder(*this));
  }

  // Goes on where it stopped the last time, from the oldest to the newest and
  // round again, but not further than where it began.
  void RotateInactive() {
    uint32_t left = inactive_.size();
    if (left == 0) return;
    if (left > scans_) left = scans_;
    uint32_t position = inactive_.cursor();
    while (left != 0) {
      if (position == inactive_.end()) position = inactive_.begin();
      const uint32_t node = inactive_.At(position++);
      left -= node != 0;
      if (nodes_.IsReferenced(node)) [[unlikely]] {  // node 0 never was
        inactive_.Remove(node);
        Add(node);
      }
    }
    inactive_.SetCursor(inactive_.NotBefore(position));
  }

  template <typename Chosen>
  bool ShrinkInactive(uint32_t wanted, Chosen chosen) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < scans_ && inactive_.size() != 0; ++i) {
      const uint32_t node = inactive_.TakeOldest();
      if (nodes_.IsReferenced(node)) {
        Add(node);
      } else {
        chosen(node);
        if (++count == wanted) break;
      }
    }
    return count > 0;
  }

  LruNodes<P>& nodes_;
  const uint32_t scans_;
  LruList<P> active_;
  LruList<P> inactive_;
  FreeNodes free_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_LRU_LISTS_H_
