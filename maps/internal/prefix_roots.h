// SPDX-License-Identifier: Apache-2.0

// PrefixRoots: where a search in a trie of many prefixes begins.
//
// A table with a root for each value of the first `bits` bits. Below it hang
// the prefixes that are at least so long and begin with that value; shorter
// ones have a tree of their own. So the table stands for the upper half of the
// tree, which is not there.
//
// The table starts small and doubles with the number of prefixes: there are
// about as many roots as prefixes, up to 2^20. It doubles where it is, root
// after root, from the last to the first, a few with each update. Root `i`
// becomes roots 2i and 2i + 1, in places that were split before:
//
//   index     0   1  ... split      2^bits                 2^(bits+1)
//            | not yet  |  unused  ... | of 2*split | ...      |
//                                      (the places from 2*split on)
//
// A prefix whose first bits are below `split` has a root by `bits` bits, any
// other by one more.
//
// Where memory counts before it is touched (no kLazyMemory), there is none.
//
// Thread-safe: changes want the lock of the trie, and readers see them by its
// version; see prefix_trie.h. `bits` and `split` are one word, so that an index
// is never beyond the table.

#ifndef BPFMAP_MAPS_INTERNAL_PREFIX_ROOTS_H_
#define BPFMAP_MAPS_INTERNAL_PREFIX_ROOTS_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "bpfmap/maps/internal/prefix_nodes.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class PrefixRoots {
 public:
  PrefixRoots(uint32_t data_size, uint32_t max_entries)
      : most_bits_(MostBits(data_size, max_entries)),
        state_(Undivided(std::min(most_bits_, kFirstBits))) {}

  // Bytes of the block that Init() is given.
  static constexpr uint64_t MemoryNeeded(uint32_t data_size,
                                         uint32_t max_entries) {
    if constexpr (!P::kLazyMemory) return 0;
    return sizeof(PrefixLink) << MostBits(data_size, max_entries);
  }
  void Init(std::byte* block) { roots_ = reinterpret_cast<PrefixLink*>(block); }

  // The root of `prefix`; null if that is too short to have one.
  template <typename Prefix>
  PrefixLink* RootOf(Prefix prefix) const {
    if constexpr (!P::kLazyMemory) return nullptr;
    const uint32_t state = State();
    const uint32_t bits = BitsOf(state);
    if (prefix.length() < bits) return nullptr;
    uint32_t i = prefix.Top(bits);
    if (i >= SplitOf(state)) [[unlikely]] {
      if (prefix.length() == bits) return nullptr;
      i = prefix.Top(bits + 1);
    }
    return &roots_[i];
  }

  // Walking. A place is a number of bits + 1 bits.

  // The link of the first root from `place` on that has one; 0 if none has.
  PrefixLink FirstFrom(uint32_t place) const {
    if constexpr (!P::kLazyMemory) return 0;
    const uint32_t state = State();
    while (place < EndOf(state)) {
      const bool is_split = place / 2 >= SplitOf(state);
      const PrefixLink link = LoadLink(&roots_[is_split ? place : place / 2]);
      if (link != 0) return link;
      place = is_split ? place + 1 : (place | 1) + 1;
    }
    return 0;
  }

  // The place after all roots of prefixes that begin with `prefix`, or, if it
  // has a root itself, after that.
  template <typename Prefix>
  uint32_t PlaceAfter(Prefix prefix) const {
    const uint32_t state = State();
    const uint32_t bits = BitsOf(state);
    const uint32_t length = prefix.length();
    if (length == 0) return EndOf(state);
    if (length > bits && prefix.Top(bits) >= SplitOf(state)) {
      return prefix.Top(bits + 1) + 1;
    }
    const uint32_t known = std::min(length, bits);
    return (prefix.Top(known) + 1) << (bits + 1 - known);
  }

  // Doubling.

  // Whether a root is to be split, where there are `entries` prefixes. It
  // starts early enough to be done when there are two for each old root.
  bool ShouldSplit(uint32_t entries) const {
    if constexpr (!P::kLazyMemory) return false;
    const uint32_t state = State();
    const uint32_t roots = 1U << BitsOf(state);
    if (SplitOf(state) != roots) return true;
    return BitsOf(state) < most_bits_ &&
           entries >= 2 * roots - roots / kSplitsPerUpdate;
  }
  static constexpr uint32_t kSplitsPerUpdate = 8;

  // By how many bits the root that is next has its prefixes, and its link.
  uint32_t bits() const { return BitsOf(State()); }
  PrefixLink ToSplit() const { return LoadLink(&roots_[SplitOf(State()) - 1]); }

  // Splits it: what it had hangs by its next bit below `link0` and `link1`.
  void Split(PrefixLink link0, PrefixLink link1) {
    const uint32_t state = State();
    const uint32_t i = SplitOf(state) - 1;
    StoreLink(&roots_[2 * i], link0);
    StoreLink(&roots_[2 * i + 1], link1);
    state_.store(
        i == 0 ? Undivided(BitsOf(state) + 1) : StateOf(BitsOf(state), i),
        std::memory_order_relaxed);
  }

 private:
  static constexpr uint32_t kFirstBits = 6;
  static constexpr uint32_t kMostBits = 20;

  // A root for each prefix that there can be, or fewer; two at least.
  static constexpr uint32_t MostBits(uint32_t data_size, uint32_t max_entries) {
    const uint32_t width = std::bit_width(max_entries);
    return std::min<uint32_t>(
        {kMostBits, data_size * 8, std::max<uint32_t>(width, 2) - 1});
  }

  // The state: how many roots are not split yet, by how many bits.
  static constexpr uint32_t StateOf(uint32_t bits, uint32_t split) {
    return split << 5 | bits;
  }
  static constexpr uint32_t Undivided(uint32_t bits) {
    return StateOf(bits, 1U << bits);
  }
  static constexpr uint32_t BitsOf(uint32_t state) { return state & 31; }
  static constexpr uint32_t SplitOf(uint32_t state) { return state >> 5; }
  static constexpr uint32_t EndOf(uint32_t state) {
    return 2U << BitsOf(state);
  }
  uint32_t State() const { return state_.load(std::memory_order_relaxed); }

  const uint32_t most_bits_;
  PrefixLink* roots_ = nullptr;  // touched through links only
  std::atomic<uint32_t> state_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PREFIX_ROOTS_H_
