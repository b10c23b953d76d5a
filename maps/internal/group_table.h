// GroupTable: the hash table for small elements, where memory is not counted
// before it is touched.
//
// Slots lie in groups of 12, in the order of the groups; see group.h. The high
// half of a key's hash, as a fraction of its range, says which group the key
// belongs to, and its lowest byte is the tag. A lookup touches the 16 bytes of
// the group and one slot. There are 1.5 slots for every element; where a group
// is full all the same, its further keys hang in a chain of overflow slots, of
// which there are enough for all keys to share one group.
//
//   slot:           key, rounded up to 8 | value, rounded up to 8
//   overflow slot:  u32 next | 4 bytes unused | slot
//
// Invariants:
//   1. A key is in one slot of its group or in its chain, and nowhere else.
//   2. The groups of one 1/shards-th of the hashes, with all that is in them,
//      belong to one shard. They change under the lock of the shard, between
//      Begin and End of each group concerned.
//   3. Free slots and credits are not the same: a shard may insert as long as
//      it has credit. The credits of all shards and the elements are
//      max_entries together, so max_entries is exact. A shard without credit
//      takes half of another's, in one step with both locked, and looks at all
//      of them with all locked before the table counts as full (MakeRoom).
//   4. Replacing a value fills a free slot and moves the tag: a pointer to the
//      old value shows the old bytes until its slot is taken again.
//   5. Growing leaves every slot where it is. It adds a generation, a second
//      table of the same kind with more groups, to which new keys go; lookups
//      ask the generations one after the other. A key moves to the newest one
//      when its value is replaced.
//   6. Walks go by the hash, so they see a key once, wherever it moves.
//
// A reader that looked at a slot which meanwhile served another key, of another
// group or shard even, throws away what it saw: the slot was freed by a change
// of the group it was found through, so that group's version has changed.
//
// Methods named ...Locked want the shard of the hash or bucket locked; the
// others lock for themselves. There are no errors here but "absent", "full" and
// "no memory": the rules are in hash_map.h.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_GROUP_TABLE_H_
#define BPFMAP_MAPS_INTERNAL_GROUP_TABLE_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "maps/internal/atomic_bytes.h"
#include "maps/internal/block.h"
#include "maps/internal/group.h"
#include "maps/internal/hash_function.h"
#include "maps/internal/key.h"
#include "maps/internal/slab.h"
#include "maps/internal/slot_allocator.h"
#include "maps/internal/stripe.h"
#include "maps/internal/value_layout.h"
#include "profiles/profile.h"
#include "profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class GroupTable {
 public:
  struct Shard : Stripe<P> {
    // Changed under the lock of the shard. Who looks without it, relaxed, sees
    // a hint.
    std::atomic<uint32_t> credits{0};
    uint32_t Credits() const { return credits.load(std::memory_order_relaxed); }
    void SetCredits(uint32_t count) {
      credits.store(count, std::memory_order_relaxed);
    }
  };

  // One table: groups, their slots and the heads of their chains. Never changes
  // once it is there.
  struct Generation {
    Group* groups = nullptr;
    std::byte* slots = nullptr;
    uint32_t* chains = nullptr;  // numbers of overflow slots, 0 for none
    uint64_t group_count = 0;
  };

  // Where a key is: in a slot of a group, in an overflow slot of its chain, or
  // nowhere; and what the group, where it is or would go, was like. Good until
  // that changes. (It is large and lives in registers: pass it by reference to
  // what is inlined, and not at all to what is not.)
  struct Place {
    std::byte* element;  // null: nowhere
    uint32_t slot;       // kInChain: in an overflow slot
    uint32_t index;      // of the group
    const Generation* generation;
    Group* group;
    GroupView view;
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
        block_(memory),
        bucket_bits_(std::bit_width(std::bit_ceil(uint64_t{max_entries})) - 1),
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
    const uint64_t shards = Shards::CountFor(ShardsFor(max_entries));
    return Block<P>::PartSize(Shards::MemoryNeeded(ShardsFor(max_entries))) +
           Block<P>::PartSize(OverflowSize(slot_size, max_entries, shards)) +
           GenerationSize(slot_size, GroupsFor(max_entries, shards));
  }

  // Returns false if there is no memory. With `attached`, as many bytes more, a
  // part of a Block, are taken for the caller's own use.
  // REQUIRES: called once, with the max_entries of the constructor, before
  // anything else.
  bool Init(uint32_t max_entries, uint64_t attached = 0) {
    const uint32_t shards = ShardsFor(max_entries);
    const uint64_t shards_size = Shards::MemoryNeeded(shards);
    const uint64_t overflow_size =
        OverflowSize(slot_size_, max_entries, Shards::CountFor(shards));
    if (!block_.Allocate(Block<P>::PartSize(shards_size) +
                         Block<P>::PartSize(overflow_size) + attached)) {
      return false;
    }
    attached_ = block_.Carve(attached);
    shards_.Init(block_.Carve(shards_size), shards);
    overflow_.Init(block_.Carve(overflow_size), kHeader + slot_size_,
                   OverflowSlotsFor(max_entries, shards_.count()));
    if (!AddGeneration(max_entries)) return false;
    shards_.WithAllLocked([&] { ShareOut(max_entries); });
    max_entries_.store(max_entries, std::memory_order_relaxed);
    return true;
  }

  // The attached bytes, zero at first.
  std::byte* attached() const { return attached_; }

  // Finding without a lock.

  // A pointer to the value of `key`, or null.
  template <typename Key>
  std::byte* Find(Key key) const {
    const uint64_t hash = Hash(key);
    const Generation& first = generations_[0];
    const uint32_t index = GroupOf(first, hash);
    const Group& group = first.groups[index];
    const GroupView view = group.Load();
    SlotSet slots = view.WithTag(GroupView::TagOf(hash));
    if (!slots.empty()) {
      std::byte* const element = ElementOf(first, index, slots.Take());
      if (key.Equals(element) && group.Unchanged(view)) [[likely]] {
        return element + value_offset_;
      }
    } else if (!view.has_overflow() && !HasGrown() && group.Unchanged(view))
        [[likely]] {
      // As in TryFind, HasGrown() was asked after the group was loaded.
      return nullptr;
    }
    return FindWithCare(hash, key);
  }

  // Copies the value of `key` to `value` as one whole; holding the value's own
  // lock if `value_lock`. Returns false, and leaves `value` alone, if the key
  // is absent.
  template <typename Key>
  bool Read(Key key, void* value, bool value_lock) const {
    const uint64_t hash = Hash(key);
    if (!value_lock) {
      // A copy may be found to be a mixture, and the key to be gone by then, so
      // it cannot go to the caller at once.
      alignas(8) std::byte copy[kMaxSlotSize];
      std::byte* element = nullptr;
      for (int i = 0; i < kTries; ++i) {
        if (!TryFind(hash, key, &element, [&](const std::byte* found) {
              value_.CopyOut(copy, found + value_offset_);
            })) {
          continue;
        }
        if (element == nullptr) return false;
        std::memcpy(value, copy, value_.size());
        return true;
      }
    }
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    const Place place = FindLocked(shard, hash, key);
    if (!place) return false;
    CopyValueOut(value, place, value_lock);
    return true;
  }

  // Finding and changing under the lock of a shard.

  template <typename Key>
  uint64_t Hash(Key key) const {
    return key.Hash(hash_);
  }
  Shard& ShardOf(uint64_t hash) const {
    return shards_.At(((hash >> 32) * shards_.count()) >> 32);
  }

  template <typename Key>
  Place FindLocked([[maybe_unused]] Shard& shard, uint64_t hash, Key key) const
      ABSL_SHARED_LOCKS_REQUIRED(shard) {
    return FindInAll(hash, key);
  }

  // FindLocked, as long as that is simple. Returns false if it is not.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool FindQuicklyLocked(
      [[maybe_unused]] Shard& shard, uint64_t hash, Key key, Place* place) const
      ABSL_SHARED_LOCKS_REQUIRED(shard) {
    *place = GroupFor(generations_[0], hash);
    return !HasGrown() && MatchQuickly(*place, hash, key);
  }

  // Puts a new element with `value` in the place of the old one.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE void ReplaceLocked(Shard& shard,
                                                  const Place& old,
                                                  uint64_t hash, Key key,
                                                  const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    if (old.generation != &Newest()) [[unlikely]] {
      return MoveLocked(shard, hash, key, value);
    }
    const GroupView::Tag tag = GroupView::TagOf(hash);
    old.group->Begin(old.view);
    GroupView view = Add(old, tag, key, value);
    Drop(old, tag, view);
    old.group->End(view);
  }

  // ReplaceLocked, into a newer generation.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE void MoveLocked([[maybe_unused]] Shard& shard,
                                          uint64_t hash, Key key,
                                          const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const Place old = FindInAll(hash, key);
    const Place target = GroupFor(Newest(), hash);
    target.group->Begin(target.view);
    old.group->Begin(old.view);
    const GroupView::Tag tag = GroupView::TagOf(hash);
    const GroupView target_view = Add(target, tag, key, value);
    GroupView view = old.view;
    Drop(old, tag, view);
    target.group->End(target_view);
    old.group->End(view);
  }

  // Writes `value` over the present one, holding the value's own lock.
  // REQUIRES: values have a lock.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void OverwriteLocked(
      [[maybe_unused]] Shard& shard, const Place& place, const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    place.group->Begin(place.view);
    value_.CopyInLocked(place.element + value_offset_, value);
    place.group->End(place.view);
  }

  // Inserts a key that is absent. Returns false if the shard has no credit:
  // unlock it, MakeRoom(), and look again.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool InsertLocked(Shard& shard,
                                                 const Place& place,
                                                 uint64_t hash, Key key,
                                                 const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const uint32_t credits = shard.Credits();
    if (credits == 0) [[unlikely]] {
      return false;
    }
    shard.SetCredits(credits - 1);
    place.group->Begin(place.view);
    place.group->End(Add(place, GroupView::TagOf(hash), key, value));
    return true;
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE void EraseLocked(Shard& shard,
                                                const Place& place,
                                                uint64_t hash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    shard.SetCredits(shard.Credits() + 1);
    place.group->Begin(place.view);
    GroupView view = place.view;
    Drop(place, GroupView::TagOf(hash), view);
    place.group->End(view);
  }

  // Finds credit for the shard of `hash`. Returns false if there is none, and
  // the key is absent: the table is full.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE bool MakeRoom(uint64_t hash, Key key) {
    if (TakeCredit(ShardOf(hash))) return true;
    // It may be on its way from shard to shard. Nothing is, in here.
    bool room = false;
    shards_.WithAllLocked([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const uint64_t credits = TotalCredits();
      room = credits > 0 || FindLocked(ShardOf(hash), hash, key);
      // The shard that asked comes first.
      if (credits > 0) ShareOut(credits, &ShardOf(hash));
    });
    return room;
  }

  // Parts of an element.

  std::byte* KeyOf(const Place& place) const { return place.element; }
  std::byte* ValueOf(const Place& place) const {
    return place.element + value_offset_;
  }
  uint64_t HashOf(const Place& place) const {
    return hash_(place.element, key_size_);
  }

  void CopyKeyOut(void* key, const Place& place) const {
    LoadBytes(key, place.element, key_size_);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void CopyValueOut(void* value,
                                                 const Place& place,
                                                 bool value_lock) const {
    if (value_lock) {
      value_.CopyOutLocked(value, place.element + value_offset_);
    } else {
      value_.CopyOut(value, place.element + value_offset_);
    }
  }

  // Walking. A bucket is a part of the range of hashes.

  // How many buckets there are, for good: as many as Linux has.
  uint64_t bucket_count() const { return uint64_t{1} << bucket_bits_; }
  Shard& ShardOfBucket(uint64_t bucket) const {
    return ShardOf(FirstHash(bucket));
  }

  // False means that there is nothing in `bucket`, for sure.
  bool MayHaveElements(uint64_t bucket) const {
    const Generation* const newest = &Newest();
    bool may = false;
    ForEachGroup(bucket, [&](const Generation& generation, uint32_t group) {
      const Group& looked_at = generation.groups[group];
      const GroupView view = looked_at.Load();
      // A tag on its way from one half to the other is seen in neither.
      may = may || view.has_tags() || view.has_overflow() || view.changing() ||
            !looked_at.Unchanged(view);
    });
    // Keys move to newer generations, which are looked at last; but a new one
    // may have come meanwhile.
    return may || &Newest() != newest;
  }

  // Calls visitor(place) for each element of `bucket`.
  template <typename Visitor>
  void VisitLocked([[maybe_unused]] Shard& shard, uint64_t bucket,
                   Visitor visitor) const ABSL_SHARED_LOCKS_REQUIRED(shard) {
    ForEachGroup(bucket, [&](const Generation& generation, uint32_t group) {
      VisitGroup(generation, group, [&](const Place& place) {
        if (BucketOf(HashOf(place)) == bucket) visitor(place);
      });
    });
  }

  void EraseBucketLocked(Shard& shard, uint64_t bucket)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    // One after the other: a chain changes as its elements go.
    while (const Place place = FirstBehind(shard, bucket, 0, nullptr)) {
      EraseLocked(shard, place, HashOf(place));
    }
  }

  // Copies the key that follows `key`, in the order of hashes, to `next`, which
  // may be the same memory, or null; the first key if `key` is null or absent.
  // Returns false if there is none.
  bool NextKey(const void* key, void* next) const;

  // Runs `change` while no other thread holds the lock of any shard.
  template <typename Change>
  void WithAllLocked(Change change) {
    shards_.WithAllLocked(change);
  }

  uint32_t max_entries() const {
    return max_entries_.load(std::memory_order_relaxed);
  }

  // Sets max_entries, if no more elements than that are there.
  // REQUIRES: no larger than what Init() or Grow() made room for.
  bool SetMaxEntries(uint32_t max_entries) {
    bool set = false;
    shards_.WithAllLocked([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const uint64_t elements = this->max_entries() - TotalCredits();
      if (elements > max_entries) return;
      ShareOut(max_entries - elements);
      max_entries_.store(max_entries, std::memory_order_relaxed);
      set = true;
    });
    return set;
  }

  // Makes room for `max_entries` elements. Returns false, and changes nothing,
  // if there is no memory. REQUIRES: one call at a time.
  bool Grow(uint32_t max_entries) requires P::kResizable {
    if (!overflow_.Grow(OverflowSlotsFor(max_entries, shards_.count())))
      return false;
    const uint64_t room = Newest().group_count * kElementsPerGroup;
    // At least twice as many groups: generations stay few.
    return max_entries <= room ||
           AddGeneration(std::max<uint64_t>(max_entries, 2 * room));
  }

  // For SlotAllocator: a free overflow slot's link is the list of free ones.
  uint32_t NextFree(uint32_t slot) const { return LoadLink(LinkOf(slot)); }
  void SetNextFree(uint32_t slot, uint32_t next) {
    StoreLink(LinkOf(slot), next);
  }

  // The largest slot this table is meant for: larger ones are better packed.
  static constexpr uint64_t kMaxSlotSize = 120;

 private:
  using Shards = StripeSet<P, Shard>;
  using OverflowSlots = SlotAllocator<P, GroupTable>;

  static constexpr uint32_t kElementsPerGroup = 8;  // when the table is full
  static constexpr uint32_t kElementsPerShard = 32;
  static constexpr uint32_t kInChain = GroupView::kSlots;
  static constexpr uint32_t kHeader = 8;  // of an overflow slot
  static constexpr uint32_t kStepsBetweenChecks = 64;
  static constexpr int kTries = 8;
  static constexpr int kMaxGenerations = P::kResizable ? 32 : 1;

  static constexpr uint32_t ShardsFor(uint32_t max_entries) {
    return std::bit_ceil((max_entries + kElementsPerShard - 1) /
                         kElementsPerShard);
  }
  // Groups do not straddle shards.
  static constexpr uint64_t GroupsFor(uint64_t entries, uint64_t shards) {
    const uint64_t per_shard = shards * kElementsPerGroup;
    return (entries + per_shard - 1) / per_shard * shards;
  }
  // All elements, and a spare for each writer.
  static constexpr uint64_t OverflowSlotsFor(uint64_t entries,
                                             uint64_t shards) {
    return entries + shards;
  }

  static constexpr uint64_t OverflowSize(uint64_t slot_size,
                                         uint32_t max_entries,
                                         uint64_t shards) {
    return Slab<P>::MemoryNeeded(kHeader + slot_size,
                                 OverflowSlotsFor(max_entries, shards));
  }
  static constexpr uint64_t GenerationSize(uint64_t slot_size,
                                           uint64_t groups) {
    return Block<P>::PartSize(groups * sizeof(Group)) +
           Block<P>::PartSize(groups * GroupView::kSlots * slot_size) +
           Block<P>::PartSize(groups * sizeof(uint32_t));
  }

  static uint32_t GroupOf(const Generation& generation, uint64_t hash) {
    return static_cast<uint32_t>(((hash >> 32) * generation.group_count) >> 32);
  }
  uint64_t BucketOf(uint64_t hash) const {
    return (hash >> 32) >> (32 - bucket_bits_);
  }
  uint64_t FirstHash(uint64_t bucket) const {
    return (bucket << (32 - bucket_bits_)) << 32;
  }

  // Where a key that is not in its group, or not looked for yet, would go.
  ABSL_ATTRIBUTE_ALWAYS_INLINE static Place GroupFor(
      const Generation& generation, uint64_t hash) {
    return GroupNumber(generation, GroupOf(generation, hash));
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE static Place GroupNumber(
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
           (uint64_t{group} * GroupView::kSlots + slot) * slot_size_;
  }

  const Generation& Newest() const {
    // Acquire pairs with the release in AddGeneration.
    return *newest_.load(std::memory_order_acquire);
  }
  bool HasGrown() const { return &Newest() != generations_; }

  // Looks for `key` without a lock, and runs use(element) on it if it is there.
  // Returns whether all that was seen was there at once; *element is null if
  // the key is absent.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryFind(uint64_t hash, Key key,
                                            std::byte** element,
                                            Use use) const {
    Place place = GroupFor(generations_[0], hash);
    if (place.view.changing()) [[unlikely]] {
      return false;
    }
    // Asked after Load(), whose acquire pairs with the End() of a writer that
    // moved the key away: who misses it here sees the generation it went to.
    if (HasGrown() || !MatchQuickly(place, hash, key)) [[unlikely]] {
      return TryFindInAll(hash, key, element, use);
    }
    *element = place.element;
    if (*element != nullptr) use(*element);
    return place.group->Unchanged(place.view);
  }

  // A key moves from one generation to a newer one, and both groups change:
  // none of them may have changed by the end.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_NOINLINE bool TryFindInAll(uint64_t hash, Key key,
                                            std::byte** element,
                                            Use use) const {
    Place places[kMaxGenerations];
    const Generation& newest = Newest();
    const Generation* generation = &newest + 1;
    int seen = 0;
    *element = nullptr;
    while (generation-- != generations_ && *element == nullptr) {
      Place& place = places[seen++] = GroupFor(*generation, hash);
      if (place.view.changing()) return false;
      Match(place, hash, key);
      *element = place.element;
    }
    if (*element != nullptr) use(*element);
    for (int i = 0; i < seen; ++i) {
      if (!places[i].group->Unchanged(places[i].view)) return false;
    }
    // A key may also have moved to a generation that was not there yet.
    return &Newest() == &newest;
  }

  // Find, for all cases.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE std::byte* FindWithCare(uint64_t hash,
                                                  Key key) const {
    std::byte* element = nullptr;
    for (int i = 0; i < kTries; ++i) {
      if (TryFind(hash, key, &element, [](const std::byte*) {})) {
        return element == nullptr ? nullptr : element + value_offset_;
      }
    }
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    const Place place = FindLocked(shard, hash, key);
    return place ? place.element + value_offset_ : nullptr;
  }

  // The key's place in any generation; or else where it would go, in the
  // newest.
  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE Place FindInAll(uint64_t hash, Key key) const {
    const Generation* const newest = &Newest();
    for (const Generation* generation = newest; generation >= generations_;
         --generation) {
      Place place = GroupFor(*generation, hash);
      Match(place, hash, key);
      if (place) return place;
    }
    return GroupFor(*newest, hash);
  }

  // Looks for `key` in the group of `place` and in its chain, and sets the
  // element and its slot.
  template <typename Key>
  void Match(Place& place, uint64_t hash, Key key) const {
    SlotSet slots = place.view.WithTag(GroupView::TagOf(hash));
    while (!slots.empty()) {
      place.slot = slots.Take();
      std::byte* const element =
          ElementOf(*place.generation, place.index, place.slot);
      if (key.Equals(element)) {
        place.element = element;
        return;
      }
    }
    if (place.view.has_overflow()) {
      place.slot = kInChain;
      place.element =
          MatchChain(*place.generation, place.index, place.view, key);
    }
  }

  // Match, as far as one slot decides. Returns false if it does not: another
  // key has the same tag, or there is a chain.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool MatchQuickly(Place& place, uint64_t hash,
                                                 Key key) const {
    SlotSet slots = place.view.WithTag(GroupView::TagOf(hash));
    if (slots.empty()) return !place.view.has_overflow();
    place.slot = slots.Take();
    std::byte* const element =
        ElementOf(*place.generation, place.index, place.slot);
    if (!key.Equals(element)) [[unlikely]] {
      return false;
    }
    place.element = element;
    return true;
  }

  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE std::byte* MatchChain(const Generation& generation,
                                                uint32_t group, GroupView view,
                                                Key key) const {
    uint32_t slot = LoadLink(&generation.chains[group]);
    for (uint32_t steps = 1; slot != 0; ++steps) {
      if (key.Equals(ElementOf(slot))) return ElementOf(slot);
      // A reader may have strayed into another chain.
      if (steps % kStepsBetweenChecks == 0 &&
          !generation.groups[group].Unchanged(view)) {
        break;
      }
      slot = LoadLink(LinkOf(slot));
    }
    return nullptr;
  }

  // Puts the key into an empty slot of the group of `place`, or into its chain.
  // Returns what the group is then.
  // REQUIRES: the shard is locked, between Begin and End of the group.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE GroupView Add(const Place& place,
                                             GroupView::Tag tag, Key key,
                                             const void* value) {
    GroupView view = place.view;
    SlotSet empty = view.Empty();
    if (empty.empty()) [[unlikely]] {
      AddToChain(&place.generation->chains[place.index], key, value);
      view.set_overflow(true);
      return view;
    }
    const uint32_t slot = empty.Take();
    Fill(ElementOf(*place.generation, place.index, slot), key, value);
    view.Toggle(slot, tag);
    return view;
  }

  template <typename Key>
  ABSL_ATTRIBUTE_NOINLINE void AddToChain(uint32_t* chain, Key key,
                                          const void* value) {
    const uint32_t slot = overflow_slots_.Take(*this);
    Fill(ElementOf(slot), key, value);
    StoreLink(LinkOf(slot), LoadLink(chain));
    StoreLink(chain, slot);
  }

  // Takes an element out of its group, which is `view` before and after, or out
  // of its chain. REQUIRES: as Add.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Drop(const Place& place, GroupView::Tag tag,
                                         GroupView& view) {
    if (place.slot == kInChain) [[unlikely]] {
      view.set_overflow(
          DropFromChain(&place.generation->chains[place.index], place.element));
    } else {
      view.Toggle(place.slot, tag);
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

  // Calls visitor(generation, group) for each group that keys of `bucket` may
  // be in.
  template <typename Visitor>
  void ForEachGroup(uint64_t bucket, Visitor visitor) const {
    const Generation* const newest = &Newest();
    for (const Generation* generation = generations_; generation <= newest;
         ++generation) {
      const uint32_t first = GroupOf(*generation, FirstHash(bucket));
      const uint32_t last = GroupOf(*generation, FirstHash(bucket + 1) - 1);
      for (uint32_t group = first; group <= last; ++group) {
        visitor(*generation, group);
      }
    }
  }

  // Calls visitor(place) for each element of a group and its chain.
  // REQUIRES: the shard is locked.
  template <typename Visitor>
  void VisitGroup(const Generation& generation, uint32_t group,
                  Visitor visitor) const {
    Place place = GroupNumber(generation, group);
    for (SlotSet slots = place.view.Occupied(); !slots.empty();) {
      place.slot = slots.Take();
      place.element = ElementOf(generation, group, place.slot);
      visitor(place);
    }
    if (!place.view.has_overflow()) return;
    place.slot = kInChain;
    for (uint32_t slot = LoadLink(&generation.chains[group]); slot != 0;
         slot = LoadLink(LinkOf(slot))) {
      place.element = ElementOf(slot);
      visitor(place);
    }
  }

  // The element of `bucket` that comes first behind (hash, key), or of all if
  // `key` is null. REQUIRES: the shard is locked.
  Place FirstBehind(Shard& shard, uint64_t bucket, uint64_t hash,
                    const void* key) const ABSL_SHARED_LOCKS_REQUIRED(shard) {
    Place first{};
    uint64_t first_hash = 0;
    const auto before = [&](uint64_t a_hash, const void* a, uint64_t b_hash,
                            const void* b) {
      return a_hash != b_hash ? a_hash < b_hash
                              : std::memcmp(a, b, key_size_) < 0;
    };
    VisitLocked(shard, bucket, [&](const Place& place) {
      const uint64_t place_hash = HashOf(place);
      if (key != nullptr && !before(hash, key, place_hash, place.element)) {
        return;
      }
      if (!first ||
          before(place_hash, place.element, first_hash, first.element)) {
        first = place;
        first_hash = place_hash;
      }
    });
    return first;
  }

  // Gives `shard` half the credit of another one. Returns false if none has
  // any.
  bool TakeCredit(Shard& shard) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const uint64_t start = &shard - &shards_.At(0);
    for (uint32_t i = 1; i < shards_.count(); ++i) {
      Shard& other = shards_.Of(start + i);
      if (other.Credits() == 0) continue;
      // All who hold two locks take them in this order.
      WriterLock first(*std::min(&shard, &other));
      WriterLock second(*std::max(&shard, &other));
      const uint32_t taken = other.Credits() - other.Credits() / 2;
      other.SetCredits(other.Credits() - taken);
      shard.SetCredits(shard.Credits() + taken);
      if (taken > 0) return true;
    }
    return false;
  }

  // REQUIRES: all shards are locked.
  uint64_t TotalCredits() const {
    uint64_t credits = 0;
    for (uint32_t i = 0; i < shards_.count(); ++i) {
      credits += shards_.At(i).Credits();
    }
    return credits;
  }

  // Gives every shard the same credit; what remains goes to `first` and those
  // behind it. REQUIRES: all shards are locked.
  void ShareOut(uint64_t credits, const Shard* first = nullptr) {
    const uint32_t count = shards_.count();
    const uint64_t start = first == nullptr ? 0 : first - &shards_.At(0);
    for (uint32_t i = 0; i < count; ++i) {
      shards_.Of(start + i).SetCredits(static_cast<uint32_t>(
          credits / count + (i < credits % count ? 1 : 0)));
    }
  }

  // Adds a generation with groups for `entries` elements.
  bool AddGeneration(uint64_t entries) {
    Generation added;
    added.group_count = GroupsFor(entries, shards_.count());
    const uint64_t size = GenerationSize(slot_size_, added.group_count);
    if (size > std::numeric_limits<std::size_t>::max()) return false;
    added.slots = static_cast<std::byte*>(
        memory_.Allocate(static_cast<std::size_t>(size), P::kCacheLineSize));
    if (added.slots == nullptr) return false;
    std::byte* const groups =
        added.slots +
        Block<P>::PartSize(added.group_count * GroupView::kSlots * slot_size_);
    added.groups = reinterpret_cast<Group*>(groups);
    added.chains = reinterpret_cast<uint32_t*>(
        groups + Block<P>::PartSize(added.group_count * sizeof(Group)));
    // Writers look for the newest generation under the lock of their shard, and
    // readers would not find what goes there before they see it.
    shards_.WithAllLocked([&] {
      Generation* const slot = &generations_[generation_count_++];
      *slot = added;
      newest_.store(slot, std::memory_order_release);
    });
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
  Block<P> block_;  // of attached_, shards_ and overflow_
  std::byte* attached_ = nullptr;
  const uint32_t bucket_bits_;
  Shards shards_;
  std::atomic<uint32_t> max_entries_{0};
  Slab<P> overflow_;
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
      const Place place = FirstBehind(shard, bucket, hash, key);
      if (place) {
        if (next != nullptr) CopyKeyOut(next, place);
        return true;
      }
      ++bucket;
    }
  }
  for (; bucket < bucket_count(); ++bucket) {
    if (!MayHaveElements(bucket)) continue;
    Shard& shard = ShardOfBucket(bucket);
    ReaderLock lock(shard);
    const Place place = FirstBehind(shard, bucket, 0, nullptr);
    if (place) {
      if (next != nullptr) CopyKeyOut(next, place);
      return true;
    }
  }
  return false;
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_GROUP_TABLE_H_
