// NodeTable: a hash table over a fixed set of nodes, each with room for one
// element. Who holds which node, and which key leaves when all are taken, is
// for others to say: see linux_lru.h and strict_lru.h.
//
// Nodes lie in one slab, never move, and have numbers from 1 on; 0 is none. An
// index leads to them. It consists of groups of one cache line each: 12 tags
// (see group.h) and the numbers of 12 nodes. The high half of a key's hash says
// which group the key belongs to, its lowest byte is the tag, so a lookup
// touches the group's line and the node's. There are 12 places for 6 nodes;
// where a group is full all the same, its further nodes hang in a chain.
//
//   node:  Node | key, rounded up to 8 | value, rounded up to 8
//
// Invariants:
//   1. A node is in one place of the group of its key, or in that group's
//      chain, or not in the table.
//   2. A group and its chain belong to one shard. They change under the lock of
//      the shard, between Begin and End of the group.
//   3. The bytes of a node that is in the table do not change. (The value may:
//      programs store through pointers.)
//   4. A key keeps its place while it is present, also when another node takes
//      over: a walk neither misses it nor shows it twice.
//
// A reader may look at a node that meanwhile serves another key. It was reached
// through a group that the node has left since, so the version of that group
// has changed, and the reader throws away what it saw.
//
// Methods named ...Locked want the shard of the hash or bucket locked; the
// others lock for themselves.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_NODE_TABLE_H_
#define BPFMAP_MAPS_INTERNAL_NODE_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "maps/internal/atomic_bytes.h"
#include "maps/internal/block.h"
#include "maps/internal/group.h"
#include "maps/internal/hash_function.h"
#include "maps/internal/key.h"
#include "maps/internal/slab.h"
#include "maps/internal/stripe.h"
#include "profiles/profile.h"
#include "profiles/reader_writer_lock.h"

namespace bpfmap::internal {

// What stands in front of a node's key. `chain` is the table's, the rest
// belongs to whoever keeps the nodes in order.
struct alignas(8) Node {
  uint32_t newer;  // the neighbours in a list; or a time, see strict_lru.h
  uint32_t older;
  uint32_t chain;
  uint16_t cpu;
  uint8_t list;
  uint8_t ref;  // whether the element was used lately
};
static_assert(sizeof(Node) == 16);

template <Profile P>
class NodeTable {
 public:
  using Shard = Stripe<P>;

  // Where a node is: the link that leads to it, in a group or in a chain.
  struct Place {
    uint32_t* link = nullptr;
    uint32_t node = 0;
    uint32_t slot = 0;  // kInChain: in the chain
    explicit operator bool() const { return node != 0; }
  };

  NodeTable(typename P::Memory& memory, uint32_t key_size, uint64_t value_size,
            uint32_t nodes, uint64_t seed)
      : key_size_(key_size),
        value_size_(value_size),
        value_offset_(sizeof(Node) + RoundUp8(key_size)),
        node_count_(nodes),
        group_count_(GroupsFor(nodes)),
        hash_(seed),
        block_(memory),
        nodes_(memory) {}
  NodeTable(const NodeTable&) = delete;
  NodeTable& operator=(const NodeTable&) = delete;

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t key_size, uint64_t value_size,
                                         uint32_t nodes) {
    return Block<P>::PartSize(Shards::MemoryNeeded(nodes)) +
           Block<P>::PartSize(GroupsFor(nodes) * sizeof(IndexGroup)) +
           Block<P>::PartSize(GroupsFor(nodes) * sizeof(uint32_t)) +
           Block<P>::PartSize(
               Slab<P>::MemoryNeeded(NodeSize(key_size, value_size), nodes));
  }

  // Returns false if there is no memory.
  // REQUIRES: called once, before anything else.
  bool Init() {
    const uint64_t node_size = NodeSize(key_size_, value_size_);
    if (!block_.Allocate(MemoryNeeded(key_size_, value_size_, node_count_))) {
      return false;
    }
    shards_.Init(block_.Carve(Shards::MemoryNeeded(node_count_)), node_count_);
    groups_ = reinterpret_cast<IndexGroup*>(
        block_.Carve(group_count_ * sizeof(IndexGroup)));
    chains_ = reinterpret_cast<uint32_t*>(
        block_.Carve(group_count_ * sizeof(uint32_t)));
    nodes_.Init(block_.Carve(Slab<P>::MemoryNeeded(node_size, node_count_)),
                node_size, node_count_);
    return true;
  }

  // Nodes.

  uint32_t node_count() const { return node_count_; }
  Node& At(uint32_t node) const {
    return *reinterpret_cast<Node*>(nodes_.At(node - 1));
  }
  std::byte* KeyOf(uint32_t node) const {
    return nodes_.At(node - 1) + sizeof(Node);
  }
  std::byte* ValueOf(uint32_t node) const {
    return nodes_.At(node - 1) + value_offset_;
  }

  // The link of a node that is not in the table, for lists of such nodes.
  uint32_t LinkOf(uint32_t node) const { return LoadLink(&At(node).chain); }
  void SetLink(uint32_t node, uint32_t next) {
    StoreLink(&At(node).chain, next);
  }

  // Puts key and value into a node. REQUIRES: it is the caller's.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Fill(uint32_t node, Key key,
                                         const void* value) {
    // Who sees a byte of these also sees that the node left its old group.
    std::atomic_thread_fence(std::memory_order_release);
    key.CopyTo(KeyOf(node));
    StoreBytes(ValueOf(node), value, value_size_);
  }

  // Finding without a lock.

  // The node of `key`, or 0.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t Find(Key key) const {
    const uint64_t hash = Hash(key);
    uint32_t node = 0;
    if (!TryFind(hash, key, &node, [](uint32_t) {})) [[unlikely]] {
      return FindContended(hash, key);
    }
    return node;
  }

  // Copies the value of `key` to `value` as one whole. Returns false, and
  // leaves `value` alone, if the key is absent.
  template <typename Key>
  bool Read(Key key, void* value) const {
    const uint64_t hash = Hash(key);
    // A copy may be found to be a mixture, and the key to be gone by then, so
    // it cannot go to the caller at once. Large values wait for the lock.
    if (value_size_ <= kCopySize) {
      alignas(8) std::byte copy[kCopySize];
      uint32_t node = 0;
      for (int i = 0; i < kTries; ++i) {
        if (!TryFind(hash, key, &node, [&](uint32_t found) {
              LoadBytes(copy, ValueOf(found), value_size_);
            })) {
          continue;
        }
        if (node != 0) std::memcpy(value, copy, value_size_);
        return node != 0;
      }
    }
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    const Place place = FindLocked(shard, hash, key);
    if (place) CopyValueOut(value, place.node);
    return static_cast<bool>(place);
  }

  // Finding and changing under the lock of a shard.

  template <typename Key>
  uint64_t Hash(Key key) const {
    return key.Hash(hash_);
  }
  Shard& ShardOf(uint64_t hash) const { return shards_.Of(GroupOf(hash)); }

  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Place FindLocked([[maybe_unused]] Shard& shard,
                                                uint64_t hash, Key key) const
      ABSL_SHARED_LOCKS_REQUIRED(shard) {
    const uint32_t group = GroupOf(hash);
    return Match(group, groups_[group].group.Load(), hash,
                 [&](uint32_t node) { return key.Equals(KeyOf(node)); });
  }

  // Puts `node` into the place of another one with the same key.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void ReplaceLocked([[maybe_unused]] Shard& shard,
                                                  Place old, uint64_t hash,
                                                  uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    Group& group = groups_[GroupOf(hash)].group;
    const GroupView view = group.Load();
    group.Begin(view);
    if (old.slot == kInChain) StoreLink(&At(node).chain, At(old.node).chain);
    StoreLink(old.link, node);
    group.End(view);
  }

  // Inserts `node`, whose key is absent.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void InsertLocked([[maybe_unused]] Shard& shard,
                                                 uint64_t hash, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const uint32_t index = GroupOf(hash);
    IndexGroup& in = groups_[index];
    GroupView view = in.group.Load();
    in.group.Begin(view);
    SlotSet empty = view.Empty();
    if (empty.empty()) [[unlikely]] {
      StoreLink(&At(node).chain, chains_[index]);
      StoreLink(&chains_[index], node);
      view.set_overflow(true);
    } else {
      const uint32_t slot = empty.Take();
      StoreLink(&in.nodes[slot], node);
      view.Toggle(slot, TagOf(hash));
    }
    in.group.End(view);
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE void EraseLocked([[maybe_unused]] Shard& shard,
                                                Place place, uint64_t hash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const uint32_t index = GroupOf(hash);
    Group& group = groups_[index].group;
    GroupView view = group.Load();
    group.Begin(view);
    if (place.slot == kInChain) [[unlikely]] {
      StoreLink(place.link, At(place.node).chain);
      view.set_overflow(chains_[index] != 0);
    } else {
      view.Toggle(place.slot, TagOf(hash));
    }
    group.End(view);
  }

  // Takes `node` out of the table. Returns false if it is not in it.
  // REQUIRES: nobody fills the node.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Erase(uint32_t node) {
    const uint64_t hash = HashOf(node);
    Shard& shard = ShardOf(hash);
    WriterLock lock(shard);
    const uint32_t group = GroupOf(hash);
    const Place place =
        Match(group, groups_[group].group.Load(), hash,
              [node](uint32_t candidate) { return candidate == node; });
    if (place) EraseLocked(shard, place, hash);
    return static_cast<bool>(place);
  }

  // Says that Erase(node) will come.
  void PrepareToErase(uint32_t node) const {
    __builtin_prefetch(&groups_[GroupOf(HashOf(node))], 1);
  }

  // Copying out.

  void CopyKeyOut(void* key, uint32_t node) const {
    LoadBytes(key, KeyOf(node), key_size_);
  }
  void CopyValueOut(void* value, uint32_t node) const {
    LoadBytes(value, ValueOf(node), value_size_);
  }

  // Walking. A bucket is the part of a group's keys with the same kind of hash.

  uint64_t bucket_count() const { return group_count_ * kBucketsPerGroup; }
  Shard& ShardOfBucket(uint64_t bucket) const {
    return shards_.Of(bucket / kBucketsPerGroup);
  }

  // False means that there is nothing in `bucket`, for sure.
  bool MayHaveElements(uint64_t bucket) const {
    const Group& group = groups_[bucket / kBucketsPerGroup].group;
    const GroupView view = group.Load();
    // A tag on its way into the group is seen in no half of it.
    return view.has_tags() || view.has_overflow() || view.changing() ||
           !group.Unchanged(view);
  }

  // Calls visitor(node) for each element of `bucket`.
  template <typename Visitor>
  void VisitLocked([[maybe_unused]] Shard& shard, uint64_t bucket,
                   Visitor visitor) const ABSL_SHARED_LOCKS_REQUIRED(shard) {
    VisitGroup(bucket / kBucketsPerGroup, [&](Place place) {
      if (IsIn(bucket, HashOf(place.node))) visitor(place.node);
    });
  }

  // Takes all elements of `bucket` out of the table. Returns the first of
  // their nodes; each one's link is the next.
  uint32_t EraseBucketLocked(Shard& shard, uint64_t bucket)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    uint32_t erased = 0;
    for (bool found = true; found;) {
      // One after the other: a chain changes as its nodes go.
      Place first;
      VisitGroup(bucket / kBucketsPerGroup, [&](Place place) {
        if (!first && IsIn(bucket, HashOf(place.node))) first = place;
      });
      found = static_cast<bool>(first);
      if (!found) break;
      EraseLocked(shard, first, HashOf(first.node));
      SetLink(first.node, erased);
      erased = first.node;
    }
    return erased;
  }

  // Copies the key that follows `key`, in the order of places, to `next`, which
  // may be the same memory, or null; the first key if `key` is null or absent.
  // Returns false if there is none.
  bool NextKey(const void* key, void* next) const;

  // Runs `change` while no other thread holds the lock of any shard.
  template <typename Change>
  void WithAllLocked(Change change) {
    shards_.WithAllLocked(change);
  }

 private:
  using Shards = StripeSet<P>;

  // A run of zero bytes is an empty one.
  struct alignas(64) IndexGroup {
    Group group;
    uint32_t nodes[GroupView::kSlots];
  };
  static_assert(sizeof(IndexGroup) == 64, "one cache line");

  static constexpr uint32_t kNodesPerGroup = 6;  // when all are in the table
  static constexpr uint32_t kBucketsPerGroup = 8;
  static constexpr uint32_t kInChain = GroupView::kSlots;
  static constexpr uint32_t kCopySize = 256;
  static constexpr uint32_t kStepsBetweenChecks = 64;
  static constexpr int kTries = 8;

  static constexpr uint64_t NodeSize(uint32_t key_size, uint64_t value_size) {
    return sizeof(Node) + RoundUp8(key_size) + RoundUp8(value_size);
  }
  static constexpr uint64_t GroupsFor(uint32_t nodes) {
    return (uint64_t{nodes} + kNodesPerGroup - 1) / kNodesPerGroup;
  }

  static uint8_t TagOf(uint64_t hash) {
    const uint8_t tag = static_cast<uint8_t>(hash);
    return tag < GroupView::kFirstTag ? tag + GroupView::kFirstTag : tag;
  }
  uint32_t GroupOf(uint64_t hash) const {
    return static_cast<uint32_t>(((hash >> 32) * group_count_) >> 32);
  }
  static bool IsIn(uint64_t bucket, uint64_t hash) {
    return bucket % kBucketsPerGroup == (hash >> 8) % kBucketsPerGroup;
  }
  uint64_t HashOf(uint32_t node) const {
    return WithKey(KeyOf(node), key_size_,
                   [&](auto key) { return key.Hash(hash_); });
  }

  static uint32_t LoadLink(const uint32_t* link) {
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
  }
  static void StoreLink(uint32_t* link, uint32_t node) {
    __atomic_store_n(link, node, __ATOMIC_RELEASE);
  }

  // Looks for `key` without a lock, and runs use(node) if it is there. Returns
  // whether all that was seen was there at once.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryFind(uint64_t hash, Key key,
                                            uint32_t* node, Use use) const {
    const uint32_t index = GroupOf(hash);
    const Group& group = groups_[index].group;
    const GroupView view = group.Load();
    if (view.changing()) [[unlikely]] {
      return false;
    }
    *node = Match(index, view, hash, [&](uint32_t candidate) {
              return key.Equals(KeyOf(candidate));
            }).node;
    if (*node != 0) use(*node);
    return group.Unchanged(view);
  }

  // Find, where a writer was in the way.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE uint32_t FindContended(uint64_t hash, Key key) const {
    uint32_t node = 0;
    for (int i = 0; i < kTries; ++i) {
      if (TryFind(hash, key, &node, [](uint32_t) {})) return node;
    }
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    return FindLocked(shard, hash, key).node;
  }

  // The first node with the tag of `hash` that `is_it` says it is.
  template <typename IsIt>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Place Match(uint32_t index, GroupView view,
                                           uint64_t hash, IsIt is_it) const {
    IndexGroup& in = groups_[index];
    for (SlotSet slots = view.WithTag(TagOf(hash)); !slots.empty();) {
      const uint32_t slot = slots.Take();
      const uint32_t node = LoadLink(&in.nodes[slot]);
      if (is_it(node)) [[likely]] {
        return {&in.nodes[slot], node, slot};
      }
    }
    if (view.has_overflow()) [[unlikely]] {
      return MatchChain(index, view, is_it);
    }
    return {};
  }

  template <typename IsIt>
  ABSL_ATTRIBUTE_NOINLINE Place MatchChain(uint32_t index, GroupView view,
                                           IsIt is_it) const {
    uint32_t* link = &chains_[index];
    uint32_t node = LoadLink(link);
    for (uint32_t steps = 1; node != 0; ++steps) {
      if (is_it(node)) return {link, node, kInChain};
      // A reader may have strayed into another chain.
      if (steps % kStepsBetweenChecks == 0 &&
          !groups_[index].group.Unchanged(view)) {
        break;
      }
      link = &At(node).chain;
      node = LoadLink(link);
    }
    return {};
  }

  // Calls visitor(place) for each node of a group and its chain.
  // REQUIRES: the shard is locked.
  template <typename Visitor>
  void VisitGroup(uint64_t index, Visitor visitor) const {
    IndexGroup& in = groups_[index];
    const GroupView view = in.group.Load();
    for (SlotSet slots = view.Occupied(); !slots.empty();) {
      const uint32_t slot = slots.Take();
      visitor(Place{&in.nodes[slot], LoadLink(&in.nodes[slot]), slot});
    }
    uint32_t* link = &chains_[index];
    for (uint32_t node = LoadLink(link); node != 0; node = LoadLink(link)) {
      visitor(Place{link, node, kInChain});
      link = &At(node).chain;
    }
  }

  const uint32_t key_size_;
  const uint64_t value_size_;
  const uint64_t value_offset_;
  const uint32_t node_count_;
  const uint64_t group_count_;
  const HashFunction hash_;
  Block<P> block_;
  Shards shards_;
  IndexGroup* groups_ = nullptr;
  uint32_t* chains_ = nullptr;  // of groups that were full once
  Slab<P> nodes_;
};

template <Profile P>
bool NodeTable<P>::NextKey(const void* key, void* next) const {
  uint64_t index = 0;
  // The first node behind `before`, or the first of all if that is 0.
  const auto find_behind = [&](uint32_t before) {
    uint32_t found = 0;
    bool behind = before == 0;
    VisitGroup(index, [&](Place place) {
      if (behind && found == 0) found = place.node;
      behind = behind || place.node == before;
    });
    return found;
  };
  if (key != nullptr) {
    const uint64_t hash = hash_(key, key_size_);
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    const Place place = FindLocked(shard, hash, AnyKey(key, key_size_));
    if (place) {
      index = GroupOf(hash);
      const uint32_t found = find_behind(place.node);
      if (found != 0) {
        if (next != nullptr) CopyKeyOut(next, found);
        return true;
      }
      ++index;
    }
  }
  for (; index < group_count_; ++index) {
    if (!MayHaveElements(index * kBucketsPerGroup)) continue;
    Shard& shard = shards_.Of(index);
    ReaderLock lock(shard);
    const uint32_t found = find_behind(0);
    if (found != 0) {
      if (next != nullptr) CopyKeyOut(next, found);
      return true;
    }
  }
  return false;
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_NODE_TABLE_H_
