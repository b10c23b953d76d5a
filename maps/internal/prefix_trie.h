// SPDX-License-Identifier: Apache-2.0

// PrefixTrie: values by prefix, found by the longest one that a key has.
//
// A binary tree of nodes, each a prefix, below the ones that it begins with:
//
//                   10.0.0.0/8 (a)
//                 0 /           \ 1
//          10.0.0.0/15 (-)      10.128.0.0/9 (b)
//          0 /        \ 1
//  10.0.0.0/16 (c)   10.1.0.0/16 (d)
//
// A node is
//   u32 child on side 0 | u32 child on side 1 | u32 parent | u32 value
//   u32 length | data as words, see prefix.h
// and a value is a slot of its own:
//   u32 link of free slots | u32 nothing | value, rounded up to 8
// Both are named by slot numbers, from 1 on; 0 is none. A node stays where it
// is while its value is replaced.
//
// Where memory that is not touched is free (kLazyMemory) there is also a table
// of entrances, so that a lookup does not begin at the root: for each value of
// the first `entrance_bits_` bits, the topmost node that is at least so long.
// Only shorter nodes lie above it, which match what the entrance matches.
//
// Invariants:
//   1. A child begins with the bits of its parent, is longer, and the bit at
//      the parent's length says on which side it is.
//   2. A node without a value is a fork: it has two children. So the shape of
//      the tree follows from the prefixes in it, and there are fewer forks than
//      prefixes.
//   3. The tree is changed by a thread that holds the lock as a writer, inside
//      a WriteSection. A reader for whom the version did not change saw a sound
//      tree. A slot is filled inside a WriteSection too: the version changed
//      since it was last part of the tree.
//   4. A link to a slot is stored with release after the slot was filled, and
//      loaded with acquire: a thread that reaches a value through a pointer
//      sees it whole, without atomics.
//   5. Going down lengths grow, and going up they shrink. A reader that finds
//      it otherwise, in a node that was freed and taken again, gives up. So it
//      terminates, whatever it sees.
//
// There is one lock, as in Linux: an insertion may fork the tree anywhere above
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
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/prefix.h"
#include "bpfmap/maps/internal/segmented_slots.h"
#include "bpfmap/maps/internal/seq_lock.h"
#include "bpfmap/maps/internal/slot_freelist.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class PrefixTrie {
 public:
  // Where a prefix is or would be: what hangs below `parent` on its side, and
  // how many bits that has in common with it. A parent of 0 is the root's.
  struct Position {
    uint32_t parent = 0;
    uint32_t node = 0;
    uint32_t common = 0;
  };

  // The largest data that a key may have, in bytes.
  static constexpr uint32_t kMaxDataSize = 256;
  static constexpr uint32_t kMaxKeySize = kPrefixLengthSize + kMaxDataSize;

  PrefixTrie(typename P::Memory& memory, uint32_t data_size, ValueLayout value,
             uint32_t max_entries)
      : data_size_(data_size),
        value_(value),
        max_entries_(max_entries),
        entrance_bits_(EntranceBits(data_size, max_entries)),
        arena_(memory),
        nodes_(memory),
        values_(memory) {}
  PrefixTrie(const PrefixTrie&) = delete;
  PrefixTrie& operator=(const PrefixTrie&) = delete;

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t data_size,
                                         uint32_t value_size,
                                         uint32_t max_entries) {
    const uint64_t entries = FirstEntries(data_size, value_size, max_entries);
    return Arena<P>::AlignedSize(EntrancesSize(data_size, max_entries)) +
           Arena<P>::AlignedSize(NodesSize(data_size, entries)) +
           Arena<P>::AlignedSize(ValuesSize(value_size, entries));
  }

  // Returns false if there is no memory; nothing is then taken.
  // REQUIRES: called once, before anything else.
  bool Init() {
    const uint32_t value_size = value_.size();
    if (!arena_.Allocate(MemoryNeeded(data_size_, value_size, max_entries_))) {
      return false;
    }
    const uint64_t entries = FirstEntries(data_size_, value_size, max_entries_);
    entrances_ = reinterpret_cast<uint32_t*>(
        arena_.Take(EntrancesSize(data_size_, max_entries_)));
    nodes_.Init(arena_.Take(NodesSize(data_size_, entries)),
                NodeSize(data_size_), NodesFor(entries));
    values_.Init(arena_.Take(ValuesSize(value_size, entries)),
                 ValueSize(value_size), ValuesFor(entries));
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
    uint32_t value = 0;
    if (!seq_lock_.TryRead([&](uint32_t) { value = LongestMatch(prefix); })) {
      ReaderLock lock(seq_lock_);
      value = LongestMatch(prefix);
    }
    return value == 0 ? nullptr : ValueBytes(value);
  }

  // Copies that value to `own` as one whole. Returns false, and leaves `own`
  // alone, if there is none.
  template <typename Prefix>
  bool Read(Prefix prefix, void* own) const {
    // A copy may be found to be a mixture, and the prefix to be gone by then,
    // so it cannot go to the caller at once. Large values wait for the lock.
    if (value_.size() <= kCopySize) {
      alignas(8) std::byte copy[kCopySize];
      uint32_t value = 0;
      const bool sound = seq_lock_.TryRead([&](uint32_t) {
        value = LongestMatch(prefix);
        if (value != 0) value_.CopyOut(copy, ValueBytes(value));
      });
      if (sound) {
        if (value != 0) std::memcpy(own, copy, value_.size());
        return value != 0;
      }
    }
    ReaderLock lock(seq_lock_);
    const uint32_t value = LongestMatch(prefix);
    if (value != 0) value_.CopyOut(own, ValueBytes(value));
    return value != 0;
  }

  template <typename Prefix>
  Position FindLocked(Prefix prefix) const
      ABSL_SHARED_LOCKS_REQUIRED(seq_lock_) {
    return Locate(prefix);
  }

  // Whether `position`, which is where `prefix` would be, has a value of it.
  template <typename Prefix>
  bool HasValue(const Position& position, Prefix prefix) const {
    return IsAt(position, prefix) && LoadLink(At(position.node).value()) != 0;
  }

  bool IsFullLocked() const ABSL_SHARED_LOCKS_REQUIRED(seq_lock_) {
    return entries_ == max_entries_;
  }

  // Puts a prefix and its value where they are not, or in place of the ones
  // with the same bits. A new value is a new slot: a pointer to the old one
  // keeps showing the old bytes. Returns false, and changes nothing, if there
  // is no memory.
  // REQUIRES: `position` is that of `prefix`; it has a value, or the tree is
  // not full.
  template <typename Prefix>
  bool PutLocked(const Position& position, Prefix prefix, const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    const bool is_at = IsAt(position, prefix);
    if (!values_.Reserve(1) || (!is_at && !nodes_.Reserve(2))) return false;
    WriteSection<P> write(seq_lock_);
    const uint32_t node = is_at ? position.node : InsertNode(position, prefix);
    const uint32_t fresh = values_.Take();
    value_.CopyIn(ValueBytes(fresh), value);
    // The host bits are those of the last update, as in Linux.
    if (!prefix.Equals(At(node).bits())) prefix.CopyTo(At(node).bits());
    const uint32_t old = LoadLink(At(node).value());
    StoreLink(At(node).value(), fresh);
    if (old != 0) {
      values_.GiveBack(old);
    } else {
      ++entries_;
    }
    return true;
  }

  // Removes the prefix at `position`. REQUIRES: it has a value.
  void EraseLocked(const Position& position)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    WriteSection<P> write(seq_lock_);
    uint32_t* const value = At(position.node).value();
    values_.GiveBack(LoadLink(value));
    StoreLink(value, 0);
    --entries_;
    RemoveUnlessFork(position.node);
    // A fork that lost a side is none.
    if (position.parent != 0 && LoadLink(At(position.parent).value()) == 0) {
      RemoveUnlessFork(position.parent);
    }
  }

  // Copies the key after that of `position` to `next`: children come before
  // their parents, side 0 before side 1. The first key where `key` is null or
  // not in the tree. `next` may be null, or the same memory. Returns false if
  // there is none.
  bool NextKey(const void* key, void* next) const {
    alignas(8) std::byte copy[kMaxKeySize];
    bool found = false;
    const bool sound = seq_lock_.TryRead([&](uint32_t) {
      const uint32_t node = NextNode(key);
      found = node != 0;
      if (found) CopyKeyOut(copy, node);
    });
    if (!sound) {
      ReaderLock lock(seq_lock_);
      const uint32_t node = NextNode(key);
      found = node != 0;
      if (found) CopyKeyOut(copy, node);
    }
    if (found && next != nullptr) {
      std::memcpy(next, copy, kPrefixLengthSize + data_size_);
    }
    return found;
  }

  // The node of that key; 0 if there is none.
  uint32_t NextNodeLocked(const void* key) const
      ABSL_SHARED_LOCKS_REQUIRED(seq_lock_) {
    return NextNode(key);
  }

  void CopyKeyOut(void* key, uint32_t node) const {
    std::byte* const bytes = static_cast<std::byte*>(key);
    const uint32_t length = At(node).length();
    std::memcpy(bytes, &length, sizeof length);
    CopyBitsOut(bytes + kPrefixLengthSize, At(node).bits(), data_size_);
  }

  // REQUIRES: `node` has a value.
  void CopyValueOutLocked(void* value, uint32_t node) const
      ABSL_SHARED_LOCKS_REQUIRED(seq_lock_) {
    value_.CopyOut(value, ValueBytes(LoadLink(At(node).value())));
  }

 private:
  static constexpr uint32_t kLengthOffset = 16;
  static constexpr uint32_t kBitsOffset =
      (kLengthOffset + 4 + sizeof(BitWord) - 1) / sizeof(BitWord) *
      sizeof(BitWord);
  static constexpr uint32_t kValueOffset = 8;

  static constexpr uint32_t kCopySize = 256;
  static constexpr uint32_t kMostEntranceBits = 20;
  // Bytes that a map that may grow takes at first, at most: they are only
  // touched as they are used, but some systems count them anyway.
  static constexpr uint64_t kFirstSize = 128 << 20;

  // One entrance for each entry that there can be, or fewer.
  static constexpr uint32_t EntranceBits(uint32_t data_size,
                                         uint32_t max_entries) {
    if constexpr (!P::kLazyMemory) return 0;
    return std::min({kMostEntranceBits, data_size * 8,
                     static_cast<uint32_t>(std::bit_width(max_entries)) - 1});
  }
  static constexpr uint64_t EntrancesSize(uint32_t data_size,
                                          uint32_t max_entries) {
    const uint32_t bits = EntranceBits(data_size, max_entries);
    return bits == 0 ? 0 : (uint64_t{1} << bits) * sizeof(uint32_t);
  }

  static constexpr uint64_t NodeSize(uint32_t data_size) {
    return RoundUp8(kBitsOffset + BitWordsFor(data_size) * sizeof(BitWord));
  }
  static constexpr uint64_t ValueSize(uint32_t value_size) {
    return kValueOffset + RoundUp8(value_size);
  }
  // Each prefix may bring a fork with it.
  static constexpr uint64_t NodesFor(uint64_t entries) { return 2 * entries; }
  // One more than there can be, so that a full tree can replace.
  static constexpr uint64_t ValuesFor(uint64_t entries) { return entries + 1; }
  static constexpr uint64_t NodesSize(uint32_t data_size, uint64_t entries) {
    return SegmentedSlots<P>::MemoryNeeded(NodeSize(data_size),
                                           NodesFor(entries));
  }
  static constexpr uint64_t ValuesSize(uint32_t value_size, uint64_t entries) {
    return SegmentedSlots<P>::MemoryNeeded(ValueSize(value_size),
                                           ValuesFor(entries));
  }
  // How many entries Init() makes room for.
  static constexpr uint64_t FirstEntries(uint32_t data_size,
                                         uint32_t value_size,
                                         uint32_t max_entries) {
    if constexpr (!P::kResizable) return max_entries;
    const uint64_t entry = 2 * NodeSize(data_size) + ValueSize(value_size);
    return std::min<uint64_t>(max_entries,
                              std::max<uint64_t>(1, kFirstSize / entry));
  }

  static uint32_t LoadLink(const uint32_t* link) {
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
  }
  static void StoreLink(uint32_t* link, uint32_t slot) {
    __atomic_store_n(link, slot, __ATOMIC_RELEASE);
  }

  // The parts of a node. The links are touched by LoadLink and StoreLink only.
  class Node {
   public:
    explicit Node(std::byte* bytes) : bytes_(bytes) {}

    uint32_t* child(uint32_t side) const { return Link(side * 4); }
    uint32_t* parent() const { return Link(8); }
    uint32_t* value() const { return Link(12); }
    uint32_t length() const {
      return LoadWord<uint32_t>(bytes_ + kLengthOffset);
    }
    void set_length(uint32_t length) const {
      StoreWord(bytes_ + kLengthOffset, length);
    }
    std::byte* bits() const { return bytes_ + kBitsOffset; }

   private:
    uint32_t* Link(uint32_t offset) const {
      return reinterpret_cast<uint32_t*>(bytes_ + offset);
    }

    std::byte* bytes_;
  };
  Node At(uint32_t node) const { return Node(nodes_.At(node)); }
  std::byte* ValueBytes(uint32_t value) const {
    return values_.At(value) + kValueOffset;
  }

  template <typename Prefix>
  bool IsAt(const Position& position, Prefix prefix) const {
    return position.node != 0 && position.common == prefix.length() &&
           At(position.node).length() == position.common;
  }

  // Where a search for `prefix` may begin: an entrance, or 0 if there is none.
  template <typename Prefix>
  uint32_t EntranceOf(Prefix prefix) const {
    if (entrance_bits_ == 0 || prefix.length() < entrance_bits_) return 0;
    return LoadLink(&entrances_[prefix.Top(entrance_bits_)]);
  }

  // The value of the longest match; 0 if there is none.
  template <typename Prefix>
  uint32_t LongestMatch(Prefix prefix) const {
    const uint32_t entrance = EntranceOf(prefix);
    uint32_t found = 0;
    uint32_t node = entrance != 0 ? entrance : LoadLink(&root_);
    // Down, as long as it matches. Lengths below `least` were there before.
    for (uint32_t least = 0; node != 0;) {
      const Node at = At(node);
      const uint32_t length = at.length();
      if (length < least || length > prefix.length() ||
          !prefix.Matches(at.bits(), least == 0 ? 0 : least - 1, length)) {
        break;
      }
      if (const uint32_t value = LoadLink(at.value())) found = value;
      if (length == prefix.length()) break;
      node = LoadLink(at.child(prefix.Bit(length)));
      least = length + 1;
    }
    if (found != 0 || entrance == 0) return found;
    // Nothing from the entrance on. All that is above it matches.
    uint32_t most = At(entrance).length();
    for (node = LoadLink(At(entrance).parent()); node != 0;
         node = LoadLink(At(node).parent())) {
      const uint32_t length = At(node).length();
      if (length >= most) break;
      if (const uint32_t value = LoadLink(At(node).value())) return value;
      most = length;
    }
    return 0;
  }

  template <typename Prefix>
  Position Locate(Prefix prefix) const {
    Position position;
    position.node = EntranceOf(prefix);
    if (position.node != 0) {
      position.parent = LoadLink(At(position.node).parent());
    } else {
      position.node = LoadLink(&root_);
    }
    for (uint32_t least = 0; position.node != 0;) {
      const uint32_t length = At(position.node).length();
      if (length < least) break;
      position.common =
          prefix.Common(At(position.node).bits(), least == 0 ? 0 : least - 1,
                        std::min(length, prefix.length()));
      if (position.common != length || length == prefix.length()) break;
      position.parent = position.node;
      position.node = LoadLink(At(position.node).child(prefix.Bit(length)));
      least = length + 1;
    }
    return position;
  }

  // The first node of the subtree `node` in the order of NextKey.
  uint32_t FirstNode(uint32_t node) const {
    for (uint32_t length = At(node).length();;) {
      uint32_t child = LoadLink(At(node).child(0));
      if (child == 0) child = LoadLink(At(node).child(1));
      if (child == 0 || At(child).length() <= length) return node;
      node = child;
      length = At(node).length();
    }
  }

  uint32_t NextNode(const void* key) const {
    const uint32_t root = LoadLink(&root_);
    if (root == 0) return 0;
    if (key == nullptr || PrefixLengthOf(key) > data_size_ * 8) {
      return FirstNode(root);
    }
    uint32_t node = WithPrefix(key, data_size_, [&](auto prefix) {
      const Position position = Locate(prefix);
      return HasValue(position, prefix) ? position.node : 0;
    });
    if (node == 0) return FirstNode(root);
    uint32_t most = At(node).length();
    while (const uint32_t parent = LoadLink(At(node).parent())) {
      const uint32_t length = At(parent).length();
      if (length >= most) return 0;
      if (LoadLink(At(parent).child(0)) == node) {
        const uint32_t other = LoadLink(At(parent).child(1));
        if (other != 0) return FirstNode(other);
      }
      if (LoadLink(At(parent).value()) != 0) return parent;
      node = parent;
      most = length;
    }
    return 0;
  }

  // Whether `node` is what an entrance leads to, if it hangs below `parent`.
  bool IsEntrance(uint32_t node, uint32_t parent) const {
    return entrance_bits_ != 0 && At(node).length() >= entrance_bits_ &&
           (parent == 0 || At(parent).length() < entrance_bits_);
  }
  uint32_t* EntranceTo(uint32_t node) const {
    const BitWord first = LoadWord<BitWord>(At(node).bits());
    return &entrances_[TopBits(first, entrance_bits_)];
  }

  // Hangs `node` below `parent`, on `side`; or nothing if it is 0.
  void Hang(uint32_t parent, uint32_t side, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    if (node != 0) {
      StoreLink(At(node).parent(), parent);
      if (IsEntrance(node, parent)) StoreLink(EntranceTo(node), node);
    }
    StoreLink(parent == 0 ? &root_ : At(parent).child(side), node);
  }

  // A node of `length` with the bits of `prefix`, and nothing at it.
  template <typename Prefix>
  uint32_t NewNode(Prefix prefix, uint32_t length)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    const uint32_t node = nodes_.Take();
    StoreLink(At(node).child(0), 0);
    StoreLink(At(node).child(1), 0);
    StoreLink(At(node).parent(), 0);
    StoreLink(At(node).value(), 0);
    At(node).set_length(length);
    prefix.CopyTo(At(node).bits());
    return node;
  }

  // Makes the node of a prefix that has none, and a fork where it takes one.
  template <typename Prefix>
  uint32_t InsertNode(const Position& position, Prefix prefix)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    const uint32_t side =
        position.parent == 0 ? 0 : prefix.Bit(At(position.parent).length());
    const uint32_t node = NewNode(prefix, prefix.length());
    if (position.node == 0) {
      Hang(position.parent, side, node);
      return node;
    }
    const uint32_t old_side = BitOf(At(position.node).bits(), position.common);
    uint32_t top = node;
    if (position.common < prefix.length()) {
      top = NewNode(prefix, position.common);
      Hang(top, 1 - old_side, node);
    }
    Hang(top, old_side, position.node);
    Hang(position.parent, side, top);
    return node;
  }

  // Takes a node without a value out of the tree, unless it is a fork; what is
  // below it moves up.
  void RemoveUnlessFork(uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(seq_lock_) {
    uint32_t below = LoadLink(At(node).child(0));
    const uint32_t other = LoadLink(At(node).child(1));
    if (below != 0 && other != 0) return;
    if (below == 0) below = other;
    const uint32_t parent = LoadLink(At(node).parent());
    const uint32_t side =
        parent != 0 && LoadLink(At(parent).child(1)) == node ? 1 : 0;
    if (below == 0 && IsEntrance(node, parent)) {
      StoreLink(EntranceTo(node), 0);
    }
    Hang(parent, side, below);
    nodes_.GiveBack(node);
  }

  const uint32_t data_size_;
  const ValueLayout value_;
  const uint32_t max_entries_;
  const uint32_t entrance_bits_;  // 0: there are none

  Arena<P> arena_;
  uint32_t* entrances_ = nullptr;  // touched through links only
  mutable SeqLock<P> seq_lock_;
  uint32_t root_ = 0;  // touched through links only
  // Their slots are read without the lock; see the invariants.
  SlotFreelist<P> nodes_;
  SlotFreelist<P> values_;
  uint32_t entries_ ABSL_GUARDED_BY(seq_lock_) = 0;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PREFIX_TRIE_H_
