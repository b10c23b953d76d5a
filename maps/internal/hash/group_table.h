// SPDX-License-Identifier: Apache-2.0

// GroupTable: the hash table for small elements, where memory is not counted
// before it is touched.
//
//   hash of a key:   | high half: which group | ... | lowest byte: the tag |
//                        |
//                        v
//   groups:   | group 0 | group 1 | group 2 | ...       16 bytes each: group.h
//   slots:    | 12 of 0 | 12 of 1 | 12 of 2 | ...
//   chains:   | 0       | 7       | 0       | ...       the first overflow slot
//                         |
//                         v
//   overflow slots:       7 -> 3 -> end
//
//   slot:           key, rounded up to 8 | value, rounded up to 8
//   overflow slot:  u32 next | 4 bytes unused | slot
//
// A find takes the high half of the hash as a fraction of the number of groups,
// loads the 16 bytes of that group, and compares the keys in slots that have
// the tag: two cache lines. There are 1.5 slots for every element. Where a
// group is full, its further keys hang in a chain of overflow slots, of which
// there are enough for all keys to share one group.
//
// Invariants:
//   1. A key is in one slot of its group or in its chain, and nowhere else.
//   2. A group of the first generation (5) is a shard: its lock (group_shard.h)
//      is that of all keys with such a hash. Everything that belongs to them
//      changes under this lock, between BeginWrite and EndWrite of each group
//      concerned.
//   3. Free slots and permits are not the same: a thread that has a permit may
//      insert. Permits and elements are max_entries together, so max_entries is
//      exact; see cached_quota.h.
//   4. Replacing a value fills a free slot and moves the tag: a pointer to the
//      old value shows the old bytes until its slot is taken again.
//   5. Growing leaves every slot where it is. It adds a generation, a second
//      table of the same kind with more groups, to which new keys go; lookups
//      ask the generations one after the other. A key moves to the newest one
//      when its value is replaced.
//   6. Walks go by the hash, so they see a key once, wherever it moves.
//
// A reader may look at a slot that already serves another key, even of another
// group or shard. It discards the result: the slot was freed by a change of the
// group that led to it, so that group's version has changed.
//
// Methods named ...Locked want the shard of the hash or bucket locked; the
// others lock for themselves. There are no errors here but "absent", "full" and
// "no memory": the rules are in hash_map.h.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_GROUP_TABLE_H_
#define BPFMAP_MAPS_INTERNAL_HASH_GROUP_TABLE_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/bounded_slot_freelist.h"
#include "bpfmap/maps/internal/hash/cached_quota.h"
#include "bpfmap/maps/internal/hash/group.h"
#include "bpfmap/maps/internal/hash/group_shard.h"
#include "bpfmap/maps/internal/hash/hash_function.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/maps/internal/segmented_slots.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class GroupTable {
 public:
  using HashValue = uint64_t;
  using Shard = GroupShard<P>;

  // One table: groups, their slots and the heads of their chains. Never changes
  // once it is there.
  struct Generation {
    Shard* groups = nullptr;  // as locks: only those of the first generation
    std::byte* slots = nullptr;
    uint32_t* chains = nullptr;  // numbers of overflow slots, 0 for none
    uint64_t group_count = 0;
    uint64_t groups_of_shard = 0;
  };

  // Where a key is: in a slot of a group, in an overflow slot of its chain, or
  // nowhere; and what the group, where it is or would go, was like. Good until
  // that changes. (It is large and lives in registers: pass it by reference to
  // what is inlined, and not at all to what is not.)
  struct SlotRef {
    std::byte* element;  // null: nowhere
    uint32_t slot;       // kInChain: in an overflow slot
    uint32_t index;      // of the group
    const Generation* generation;
    Group* group;
    GroupSnapshot snapshot;
    explicit operator bool() const { return element != nullptr; }
  };

  GroupTable(typename P::Memory& memory, uint32_t key_size, ValueLayout value,
             uint32_t max_entries, uint64_t seed)
      : key_size_(key_size),
        value_(value),
        value_offset_(RoundUp8(key_size)),
        slot_size_(RoundUp8(key_size) + RoundUp8(value.size())),
        hash_(seed),
        memory_(memory),
        arena_(memory),
        bucket_bits_(BucketBitsFor(max_entries)),
        overflow_(memory),
        overflow_slots_(0) {}
  ~GroupTable() {
    // A generation is one block, and starts with its slots.
    for (const Generation& generation : generations_) {
      memory_.Deallocate(generation.slots);
    }
  }
  GroupTable(const GroupTable&) = delete;
  GroupTable& operator=(const GroupTable&) = delete;

  // Bytes that Init() takes from the memory. Most of the overflow slots will
  // never be touched.
  static constexpr uint64_t MemoryNeeded(uint32_t key_size, uint32_t value_size,
                                         uint32_t max_entries) {
    const uint64_t slot_size = RoundUp8(key_size) + RoundUp8(value_size);
    return Arena<P>::AlignedSize(CachedQuota<P>::MemoryNeeded(max_entries)) +
           Arena<P>::AlignedSize(OverflowSize(slot_size, max_entries)) +
           GenerationSize(slot_size, GroupsFor(max_entries, /*shards=*/1));
  }

  // Returns false if there is no memory. With `attached`, as many bytes more, a
  // part of an Arena, are taken for the caller's own use.
  // REQUIRES: called once, with the max_entries of the constructor, before
  // anything else.
  bool Init(uint32_t max_entries, uint64_t attached = 0) {
    const uint64_t quota_size = CachedQuota<P>::MemoryNeeded(max_entries);
    const uint64_t overflow_size = OverflowSize(slot_size_, max_entries);
    if (!arena_.Allocate(Arena<P>::AlignedSize(quota_size) +
                         Arena<P>::AlignedSize(overflow_size) + attached)) {
      return false;
    }
    attached_ = arena_.Take(attached);
    quota_.Init(arena_.Take(quota_size), max_entries);
    overflow_.Init(arena_.Take(overflow_size), kHeader + slot_size_,
                   max_entries);
    if (!AddGeneration(GroupsFor(max_entries, /*shards=*/1))) return false;
    max_entries_.store(max_entries, std::memory_order_relaxed);
    return true;
  }

  // The attached bytes, zero at first.
  std::byte* attached() const { return attached_; }

  // Finding without a lock.

  // A pointer to the value of `key`, or null.
  template <typename Key>
  std::byte* Find(Key key) const {
    return FindAndUse(key, [](const std::byte*) {});
  }

  // The same, and calls use(value) on the way, maybe more than once: the last
  // call sees the value of the key as some update left it, earlier ones may see
  // anything.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_ALWAYS_INLINE std::byte* FindAndUse(Key key, Use use) const {
    const uint64_t hash = Hash(key);
    const Generation& first = generations_[0];
    const uint32_t index = GroupOf(first, hash);
    const Group& group = first.groups[index];
    const GroupSnapshot snapshot = group.Load();
    SlotSet slots = snapshot.WithTag(GroupSnapshot::TagOf(hash));
    if (!slots.empty()) {
      std::byte* const element = ElementOf(first, index, slots.Take());
      if (key.Equals(element)) [[likely]] {
        use(element + value_offset_);
        if (group.Validate(snapshot)) [[likely]]
          return element + value_offset_;
      }
    } else if (!snapshot.has_overflow() && !HasGrown() &&
               group.Validate(snapshot)) [[likely]] {
      // As in TryFind, HasGrown() was asked after the group was loaded.
      return nullptr;
    }
    return FindSlow(hash, key, use);
  }

  // Copies the value of `key` to `value` as one whole; holding the value's own
  // lock if `value_lock`. Returns false, and leaves `value` alone, if the key
  // is absent.
  template <typename Key>
  bool Read(Key key, void* value, bool value_lock) const {
    // A copy may be found to be a mixture, and the key to be gone by then,
    // where Linux leaves the caller's memory alone: so it cannot go there at
    // once. One word need not go to memory at all.
    if (value_.IsOneWord()) [[likely]] {
      uint64_t word = 0;
      const std::byte* const found = FindAndUse(
          key, [&](const std::byte* value) ABSL_ATTRIBUTE_ALWAYS_INLINE {
            word = LoadWord<uint64_t>(value);
          });
      if (found == nullptr) return false;
      std::memcpy(value, &word, sizeof word);
      return true;
    }
    return value_lock ? ReadWithValueLock(key, value) : ReadCopy(key, value);
  }

  // Finding and changing under the lock of a shard.

  template <typename Key>
  uint64_t Hash(Key key) const {
    return key.Hash(hash_);
  }
  Shard& ShardOf(uint64_t hash) const {
    return generations_[0].groups[GroupOf(generations_[0], hash)];
  }

  template <typename Key>
  SlotRef FindLocked([[maybe_unused]] Shard& shard, uint64_t hash,
                     Key key) const ABSL_SHARED_LOCKS_REQUIRED(shard) {
    return FindAllGenerations(hash, key);
  }

  // Whether there are TryPut() and TryErase().
  static constexpr bool kHasFastPath = true;

  // The simple cases, in which a key is looked for before its shard is locked:
  // what waits for an atomic instruction on the group is then only the change.
  // A call that returns false has done nothing: lock the shard, and look again.
  // It also returns false where `allowed`, called under the lock, does.

  // Puts `value` under `key`, if allowed(whether it is there).
  template <typename Key, typename Allowed>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryPut(Key key, const void* value,
                                           Allowed allowed) {
    const uint64_t hash = Hash(key);
    SlotRef ref;
    if (!FindOptimistic(hash, key, ref) ||
        !ref.group->template TryBeginWrite<typename P::BitLock>(ref.snapshot))
        [[unlikely]] {
      return false;
    }
    if (HasGrown() || !allowed(static_cast<bool>(ref)) ||
        (!ref && !quota_.Acquire())) [[unlikely]] {
      ref.group->UnlockUnchanged(ref.snapshot);
      return false;
    }
    const GroupSnapshot::Tag tag = GroupSnapshot::TagOf(hash);
    GroupSnapshot snapshot = ref.snapshot;
    Add(ref, tag, key, value, snapshot);
    if (ref) Drop(ref, tag, snapshot);
    ref.group->EndWrite(snapshot);
    return true;
  }

  // Erases `key`, after use(ref), if it is there; *found says whether it is.
  template <typename Key, typename Use, typename Allowed>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryErase(Key key, bool* found, Use use,
                                             Allowed allowed) {
    const uint64_t hash = Hash(key);
    SlotRef ref;
    if (!FindOptimistic(hash, key, ref) ||
        !ref.group->template TryBeginWrite<typename P::BitLock>(ref.snapshot))
        [[unlikely]] {
      return false;
    }
    *found = static_cast<bool>(ref);
    const bool done = !HasGrown() && allowed();
    if (!done || !*found) [[unlikely]] {
      ref.group->UnlockUnchanged(ref.snapshot);
      return done;
    }
    use(ref);
    GroupSnapshot snapshot = ref.snapshot;
    Drop(ref, GroupSnapshot::TagOf(hash), snapshot);
    quota_.Release();  // as in EraseLocked()
    ref.group->EndWrite(snapshot);
    return true;
  }

  // Runs use(ref) under the lock of the shard, if `key` is there.
  template <typename Key, typename Use, typename Allowed>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryUse(Key key, Use use, Allowed allowed) {
    const uint64_t hash = Hash(key);
    SlotRef ref;
    if (!FindOptimistic(hash, key, ref) || !ref ||
        !ref.group->template TryLock<typename P::BitLock>(ref.snapshot))
        [[unlikely]] {
      return false;
    }
    const bool done = !HasGrown() && allowed();
    if (done) [[likely]] {
      use(ref);
    }
    ref.group->UnlockUnchanged(ref.snapshot);
    return done;
  }

  // Puts a new element with `value` in the place of the old one.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE void ReplaceLocked(Shard& shard,
                                                  const SlotRef& old,
                                                  uint64_t hash, Key key,
                                                  const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    if (old.generation != &Newest()) [[unlikely]] {
      return MoveLocked(shard, hash, key, value);
    }
    const GroupSnapshot::Tag tag = GroupSnapshot::TagOf(hash);
    old.group->BeginWrite(old.snapshot);
    GroupSnapshot snapshot = old.snapshot;
    Add(old, tag, key, value, snapshot);
    Drop(old, tag, snapshot);
    old.group->EndWrite(snapshot);
  }

  // Puts `value` where FindLocked just said that the key is, or would be.
  // Returns false as InsertLocked does.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool PutLocked(Shard& shard, const SlotRef& ref,
                                              uint64_t hash, Key key,
                                              const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    if (!ref) return InsertLocked(shard, ref, hash, key, value);
    ReplaceLocked(shard, ref, hash, key, value);
    return true;
  }

  // ReplaceLocked, into a newer generation.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE void MoveLocked([[maybe_unused]] Shard& shard,
                                          uint64_t hash, Key key,
                                          const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const SlotRef old = FindAllGenerations(hash, key);
    const SlotRef target = GroupFor(Newest(), hash);
    target.group->BeginWrite(target.snapshot);
    old.group->BeginWrite(old.snapshot);
    const GroupSnapshot::Tag tag = GroupSnapshot::TagOf(hash);
    GroupSnapshot target_snapshot = target.snapshot;
    Add(target, tag, key, value, target_snapshot);
    GroupSnapshot snapshot = old.snapshot;
    Drop(old, tag, snapshot);
    target.group->EndWrite(target_snapshot);
    old.group->EndWrite(snapshot);
  }

  // Writes `value` over the present one, holding the value's own lock.
  // REQUIRES: values have a lock.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void OverwriteLocked(
      [[maybe_unused]] Shard& shard, const SlotRef& ref, const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    ref.group->BeginWrite(ref.snapshot);
    value_.CopyInLocked(ref.element + value_offset_, value);
    ref.group->EndWrite(ref.snapshot);
  }

  // Inserts a key that is absent. Returns false if there is no permit: unlock
  // the shard, MakeRoom(), and look again.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool InsertLocked(Shard& shard,
                                                 const SlotRef& ref,
                                                 uint64_t hash, Key key,
                                                 const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    return InsertMadeLocked(shard, ref, hash, key,
                            [=]()
                                ABSL_ATTRIBUTE_ALWAYS_INLINE { return value; });
  }
  // The same, with the value at make_value(), which is called if there is a
  // permit.
  template <typename Key, typename MakeValue>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool InsertMadeLocked(
      [[maybe_unused]] Shard& shard, const SlotRef& ref, uint64_t hash, Key key,
      MakeValue make_value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    GroupSnapshot snapshot = ref.snapshot;
    if (!quota_.Acquire()) [[unlikely]] {
      return false;
    }
    const void* const value = make_value();
    ref.group->BeginWrite(snapshot);
    Add(ref, GroupSnapshot::TagOf(hash), key, value, snapshot);
    ref.group->EndWrite(snapshot);
    return true;
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE void EraseLocked([[maybe_unused]] Shard& shard,
                                                const SlotRef& ref,
                                                uint64_t hash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    ref.group->BeginWrite(ref.snapshot);
    GroupSnapshot snapshot = ref.snapshot;
    Drop(ref, GroupSnapshot::TagOf(hash), snapshot);
    // After BeginWrite() and Drop(): the next owner of the permit finds an
    // overflow slot, and a thread that sees it in use sees this key no more.
    // Before EndWrite(): a thread that sees that the key is gone finds room.
    quota_.Release();
    ref.group->EndWrite(snapshot);
  }

  // Drains the quota for an insert. Returns false if there is none, and at the
  // same time the key is absent: the table is full.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE bool MakeRoom(uint64_t hash, Key key) {
    bool room = false;
    DrainQuota([&](uint32_t& permits) { room = permits > 0; });
    if (room) return true;
    Shard& shard = ShardOf(hash);
    WriterLock lock(shard);
    return FindLocked(shard, hash, key) || !quota_.IsExhausted();
  }

  // Parts of an element.

  std::byte* KeyOf(const SlotRef& ref) const { return ref.element; }
  std::byte* ValueOf(const SlotRef& ref) const {
    return ref.element + value_offset_;
  }
  uint64_t HashOf(const SlotRef& ref) const {
    return hash_(ref.element, key_size_);
  }

  void CopyKeyOut(void* key, const SlotRef& ref) const {
    LoadBytes(key, ref.element, key_size_);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void CopyValueOut(void* value,
                                                 const SlotRef& ref,
                                                 bool value_lock) const {
    if (value_lock) {
      value_.CopyOutLocked(value, ref.element + value_offset_);
    } else {
      value_.CopyOut(value, ref.element + value_offset_);
    }
  }

  // Walking. A bucket is a part of the range of hashes.

  // How many buckets there are, for good: about as many as Linux has, and the
  // same number for each shard.
  uint64_t bucket_count() const {
    return generations_[0].group_count << bucket_bits_;
  }
  Shard& ShardOfBucket(uint64_t bucket) const {
    return generations_[0].groups[bucket >> bucket_bits_];
  }

  uint64_t BucketOf(uint64_t hash) const {
    return ((hash >> 32) * bucket_count()) >> 32;
  }

  // Where a run of buckets ends that is best looked at in one go: those of a
  // shard, which are in one group until the table grows.
  uint64_t EndOfRun(uint64_t bucket) const {
    if (&Newest() != generations_) return bucket + 1;
    return ((bucket >> bucket_bits_) + 1) << bucket_bits_;
  }

  // False means that there is nothing in `bucket`, for sure.
  bool MayHaveElements(uint64_t bucket) const {
    return MayHaveElements(bucket, bucket + 1);
  }
  // The same of a run of buckets.
  bool MayHaveElements(uint64_t bucket, uint64_t end) const {
    const Generation* const newest = &Newest();
    bool may = false;
    ForEachGroup(
        bucket, end, [&](const Generation& generation, uint32_t group) {
          const Group& looked_at = generation.groups[group];
          const GroupSnapshot snapshot = looked_at.Load();
          // A tag on its way from one half to the other is seen in neither.
          may = may || snapshot.has_tags() || snapshot.has_overflow() ||
                snapshot.changing() || !looked_at.Validate(snapshot);
        });
    // Keys move to newer generations, which are looked at last; but a new one
    // may have been added since.
    return may || &Newest() != newest;
  }

  // Calls visitor(ref) for each element of `bucket`.
  template <typename Visitor>
  void VisitLocked(Shard& shard, uint64_t bucket, Visitor visitor) const
      ABSL_SHARED_LOCKS_REQUIRED(shard) {
    VisitRunLocked(shard, bucket, bucket + 1,
                   [&](const SlotRef& ref, uint64_t) { visitor(ref); });
  }

  // Calls visitor(ref, hash) for each element of a run of buckets, in any
  // order.
  template <typename Visitor>
  void VisitRunLocked([[maybe_unused]] Shard& shard, uint64_t bucket,
                      uint64_t end, Visitor visitor) const
      ABSL_SHARED_LOCKS_REQUIRED(shard) {
    ForEachGroup(bucket, end,
                 [&](const Generation& generation, uint32_t group) {
                   VisitGroup(generation, group, [&](const SlotRef& ref) {
                     const uint64_t hash = HashOf(ref);
                     const uint64_t of_element = BucketOf(hash);
                     if (of_element >= bucket && of_element < end)
                       visitor(ref, hash);
                   });
                 });
  }

  void EraseBucketLocked(Shard& shard, uint64_t bucket)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    // One after the other: a chain changes as its elements go.
    while (const SlotRef ref =
               FirstAfter(shard, bucket, bucket + 1, 0, nullptr)) {
      EraseLocked(shard, ref, HashOf(ref));
    }
  }

  // Copies the key that follows `key`, in the order of hashes, to `next`, which
  // may be the same memory, or null; the first key if `key` is null or absent.
  // Returns false if there is none.
  bool NextKey(const void* key, void* next) const;

  // Runs `change`, and waits until no thread that may have missed it holds a
  // lock.
  template <typename Change>
  void ApplyAndSynchronize(Change change) {
    change();
    WaitForShards();
  }

  uint32_t max_entries() const {
    return max_entries_.load(std::memory_order_relaxed);
  }

  // Sets max_entries, if no more elements than that are there.
  // REQUIRES: no larger than what Init() or Grow() made room for.
  bool SetMaxEntries(uint32_t max_entries) {
    bool set = false;
    DrainQuota([&](uint32_t& permits) {
      const uint32_t elements = this->max_entries() - permits;
      if (elements > max_entries) return;
      permits = max_entries - elements;
      max_entries_.store(max_entries, std::memory_order_relaxed);
      set = true;
    });
    return set;
  }

  // Makes room for `max_entries` elements. Returns false, and changes nothing,
  // if there is no memory. REQUIRES: one call at a time.
  bool Grow(uint32_t max_entries) requires P::kResizable {
    if (!overflow_.Grow(max_entries)) return false;
    const uint64_t room = Newest().group_count * kElementsPerGroup;
    // At least twice as many groups: generations stay few.
    return max_entries <= room ||
           AddGeneration(GroupsFor(std::max<uint64_t>(max_entries, 2 * room),
                                   generations_[0].group_count));
  }

  // For BoundedSlotFreelist: a free overflow slot's link is the list of free
  // ones.
  uint32_t NextFree(uint32_t slot) const { return LoadLink(LinkOf(slot)); }
  void SetNextFree(uint32_t slot, uint32_t next) {
    StoreLink(LinkOf(slot), next);
  }

  // The largest slot this table is meant for: larger ones are better packed.
  static constexpr uint64_t kMaxSlotSize = 120;

 private:
  using OverflowSlots = BoundedSlotFreelist<P, GroupTable>;

  static constexpr uint32_t kElementsPerGroup = 8;  // when the table is full
  static constexpr uint32_t kInChain = GroupSnapshot::kSlots;
  static constexpr uint32_t kHeader = 8;  // of an overflow slot
  static constexpr uint32_t kStepsBetweenChecks = 64;
  static constexpr int kTries = 8;
  static constexpr int kMaxGenerations = P::kResizable ? 32 : 1;

  // Buckets of a shard, as a power of two.
  static constexpr int BucketBitsFor(uint32_t max_entries) {
    if (max_entries == 0) return 0;  // of a map that Init() will refuse
    return std::bit_width((std::bit_ceil(uint64_t{max_entries}) - 1) /
                          GroupsFor(max_entries, /*shards=*/1));
  }
  // Groups do not straddle shards: their number is a multiple of `shards`.
  static constexpr uint64_t GroupsFor(uint64_t entries, uint64_t shards) {
    const uint64_t per_shard = shards * kElementsPerGroup;
    return (entries + per_shard - 1) / per_shard * shards;
  }
  // There is an overflow slot for each permit. A writer that needs one more, to
  // replace an element, is at work on a group with 12 elements that need none.
  static constexpr uint64_t OverflowSize(uint64_t slot_size,
                                         uint32_t max_entries) {
    return SegmentedSlots<P>::MemoryNeeded(kHeader + slot_size, max_entries);
  }
  static constexpr uint64_t GenerationSize(uint64_t slot_size,
                                           uint64_t groups) {
    return Arena<P>::AlignedSize(groups * sizeof(Group)) +
           Arena<P>::AlignedSize(groups * GroupSnapshot::kSlots * slot_size) +
           Arena<P>::AlignedSize(groups * sizeof(uint32_t));
  }

  static uint32_t GroupOf(const Generation& generation, uint64_t hash) {
    return static_cast<uint32_t>(((hash >> 32) * generation.group_count) >> 32);
  }

  // Where a key that is not in its group, or not looked for yet, would go.
  ABSL_ATTRIBUTE_ALWAYS_INLINE static SlotRef GroupFor(
      const Generation& generation, uint64_t hash) {
    return GroupNumber(generation, GroupOf(generation, hash));
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE static SlotRef GroupNumber(
      const Generation& generation, uint32_t index) {
    Group* const group = &generation.groups[index];
    return {nullptr, 0, index, &generation, group, group->Load()};
  }

  static uint32_t LoadLink(const uint32_t* link) {
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
  }
  static void StoreLink(uint32_t* link, uint32_t slot) {
    __atomic_store_n(link, slot, __ATOMIC_RELEASE);
  }
  uint32_t* LinkOf(uint32_t overflow_slot) const {
    return reinterpret_cast<uint32_t*>(overflow_.At(overflow_slot - 1));
  }
  std::byte* ElementOf(uint32_t overflow_slot) const {
    return overflow_.At(overflow_slot - 1) + kHeader;
  }
  std::byte* ElementOf(const Generation& generation, uint32_t group,
                       uint32_t slot) const {
    return generation.slots +
           (uint64_t{group} * GroupSnapshot::kSlots + slot) * slot_size_;
  }

  const Generation& Newest() const {
    // Acquire pairs with the release in AddGeneration.
    return *newest_.load(std::memory_order_acquire);
  }
  bool HasGrown() const { return &Newest() != generations_; }

  // Looks for `key` in a table that has not grown, without a lock: nothing of
  // it is sure before the group is locked as `ref.snapshot` says, and
  // HasGrown() asked then, as keys that come to a later generation leave it
  // unchanged. Returns false if it is not so simple.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool FindOptimistic(uint64_t hash, Key key,
                                                   SlotRef& ref) const {
    ShardOf(hash).PrefetchForChange();
    ref = GroupFor(generations_[0], hash);
    return !HasGrown() && MatchFast(ref, hash, key);
  }

  // Looks for `key` without a lock, and runs use(element) on it if it is there.
  // Returns whether all that was seen was there at once; *element is null if
  // the key is absent.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryFind(uint64_t hash, Key key,
                                            std::byte** element,
                                            Use use) const {
    SlotRef ref = GroupFor(generations_[0], hash);
    if (ref.snapshot.changing()) [[unlikely]] {
      return false;
    }
    // Asked after Load(), whose acquire pairs with the EndWrite() of a writer
    // that moved the key away: a reader that misses it here sees the generation
    // it went to.
    if (HasGrown() || !MatchFast(ref, hash, key)) [[unlikely]] {
      return TryFindAllGenerations(hash, key, element, use);
    }
    *element = ref.element;
    if (*element != nullptr) use(*element);
    return ref.group->Validate(ref.snapshot);
  }

  // A key moves from one generation to a newer one, and both groups change:
  // none of them may have changed by the end.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_NOINLINE bool TryFindAllGenerations(uint64_t hash, Key key,
                                                     std::byte** element,
                                                     Use use) const {
    SlotRef refs[kMaxGenerations];
    const Generation& newest = Newest();
    const Generation* generation = &newest + 1;
    int seen = 0;
    *element = nullptr;
    while (generation-- != generations_ && *element == nullptr) {
      SlotRef& ref = refs[seen++] = GroupFor(*generation, hash);
      if (ref.snapshot.changing()) return false;
      Match(ref, hash, key);
      *element = ref.element;
    }
    if (*element != nullptr) use(*element);
    for (int i = 0; i < seen; ++i) {
      if (!refs[i].group->Validate(refs[i].snapshot)) return false;
    }
    // A key may also have moved to a generation that was not there yet.
    return &Newest() == &newest;
  }

  // Read(), for a value of more than a word, or of less.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE bool ReadCopy(Key key, void* value) const {
    alignas(8) std::byte copy[kMaxSlotSize];
    const std::byte* const found = FindAndUse(
        key, [&](const std::byte* shared) ABSL_ATTRIBUTE_ALWAYS_INLINE {
          value_.CopyOut(copy, shared);
        });
    if (found == nullptr) return false;
    // By the words that were just stored: a processor hands them on to loads of
    // the same width only, and a wider load would wait for the cache.
    LoadBytes(value, copy, value_.size());
    return true;
  }

  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE bool ReadWithValueLock(Key key, void* value) const {
    const uint64_t hash = Hash(key);
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    const SlotRef ref = FindLocked(shard, hash, key);
    if (!ref) return false;
    CopyValueOut(value, ref, /*value_lock=*/true);
    return true;
  }

  // FindAndUse, for all cases.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_NOINLINE std::byte* FindSlow(uint64_t hash, Key key,
                                              Use use) const {
    const auto use_element = [&](const std::byte* element) {
      use(element + value_offset_);
    };
    std::byte* element = nullptr;
    for (int i = 0; i < kTries; ++i) {
      if (TryFind(hash, key, &element, use_element)) {
        return element == nullptr ? nullptr : element + value_offset_;
      }
    }
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    const SlotRef ref = FindLocked(shard, hash, key);
    if (!ref) return nullptr;
    use_element(ref.element);
    return ref.element + value_offset_;
  }

  // The key's place in any generation; or else where it would go, in the
  // newest.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE SlotRef FindAllGenerations(uint64_t hash,
                                                     Key key) const {
    const Generation* const newest = &Newest();
    for (const Generation* generation = newest; generation >= generations_;
         --generation) {
      SlotRef ref = GroupFor(*generation, hash);
      Match(ref, hash, key);
      if (ref) return ref;
    }
    return GroupFor(*newest, hash);
  }

  // Looks for `key` in the group of `ref` and in its chain, and sets the
  // element and its slot.
  template <typename Key>
  void Match(SlotRef& ref, uint64_t hash, Key key) const {
    SlotSet slots = ref.snapshot.WithTag(GroupSnapshot::TagOf(hash));
    while (!slots.empty()) {
      ref.slot = slots.Take();
      std::byte* const element =
          ElementOf(*ref.generation, ref.index, ref.slot);
      if (key.Equals(element)) {
        ref.element = element;
        return;
      }
    }
    if (ref.snapshot.has_overflow()) {
      ref.slot = kInChain;
      ref.element = MatchChain(*ref.generation, ref.index, ref.snapshot, key);
    }
  }

  // Match, as far as one slot decides. Returns false if it does not: another
  // key has the same tag, or there is a chain.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool MatchFast(SlotRef& ref, uint64_t hash,
                                              Key key) const {
    SlotSet slots = ref.snapshot.WithTag(GroupSnapshot::TagOf(hash));
    if (slots.empty()) return !ref.snapshot.has_overflow();
    ref.slot = slots.Take();
    std::byte* const element = ElementOf(*ref.generation, ref.index, ref.slot);
    if (!key.Equals(element)) [[unlikely]] {
      return false;
    }
    ref.element = element;
    return true;
  }

  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE std::byte* MatchChain(const Generation& generation,
                                                uint32_t group,
                                                GroupSnapshot snapshot,
                                                Key key) const {
    uint32_t slot = LoadLink(&generation.chains[group]);
    for (uint32_t steps = 1; slot != 0; ++steps) {
      if (key.Equals(ElementOf(slot))) return ElementOf(slot);
      // A reader may have strayed into another chain.
      if (steps % kStepsBetweenChecks == 0 &&
          !generation.groups[group].Validate(snapshot)) {
        break;
      }
      slot = LoadLink(LinkOf(slot));
    }
    return nullptr;
  }

  // Puts the key into an empty slot of its group, which is `snapshot` before
  // and after, or into its chain. REQUIRES: the shard is locked, between
  // BeginWrite and EndWrite of the group.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Add(const SlotRef& ref,
                                        GroupSnapshot::Tag tag, Key key,
                                        const void* value,
                                        GroupSnapshot& snapshot) {
    SlotSet empty = snapshot.Empty();
    if (empty.empty()) [[unlikely]] {
      AddToChain(&ref.generation->chains[ref.index], key, value);
      snapshot.set_overflow(true);
      return;
    }
    const uint32_t slot = empty.Take();
    Fill(ElementOf(*ref.generation, ref.index, slot), key, value);
    snapshot.Toggle(slot, tag);
  }

  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE void AddToChain(uint32_t* chain, Key key,
                                          const void* value) {
    const uint32_t slot = overflow_slots_.Take(*this);
    Fill(ElementOf(slot), key, value);
    StoreLink(LinkOf(slot), LoadLink(chain));
    StoreLink(chain, slot);
  }

  // Takes an element out of its group, which is `snapshot` before and after, or
  // out of its chain. REQUIRES: as Add.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Drop(const SlotRef& ref,
                                         GroupSnapshot::Tag tag,
                                         GroupSnapshot& snapshot) {
    if (ref.slot == kInChain) [[unlikely]] {
      snapshot.set_overflow(
          DropFromChain(&ref.generation->chains[ref.index], ref.element));
    } else {
      snapshot.Toggle(ref.slot, tag);
    }
  }

  // Returns whether the chain has others.
  ABSL_ATTRIBUTE_NOINLINE bool DropFromChain(uint32_t* chain,
                                             const std::byte* element) {
    uint32_t* link = chain;
    while (ElementOf(LoadLink(link)) != element) {
      link = LinkOf(LoadLink(link));
    }
    const uint32_t slot = LoadLink(link);
    StoreLink(link, LoadLink(LinkOf(slot)));
    overflow_slots_.GiveBack(*this, slot);
    return LoadLink(chain) != 0;
  }

  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Fill(std::byte* element, Key key,
                                         const void* value) {
    key.CopyTo(element);
    value_.CopyIn(element + value_offset_, value);
  }

  // Calls visitor(generation, group) for each group that keys of these buckets
  // may be in.
  template <typename Visitor>
  void ForEachGroup(uint64_t bucket, uint64_t end, Visitor visitor) const {
    const Generation* const newest = &Newest();
    for (const Generation* generation = generations_; generation <= newest;
         ++generation) {
      const uint64_t of_shard = generation->groups_of_shard;
      const uint64_t first = (bucket * of_shard) >> bucket_bits_;
      const uint64_t last = (end * of_shard - 1) >> bucket_bits_;
      for (uint64_t group = first; group <= last; ++group) {
        visitor(*generation, static_cast<uint32_t>(group));
      }
    }
  }

  // Calls visitor(ref) for each element of a group and its chain.
  // REQUIRES: the shard is locked.
  template <typename Visitor>
  void VisitGroup(const Generation& generation, uint32_t group,
                  Visitor visitor) const {
    SlotRef ref = GroupNumber(generation, group);
    for (SlotSet slots = ref.snapshot.Occupied(); !slots.empty();) {
      ref.slot = slots.Take();
      ref.element = ElementOf(generation, group, ref.slot);
      visitor(ref);
    }
    if (!ref.snapshot.has_overflow()) return;
    ref.slot = kInChain;
    for (uint32_t slot = LoadLink(&generation.chains[group]); slot != 0;
         slot = LoadLink(LinkOf(slot))) {
      ref.element = ElementOf(slot);
      visitor(ref);
    }
  }

  // The element of a run of buckets that comes first after (hash, key), or of
  // all if `key` is null. REQUIRES: the shard is locked.
  SlotRef FirstAfter(Shard& shard, uint64_t bucket, uint64_t end, uint64_t hash,
                     const void* key) const ABSL_SHARED_LOCKS_REQUIRED(shard) {
    SlotRef first{};
    uint64_t first_hash = 0;
    const auto before = [&](uint64_t a_hash, const void* a, uint64_t b_hash,
                            const void* b) {
      return a_hash != b_hash ? a_hash < b_hash
                              : std::memcmp(a, b, key_size_) < 0;
    };
    VisitRunLocked(
        shard, bucket, end, [&](const SlotRef& ref, uint64_t ref_hash) {
          if (key != nullptr && !before(hash, key, ref_hash, ref.element)) {
            return;
          }
          if (!first ||
              before(ref_hash, ref.element, first_hash, first.element)) {
            first = ref;
            first_hash = ref_hash;
          }
        });
    return first;
  }

  // See CachedQuota::Drain().
  template <typename Use>
  void DrainQuota(Use use) {
    quota_.Drain([this] { WaitForShards(); }, use);
  }

  // Waits until every shard was unlocked once.
  void WaitForShards() {
    for (uint64_t i = 0; i < generations_[0].group_count; ++i) {
      WriterLock lock(generations_[0].groups[i]);
    }
  }

  // Adds a generation. No thread has to wait for that: see FindOptimistic(),
  // TryFind() and MayHaveElements() for a thread that has not noticed yet. A
  // writer that has not may insert into an older one.
  bool AddGeneration(uint64_t groups) {
    Generation added;
    added.group_count = groups;
    const uint64_t size = GenerationSize(slot_size_, groups);
    if (size > std::numeric_limits<std::size_t>::max()) return false;
    added.slots = static_cast<std::byte*>(
        memory_.Allocate(static_cast<std::size_t>(size), P::kCacheLineSize));
    if (added.slots == nullptr) return false;
    std::byte* const group_block =
        added.slots +
        Arena<P>::AlignedSize(groups * GroupSnapshot::kSlots * slot_size_);
    added.groups = reinterpret_cast<Shard*>(group_block);
    added.chains = reinterpret_cast<uint32_t*>(
        group_block + Arena<P>::AlignedSize(groups * sizeof(Group)));
    Generation* const slot = &generations_[generation_count_++];
    *slot = added;
    slot->groups_of_shard = groups / generations_[0].group_count;
    // Pairs with the acquire in Newest().
    newest_.store(slot, std::memory_order_release);
    return true;
  }

  const uint32_t key_size_;
  const ValueLayout value_;
  const uint64_t value_offset_;
  const uint64_t slot_size_;
  const HashFunction hash_;
  std::atomic<const Generation*> newest_{generations_};
  Generation generations_[kMaxGenerations];
  int generation_count_ = 0;

  typename P::Memory& memory_;
  Arena<P> arena_;  // of attached_, quota_ and overflow_
  std::byte* attached_ = nullptr;
  const int bucket_bits_;
  CachedQuota<P> quota_;
  std::atomic<uint32_t> max_entries_{0};
  SegmentedSlots<P> overflow_;
  OverflowSlots overflow_slots_;
};

template <Profile P>
bool GroupTable<P>::NextKey(const void* key, void* next) const {
  uint64_t bucket = 0;
  if (key != nullptr) {
    const uint64_t hash = hash_(key, key_size_);
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    if (FindLocked(shard, hash, AnyKey(key, key_size_))) {
      bucket = BucketOf(hash);
      const uint64_t end = EndOfRun(bucket);
      const SlotRef ref = FirstAfter(shard, bucket, end, hash, key);
      if (ref) {
        if (next != nullptr) CopyKeyOut(next, ref);
        return true;
      }
      bucket = end;
    }
  }
  for (uint64_t end; bucket < bucket_count(); bucket = end) {
    end = EndOfRun(bucket);
    if (!MayHaveElements(bucket, end)) continue;
    Shard& shard = ShardOfBucket(bucket);
    ReaderLock lock(shard);
    const SlotRef ref = FirstAfter(shard, bucket, end, 0, nullptr);
    if (ref) {
      if (next != nullptr) CopyKeyOut(next, ref);
      return true;
    }
  }
  return false;
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_GROUP_TABLE_H_
