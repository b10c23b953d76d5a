// SPDX-License-Identifier: Apache-2.0

// ChainTable: the hash table that takes the least memory: a slot for each
// element, found through chains. For large elements, and where memory counts
// before it is touched; see hash_table.h.
//
//   range of hashes:   0                                               max
//   chains:            | 0       | 1       | 2       | 3       |
//                        |         |
//                        v         v
//                      slot 4    slot 1 -> slot 9 -> end       in hash order
//
//   slot:   u32 next slot | u32 hash | key, rounded up to 8 | value, rounded up
//
// Keys are in the order of their hashes (32 bits of them), and where these are
// equal, of their bytes. The range of hashes is divided evenly into
// chains of slots. Slots are numbered from 1 on; 0 ends a chain.
//
// Invariants:
//   1. With 2^n chains, the first n bits of its hash say which chain a key is
//      in. Each chain is in order, so all of them in a row are in the same
//      order however many they are: growing cuts chains.
//   2. Shards divide the range likewise, and no chain is larger than a shard. A
//      chain, and the slots in it, are changed by a thread that holds the
//      shard's lock as a writer, inside a WriteSection. The number of chains is
//      changed by a thread that does so for all shards. So a reader whose shard
//      did not change saw a sound chain.
//   3. Replacing a value puts a new slot in the old one's place. Each shard
//      keeps the slot that it replaced last as its spare, for the next time: a
//      full table can still replace, and a pointer to the old value shows the
//      old bytes until then.
//   4. A key's place in the order is its own. A walk continues after the key,
//      or the part of the range, that it saw last: it neither misses a key that
//      stays nor sees it twice, whatever is inserted, erased, or grown during
//      the walk.
//   5. A link to a slot is stored with release after the slot was filled, and
//      loaded with acquire: a thread that reaches a slot through a link sees it
//      whole, without atomics.
//
// A reader may follow a link out of a slot that was freed and taken again, into
// another chain or the freelist. Every such link leads to a slot, and the
// version of the reader's shard has changed. The reader validates it every
// kStepsBetweenChecks steps and before it returns, so it terminates and never
// returns a stale result.
//
// Methods named ...Locked want the shard of the hash or bucket locked; the
// others lock for themselves. There are no errors here but "absent", "full" and
// "no memory": the rules are in hash_map.h.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_CHAIN_TABLE_H_
#define BPFMAP_MAPS_INTERNAL_HASH_CHAIN_TABLE_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/bounded_slot_freelist.h"
#include "bpfmap/maps/internal/hash/hash_function.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/maps/internal/segmented_slots.h"
#include "bpfmap/maps/internal/seq_lock.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class ChainTable {
 public:
  struct Shard : SeqLock<P> {
    uint32_t spare ABSL_GUARDED_BY(this) = 0;
  };

  using HashValue = uint32_t;

  // Where a key is: its slot, and the link that leads there. No slot if the key
  // is absent.
  struct SlotRef {
    uint32_t* link;
    uint32_t slot;
    explicit operator bool() const { return slot != 0; }
  };

  ChainTable(typename P::Memory& memory, uint32_t key_size, ValueLayout value,
             uint32_t max_entries, uint64_t seed)
      : memory_(memory),
        key_size_(key_size),
        value_(value),
        value_offset_(
            static_cast<std::size_t>(kKeyOffset + RoundUp8(key_size))),
        hash_(seed),
        arena_(memory),
        slots_(memory),
        freelist_(max_entries) {}
  ~ChainTable() {
    // The first ones are part of the block.
    for (int i = 1; i < chains_count_; ++i) {
      memory_.Deallocate(chains_[i].heads);
    }
  }
  ChainTable(const ChainTable&) = delete;
  ChainTable& operator=(const ChainTable&) = delete;

  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t key_size, uint32_t value_size,
                                         uint32_t max_entries) {
    return Arena<P>::AlignedSize(Shards::MemoryNeeded(max_entries)) +
           Arena<P>::AlignedSize(HeadsSize(max_entries)) +
           Arena<P>::AlignedSize(
               SlotsSize(SlotSize(key_size, value_size), max_entries));
  }

  // Returns false if there is no memory; nothing is then taken. With
  // `attached`, as many bytes more, a part of an Arena, are taken for the
  // caller's own use. REQUIRES: called once, with the max_entries of the
  // constructor, before anything else.
  bool Init(uint32_t max_entries, uint64_t attached = 0) {
    const uint64_t slot_size = SlotSize(key_size_, value_.size());
    if (!arena_.Allocate(MemoryNeeded(key_size_, value_.size(), max_entries) +
                         attached)) {
      return false;
    }
    attached_ = arena_.Take(attached);
    shards_.Init(arena_.Take(Shards::MemoryNeeded(max_entries)), max_entries);
    chains_[0].bits = BitsFor(max_entries);
    chains_[0].heads =
        reinterpret_cast<uint32_t*>(arena_.Take(HeadsSize(max_entries)));
    current_.store(&chains_[0], std::memory_order_relaxed);
    slots_.Init(arena_.Take(SlotsSize(slot_size, max_entries)), slot_size,
                SlotsFor(max_entries, shards_.count()));
    return true;
  }

  // The attached bytes, zero at first.
  std::byte* attached() const { return attached_; }

  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t Hash(Key key) const {
    if constexpr (kIsSmall<P> && std::is_same_v<Key, AnyKey>) {
      return HashAny(key.data());
    } else if constexpr (kIsSmall<P>) {
      return key.Hash(hash_);
    } else {
      return static_cast<uint32_t>(key.Hash(hash_) >> 32);
    }
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Shard& ShardOf(uint32_t hash) const {
    if constexpr (P::kLockStripes == 1) {
      return shards_.At(0);
    } else {
      return shards_.Of((uint64_t{hash} * shards_.count()) >> kHashBits);
    }
  }

  // A pointer to the value of `key`, or null.
  template <typename Key>
  std::byte* Find(Key key) const {
    if constexpr (!kIsSmall<P>) {
      return FindAndUse(key, [](const std::byte*) {});
    } else if constexpr (!std::is_same_v<Key, AnyKey>) {
      std::byte* value = nullptr;
      if (TryFind(
              key, Hash(key), [](const std::byte*) {}, &value)) {
        return value;
      }
    }
    return FindAndCopy(key.Any(), /*copy=*/nullptr, /*value_lock=*/false);
  }

  // The same, and calls use(value) on the way, maybe more than once: the last
  // call sees the value of the key as some update left it, earlier ones may see
  // anything.
  template <typename Key, typename Use>
  std::byte* FindAndUse(Key key, Use use) const {
    const uint32_t hash = Hash(key);
    std::byte* value = nullptr;
    if (TryFind(key, hash, use, &value)) return value;
    return FindSlow(ShardOf(hash), hash, key.Any(), use);
  }

  // Copies the value of `key` to `value` as one whole; holding the value's own
  // lock if `value_lock`. Returns false, and leaves `value` alone, if the key
  // is absent.
  template <typename Key>
  bool Read(Key key, void* value, bool value_lock) const {
    if constexpr (kIsSmall<P>) {
      return FindAndCopy(key.Any(), value, value_lock) != nullptr;
    }
    const uint32_t hash = Hash(key);
    Shard& shard = ShardOf(hash);
    // A copy may be found to be a mixture, and the key to be gone by then, so
    // it cannot go to the caller at once. Large values wait for the lock.
    if (value_.size() <= kCopySize && !value_lock) {
      alignas(8) std::byte copy[kCopySize];
      uint32_t slot = 0;
      const bool sound =
          shard.TryRead([&](uint32_t version) ABSL_ATTRIBUTE_ALWAYS_INLINE {
            slot = Walk(shard, version, hash, key).slot;
            if (slot != 0) value_.CopyOut(copy, ValueOf(slot));
          });
      if (sound) {
        if (slot != 0) std::memcpy(value, copy, value_.size());
        return slot != 0;
      }
    }
    ReaderLock lock(shard);
    const SlotRef ref = LookLocked(shard, hash, key.Any());
    if (ref) CopyValueOut(value, ref, value_lock);
    return static_cast<bool>(ref);
  }

  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE SlotRef FindLocked(Shard& shard, uint32_t hash,
                                                  Key key) const
      ABSL_SHARED_LOCKS_REQUIRED(shard) {
    if constexpr (kIsSmall<P>) return LookLocked(shard, hash, key.Any());
    return Walk(shard, shard.version(), hash, key);
  }

  static constexpr bool kHasFastPath = false;

  // As GroupTable's.
  template <typename Key, typename Use, typename Allowed>
  bool TryUse(Key key, Use use, Allowed allowed) {
    const uint32_t hash = Hash(key);
    Shard& shard = ShardOf(hash);
    WriterLock lock(shard);
    const SlotRef ref = FindLocked(shard, hash, key);
    if (!ref || !allowed()) return false;
    use(ref);
    return true;
  }

  // Copies the value out; holding the value's own lock if `value_lock`.
  void CopyValueOut(void* value, const SlotRef& ref, bool value_lock) const {
    if (value_lock) {
      value_.CopyOutLocked(value, ValueOf(ref.slot));
    } else {
      value_.CopyOut(value, ValueOf(ref.slot));
    }
  }

  // The place of the element in `slot`. REQUIRES: there is one.
  SlotRef RefLocked(Shard&, uint32_t slot) const {
    uint32_t* link = HeadOf(CurrentChains(), HashIn(slot));
    while (LoadLink(link) != slot) link = NextOf(LoadLink(link));
    return {link, slot};
  }

  // Puts a new element with `value` where FindLocked just said that the key is,
  // or would be. Returns its slot; or 0, and nothing is done, if the key is
  // absent and the table full.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t PutLocked(Shard& shard,
                                                  const SlotRef& ref,
                                                  uint32_t hash, Key key,
                                                  const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    return PutMadeLocked(shard, ref, hash, key, [=] { return value; });
  }
  // The same for a key that is absent, with the value at make_value(), which is
  // called if there is room.
  template <typename Key, typename MakeValue>
  uint32_t InsertMadeLocked(Shard& shard, const SlotRef& ref, uint32_t hash,
                            Key key, MakeValue make_value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    return PutMadeLocked(shard, {ref.link, 0}, hash, key, make_value);
  }

  // Writes `value` over the present one, holding the value's own lock.
  // REQUIRES: values have a lock.
  void OverwriteLocked(Shard& shard, const SlotRef& ref, const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    WriteSection<P> write(shard);
    value_.CopyInLocked(ValueOf(ref.slot), value);
  }

  void EraseLocked(Shard& shard, SlotRef ref, uint32_t /*hash*/ = 0)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    WriteSection<P> write(shard);
    const uint32_t next =
        LoadWord<uint32_t>(At(ref.slot));  // only a writer changes it
    // First: a thread that sees that the key is gone finds room. A walk sees it
    // from the head of the chain alone.
    freelist_.GiveBackElement(*this, ref.slot);
    StoreLink(ref.link, next);
  }

  // For GroupTable's sake: here InsertLocked has the last word.
  template <typename Key>
  bool MakeRoom(uint32_t, Key) {
    return false;
  }

  // Walking. A bucket is a part of the range of hashes, of one chain or, once
  // the table grew, several.

  // How many buckets there are, for good: as many as Linux has.
  uint32_t bucket_count() const { return uint32_t{1} << chains_[0].bits; }
  Shard& ShardOfBucket(uint64_t bucket) const {
    return ShardOf(static_cast<uint32_t>(FirstHash(bucket)));
  }

  // False means that there is nothing in `bucket`, for sure: the chains that
  // were cut when the table grew keep their heads.
  bool MayHaveElements(uint64_t bucket) const {
    bool may = false;
    ForEachHead(bucket, [&](uint32_t* head) { may |= LoadLink(head) != 0; });
    return may;
  }

  // Calls visitor(ref) for each element of `bucket`.
  template <typename Visitor>
  void VisitLocked([[maybe_unused]] Shard& shard, uint64_t bucket,
                   Visitor visitor) const ABSL_SHARED_LOCKS_REQUIRED(shard) {
    ForEachHead(bucket, [&](uint32_t* head) {
      for (SlotRef ref = RefAfter(head); ref;
           ref = RefAfter(NextOf(ref.slot))) {
        visitor(ref);
      }
    });
  }
  void EraseBucketLocked(Shard& shard, uint64_t bucket)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    ForEachHead(bucket, [&](uint32_t* head) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      while (const SlotRef ref = RefAfter(head)) {
        EraseLocked(shard, ref);
      }
    });
  }

  // Copies the key that follows `key` to `next`, which may be the same memory,
  // or null; the first key if `key` is null or absent. Returns false if there
  // is none.
  bool NextKey(const void* key, void* next) const;

  // Elements of one hash, in their order. (More than kRoom keys of one hash
  // would stay apart.)
  struct EqualHashes {
    static constexpr uint32_t kRoom = 16;

    uint32_t hash;
    uint32_t count;
    uint32_t slots[kRoom];

    // The next element of a chain. Returns false if no later one is wanted.
    bool Add(uint32_t slot, uint32_t slot_hash, uint32_t from) {
      if (slot_hash < from) return true;
      if (count == 0) hash = slot_hash;
      if (slot_hash != hash || count == kRoom) return false;
      slots[count++] = slot;
      return true;
    }
  };

  // Finds the elements of the smallest hash that is not below `from`, and
  // copies the key of the first one to `key` if that is not null. Returns false
  // if there are none.
  bool FindFrom(uint32_t from, void* key, EqualHashes* found) const;

  // Parts of an element.

  std::byte* KeyOf(const SlotRef& ref) const {
    return At(ref.slot) + kKeyOffset;
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE std::byte* ValueOf(const SlotRef& ref) const {
    return ValueOf(ref.slot);
  }
  uint32_t HashOf(const SlotRef& ref) const { return HashIn(ref.slot); }

  void CopyKeyOut(void* key, const SlotRef& ref) const {
    LoadBytes(key, At(ref.slot) + kKeyOffset, key_size_);
  }

  // Runs `change` while no other thread holds the lock of any shard.
  template <typename Change>
  void ApplyAndSynchronize(Change change) {
    shards_.WithAllLocked(change);
  }

  uint32_t max_entries() const { return freelist_.limit(); }

  // How many slots there are for `max_entries` elements: their numbers are 1 to
  // this.
  static constexpr uint64_t SlotCount(uint32_t max_entries) {
    return SlotsFor(max_entries, Shards::CountFor(max_entries));
  }

  // Sets max_entries, if no more elements than that are there.
  // REQUIRES: no larger than what Init() or Grow() made room for.
  bool SetMaxEntries(uint32_t max_entries) {
    return freelist_.SetLimit(max_entries);
  }

  // Makes room for `max_entries` elements; every element stays where it is.
  // Returns false, and changes nothing, if there is no memory.
  // REQUIRES: one call at a time.
  bool Grow(uint32_t max_entries) requires P::kResizable {
    const Chains& old = CurrentChains();
    const int bits = BitsFor(max_entries);
    if (!slots_.Grow(SlotsFor(max_entries, shards_.count()))) return false;
    if (bits <= old.bits) return true;
    const Chains* const grown = AllocateChains(bits);
    if (grown == nullptr) return false;
    shards_.WithAllWritten([&] {
      for (uint64_t chain = 0; chain < old.count(); ++chain) {
        Cut(LoadLink(&old.heads[chain]), *grown);
      }
      // Release pairs with the acquire in CurrentChains.
      current_.store(grown, std::memory_order_release);
    });
    return true;
  }

  // For BoundedSlotFreelist: a free slot's link is the list of free slots.
  uint32_t NextFree(uint32_t slot) const { return LoadLink(NextOf(slot)); }
  void SetNextFree(uint32_t slot, uint32_t next) {
    StoreLink(NextOf(slot), next);
  }

 private:
  using Shards = StripedSeqLocks<P, Shard>;
  using Freelist = BoundedSlotFreelist<P, ChainTable>;

  static constexpr int kHashBits = 32;

  // 2^bits chains. Never changes once it is current. Those that are not stay
  // until the end, for readers that have not noticed yet.
  struct Chains {
    int bits = 0;
    uint32_t* heads = nullptr;  // slot numbers; touched through links only

    uint64_t count() const { return uint64_t{1} << bits; }
    // The chain of a hash; and the first hash of a chain, or of the end.
    uint32_t Of(uint32_t hash) const {
      return (hash >> 1) >>
             (kHashBits - 1 - bits);  // all bits, if there is one
    }
    uint64_t FirstHash(uint64_t chain) const {
      return chain << (kHashBits - bits);
    }
    // The same without numbers of 64 bits.
    bool IsLast(uint32_t chain) const { return (chain + 1) >> bits != 0; }
    uint32_t FirstHashAfter(uint32_t chain) const {
      return (chain + 1) << (kHashBits - bits);
    }
  };

  static constexpr uint32_t kHashOffset = 4;
  static constexpr uint32_t kKeyOffset = 8;
  static constexpr uint32_t kCopySize = 256;
  static constexpr uint32_t kStepsBetweenChecks = 64;
  static constexpr int kMaxChains = P::kResizable ? 32 : 1;

  static constexpr uint64_t SlotSize(uint32_t key_size, uint32_t value_size) {
    return kKeyOffset + RoundUp8(key_size) + RoundUp8(value_size);
  }
  static constexpr uint64_t SlotsFor(uint32_t max_entries, uint32_t spares) {
    return uint64_t{max_entries} + spares;
  }
  static constexpr uint64_t SlotsSize(uint64_t slot_size,
                                      uint32_t max_entries) {
    return SegmentedSlots<P>::MemoryNeeded(
        slot_size, SlotsFor(max_entries, Shards::CountFor(max_entries)));
  }
  // As many chains as Linux has buckets.
  static constexpr int BitsFor(uint32_t max_entries) {
    return std::bit_width(std::bit_ceil(uint64_t{max_entries})) - 1;
  }
  static constexpr uint64_t HeadsSize(uint32_t max_entries) {
    return uint64_t{uint32_t{1} << BitsFor(max_entries)} * sizeof(uint32_t);
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE static uint32_t LoadLink(const uint32_t* link) {
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE static void StoreLink(uint32_t* link,
                                                     uint32_t slot) {
    __atomic_store_n(link, slot, __ATOMIC_RELEASE);
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE std::byte* At(uint32_t slot) const {
    return slots_.At(slot - 1);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE std::byte* ValueOf(uint32_t slot) const {
    return At(slot) + value_offset_;
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t* NextOf(uint32_t slot) const {
    return reinterpret_cast<uint32_t*>(At(slot));
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE static SlotRef RefAfter(uint32_t* link) {
    return {link, LoadLink(link)};
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t HashIn(uint32_t slot) const {
    return LoadWord<uint32_t>(At(slot) + kHashOffset);
  }

  const Chains& CurrentChains() const {
    if constexpr (!P::kResizable) return chains_[0];
    return *current_.load(std::memory_order_acquire);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE static uint32_t* HeadOf(const Chains& chains,
                                                       uint32_t hash) {
    return &chains.heads[chains.Of(hash)];
  }

  // The first hash of a bucket. The first chains are the buckets.
  uint64_t FirstHash(uint64_t bucket) const {
    return chains_[0].FirstHash(bucket);
  }
  // Calls visitor(head) for each chain of a bucket.
  template <typename Visitor>
  void ForEachHead(uint64_t bucket, Visitor visitor) const {
    if constexpr (!P::kResizable) {
      visitor(&chains_[0].heads[bucket]);
    } else {
      const Chains& chains = CurrentChains();
      const uint64_t first = FirstHash(bucket), end = FirstHash(bucket + 1);
      for (uint64_t hash = first; hash < end; hash += chains.FirstHash(1)) {
        visitor(HeadOf(chains, static_cast<uint32_t>(hash)));
      }
    }
  }

  // Looks for `key`. The result counts if the shard is Validate(version).
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE SlotRef Walk(const Shard& shard,
                                            uint32_t version, uint32_t hash,
                                            Key key) const {
    uint32_t* link = HeadOf(CurrentChains(), hash);
    for (uint32_t steps = 1;; ++steps) {
      const uint32_t slot = LoadLink(link);
      if (slot == 0) break;
      std::byte* const bytes = At(slot);
      const uint32_t found = LoadWord<uint32_t>(bytes + kHashOffset);
      if (found == hash && key.Equals(bytes + kKeyOffset)) return {link, slot};
      if (found > hash) break;
      if (steps % kStepsBetweenChecks == 0 && !shard.Validate(version)) break;
      link = reinterpret_cast<uint32_t*>(bytes);
    }
    return {link, 0};
  }
  template <typename Key, typename MakeValue>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t PutMadeLocked(Shard& shard,
                                                      const SlotRef& ref,
                                                      uint32_t hash, Key key,
                                                      MakeValue make_value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const uint32_t fresh =
        ref ? TakeSpare(shard) : freelist_.TakeForElement(*this);
    if (fresh == Freelist::kNone) return 0;
    const void* const value = make_value();
    WriteSection<P> write(shard);
    std::byte* const bytes = At(fresh);
    Fill(bytes, hash, key, value);
    // Nothing leads to it yet.
    StoreWord(bytes, LoadLink(ref ? NextOf(ref.slot) : ref.link));
    uint32_t* link = ref.link;
    if (ref) {
      shard.spare = ref.slot;
    } else if (link != HeadOf(CurrentChains(), hash) &&
               HashBefore(link) == hash) [[unlikely]] {
      link = PlaceAmongEqualHashes(fresh, hash);
    }
    StoreLink(link, fresh);
    return fresh;
  }
  uint32_t TakeSpare(Shard& shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    return shard.spare != 0 ? shard.spare : freelist_.Take(*this);
  }
  // Lets a new element, which nothing leads to yet, lead on to the next one,
  // and returns the link that is to lead to it.
  ABSL_ATTRIBUTE_NOINLINE uint32_t* PlaceAmongEqualHashes(uint32_t fresh,
                                                          uint32_t hash) {
    const SlotRef next = FirstNotBefore(fresh, HeadOf(CurrentChains(), hash));
    StoreLink(NextOf(fresh), next.slot);
    return next.link;
  }

  // FindAndUse without the lock. Returns false if a writer was there each time.
  template <typename Key, typename Use>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryFind(Key key, uint32_t hash, Use use,
                                            std::byte** value) const {
    Shard& shard = ShardOf(hash);
    return shard.TryRead([&](uint32_t version) ABSL_ATTRIBUTE_ALWAYS_INLINE {
      const SlotRef ref = Walk(shard, version, hash, key);
      *value = ref ? ValueOf(ref) : nullptr;
      if (ref) use(*value);
    });
  }

  ABSL_ATTRIBUTE_NOINLINE uint32_t HashAny(const void* key) const {
    return static_cast<uint32_t>(hash_(key, key_size_));
  }
  // Walk, where a call costs little beside the rest: the slot of `key`, or 0,
  // and the link to it. All that it takes and returns is in registers. It gives
  // up where it comes upon a writer, of which a caller with the lock sees none.
  ABSL_ATTRIBUTE_NOINLINE uint32_t Look(uint32_t hash, const void* key,
                                        uint32_t** link) const {
    const Shard& shard = ShardOf(hash);
    const SlotRef ref =
        Walk(shard, shard.EvenVersion(), hash, AnyKey(key, key_size_));
    *link = ref.link;
    return ref.slot;
  }
  SlotRef LookLocked([[maybe_unused]] Shard& shard, uint32_t hash,
                     AnyKey key) const ABSL_SHARED_LOCKS_REQUIRED(shard) {
    SlotRef ref;
    ref.slot = Look(hash, key.data(), &ref.link);
    return ref;
  }
  // Find and Read as one, for a small machine: to `copy`, if that is not null.
  ABSL_ATTRIBUTE_NOINLINE std::byte* FindAndCopy(AnyKey key, void* copy,
                                                 bool value_lock) const {
    const uint32_t hash = Hash(key);
    Shard& shard = ShardOf(hash);
    alignas(8) std::byte own[kCopySize];
    const bool is_large = value_.size() > kCopySize || value_lock;
    if (copy == nullptr || !is_large) {
      uint32_t slot = 0;
      const bool sound =
          shard.TryRead([&](uint32_t) ABSL_ATTRIBUTE_ALWAYS_INLINE {
            uint32_t* link;
            slot = Look(hash, key.data(), &link);
            if (slot != 0 && copy != nullptr) {
              value_.CopyOut(own, ValueOf(slot));
            }
          });
      if (sound) {
        if (slot == 0) return nullptr;
        if (copy != nullptr) std::memcpy(copy, own, value_.size());
        return ValueOf(slot);
      }
    }
    ReaderLock lock(shard);
    const SlotRef ref = LookLocked(shard, hash, key);
    if (!ref) return nullptr;
    if (copy != nullptr) CopyValueOut(copy, ref, value_lock);
    return ValueOf(ref);
  }
  template <typename Use>
  ABSL_ATTRIBUTE_NOINLINE std::byte* FindSlow(Shard& shard, uint32_t hash,
                                              AnyKey key, Use use) const {
    ReaderLock lock(shard);
    const SlotRef ref = LookLocked(shard, hash, key);
    if (!ref) return nullptr;
    use(ValueOf(ref));
    return ValueOf(ref);
  }

  // The hash of the element whose link is `link`, which is no head.
  ABSL_ATTRIBUTE_ALWAYS_INLINE static uint32_t HashBefore(
      const uint32_t* link) {
    return LoadWord<uint32_t>(reinterpret_cast<const std::byte*>(link) +
                              kHashOffset);
  }

  // The first place of a chain whose element does not come before the one in
  // `slot`; its link, if there is none.
  // REQUIRES: the shard is locked.
  SlotRef FirstNotBefore(uint32_t slot, uint32_t* head) const {
    SlotRef ref = RefAfter(head);
    while (ref && IsBefore(ref.slot, slot)) {
      ref = RefAfter(NextOf(ref.slot));
    }
    return ref;
  }
  bool IsBefore(uint32_t a, uint32_t b) const {
    const uint32_t a_hash = HashIn(a), b_hash = HashIn(b);
    if (a_hash != b_hash) return a_hash < b_hash;
    return std::memcmp(At(a) + kKeyOffset, At(b) + kKeyOffset, key_size_) < 0;
  }

  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Fill(std::byte* bytes, uint32_t hash,
                                         Key key, const void* value) {
    StoreWord(bytes + kHashOffset, hash);
    key.CopyTo(bytes + kKeyOffset);
    value_.CopyIn(bytes + value_offset_, value);
  }

  const Chains* AllocateChains(int bits) {
    const uint64_t bytes = uint64_t{sizeof(uint32_t)} << bits;
    if (bytes > std::numeric_limits<std::size_t>::max()) return nullptr;
    void* const heads = memory_.Allocate(bytes, P::kCacheLineSize);
    if (heads == nullptr) return nullptr;
    Chains& chains = chains_[chains_count_++];
    chains.bits = bits;
    chains.heads = static_cast<uint32_t*>(heads);
    return &chains;
  }
  // Cuts the chain that starts with `slot` into those of `grown`.
  // REQUIRES: all shards are locked, inside a WriteSection.
  void Cut(uint32_t slot, const Chains& grown) {
    uint64_t chain = grown.count();  // of the slot before, if there is one
    while (slot != 0) {
      const uint32_t next = LoadLink(NextOf(slot));
      const uint64_t next_chain =
          next == 0 ? grown.count() : uint64_t{grown.Of(HashIn(next))};
      const uint64_t own_chain = grown.Of(HashIn(slot));
      if (own_chain != chain) StoreLink(&grown.heads[own_chain], slot);
      if (own_chain != next_chain) StoreLink(NextOf(slot), 0);
      chain = own_chain;
      slot = next;
    }
  }

  typename P::Memory& memory_;
  const uint32_t key_size_;
  const ValueLayout value_;
  const std::size_t value_offset_;
  const std::conditional_t<kIsSmall<P>, SmallHashFunction, HashFunction> hash_;

  Arena<P> arena_;
  std::byte* attached_ = nullptr;
  Shards shards_;
  SegmentedSlots<P> slots_;
  std::atomic<const Chains*> current_{nullptr};
  Chains chains_[kMaxChains];
  int chains_count_ = 1;
  Freelist freelist_;
};

template <Profile P>
bool ChainTable<P>::NextKey(const void* key, void* next) const {
  uint32_t from = 0;  // the hash where a chain begins
  if (key != nullptr) {
    const AnyKey any_key(key, key_size_);
    const uint32_t hash = Hash(any_key);
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    if (const SlotRef ref = LookLocked(shard, hash, any_key)) {
      const SlotRef after = RefAfter(NextOf(ref.slot));
      if (after) {
        if (next != nullptr) CopyKeyOut(next, after);
        return true;
      }
      const Chains& chains = CurrentChains();
      const uint32_t chain = chains.Of(hash);
      if (chains.IsLast(chain)) return false;
      from = chains.FirstHashAfter(chain);
    }
  }
  EqualHashes found;
  return FindFrom(from, next, &found);
}

template <Profile P>
bool ChainTable<P>::FindFrom(uint32_t from, void* key,
                             EqualHashes* found) const {
  found->count = 0;
  while (true) {
    const Chains& chains = CurrentChains();
    const uint32_t chain = chains.Of(from);
    uint32_t* const head = &chains.heads[chain];
    if (LoadLink(head) != 0) {
      ReaderLock lock(ShardOf(from));
      if (&CurrentChains() != &chains) continue;  // this one was cut
      for (SlotRef ref = RefAfter(head); ref;
           ref = RefAfter(NextOf(ref.slot))) {
        if (!found->Add(ref.slot, HashIn(ref.slot), from)) break;
      }
      if (found->count != 0) {
        if (key != nullptr) CopyKeyOut(key, {nullptr, found->slots[0]});
        return true;
      }
    }
    if (chains.IsLast(chain)) return false;
    from = chains.FirstHashAfter(chain);
  }
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_CHAIN_TABLE_H_
