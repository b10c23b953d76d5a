// LruLists: the lists of an LRU map that one lock guards: active, inactive and
// free nodes.
//
// An element starts on one end of a list, the newest, and drifts to the other,
// the oldest, as others come. Elements that are found used when somebody looks
// go to the active list; those that were not for a while, to the inactive one,
// from whose old end they leave. How and when is Linux's, step by step, so that
// the same keys survive; measured rules in Documentation/bpf/map_hash.rst and
// tests/golden/lru_survivors.tsv.
//
// Free nodes are all alike, so they are kept as a stack, behind the nodes that
// were never used.
//
// Not thread-safe: its owner has a lock. Only Node::ref may change meanwhile.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_LISTS_H_
#define BPFMAP_MAPS_INTERNAL_LRU_LISTS_H_

#include <cstdint>

#include "maps/internal/node_table.h"
#include "profiles/profile.h"

namespace bpfmap::internal {

// Node::list. Others may look at it without a lock.
enum class ListName : uint8_t { kNone, kPending, kActive, kInactive };

inline ListName ListOf(const Node& node) {
  return static_cast<ListName>(__atomic_load_n(&node.list, __ATOMIC_RELAXED));
}
inline void SetList(Node& node, ListName list) {
  __atomic_store_n(&node.list, static_cast<uint8_t>(list), __ATOMIC_RELAXED);
}

inline bool IsReferenced(const Node& node) {
  return __atomic_load_n(&node.ref, __ATOMIC_RELAXED) != 0;
}
// Writes only if that changes something: readers of an element call it.
inline void SetReferenced(Node& node, bool referenced) {
  if (IsReferenced(node) != referenced) {
    __atomic_store_n(&node.ref, uint8_t{referenced}, __ATOMIC_RELAXED);
  }
}

// A list of nodes from the oldest to the newest.
template <Profile P>
class NodeList {
 public:
  NodeList(NodeTable<P>& nodes, ListName name) : nodes_(nodes), name_(name) {}

  uint32_t oldest() const { return oldest_; }
  uint32_t newest() const { return newest_; }
  uint32_t size() const { return size_; }

  // Adds `node` as the newest.
  void Add(uint32_t node) {
    Node& added = nodes_.At(node);
    added.newer = 0;
    added.older = newest_;
    (newest_ == 0 ? oldest_ : nodes_.At(newest_).newer) = node;
    newest_ = node;
    ++size_;
    SetList(added, name_);
  }

  void Remove(uint32_t node) {
    Node& removed = nodes_.At(node);
    (removed.newer == 0 ? newest_ : nodes_.At(removed.newer).older) =
        removed.older;
    (removed.older == 0 ? oldest_ : nodes_.At(removed.older).newer) =
        removed.newer;
    --size_;
    SetList(removed, ListName::kNone);
  }

 private:
  NodeTable<P>& nodes_;
  const ListName name_;
  uint32_t oldest_ = 0;
  uint32_t newest_ = 0;
  uint32_t size_ = 0;
};

// Free nodes.
template <Profile P>
class FreeNodes {
 public:
  explicit FreeNodes(NodeTable<P>& nodes) : nodes_(nodes) {}

  // Gives it nodes first to last, which were never used and are not touched
  // before they are taken.
  void Own(uint32_t first, uint32_t last) {
    next_unused_ = first;
    end_unused_ = last + 1;
  }

  // Returns 0 if there is none.
  uint32_t Take() {
    const uint32_t node = top_;
    if (node == 0) {
      return next_unused_ == end_unused_ ? 0 : next_unused_++;
    }
    top_ = nodes_.LinkOf(node);
    if (top_ != 0) __builtin_prefetch(&nodes_.At(top_), 1);
    return node;
  }
  void Give(uint32_t node) {
    nodes_.SetLink(node, top_);
    top_ = node;
  }

  bool empty() const { return top_ == 0 && next_unused_ == end_unused_; }

 private:
  NodeTable<P>& nodes_;
  uint32_t top_ = 0;  // each one's link is the next
  uint32_t next_unused_ = 0;
  uint32_t end_unused_ = 0;
};

template <Profile P>
class LruLists {
 public:
  // `scans`: how many nodes one step looks at, at most.
  LruLists(NodeTable<P>& nodes, uint32_t scans)
      : nodes_(nodes),
        scans_(scans),
        active_(nodes, ListName::kActive),
        inactive_(nodes, ListName::kInactive),
        free_(nodes) {}

  FreeNodes<P>& free() { return free_; }

  // Puts a node that is on no list where it belongs now.
  void Add(uint32_t node) {
    if (IsReferenced(nodes_.At(node))) {
      AddTo(active_, node);
    } else {
      AddTo(inactive_, node);
    }
  }
  void AddInactive(uint32_t node) { AddTo(inactive_, node); }

  // Takes a node from its list, active or inactive.
  void Remove(uint32_t node) {
    if (ListOf(nodes_.At(node)) == ListName::kActive) {
      active_.Remove(node);
    } else {
      RemoveInactive(node);
    }
  }

  // Looks who was used lately, and moves nodes from list to list by that.
  void Rotate() {
    if (inactive_.size() < active_.size()) RotateActive();
    RotateInactive();
  }

  // Evicts up to `wanted` elements: those that were not used lately; or one
  // that was, if there are no others. evict(node) takes the node's key out of
  // the table and returns true, or false if it has gone already; the node then
  // stays where it is. Calls keep(node) with each node that is free now.
  template <typename Evict, typename Keep>
  void Shrink(uint32_t wanted, Evict evict, Keep keep) {
    if (wanted == 0) return;
    if (ShrinkInactive(wanted, evict, keep)) return;
    NodeList<P>& list = inactive_.size() != 0 ? inactive_ : active_;
    for (uint32_t node = list.oldest(); node != 0;) {
      const uint32_t next = nodes_.At(node).newer;
      if (evict(node)) {
        Remove(node);
        keep(node);
        return;
      }
      node = next;
    }
  }

 private:
  void AddTo(NodeList<P>& list, uint32_t node) {
    SetReferenced(nodes_.At(node), false);
    list.Add(node);
  }

  void RemoveInactive(uint32_t node) {
    if (node == cursor_) cursor_ = nodes_.At(node).newer;
    inactive_.Remove(node);
  }

  void RotateActive() {
    const uint32_t last = active_.newest();
    uint32_t node = active_.oldest();
    for (uint32_t i = 0; i < scans_ && node != 0; ++i) {
      const uint32_t next = nodes_.At(node).newer;
      active_.Remove(node);
      Add(node);
      if (node == last) break;
      node = next;
    }
  }

  // Goes on where it stopped the last time, from the oldest to the newest and
  // round again, but not further than where it began.
  void RotateInactive() {
    if (inactive_.size() == 0) return;
    const uint32_t before = cursor_ == 0 ? 0 : nodes_.At(cursor_).older;
    const uint32_t last = before == 0 ? inactive_.newest() : before;
    for (uint32_t i = 0; i < scans_; ++i) {
      // There is a node that is not `last` yet, or that is.
      const uint32_t node = cursor_ == 0 ? inactive_.oldest() : cursor_;
      cursor_ = nodes_.At(node).newer;
      if (IsReferenced(nodes_.At(node))) {
        inactive_.Remove(node);
        AddTo(active_, node);
      }
      if (node == last) break;
    }
  }

  template <typename Evict, typename Keep>
  bool ShrinkInactive(uint32_t wanted, Evict evict, Keep keep) {
    uint32_t evicted = 0;
    uint32_t node = inactive_.oldest();
    for (uint32_t i = 0; i < scans_ && node != 0 && evicted < wanted; ++i) {
      const uint32_t next = nodes_.At(node).newer;
      if (IsReferenced(nodes_.At(node))) {
        RemoveInactive(node);
        AddTo(active_, node);
      } else if (evict(node)) {
        RemoveInactive(node);
        keep(node);
        ++evicted;
      }
      node = next;
    }
    return evicted > 0;
  }

  NodeTable<P>& nodes_;
  const uint32_t scans_;
  NodeList<P> active_;
  NodeList<P> inactive_;
  FreeNodes<P> free_;
  uint32_t cursor_ = 0;  // in the inactive list; 0: at its old end
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_LISTS_H_
