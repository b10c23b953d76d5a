// SPDX-License-Identifier: Apache-2.0

// LruTable: the hash table of an LRU map. Each element belongs to a node, a
// number from 1 on that stands for it in the lists of linux_lru.h or in the
// order of strict_lru.h; a thread that has a free node may insert an element.
//
// Slots lie in groups of 12, in the order of the groups; see group.h. The high
// half of a key's hash says which group the key belongs to, its lowest byte is
// the tag. There are 2 slots for every node: LRU maps are full most of the
// time, and then one group in 100 has no empty slot (with 1.5, one in 15). Its
// further elements hang in a chain of overflow slots, of which there are enough
// for all elements to share one group. Slots never move.
//
//   slot:           u32 node | key (8-byte aligned from 8 bytes on) | value
//   overflow slot:  u32 next | u32 group | slot
//
// Invariants:
//   1. A key is in one slot of its group or of the group's chain.
//   2. A group is a shard: it and its chain change under its lock, between
//      BeginWrite and EndWrite.
//   3. Replacing a value fills a free slot and moves the tag: a pointer to the
//      old value shows the old bytes until its slot is taken again.
//   4. Walks go by the hash within a group, so they see a key once, wherever in
//      the group it moves.
//   5. No two elements have the same node. So a thread that knows a node and
//      the slot that it had can tell whether the element is still there.
//
// A reader may look at a slot that already serves another key. It reached the
// slot through a group that the old key has left, so the version of that group
// has changed, and the reader discards the result.
//
// Methods named ...Locked want the shard of the hash or bucket locked; the
// others lock for themselves.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_LRU_TABLE_H_
#define BPFMAP_MAPS_INTERNAL_LRU_LRU_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/bounded_slot_freelist.h"
#include "bpfmap/maps/internal/hash/group.h"
#include "bpfmap/maps/internal/hash/group_shard.h"
#include "bpfmap/maps/internal/hash/hash_function.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class LruTable {
 public:
  using Shard = GroupShard<P>;
  using HashValue = uint64_t;

  // Where an element is. `slot` is a number of its own for each slot, also for
  // those of chains.
  struct SlotRef {
    std::byte* element = nullptr;  // null: nowhere
    uint32_t slot = 0;
    explicit operator bool() const { return element != nullptr; }
  };

  // The place of a key that was looked for, and what its group is like: good
  // until that changes. (It is large and lives in registers: pass it by
  // reference to what is inlined, and not at all to what is not.)
  struct FindResult {
    SlotRef ref;
    uint32_t group;
    GroupSnapshot snapshot;
    explicit operator bool() const { return static_cast<bool>(ref); }
  };

  LruTable(typename P::Memory& memory, uint32_t key_size, uint64_t value_size,
           uint32_t nodes, uint64_t seed)
      : key_size_(key_size),
        value_size_(value_size),
        key_offset_(KeyOffset(key_size)),
        value_offset_(ValueOffset(key_size)),
        slot_size_(SlotSize(key_size, value_size)),
        node_count_(nodes),
        group_count_(GroupsFor(nodes)),
        hash_(seed),
        arena_(memory),
        overflow_slots_(0) {}
  LruTable(const LruTable&) = delete;
  LruTable& operator=(const LruTable&) = delete;

  // Bytes that Init() takes from the memory. Most of the overflow slots will
  // never be touched.
  static constexpr uint64_t MemoryNeeded(uint32_t key_size, uint64_t value_size,
                                         uint32_t nodes) {
    const uint64_t slot_size = SlotSize(key_size, value_size);
    const uint64_t groups = GroupsFor(nodes);
    return Arena<P>::AlignedSize(groups * sizeof(Shard)) +
           Arena<P>::AlignedSize(groups * sizeof(uint32_t)) +
           Arena<P>::AlignedSize(groups * GroupSnapshot::kSlots * slot_size) +
           Arena<P>::AlignedSize(OverflowSlotsFor(nodes) *
                                 (kHeader + slot_size));
  }

  // Returns false if there is no memory.
  // REQUIRES: called once, before anything else.
  bool Init() {
    if (!arena_.Allocate(MemoryNeeded(key_size_, value_size_, node_count_))) {
      return false;
    }
    groups_ =
        reinterpret_cast<Shard*>(arena_.Take(group_count_ * sizeof(Shard)));
    chains_ = reinterpret_cast<uint32_t*>(
        arena_.Take(group_count_ * sizeof(uint32_t)));
    slots_ = arena_.Take(group_count_ * GroupSnapshot::kSlots * slot_size_);
    overflow_ =
        arena_.Take(OverflowSlotsFor(node_count_) * (kHeader + slot_size_));
    return true;
  }

  uint32_t node_count() const { return node_count_; }

  // An element's parts.
  uint32_t NodeOf(const std::byte* element) const {
    return LoadWord<uint32_t>(element);
  }
  std::byte* KeyOf(std::byte* element) const { return element + key_offset_; }
  std::byte* ValueOf(std::byte* element) const {
    return element + value_offset_;
  }
  std::byte* KeyOf(SlotRef ref) const { return KeyOf(ref.element); }
  uint64_t HashOf(SlotRef ref) const { return HashOf(ref.element); }
  std::byte* ElementIn(uint32_t slot) const {
    return slot < first_overflow_slot()
               ? slots_ + uint64_t{slot} * slot_size_
               : OverflowElement(slot - first_overflow_slot());
  }

  // Finding without a lock.

  // The element of `key`, or null.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE std::byte* Find(Key key) const {
    const uint64_t hash = Hash(key);
    const uint32_t index = GroupOf(hash);
    const Group& group = groups_[index];
    const GroupSnapshot snapshot = group.Load();
    SlotSet slots = snapshot.WithTag(GroupSnapshot::TagOf(hash));
    if (!slots.empty()) {
      std::byte* const element =
          slots_ +
          (uint64_t{index} * GroupSnapshot::kSlots + slots.Take()) * slot_size_;
      if (key.Equals(KeyOf(element)) && group.Validate(snapshot)) [[likely]] {
        return element;
      }
    } else if (!snapshot.has_overflow() && group.Validate(snapshot))
        [[likely]] {
      return nullptr;
    }
    return FindSlow(hash, key);
  }

  // Copies the value of `key`, of `size` bytes, to `value` as one whole with
  // copy_out(to, element). Returns false, and leaves `value` alone, if the key
  // is absent.
  template <typename Key, typename CopyOut>
  bool Read(Key key, void* value, uint64_t size, CopyOut copy_out) const {
    const uint64_t hash = Hash(key);
    // A copy may be found to be a mixture, and the key to be gone by then, so
    // it cannot go to the caller at once. Large values wait for the lock.
    if (size <= kCopySize) {
      alignas(8) std::byte copy[kCopySize];
      std::byte* element = nullptr;
      for (int i = 0; i < kTries; ++i) {
        if (!TryFind(hash, key, &element,
                     [&](std::byte* found) { copy_out(copy, found); })) {
          continue;
        }
        if (element != nullptr) std::memcpy(value, copy, size);
        return element != nullptr;
      }
    }
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    const SlotRef ref = FindLocked(shard, hash, key).ref;
    if (ref) copy_out(value, ref.element);
    return static_cast<bool>(ref);
  }

  // Finding and changing under the lock of a shard.

  template <typename Key>
  uint64_t Hash(Key key) const {
    return key.Hash(hash_);
  }
  Shard& ShardOf(uint64_t hash) const { return groups_[GroupOf(hash)]; }

  // Says that a change at `hash` will come.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Prepare(uint64_t hash) const {
    const uint32_t group = GroupOf(hash);
    groups_[group].PrefetchForChange();
    const std::byte* const first =
        slots_ + uint64_t{group} * GroupSnapshot::kSlots * slot_size_;
    for (uint32_t i = 0; i < 3; ++i) {
      __builtin_prefetch(first + i * P::kCacheLineSize, 1);
    }
  }

  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE FindResult
  FindLocked([[maybe_unused]] Shard& shard, uint64_t hash, Key key) const
      ABSL_SHARED_LOCKS_REQUIRED(shard) {
    const uint32_t group = GroupOf(hash);
    const GroupSnapshot snapshot = groups_[group].Load();
    SlotRef ref;
    if (!MatchFast(ref, group, snapshot, hash, key)) [[unlikely]] {
      ref = MatchLocked(group, hash, key);
    }
    return {ref, group, snapshot};
  }

  // Locks the shard of `hash`, and looks for `key` before that: mostly it is
  // not changed in between.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE FindResult LockAndFind(Shard& shard,
                                                      uint64_t hash,
                                                      Key key) const
      ABSL_EXCLUSIVE_LOCK_FUNCTION(shard) {
    // Not by the parts of a FindResult: gcc then keeps its snapshot in memory,
    // and a load of both words waits for the stores of each.
    const uint32_t group = GroupOf(hash);
    GroupSnapshot snapshot = shard.Load();
    SlotRef ref;
    const bool matched = MatchFast(ref, group, snapshot, hash, key);
    if (!LockAndCompare(shard, snapshot) || !matched) [[unlikely]] {
      ref = MatchLocked(group, hash, key);
    }
    return {ref, group, snapshot};
  }

  // Inserts a key that is absent, for `node`. Returns its slot.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t
  InsertLocked([[maybe_unused]] Shard& shard, const FindResult& found,
               uint64_t hash, Key key, const void* value, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    GroupSnapshot snapshot = found.snapshot;
    groups_[found.group].BeginWrite(snapshot);
    const uint32_t slot = Add(found.group, snapshot, hash, key, value, node);
    groups_[found.group].EndWrite(snapshot);
    return slot;
  }

  // Puts a new element, for `node`, in the place of the old one. Returns its
  // slot.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t
  ReplaceLocked([[maybe_unused]] Shard& shard, const FindResult& old,
                uint64_t hash, Key key, const void* value, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    GroupSnapshot snapshot = old.snapshot;
    groups_[old.group].BeginWrite(snapshot);
    const uint32_t slot = Add(old.group, snapshot, hash, key, value, node);
    Drop(old.group, snapshot, old.ref.slot, GroupSnapshot::TagOf(hash));
    groups_[old.group].EndWrite(snapshot);
    return slot;
  }

  // Runs write(), which changes the value of a present key where it is.
  template <typename Write>
  void WriteLocked([[maybe_unused]] Shard& shard, const FindResult& found,
                   Write write) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    Group& group = groups_[found.group];
    group.BeginWrite(found.snapshot);
    write();
    group.EndWrite(found.snapshot);
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE void EraseLocked([[maybe_unused]] Shard& shard,
                                                const FindResult& found,
                                                uint64_t hash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    GroupSnapshot snapshot = found.snapshot;
    groups_[found.group].BeginWrite(snapshot);
    Drop(found.group, snapshot, found.ref.slot, GroupSnapshot::TagOf(hash));
    groups_[found.group].EndWrite(snapshot);
  }

  // Takes the element of `node` out of `slot`, after last(element), which runs
  // under the lock. Returns false if it is not there any more.
  // REQUIRES: no element was inserted for `node` after that one.
  template <typename Last>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Erase(uint32_t slot, uint32_t node,
                                          Last last) {
    if (slot >= first_overflow_slot()) [[unlikely]] {
      return EraseFromChain(slot, node, last);
    }
    Shard& shard = groups_[slot / GroupSnapshot::kSlots];
    GroupSnapshot before = shard.Load();
    LockAndCompare(shard, before);
    WriterLock lock(shard, AdoptLock());
    GroupSnapshot snapshot = before;
    std::byte* const element = slots_ + uint64_t{slot} * slot_size_;
    if (!snapshot.Clear(slot % GroupSnapshot::kSlots) ||
        NodeOf(element) != node) {
      return false;
    }
    last(element);
    shard.BeginWrite(before);
    shard.EndWrite(snapshot);
    return true;
  }

  // Says that Erase(slot) will come.
  void PrepareToErase(uint32_t slot) const {
    if (slot < first_overflow_slot()) {
      groups_[slot / GroupSnapshot::kSlots].PrefetchForChange();
      __builtin_prefetch(ElementIn(slot));
    }
  }

  // Copying out.

  void CopyKeyOut(void* key, std::byte* element) const {
    LoadBytes(key, KeyOf(element), key_size_);
  }
  void CopyValueOut(void* value, std::byte* element) const {
    LoadBytes(value, ValueOf(element), value_size_);
  }

  // Walking. A bucket is the part of a group's keys with the same kind of hash.

  uint64_t bucket_count() const { return group_count_ * kBucketsPerGroup; }
  Shard& ShardOfBucket(uint64_t bucket) const {
    return groups_[bucket / kBucketsPerGroup];
  }

  // False means that there is nothing in `bucket`, for sure.
  bool MayHaveElements(uint64_t bucket) const {
    const Group& group = groups_[bucket / kBucketsPerGroup];
    const GroupSnapshot snapshot = group.Load();
    // A tag on its way from one half to the other is seen in neither.
    return snapshot.has_tags() || snapshot.has_overflow() ||
           snapshot.changing() || !group.Validate(snapshot);
  }

  // Calls visitor(ref) for each element of `bucket`.
  template <typename Visitor>
  void VisitLocked([[maybe_unused]] Shard& shard, uint64_t bucket,
                   Visitor visitor) const ABSL_SHARED_LOCKS_REQUIRED(shard) {
    VisitGroup(bucket / kBucketsPerGroup, [&](SlotRef ref) {
      if (IsIn(bucket, HashOf(ref.element))) visitor(ref);
    });
  }

  // Takes an element of `bucket` out of the table and returns its node; or 0
  // if there is none.
  uint32_t EraseOneLocked(Shard& shard, uint64_t bucket)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    SlotRef one;
    VisitLocked(shard, bucket, [&](SlotRef ref) { one = ref; });
    if (!one) return 0;
    const uint32_t node = NodeOf(one.element);
    const uint64_t hash = HashOf(one.element);
    const uint32_t group = GroupOf(hash);
    EraseLocked(shard, {one, group, groups_[group].Load()}, hash);
    return node;
  }

  // Copies the key that follows `key`, in the order of groups and hashes, to
  // `next`, which may be the same memory, or null; the first key if `key` is
  // null or absent. Returns false if there is none.
  bool NextKey(const void* key, void* next) const;

  // Runs `change`, and waits until no thread that may have missed it holds a
  // lock.
  template <typename Change>
  void ApplyAndSynchronize(Change change) {
    change();
    for (uint64_t i = 0; i < group_count_; ++i) {
      WriterLock lock(groups_[i]);
    }
  }

  // For BoundedSlotFreelist: a free overflow slot's link is the list of free
  // ones.
  uint32_t NextFree(uint32_t overflow) const {
    return LoadLink(LinkOf(overflow));
  }
  void SetNextFree(uint32_t overflow, uint32_t next) {
    StoreLink(LinkOf(overflow), next);
  }

 private:
  using OverflowSlots = BoundedSlotFreelist<P, LruTable>;

  static constexpr uint32_t kNodesPerGroup = 6;  // when all have elements
  static constexpr uint32_t kBucketsPerGroup = 8;
  static constexpr uint32_t kHeader = 8;  // of an overflow slot
  static constexpr uint32_t kCopySize = 256;
  static constexpr uint32_t kStepsBetweenChecks = 64;
  static constexpr int kTries = 8;

  // Keys of 8 bytes and more are read as words of 8.
  static constexpr uint64_t KeyOffset(uint32_t key_size) {
    return key_size < 8 ? 4 : 8;
  }
  static constexpr uint64_t ValueOffset(uint32_t key_size) {
    return RoundUp8(KeyOffset(key_size) + key_size);
  }
  static constexpr uint64_t SlotSize(uint32_t key_size, uint64_t value_size) {
    return ValueOffset(key_size) + RoundUp8(value_size);
  }
  static constexpr uint64_t GroupsFor(uint32_t nodes) {
    return (uint64_t{nodes} + kNodesPerGroup - 1) / kNodesPerGroup;
  }
  // One for each node: a thread that fills a slot has a node for it.
  static constexpr uint64_t OverflowSlotsFor(uint32_t nodes) { return nodes; }

  uint32_t GroupOf(uint64_t hash) const {
    return static_cast<uint32_t>(((hash >> 32) * group_count_) >> 32);
  }
  static bool IsIn(uint64_t bucket, uint64_t hash) {
    return bucket % kBucketsPerGroup == (hash >> 8) % kBucketsPerGroup;
  }
  uint64_t HashOf(std::byte* element) const {
    return DispatchKey<P>(KeyOf(element), key_size_,
                          [&](auto key) { return key.Hash(hash_); });
  }

  static uint32_t LoadLink(const uint32_t* link) {
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
  }
  static void StoreLink(uint32_t* link, uint32_t overflow) {
    __atomic_store_n(link, overflow, __ATOMIC_RELEASE);
  }
  uint32_t* LinkOf(uint32_t overflow) const {
    return reinterpret_cast<uint32_t*>(overflow_ + uint64_t{overflow - 1} *
                                                       (kHeader + slot_size_));
  }
  uint32_t* GroupFieldOf(uint32_t overflow) const {
    return LinkOf(overflow) + 1;
  }
  std::byte* OverflowElement(uint32_t overflow) const {
    return reinterpret_cast<std::byte*>(LinkOf(overflow)) + kHeader;
  }
  // Overflow slots are numbered from 1 on, after the others.
  uint32_t first_overflow_slot() const {
    return static_cast<uint32_t>(group_count_ * GroupSnapshot::kSlots);
  }

  // Looks for `key` without a lock, and runs use(element) if it is there.
  // Returns whether all that was seen was there at once.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryFind(uint64_t hash, Key key,
                                            std::byte** element,
                                            Use use) const {
    const uint32_t index = GroupOf(hash);
    const Group& group = groups_[index];
    const GroupSnapshot snapshot = group.Load();
    if (snapshot.changing()) [[unlikely]] {
      return false;
    }
    SlotRef ref;
    if (!MatchFast(ref, index, snapshot, hash, key)) [[unlikely]] {
      ref = Match(index, snapshot, hash, key);
    }
    *element = ref.element;
    if (*element != nullptr) use(*element);
    return group.Validate(snapshot);
  }

  // Find, in all cases.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE std::byte* FindSlow(uint64_t hash, Key key) const {
    std::byte* element = nullptr;
    for (int i = 0; i < kTries; ++i) {
      if (TryFind(hash, key, &element, [](const std::byte*) {})) {
        return element;
      }
    }
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    return FindLocked(shard, hash, key).ref.element;
  }

  // Looks for `key` in its group, as far as one slot decides, and sets `found`,
  // which was nowhere. Returns false if it does not: another key has the same
  // tag, or there is a chain.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool MatchFast(SlotRef& found, uint32_t group,
                                              const GroupSnapshot& snapshot,
                                              uint64_t hash, Key key) const {
    SlotSet slots = snapshot.WithTag(GroupSnapshot::TagOf(hash));
    if (slots.empty()) return !snapshot.has_overflow();
    const uint32_t slot = group * GroupSnapshot::kSlots + slots.Take();
    std::byte* const element = slots_ + uint64_t{slot} * slot_size_;
    if (!key.Equals(KeyOf(element))) [[unlikely]] {
      return false;
    }
    found = {element, slot};
    return true;
  }

  // The same, in all cases.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE SlotRef Match(uint32_t group, GroupSnapshot snapshot,
                                        uint64_t hash, Key key) const {
    std::byte* const first =
        slots_ + uint64_t{group} * GroupSnapshot::kSlots * slot_size_;
    for (SlotSet slots = snapshot.WithTag(GroupSnapshot::TagOf(hash));
         !slots.empty();) {
      const uint32_t slot = slots.Take();
      std::byte* const element = first + slot * slot_size_;
      if (key.Equals(KeyOf(element))) {
        return {element, group * GroupSnapshot::kSlots + slot};
      }
    }
    return snapshot.has_overflow() ? MatchChain(group, snapshot, key)
                                   : SlotRef{};
  }

  // The same, in the group as it is now. REQUIRES: it is locked.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE SlotRef MatchLocked(uint32_t group, uint64_t hash,
                                              Key key) const {
    return Match(group, groups_[group].Load(), hash, key);
  }

  template <typename Key>
  SlotRef MatchChain(uint32_t group, GroupSnapshot snapshot, Key key) const {
    uint32_t overflow = LoadLink(&chains_[group]);
    for (uint32_t steps = 1; overflow != 0; ++steps) {
      std::byte* const element = OverflowElement(overflow);
      if (key.Equals(KeyOf(element))) {
        return {element, first_overflow_slot() + overflow};
      }
      // A reader may have strayed into another chain.
      if (steps % kStepsBetweenChecks == 0 &&
          !groups_[group].Validate(snapshot)) {
        break;
      }
      overflow = LoadLink(LinkOf(overflow));
    }
    return {};
  }

  // Locks a shard that was loaded as `snapshot`. Returns whether it is the same
  // still; `snapshot` is what it is now.
  ABSL_ATTRIBUTE_ALWAYS_INLINE static bool LockAndCompare(
      Shard& shard, GroupSnapshot& snapshot)
      ABSL_EXCLUSIVE_LOCK_FUNCTION(shard) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (shard.template TryLockAndLoad<typename P::BitLock>(snapshot))
        [[likely]] {
      return true;
    }
    shard.Lock();
    snapshot = shard.Load();
    return false;
  }

  // Puts an element into an empty slot of the group, or into its chain, and
  // sets `snapshot` to what the group is then. Returns the slot.
  // REQUIRES: the shard is locked, between BeginWrite and EndWrite of the
  // group.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t Add(uint32_t group,
                                            GroupSnapshot& snapshot,
                                            uint64_t hash, Key key,
                                            const void* value, uint32_t node) {
    SlotSet empty = snapshot.Empty();
    if (empty.empty()) [[unlikely]] {
      snapshot.set_overflow(true);
      return AddToChain(group, key, value, node);
    }
    const uint32_t slot = empty.Take();
    const uint32_t number = group * GroupSnapshot::kSlots + slot;
    Fill(slots_ + uint64_t{number} * slot_size_, key, value, node);
    snapshot.Toggle(slot, GroupSnapshot::TagOf(hash));
    return number;
  }

  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE uint32_t AddToChain(uint32_t group, Key key,
                                              const void* value,
                                              uint32_t node) {
    const uint32_t overflow = overflow_slots_.Take(*this);
    Fill(OverflowElement(overflow), key, value, node);
    StoreLink(GroupFieldOf(overflow), group);
    StoreLink(LinkOf(overflow), LoadLink(&chains_[group]));
    StoreLink(&chains_[group], overflow);
    return first_overflow_slot() + overflow;
  }

  // Takes an element out of its group or chain. REQUIRES: as Add.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Drop(uint32_t group,
                                         GroupSnapshot& snapshot, uint32_t slot,
                                         GroupSnapshot::Tag tag) {
    if (slot >= first_overflow_slot()) [[unlikely]] {
      DropFromChain(group, slot - first_overflow_slot());
      snapshot.set_overflow(LoadLink(&chains_[group]) != 0);
    } else {
      snapshot.Toggle(slot - group * GroupSnapshot::kSlots, tag);
    }
  }

  ABSL_ATTRIBUTE_NOINLINE void DropFromChain(uint32_t group,
                                             uint32_t overflow) {
    uint32_t* link = &chains_[group];
    while (LoadLink(link) != overflow) link = LinkOf(LoadLink(link));
    StoreLink(link, LoadLink(LinkOf(overflow)));
    overflow_slots_.GiveBack(*this, overflow);
  }

  template <typename Last>
  ABSL_ATTRIBUTE_NOINLINE bool EraseFromChain(uint32_t slot, uint32_t node,
                                              Last last) {
    // If the slot serves another element by now, this may be any group.
    const uint32_t group = LoadLink(GroupFieldOf(slot - first_overflow_slot()));
    Shard& shard = groups_[group];
    WriterLock lock(shard);
    SlotRef found;
    VisitGroup(group, [&](SlotRef ref) {
      if (ref.slot == slot && NodeOf(ref.element) == node) found = ref;
    });
    if (!found) return false;
    last(found.element);
    GroupSnapshot snapshot = groups_[group].Load();
    groups_[group].BeginWrite(snapshot);
    Drop(group, snapshot, slot, GroupSnapshot::kNoTag);
    groups_[group].EndWrite(snapshot);
    return true;
  }

  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Fill(std::byte* element, Key key,
                                         const void* value, uint32_t node) {
    StoreWord(element, node);
    key.CopyTo(KeyOf(element));
    StoreBytes(ValueOf(element), value, value_size_);
  }

  // Calls visitor(ref) for each element of a group and its chain.
  // REQUIRES: the shard is locked.
  template <typename Visitor>
  void VisitGroup(uint64_t group, Visitor visitor) const {
    const GroupSnapshot snapshot = groups_[group].Load();
    for (SlotSet slots = snapshot.Occupied(); !slots.empty();) {
      const uint32_t slot =
          static_cast<uint32_t>(group * GroupSnapshot::kSlots + slots.Take());
      visitor(SlotRef{ElementIn(slot), slot});
    }
    uint32_t overflow = snapshot.has_overflow() ? LoadLink(&chains_[group]) : 0;
    for (; overflow != 0; overflow = LoadLink(LinkOf(overflow))) {
      visitor(
          SlotRef{OverflowElement(overflow), first_overflow_slot() + overflow});
    }
  }

  // The element of a group that comes first, in the order of hashes and keys;
  // after `key`, if that is not null. REQUIRES: the shard is locked.
  std::byte* FirstAfter(uint64_t group, const void* key) const {
    const uint64_t key_hash = key == nullptr ? 0 : hash_(key, key_size_);
    std::byte* first = nullptr;
    uint64_t first_hash = 0;
    const auto before = [&](uint64_t a_hash, const void* a, uint64_t b_hash,
                            const void* b) {
      return a_hash != b_hash ? a_hash < b_hash
                              : std::memcmp(a, b, key_size_) < 0;
    };
    VisitGroup(group, [&](SlotRef ref) {
      std::byte* const element = ref.element;
      const uint64_t hash = HashOf(element);
      if (key != nullptr && !before(key_hash, key, hash, KeyOf(element))) {
        return;
      }
      if (first == nullptr ||
          before(hash, KeyOf(element), first_hash, KeyOf(first))) {
        first = element;
        first_hash = hash;
      }
    });
    return first;
  }

  const uint32_t key_size_;
  const uint64_t value_size_;
  const uint64_t key_offset_;
  const uint64_t value_offset_;
  const uint64_t slot_size_;
  const uint32_t node_count_;
  const uint64_t group_count_;
  const HashFunction hash_;
  Shard* groups_ = nullptr;
  std::byte* slots_ = nullptr;
  uint32_t* chains_ = nullptr;  // numbers of overflow slots, 0 for none
  std::byte* overflow_ = nullptr;
  Arena<P> arena_;
  OverflowSlots overflow_slots_;
};

template <Profile P>
bool LruTable<P>::NextKey(const void* key, void* next) const {
  uint64_t group = 0;
  if (key != nullptr) {
    const uint64_t hash = hash_(key, key_size_);
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    if (FindLocked(shard, hash, AnyKey(key, key_size_))) {
      group = GroupOf(hash);
      std::byte* const found = FirstAfter(group, key);
      if (found != nullptr) {
        if (next != nullptr) CopyKeyOut(next, found);
        return true;
      }
      ++group;
    }
  }
  for (; group < group_count_; ++group) {
    if (!MayHaveElements(group * kBucketsPerGroup)) continue;
    Shard& shard = groups_[group];
    ReaderLock lock(shard);
    std::byte* const found = FirstAfter(group, nullptr);
    if (found != nullptr) {
      if (next != nullptr) CopyKeyOut(next, found);
      return true;
    }
  }
  return false;
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_LRU_TABLE_H_
