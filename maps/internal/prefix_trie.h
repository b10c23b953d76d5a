// SPDX-License-Identifier: Apache-2.0

// PrefixTrie: values by prefix, found by the longest one that a key has.
//
// Trees of prefixes (prefix_tree.h): one for each value of the first bits of a
// key (prefix_roots.h), in which a search begins, and one with the prefixes
// that are shorter than that, which have what no longer one matches.
//
// Invariants:
//   1. A prefix is in the tree of its root, or, where it has none, in that of
//      the short ones.
//   2. The trees and the table of roots are changed by a thread that holds the
//      lock as a writer, inside a WriteSection. A reader for whom the version
//      did not change saw sound trees. A slot is filled inside a WriteSection
//      too: the version changed since it was last part of a tree.
//   3. A link to a slot is stored with release after the slot was filled, and
//      loaded with acquire: a thread that reaches a value through a pointer
//      sees it whole, without atomics.
//   4. A reader that sees anything else terminates, and reads no other memory
//      than slots and roots: see the invariants of prefix_tree.h. Its result is
//      thrown away.
//
// There is one lock, as in Linux: an insertion may fork a tree anywhere above
// what it inserts. Readers do not take it unless writers keep getting in their
// way.
//
// Methods named ...Locked want the lock held. There are no errors here but
// "absent", "full" and "no memory": the rules are in lpm_trie_map.h.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_PREFIX_TRIE_H_
#define BPFMAP_MAPS_INTERNAL_PREFIX_TRIE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/prefix.h"
#include "bpfmap/maps/internal/prefix_nodes.h"
#include "bpfmap/maps/internal/prefix_roots.h"
#include "bpfmap/maps/internal/prefix_tree.h"
#include "bpfmap/maps/internal/seq_lock.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class PrefixTrie {
 public:
  // The largest data that a key may have, in bytes.
  static constexpr uint32_t kMaxDataSize = 256;
  static constexpr uint32_t kMaxKeySize = kPrefixLengthSize + kMaxDataSize;

  PrefixTrie(typename P::Memory& memory, uint32_t data_size, ValueLayout value,
             uint32_t max_entries)
      : max_entries_(max_entries),
        arena_(memory),
        roots_(data_size, max_entries),
        nodes_(memory, data_size, value) {}
  PrefixTrie(const PrefixTrie&) = delete;
  PrefixTrie& operator=(const PrefixTrie&) = delete;

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t data_size,
                                         uint32_t value_size,
                                         uint32_t max_entries) {
    const uint64_t entries = FirstEntries(data_size, value_size, max_entries);
    return Arena<P>::AlignedSize(
               PrefixRoots<P>::MemoryNeeded(data_size, max_entries)) +
           Arena<P>::AlignedSize(
               PrefixNodes<P>::ElementsSize(data_size, value_size, entries)) +
           Arena<P>::AlignedSize(
               PrefixNodes<P>::NodesSize(entries, kSpareNodes));
  }

  // Returns false if there is no memory; nothing is then taken.
  // REQUIRES: called once, before anything else.
  bool Init() {
    const uint32_t data_size = nodes_.data_size();
    const uint32_t value_size = nodes_.value().size();
    if (!arena_.Allocate(MemoryNeeded(data_size, value_size, max_entries_))) {
      return false;
    }
    const uint64_t entries = FirstEntries(data_size, value_size, max_entries_);
    roots_.Init(
        arena_.Take(PrefixRoots<P>::MemoryNeeded(data_size, max_entries_)));
    std::byte* const elements = arena_.Take(
        PrefixNodes<P>::ElementsSize(data_size, value_size, entries));
    std::byte* const nodes =
        arena_.Take(PrefixNodes<P>::NodesSize(entries, kSpareNodes));
    nodes_.Init(elements, nodes, entries, kSpareNodes);
    return true;
  }

  // The lock of the whole tree.
  SeqLock<P>& seq_lock() const ABSL_LOCK_RETURNED(seq_lock_) {
    return seq_lock_;
  }

  // A pointer to the value of the longest prefix in the tree that `prefix`
  // begins with, or null.
  template <typename Prefix>
  std::byte* Find(Prefix prefix) const {
    uint32_t element = 0;
    if (!seq_lock_.TryRead([&](uint32_t) { element = LongestMatch(prefix); })) {
      ReaderLock lock(seq_lock_);
      element = LongestMatch(prefix);
    }
    return element == 0 ? nullptr : nodes_.Value(element);
  }

  // Copies that value to `own` as one whole. Returns false, and leaves `own`
  // alone, if there is none.
  template <typename Prefix>
  bool Read(Prefix prefix, void* own) const {
    // A copy may be found to be a mixture, and the prefix to be gone by then,
    // so it cannot go to the caller at once. Large values wait for the lock.
    const ValueLayout& value = nodes_.value();
    if (value.size() <= kCopySize) {
      alignas(8) std::byte copy[kCopySize];
      uint32_t element = 0;
      const bool sound = seq_lock_.TryRead([&](uint32_t) {
        element = LongestMatch(prefix);
        if (element != 0) value.CopyOut(copy, nodes_.Value(element));
      });
      if (sound) {
        if (element != 0) std::memcpy(own, copy, value.size());
        return element != 0;
      }
    }
    ReaderLock lock(seq_lock_);
    const uint32_t element = LongestMatch(prefix);
    if (element != 0) value.CopyOut(own, nodes_.Value(element));
    return element != 0;
  }

  template <typename Prefix>
  PrefixPosition FindLocked(Prefix prefix)
      ABSL_SHARED_LOCKS_REQUIRED(seq_lock_) {
    return TreeOf(prefix).Locate(prefix);
  }

  bool IsFullLocked() const ABSL_SHARED_LOCKS_REQUIRED(seq_lock_) {
    return entries_ == max_entries_;
  }

  // Puts a prefix and its value where they are not, or in place of the ones
  // with the same bits. A new value is a new element, with the host bits of
  // this update, as in Linux: a pointer to the old one keeps showing the old
  // bytes. Returns false, and changes nothing, if there is no memory.
  // REQUIRES: `position` is that of `prefix`; it is there, or the trie is not
  // full.
  template <typename Prefix>
  bool PutLocked(const PrefixPosition& position, Prefix prefix,
                 const void* value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    const bool is_new = position.element == 0;
    const bool splits = roots_.ShouldSplit(entries_ + (is_new ? 1 : 0));
    if (!nodes_.ReserveElement() ||
        ((is_new || splits) && !ReserveNodes(splits))) {
      return false;
    }
    WriteSection<P> write(seq_lock_);
    const uint32_t element = nodes_.NewElement(prefix, value);
    if (is_new) {
      ShortTree().Insert(position, prefix, element);  // into any tree
      ++entries_;
    } else {
      ShortTree().Replace(position, element);
      nodes_.GiveBackElement(position.element);
    }
    if (splits) [[unlikely]] {
      SplitRoots();
    }
    return true;
  }

  // Removes the prefix at `position`. REQUIRES: it is there.
  void EraseLocked(const PrefixPosition& position)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    WriteSection<P> write(seq_lock_);
    ShortTree().Erase(position);  // of any tree
    nodes_.GiveBackElement(position.element);
    --entries_;
  }

  // Copies the key after `key` to `next`: prefixes come after those that begin
  // with them, 0 before 1. The first key where `key` is null or not in the
  // trie. `next` may be null, or the same memory. Returns false if
  // there is none.
  bool NextKey(const void* key, void* next) const {
    alignas(8) std::byte copy[kMaxKeySize];
    uint32_t element = 0;
    const auto find = [&] {
      element = NextElement(key);
      if (element != 0) nodes_.CopyKeyOut(copy, element);
    };
    if (!seq_lock_.TryRead([&](uint32_t) { find(); })) {
      ReaderLock lock(seq_lock_);
      find();
    }
    if (element != 0 && next != nullptr) {
      std::memcpy(next, copy, kPrefixLengthSize + nodes_.data_size());
    }
    return element != 0;
  }

  // The element of that key; 0 if there is none.
  uint32_t NextLocked(const void* key) const
      ABSL_SHARED_LOCKS_REQUIRED(seq_lock_) {
    return NextElement(key);
  }

  void CopyKeyOut(void* key, uint32_t element) const {
    nodes_.CopyKeyOut(key, element);
  }
  void CopyValueOutLocked(void* value, uint32_t element) const
      ABSL_SHARED_LOCKS_REQUIRED(seq_lock_) {
    nodes_.value().CopyOut(value, nodes_.Value(element));
  }

 private:
  static constexpr uint32_t kCopySize = 256;
  // Bytes that a map that may grow takes at first, at most: they are only
  // touched as they are used, but some systems count them anyway.
  static constexpr uint64_t kFirstSize = 128 << 20;

  static constexpr uint32_t kSplitsPerUpdate = PrefixRoots<P>::kSplitsPerUpdate;
  // A split may move a prefix to another tree, where it takes a node; and one
  // node is reserved where a prefix is only replaced.
  static constexpr uint32_t kSpareNodes =
      P::kLazyMemory ? kSplitsPerUpdate + 1 : 0;

  // How many entries Init() makes room for.
  static constexpr uint64_t FirstEntries(uint32_t data_size,
                                         uint32_t value_size,
                                         uint32_t max_entries) {
    if constexpr (!P::kResizable) return max_entries;
    const uint64_t entry = PrefixNodes<P>::EntrySize(data_size, value_size);
    return std::min<uint64_t>(max_entries,
                              std::max<uint64_t>(1, kFirstSize / entry));
  }

  PrefixTree<P> ShortTree() const {
    return PrefixTree<P>(nodes_, &short_root_);
  }
  template <typename Prefix>
  PrefixTree<P> TreeOf(Prefix prefix) const {
    PrefixLink* const root = roots_.RootOf(prefix);
    return PrefixTree<P>(nodes_, root == nullptr ? &short_root_ : root);
  }

  // The element of the longest match; 0 if there is none.
  template <typename Prefix>
  uint32_t LongestMatch(Prefix prefix) const {
    if (PrefixLink* const root = roots_.RootOf(prefix)) {
      const uint32_t found = PrefixTree<P>(nodes_, root).LongestMatch(prefix);
      if (found != 0) return found;
    }
    return ShortTree().LongestMatch(prefix);
  }

  // Of an element of the trees of the roots and one of the short ones, the one
  // that comes first in a walk. Either may be 0: there is none.
  uint32_t Earlier(uint32_t long_element, uint32_t short_element) const {
    if (long_element == 0) return short_element;
    if (short_element == 0) return long_element;
    const uint32_t length = nodes_.Length(short_element);
    if (length == 0) return long_element;
    // Only in what is thrown away it is longer.
    const uint32_t rest = kBitsPerWord - std::min(length, kBitsPerWord);
    const BitWord of_long = nodes_.FirstBitsOf(long_element) >> rest;
    return of_long <= nodes_.FirstBitsOf(short_element) >> rest ? long_element
                                                                : short_element;
  }

  uint32_t FirstElement() const {
    return Earlier(FirstLong(/*place=*/0), ShortTree().First());
  }
  // Of the trees of the roots from `place` on.
  uint32_t FirstLong(uint32_t place) const {
    return ShortTree().First(roots_.FirstFrom(place));
  }

  uint32_t NextElement(const void* key) const {
    if (key == nullptr || PrefixLengthOf(key) > nodes_.data_size() * 8) {
      return FirstElement();
    }
    return WithPrefix(key, nodes_.data_size(),
                      [&](auto prefix) { return NextElementOf(prefix); });
  }
  template <typename Prefix>
  uint32_t NextElementOf(Prefix prefix) const {
    PrefixLink* const root = roots_.RootOf(prefix);
    uint32_t next = 0;
    if (!TreeOf(prefix).Next(prefix, &next)) return FirstElement();
    if (root == nullptr) {
      if constexpr (!P::kLazyMemory) return next;
      return Earlier(FirstLong(roots_.PlaceAfter(prefix)), next);
    }
    if (next == 0) next = FirstLong(roots_.PlaceAfter(prefix));
    return Earlier(next, ShortTree().FirstAfter(prefix));
  }

  // Sees to the nodes of an update, one and those of its splits.
  bool ReserveNodes(bool splits) ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    return entries_ < PrefixNodes<P>::kMostElements &&
           nodes_.ReserveNodes(1 + (splits ? kSplitsPerUpdate : 0));
  }

  void SplitRoots() ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    for (uint32_t i = 0; i < kSplitsPerUpdate && roots_.ShouldSplit(entries_);
         ++i) {
      SplitRoot();
    }
  }

  // Splits the root that is next: what hangs below it goes to two, and the
  // prefix that is too short for these to the short ones.
  void SplitRoot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    const uint32_t bits = roots_.bits();
    PrefixLink thing = roots_.ToSplit();
    PrefixLink sides[2] = {0, 0};
    uint32_t too_short = 0;
    if (IsNode(thing)) {
      const PrefixNode node = nodes_.NodeAt(thing);
      if (node.order() == InnerOrder(bits)) {
        too_short = SlotOf(LoadLink(node.element()));
        const PrefixLink below = LoadLink(node.below());
        nodes_.GiveBackNode(thing);
        thing = below;
      }
    } else if (thing != 0 && nodes_.Length(SlotOf(thing)) == bits) {
      too_short = SlotOf(thing);
      thing = 0;
    }
    if (IsNode(thing) && nodes_.NodeAt(thing).order() == ForkOrder(bits)) {
      sides[0] = LoadLink(nodes_.NodeAt(thing).link(0));
      sides[1] = LoadLink(nodes_.NodeAt(thing).link(1));
      nodes_.GiveBackNode(thing);
    } else if (thing != 0) {
      sides[nodes_.Bit(ShortTree().AnyOf(thing), bits)] = thing;
    }
    roots_.Split(sides[0], sides[1]);
    if (too_short != 0) MoveToShortTree(too_short);
  }

  void MoveToShortTree(uint32_t element)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    std::byte key[kMaxKeySize];
    nodes_.CopyKeyOut(key, element);
    WithPrefix(key, nodes_.data_size(), [&](auto prefix) {
      PrefixTree<P> tree = ShortTree();
      tree.Insert(tree.Locate(prefix), prefix, element);
    });
  }

  const uint32_t max_entries_;

  Arena<P> arena_;
  mutable SeqLock<P> seq_lock_;
  PrefixRoots<P> roots_;
  mutable PrefixLink short_root_ = 0;  // touched through links only
  // Their slots are read without the lock; see the invariants.
  mutable PrefixNodes<P> nodes_;
  uint32_t entries_ ABSL_GUARDED_BY(seq_lock_) = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PREFIX_TRIE_H_
