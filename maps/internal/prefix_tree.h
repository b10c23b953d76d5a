// SPDX-License-Identifier: Apache-2.0

// PrefixTree: one tree of prefixes, and what is found in it or changed.
//
//   root -> fork, 8 bits              prefixes:  10.0.0.0/8   (a)
//          0 /       \ 1                         10.0.0.0/16  (b)
//      inner, 8       192.168.0.0/16             10.1.0.0/16  (c)
//     below /  \ element                         192.168.0.0/16
//  fork, 15     (a)
//   0 / \ 1
//  (b)   (c)
//
// (The fork is drawn with 8 bits; it has as many as its prefixes share.)
//
// Invariants:
//   1. A fork has two things below it. An inner node has one, which may be a
//      fork of the same length. So the shape follows from the prefixes, and
//      there are fewer nodes than elements.
//   2. Orders of nodes grow downwards, see prefix_nodes.h. A search that finds
//      it otherwise, in a node that was freed and taken again, gives up. So it
//      terminates, whatever it sees.
//   3. A link is followed as what it says to be, an element or a node, and was
//      so at some time. So a search reads slots of the right kind only.
//
// A search does not look at the bits of forks, which have none: it goes where
// the next bit says, and compares with the elements that it meets.
//
// A view of the nodes, to be passed by value. Changes want the lock of the
// trie, searches that or a version that did not change; see prefix_trie.h.

#ifndef BPFMAP_MAPS_INTERNAL_PREFIX_TREE_H_
#define BPFMAP_MAPS_INTERNAL_PREFIX_TREE_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/internal/prefix_nodes.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

// Where a prefix is or would be.
struct PrefixPosition {
  PrefixLink* place = nullptr;   // the link to the topmost thing that it begins
                                 // or that differs; to itself if it is there
  PrefixLink* parent = nullptr;  // the link to the node with `place`; null if
                                 // that is the root
  uint32_t common = 0;           // bits that it shares with that thing
  uint32_t element = 0;          // its own, if it is there
};

template <Profile P>
class PrefixTree {
 public:
  PrefixTree(PrefixNodes<P>& nodes, PrefixLink* root)
      : nodes_(nodes), root_(root) {}

  // The element of the longest prefix that `prefix` begins with; 0 if none.
  template <typename Prefix>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t LongestMatch(Prefix prefix) const {
    const uint32_t most = InnerOrder(prefix.length());
    uint32_t found = 0;
    uint32_t known = 0;
    PrefixLink link = LoadLink(root_);
    for (uint32_t least = 0; IsNode(link);) {
      const PrefixNode node = nodes_.NodeAt(link);
      const uint32_t order = node.order();
      if (order < least || order > most) return found;
      least = order + 1;
      if (IsFork(order)) {
        link = LoadLink(node.link(prefix.Bit(LengthOf(order))));
        continue;
      }
      const PrefixLink element = LoadLink(node.element());
      if (element == 0 || IsNode(element) ||
          !nodes_.Matches(SlotOf(element), prefix, known, &known)) {
        return found;
      }
      found = SlotOf(element);
      link = LoadLink(node.below());
    }
    if (link != 0 && nodes_.Matches(SlotOf(link), prefix, known, &known)) {
      found = SlotOf(link);
    }
    return found;
  }

  // REQUIRES: the lock is held.
  template <typename Prefix>
  PrefixPosition Locate(Prefix prefix) const;

  // Puts `element`, which has the bits of `prefix`, where that is not.
  // REQUIRES: `position` is from Locate(); a node was reserved.
  template <typename Prefix>
  void Insert(const PrefixPosition& position, Prefix prefix, uint32_t element);

  // Puts `element` in place of the one at `position`.
  void Replace(const PrefixPosition& position, uint32_t element) {
    const PrefixLink thing = LoadLink(position.place);
    StoreLink(IsNode(thing) ? nodes_.NodeAt(thing).element() : position.place,
              ElementLink(element));
  }

  // Takes the element at `position` out. It is still to be given back.
  void Erase(const PrefixPosition& position);

  // The order of a walk: what is below an element comes before it, side 0
  // before side 1.

  // The first element of what `link` leads to; 0 if there is none.
  uint32_t First(PrefixLink link) const {
    for (uint32_t least = 0; IsNode(link);) {
      const PrefixNode node = nodes_.NodeAt(link);
      if (node.order() < least) return 0;
      least = node.order() + 1;
      link = LoadLink(node.link(0));
    }
    return SlotOf(link);
  }
  uint32_t First() const { return First(LoadLink(root_)); }

  // Sets *next to the element after that of `prefix`, or 0. Returns false if
  // `prefix` is not there.
  template <typename Prefix>
  bool Next(Prefix prefix, uint32_t* next) const;

  // The first element after the place of `prefix`, which is longer than all
  // that are there; 0 if there is none.
  template <typename Prefix>
  uint32_t FirstAfter(Prefix prefix) const;

  // Some element of what `link` leads to; 0 if there is none.
  uint32_t AnyOf(PrefixLink link) const {
    for (uint32_t least = 0; IsNode(link);) {
      const PrefixNode node = nodes_.NodeAt(link);
      const uint32_t order = node.order();
      if (order < least) return 0;
      least = order + 1;
      link = LoadLink(IsFork(order) ? node.link(0) : node.element());
    }
    return SlotOf(link);
  }

 private:
  PrefixNodes<P>& nodes_;
  PrefixLink* const root_;
};

template <Profile P>
template <typename Prefix>
PrefixPosition PrefixTree<P>::Locate(Prefix prefix) const {
  PrefixPosition position{.place = root_};
  const auto go_down = [&](uint32_t end) {
    PrefixLink link = LoadLink(position.place);
    while (IsNode(link)) {
      const PrefixNode node = nodes_.NodeAt(link);
      const uint32_t order = node.order();
      if (order >= end) break;
      position.parent = position.place;
      // Of an inner node what is below; without a branch.
      position.place = node.link(order & prefix.Bit(LengthOf(order)));
      link = LoadLink(position.place);
    }
    return link;
  };
  const PrefixLink thing = go_down(InnerOrder(prefix.length()));
  if (thing == 0) return position;
  const uint32_t element = AnyOf(thing);
  position.common = nodes_.Common(element, prefix);
  if (position.common == prefix.length()) {
    // All elements below a fork are longer; AnyOf() an inner node is its own.
    if (nodes_.Length(element) == prefix.length()) position.element = element;
    return position;
  }
  // They differ further up, or the element ends.
  position.place = root_;
  position.parent = nullptr;
  go_down(InnerOrder(position.common) + 1);
  return position;
}

template <Profile P>
template <typename Prefix>
void PrefixTree<P>::Insert(const PrefixPosition& position, Prefix prefix,
                           uint32_t element) {
  const PrefixLink thing = LoadLink(position.place);
  const PrefixLink fresh = ElementLink(element);
  PrefixLink top = fresh;
  if (thing == 0) {
    // Nothing to go above or below.
  } else if (position.common == prefix.length()) {
    top = nodes_.NewNode(InnerOrder(position.common), thing, fresh);
  } else if (!IsNode(thing) &&
             nodes_.Length(SlotOf(thing)) == position.common) {
    top = nodes_.NewNode(InnerOrder(position.common), fresh, thing);
  } else {
    const bool is_second = prefix.Bit(position.common) != 0;
    top = nodes_.NewNode(ForkOrder(position.common), is_second ? thing : fresh,
                         is_second ? fresh : thing);
  }
  StoreLink(position.place, top);
}

template <Profile P>
void PrefixTree<P>::Erase(const PrefixPosition& position) {
  const PrefixLink thing = LoadLink(position.place);
  if (IsNode(thing)) {
    StoreLink(position.place, LoadLink(nodes_.NodeAt(thing).below()));
    nodes_.GiveBackNode(thing);
    return;
  }
  if (position.parent == nullptr) return StoreLink(position.place, 0);
  // The other of the two that hung there takes the place of the node.
  const PrefixLink parent = LoadLink(position.parent);
  const PrefixNode node = nodes_.NodeAt(parent);
  const uint32_t other = position.place == node.link(0) ? 1 : 0;
  StoreLink(position.parent, LoadLink(node.link(other)));
  nodes_.GiveBackNode(parent);
}

template <Profile P>
template <typename Prefix>
bool PrefixTree<P>::Next(Prefix prefix, uint32_t* next) const {
  const uint32_t own = InnerOrder(prefix.length());
  PrefixLink other = 0;  // what comes after all that is below
  PrefixLink link = LoadLink(root_);
  for (uint32_t least = 0; IsNode(link);) {
    const PrefixNode node = nodes_.NodeAt(link);
    const uint32_t order = node.order();
    if (order < least || order > own) return false;
    if (order == own) {
      link = LoadLink(node.element());
      break;
    }
    least = order + 1;
    const uint32_t side = IsFork(order) ? prefix.Bit(LengthOf(order)) : 0;
    if (side == 0) other = LoadLink(node.link(1));
    link = LoadLink(node.link(side));
  }
  uint32_t length;
  if (link == 0 || IsNode(link) ||
      !nodes_.Matches(SlotOf(link), prefix, 0, &length) ||
      length != prefix.length()) {
    return false;
  }
  *next = First(other);
  return true;
}

template <Profile P>
template <typename Prefix>
uint32_t PrefixTree<P>::FirstAfter(Prefix prefix) const {
  PrefixLink other = 0;
  const auto go_down = [&](uint32_t end) {
    other = 0;
    PrefixLink link = LoadLink(root_);
    for (uint32_t least = 0; IsNode(link);) {
      const PrefixNode node = nodes_.NodeAt(link);
      const uint32_t order = node.order();
      if (order < least || order >= end) break;
      least = order + 1;
      const uint32_t side = IsFork(order) ? prefix.Bit(LengthOf(order)) : 0;
      if (side == 0) other = LoadLink(node.link(1));
      link = LoadLink(node.link(side));
    }
    return link;
  };
  PrefixLink thing = go_down(InnerOrder(prefix.length()));
  const uint32_t element = AnyOf(thing);
  if (element == 0) return 0;
  const uint32_t common = nodes_.Common(element, prefix);
  if (common >= prefix.length()) return 0;  // only while it is changed
  if (common >= nodes_.Length(element)) return element;
  thing = go_down(InnerOrder(common) + 1);
  return First(nodes_.Bit(element, common) != 0 ? thing : other);
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PREFIX_TREE_H_
