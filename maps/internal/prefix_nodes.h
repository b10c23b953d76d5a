// SPDX-License-Identifier: Apache-2.0

// PrefixNodes: the memory of a trie of prefixes.
//
//   element:  u32 length | data as words, see prefix.h | value, each rounded up
//             to 8
//   node:     u32 order | u32 link 0 | u32 link 1
//
// A prefix with a value is an element. Above elements lie nodes of 12 bytes, of
// two kinds:
//
//   fork of `n` bits   the prefixes below it have their first n bits in common;
//                      those whose next bit is i hang below link i. The bits
//                      are not in the fork: any element below it has them.
//   inner              an element with others below it: link 0 is what hangs
//                      below, link 1 the element
//
// A link is twice a slot number, and 1 more if it leads to a node; 0 is none.
// The order of a node is twice its length, and 1 more for a fork: it grows from
// each node to those below. An inner node's length is that of its element.
//
// A free slot is linked by its first 4 bytes: a length or an order. So a value
// that was removed keeps its bytes, and a reader that came late to a slot still
// finds in its links what once was a link.
//
// Thread-safe as its parts are: slots are taken and given back under the lock
// of the trie; they are read without it, see prefix_trie.h.

#ifndef BPFMAP_MAPS_INTERNAL_PREFIX_NODES_H_
#define BPFMAP_MAPS_INTERNAL_PREFIX_NODES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/prefix.h"
#include "bpfmap/maps/internal/segmented_slots.h"
#include "bpfmap/maps/internal/slot_freelist.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

// A link to an element or a node. 0 is none.
using PrefixLink = uint32_t;

inline PrefixLink LoadLink(const PrefixLink* link) {
  return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}
inline void StoreLink(PrefixLink* place, PrefixLink link) {
  __atomic_store_n(place, link, __ATOMIC_RELEASE);
}

// A link, as laid out above.
constexpr bool IsNode(PrefixLink link) { return (link & 1) != 0; }
constexpr uint32_t SlotOf(PrefixLink link) { return link >> 1; }
constexpr PrefixLink ElementLink(uint32_t element) { return element * 2; }
constexpr PrefixLink NodeLink(uint32_t node) { return node * 2 + 1; }

// The order of a node.
constexpr bool IsFork(uint32_t order) { return (order & 1) != 0; }
constexpr uint32_t LengthOf(uint32_t order) { return order >> 1; }
constexpr uint32_t ForkOrder(uint32_t length) { return length * 2 + 1; }
constexpr uint32_t InnerOrder(uint32_t length) { return length * 2; }

// A node, while it is looked at.
class PrefixNode {
 public:
  static constexpr uint32_t kSize = 12;

  explicit PrefixNode(std::byte* bytes) : bytes_(bytes) {}

  uint32_t order() const { return LoadWord<uint32_t>(bytes_); }
  PrefixLink* link(uint32_t side) const {
    return reinterpret_cast<PrefixLink*>(bytes_ + 4 + side * 4);
  }
  // Of an inner node.
  PrefixLink* below() const { return link(0); }
  PrefixLink* element() const { return link(1); }

  void Fill(uint32_t order, PrefixLink link0, PrefixLink link1) const {
    StoreWord(bytes_, order);
    StoreLink(link(0), link0);
    StoreLink(link(1), link1);
  }

 private:
  std::byte* bytes_;
};

template <Profile P>
class PrefixNodes {
 public:
  // Links have a bit less than slot numbers.
  static constexpr uint32_t kMostElements = 0x7fffff00;

  PrefixNodes(typename P::Memory& memory, uint32_t data_size, ValueLayout value)
      : data_size_(data_size),
        value_(value),
        bits_offset_(BitsOffset(data_size)),
        value_offset_(ValueOffset(data_size)),
        elements_(memory),
        nodes_(memory) {}

  // Bytes of the blocks that Init() is given: for `entries` elements, and
  // `spare_nodes` more than the nodes that these can need.
  static constexpr uint64_t ElementsSize(uint32_t data_size,
                                         uint32_t value_size,
                                         uint64_t entries) {
    return SegmentedSlots<P>::MemoryNeeded(ElementSize(data_size, value_size),
                                           ElementsFor(entries));
  }
  static constexpr uint64_t NodesSize(uint64_t entries, uint32_t spare_nodes) {
    return SegmentedSlots<P>::MemoryNeeded(PrefixNode::kSize,
                                           entries + spare_nodes);
  }
  // Bytes of memory for an element and its node.
  static constexpr uint64_t EntrySize(uint32_t data_size, uint32_t value_size) {
    return ElementSize(data_size, value_size) + PrefixNode::kSize;
  }

  void Init(std::byte* elements, std::byte* nodes, uint64_t entries,
            uint32_t spare_nodes) {
    elements_.Init(elements, ElementSize(data_size_, value_.size()),
                   ElementsFor(entries));
    nodes_.Init(nodes, PrefixNode::kSize, entries + spare_nodes);
  }

  // Sees to it that so many can be taken. Returns false if there is no memory.
  bool ReserveElement() { return elements_.Reserve(1); }
  bool ReserveNodes(uint32_t count) { return nodes_.Reserve(count); }

  // A new element with these bits and value. REQUIRES: it was reserved.
  template <typename Prefix>
  uint32_t NewElement(Prefix prefix, const void* value) {
    const uint32_t element = elements_.Take();
    std::byte* const bytes = elements_.At(element);
    StoreWord(bytes, prefix.length());
    prefix.CopyTo(bytes + Prefix::kBitsOffset);
    value_.CopyIn(bytes + value_offset_, value);
    return element;
  }
  void GiveBackElement(uint32_t element) { elements_.GiveBack(element); }

  // A link to a new node. REQUIRES: it was reserved.
  PrefixLink NewNode(uint32_t order, PrefixLink link0, PrefixLink link1) {
    const uint32_t node = nodes_.Take();
    PrefixNode(nodes_.At(node)).Fill(order, link0, link1);
    return NodeLink(node);
  }
  void GiveBackNode(PrefixLink link) { nodes_.GiveBack(SlotOf(link)); }

  // REQUIRES: `link` leads to a node.
  ABSL_ATTRIBUTE_ALWAYS_INLINE PrefixNode NodeAt(PrefixLink link) const {
    return PrefixNode(nodes_.At(SlotOf(link)));
  }

  uint32_t Length(uint32_t element) const {
    return LoadWord<uint32_t>(elements_.At(element));
  }
  std::byte* Value(uint32_t element) const {
    return elements_.At(element) + value_offset_;
  }

  // Whether `prefix` begins with the element, of which the first `known` bits
  // are known to be the same. If so, *length is that of the element.
  template <typename Prefix>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Matches(uint32_t element, Prefix prefix,
                                            uint32_t known,
                                            uint32_t* length) const {
    const std::byte* const bytes = elements_.At(element);
    *length = LoadWord<uint32_t>(bytes);
    return *length <= prefix.length() &&
           prefix.Matches(bytes + Prefix::kBitsOffset, known, *length);
  }

  // How many bits from the start the two have in common, up to the shorter.
  template <typename Prefix>
  uint32_t Common(uint32_t element, Prefix prefix) const {
    const std::byte* const bytes = elements_.At(element);
    const uint32_t length = LoadWord<uint32_t>(bytes);
    return prefix.Common(bytes + Prefix::kBitsOffset,
                         length < prefix.length() ? length : prefix.length());
  }

  // Bit `at`, which the data has.
  uint32_t Bit(uint32_t element, uint32_t at) const {
    return BitOf(Bits(element), data_size_, at);
  }
  BitWord FirstBitsOf(uint32_t element) const {
    return FirstBits(Bits(element), data_size_);
  }

  void CopyKeyOut(void* key, uint32_t element) const {
    std::byte* const bytes = static_cast<std::byte*>(key);
    const uint32_t length = Length(element);
    std::memcpy(bytes, &length, sizeof length);
    CopyBitsOut(bytes + kPrefixLengthSize, Bits(element), data_size_);
  }

  uint32_t data_size() const { return data_size_; }
  const ValueLayout& value() const { return value_; }

 private:
  static constexpr uint32_t BitsOffset(uint32_t data_size) {
    return IsNarrow(data_size) ? sizeof(uint32_t) : sizeof(BitWord);
  }
  static constexpr uint64_t ValueOffset(uint32_t data_size) {
    return RoundUp8(BitsOffset(data_size) + BitsSize(data_size));
  }
  static constexpr uint64_t ElementSize(uint32_t data_size,
                                        uint32_t value_size) {
    return ValueOffset(data_size) + RoundUp8(value_size);
  }
  // One more than there can be, so that a full trie can replace.
  static constexpr uint64_t ElementsFor(uint64_t entries) {
    return entries + 1;
  }

  const std::byte* Bits(uint32_t element) const {
    return elements_.At(element) + bits_offset_;
  }

  const uint32_t data_size_;
  const ValueLayout value_;
  const uint32_t bits_offset_;
  const uint32_t value_offset_;
  SlotFreelist<P> elements_;
  SlotFreelist<P> nodes_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_PREFIX_NODES_H_
