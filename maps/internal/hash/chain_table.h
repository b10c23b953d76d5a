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
// Keys are in the order of their hashes (the high half of them), and where
// these are equal, of their bytes. The range of hashes is divided evenly into
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
        value_offset_(kKeyOffset + RoundUp8(key_size)),
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
  uint64_t Hash(Key key) const {
    return key.Hash(hash_);
  }
  Shard& ShardOf(uint64_t hash) const {
    return shards_.Of((Kept(hash) * shards_.count()) >> kKeptBits);
  }

  // A pointer to the value of `key`, or null.
  template <typename Key>
  std::byte* Find(Key key) const {
    return FindAndUse(key, [](const std::byte*) {});
  }

  // The same, and calls use(value) on the way, maybe more than once: the last
  // call sees the value of the key as some update left it, earlier ones may see
  // anything.
  template <typename Key, typename Use>
  std::byte* FindAndUse(Key key, Use use) const {
    const uint64_t hash = Hash(key);
    Shard& shard = ShardOf(hash);
    uint32_t slot = 0;
    const bool sound = shard.TryRead([&](uint32_t version) {
      slot = Walk(shard, version, hash, key).slot;
      if (slot != 0) use(ValueOf(slot));
    });
    if (!sound) {
      ReaderLock lock(shard);
      slot = FindLocked(shard, hash, key).slot;
      if (slot != 0) use(ValueOf(slot));
    }
    return slot == 0 ? nullptr : ValueOf(slot);
  }

  // Copies the value of `key` to `value` as one whole; holding the value's own
  // lock if `value_lock`. Returns false, and leaves `value` alone, if the key
  // is absent.
  template <typename Key>
  bool Read(Key key, void* value, bool value_lock) const {
    const uint64_t hash = Hash(key);
    Shard& shard = ShardOf(hash);
    // A copy may be found to be a mixture, and the key to be gone by then, so
    // it cannot go to the caller at once. Large values wait for the lock.
    if (value_.size() <= kCopySize && !value_lock) {
      alignas(8) std::byte copy[kCopySize];
      uint32_t slot = 0;
      const bool sound = shard.TryRead([&](uint32_t version) {
        slot = Walk(shard, version, hash, key).slot;
        if (slot != 0) value_.CopyOut(copy, ValueOf(slot));
      });
      if (sound) {
        if (slot != 0) std::memcpy(value, copy, value_.size());
        return slot != 0;
      }
    }
    ReaderLock lock(shard);
    const SlotRef ref = FindLocked(shard, hash, key);
    if (ref) CopyValueOut(value, ref, value_lock);
    return static_cast<bool>(ref);
  }

  template <typename Key>
  SlotRef FindLocked(Shard& shard, uint64_t hash, Key key) const
      ABSL_SHARED_LOCKS_REQUIRED(shard) {
    return Walk(shard, shard.version(), hash, key);
  }

  // As GroupTable's.
  template <typename Key, typename Allowed>
  bool TryPut(Key key, const void* value, Allowed allowed) {
    const uint64_t hash = Hash(key);
    Shard& shard = ShardOf(hash);
    WriterLock lock(shard);
    const SlotRef ref = FindLocked(shard, hash, key);
    if (!allowed(static_cast<bool>(ref))) return false;
    if (!ref) return InsertLocked(shard, ref, hash, key, value);
    ReplaceLocked(shard, ref, hash, key, value);
    return true;
  }
  template <typename Key, typename Use, typename Allowed>
  bool TryErase(Key key, bool* found, Use use, Allowed allowed) {
    const uint64_t hash = Hash(key);
    Shard& shard = ShardOf(hash);
    WriterLock lock(shard);
    if (!allowed()) return false;
    const SlotRef ref = FindLocked(shard, hash, key);
    *found = static_cast<bool>(ref);
    if (!ref) return true;
    use(ref);
    EraseLocked(shard, ref, hash);
    return true;
  }
  template <typename Key, typename Use, typename Allowed>
  bool TryUse(Key key, Use use, Allowed allowed) {
    const uint64_t hash = Hash(key);
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

  // Puts a new element with `value` where the old one was.
  template <typename Key>
  void ReplaceLocked(Shard& shard, const SlotRef& old, uint64_t hash, Key key,
                     const void* value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    if (shard.spare == 0) shard.spare = freelist_.Take(*this);
    const uint32_t fresh = shard.spare;
    WriteSection<P> write(shard);
    Fill(fresh, hash, key, value, LoadLink(NextOf(old.slot)));
    StoreLink(old.link, fresh);
    shard.spare = old.slot;
  }

  // Inserts a key that is absent. Returns false if the table is full.
  template <typename Key>
  bool InsertLocked(Shard& shard, const SlotRef& ref, uint64_t hash, Key key,
                    const void* value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    return InsertMadeLocked(shard, ref, hash, key, [=] { return value; });
  }
  // The same, with the value at make_value(), which is called if there is room.
  template <typename Key, typename MakeValue>
  bool InsertMadeLocked(Shard& shard, const SlotRef&, uint64_t hash, Key key,
                        MakeValue make_value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const uint32_t fresh = freelist_.TakeForElement(*this);
    if (fresh == Freelist::kNone) return false;
    const void* const value = make_value();
    WriteSection<P> write(shard);
    Fill(fresh, hash, key, value, /*next=*/0);
    const SlotRef next = FirstNotBefore(fresh, HeadOf(CurrentChains(), hash));
    StoreLink(NextOf(fresh), next.slot);
    StoreLink(next.link, fresh);
    return true;
  }

  // Writes `value` over the present one, holding the value's own lock.
  // REQUIRES: values have a lock.
  void OverwriteLocked(Shard& shard, const SlotRef& ref, const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    WriteSection<P> write(shard);
    value_.CopyInLocked(ValueOf(ref.slot), value);
  }

  void EraseLocked(Shard& shard, const SlotRef& ref, uint64_t)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    WriteSection<P> write(shard);
    const uint32_t next = LoadLink(NextOf(ref.slot));
    // First: a thread that sees that the key is gone finds room. A walk sees it
    // from the head of the chain alone.
    freelist_.GiveBackElement(*this, ref.slot);
    StoreLink(ref.link, next);
  }

  // For GroupTable's sake: here InsertLocked has the last word.
  template <typename Key>
  bool MakeRoom(uint64_t, Key) {
    return false;
  }

  // Walking. A bucket is a part of the range of hashes, of one chain or, once
  // the table grew, several.

  // How many buckets there are, for good: as many as Linux has.
  uint64_t bucket_count() const { return chains_[0].count(); }
  Shard& ShardOfBucket(uint64_t bucket) const {
    return ShardOf(FirstHash(bucket) << kKeptBits);
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
        EraseLocked(shard, ref, FirstHash(bucket));
      }
    });
  }

  // Copies the key that follows `key` to `next`, which may be the same memory,
  // or null; the first key if `key` is null or absent. Returns false if there
  // is none.
  bool NextKey(const void* key, void* next) const;

  // Parts of an element.

  std::byte* KeyOf(const SlotRef& ref) const {
    return At(ref.slot) + kKeyOffset;
  }
  std::byte* ValueOf(const SlotRef& ref) const { return ValueOf(ref.slot); }
  uint64_t HashOf(const SlotRef& ref) const {
    return hash_(KeyOf(ref), key_size_);
  }

  void CopyKeyOut(void* key, const SlotRef& ref) const {
    LoadBytes(key, At(ref.slot) + kKeyOffset, key_size_);
  }

  // Runs `change` while no other thread holds the lock of any shard.
  template <typename Change>
  void ApplyAndSynchronize(Change change) {
    shards_.WithAllLocked(change);
  }

  uint32_t max_entries() const { return freelist_.limit(); }

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

  // A slot keeps the part of the hash that orders keys.
  static constexpr int kKeptBits = 32;
  static uint64_t Kept(uint64_t hash) { return hash >> kKeptBits; }

  // 2^bits chains. Never changes once it is current. Those that are not stay
  // until the end, for readers that have not noticed yet.
  struct Chains {
    int bits = 0;
    uint32_t* heads = nullptr;  // slot numbers; touched through links only

    uint64_t count() const { return uint64_t{1} << bits; }
    // The chain of a hash, as slots keep it; and the first hash of a chain.
    uint64_t Of(uint64_t kept) const { return kept >> (kKeptBits - bits); }
    uint64_t FirstHash(uint64_t chain) const {
      return chain << (kKeptBits - bits);
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
    return uint64_t{sizeof(uint32_t)} << BitsFor(max_entries);
  }

  static uint32_t LoadLink(const uint32_t* link) {
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
  }
  static void StoreLink(uint32_t* link, uint32_t slot) {
    __atomic_store_n(link, slot, __ATOMIC_RELEASE);
  }

  std::byte* At(uint32_t slot) const { return slots_.At(slot - 1); }
  std::byte* ValueOf(uint32_t slot) const { return At(slot) + value_offset_; }
  uint32_t* NextOf(uint32_t slot) const {
    return reinterpret_cast<uint32_t*>(At(slot));
  }
  static SlotRef RefAfter(uint32_t* link) { return {link, LoadLink(link)}; }

  uint32_t KeptIn(uint32_t slot) const {
    return LoadWord<uint32_t>(At(slot) + kHashOffset);
  }

  const Chains& CurrentChains() const {
    return *current_.load(std::memory_order_acquire);
  }
  static uint32_t* HeadOf(const Chains& chains, uint64_t hash) {
    return &chains.heads[chains.Of(Kept(hash))];
  }

  // The first hash of a bucket, as slots keep it. The first chains are the
  // buckets.
  uint64_t FirstHash(uint64_t bucket) const {
    return chains_[0].FirstHash(bucket);
  }
  // Calls visitor(head) for each chain of a bucket.
  template <typename Visitor>
  void ForEachHead(uint64_t bucket, Visitor visitor) const {
    const Chains& chains = CurrentChains();
    const uint64_t end = chains.Of(FirstHash(bucket + 1));
    for (uint64_t chain = chains.Of(FirstHash(bucket)); chain < end; ++chain) {
      visitor(&chains.heads[chain]);
    }
  }

  // Looks for `key`. The result counts if the shard is Validate(version).
  template <typename Key>
  SlotRef Walk(const Shard& shard, uint32_t version, uint64_t hash,
               Key key) const {
    const uint32_t wanted = static_cast<uint32_t>(Kept(hash));
    SlotRef ref = RefAfter(HeadOf(CurrentChains(), hash));
    for (uint32_t steps = 1; ref; ++steps) {
      const std::byte* const slot = At(ref.slot);
      const uint32_t kept = LoadWord<uint32_t>(slot + kHashOffset);
      if (kept == wanted && key.Equals(slot + kKeyOffset)) break;
      if (kept > wanted) return {ref.link, 0};
      if (steps % kStepsBetweenChecks == 0 && !shard.Validate(version)) break;
      ref = RefAfter(NextOf(ref.slot));
    }
    return ref;
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
    const uint32_t a_kept = KeptIn(a), b_kept = KeptIn(b);
    if (a_kept != b_kept) return a_kept < b_kept;
    return std::memcmp(At(a) + kKeyOffset, At(b) + kKeyOffset, key_size_) < 0;
  }

  template <typename Key>
  void Fill(uint32_t slot, uint64_t hash, Key key, const void* value,
            uint32_t next) {
    std::byte* const bytes = At(slot);
    StoreWord(bytes + kHashOffset, static_cast<uint32_t>(Kept(hash)));
    key.CopyTo(bytes + kKeyOffset);
    value_.CopyIn(bytes + value_offset_, value);
    StoreLink(NextOf(slot), next);
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
          next == 0 ? grown.count() : grown.Of(KeptIn(next));
      const uint64_t own_chain = grown.Of(KeptIn(slot));
      if (own_chain != chain) StoreLink(&grown.heads[own_chain], slot);
      if (own_chain != next_chain) StoreLink(NextOf(slot), 0);
      chain = own_chain;
      slot = next;
    }
  }

  typename P::Memory& memory_;
  const uint32_t key_size_;
  const ValueLayout value_;
  const uint64_t value_offset_;
  const HashFunction hash_;

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
  const auto show = [&](const SlotRef& ref) {
    if (next != nullptr) CopyKeyOut(next, ref);
    return true;
  };
  uint64_t from = 0;  // the hash, as slots keep it, where a chain begins
  if (key != nullptr) {
    const AnyKey any_key(key, key_size_);
    const uint64_t hash = Hash(any_key);
    Shard& shard = ShardOf(hash);
    ReaderLock lock(shard);
    if (const SlotRef ref = FindLocked(shard, hash, any_key)) {
      const SlotRef after = RefAfter(NextOf(ref.slot));
      if (after) return show(after);
      const Chains& chains = CurrentChains();
      from = chains.FirstHash(chains.Of(Kept(hash)) + 1);
    }
  }
  while (from < uint64_t{1} << kKeptBits) {
    const Chains& chains = CurrentChains();
    const uint64_t chain = chains.Of(from);
    if (LoadLink(&chains.heads[chain]) != 0) {
      ReaderLock lock(ShardOf(from << kKeptBits));
      if (&CurrentChains() != &chains) continue;  // this one was cut
      const SlotRef first = RefAfter(&chains.heads[chain]);
      if (first) return show(first);
    }
    from = chains.FirstHash(chain + 1);
  }
  return false;
}

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_CHAIN_TABLE_H_
