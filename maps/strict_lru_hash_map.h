// SPDX-License-Identifier: Apache-2.0

// StrictLruHashMap: LRU_HASH of a profile that has no room for Linux's order,
// such as Embedded, in LruOrder::kStrict. Use it by its other name, LruHashMap:
// lru_hash_map.h has the rules.
//
//   ChainTable   the elements, in one shard
//   LinkedLru    their order, under the shard's lock
//
// It takes 8 bytes more for each element than a hash map. Every call but a
// lookup of a user takes the lock for a bounded time: a lookup of a program,
// which is a use, for as long as it takes to find the key.
//
// Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_STRICT_LRU_HASH_MAP_H_
#define BPFMAP_MAPS_STRICT_LRU_HASH_MAP_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/hash/chain_table.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/maps/internal/lru/linked_lru.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/hash_batch.h"
#include "bpfmap/maps/internal/rules/hash_for_each.h"
#include "bpfmap/maps/internal/rules/lru_def.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lru_options.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class StrictLruHashMap final : public MapBase<StrictLruHashMap<P>, P> {
  static_assert(kHasLru<P>,
                "LRU maps are for profiles with lazy memory and Resize(), or "
                "with one lock stripe: see the top of maps/lru_hash_map.h");

 public:
  using typename MapBase<StrictLruHashMap<P>, P>::Memory;

  // `memory` must outlive the map. Init() refuses Linux's order: ENOTSUPP.
  StrictLruHashMap(const MapDef& def, Memory* memory,
                   const LruOptions& options = {.order = LruOrder::kStrict})
      : MapBase<StrictLruHashMap, P>(
            WithRoundedLruSize(def, PossibleCpusOf<P>())),
        options_(options),
        table_(*memory, def.key_size,
               internal::ValueLayout(def.value_size,
                                     internal::ValueLayout::kNoLock,
                                     def.timer_offset),
               def_.max_entries,
               HasAny(def.map_flags, kZeroSeed) ? 0 : P::RandomSeed()) {}
  explicit StrictLruHashMap(
      const MapDef& def,
      const LruOptions& options = {.order = LruOrder::kStrict}) requires
      HasDefaultMemory<P>
      : StrictLruHashMap(def, &P::DefaultMemory(), options) {}

  // As LruMap's.
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return CheckLruDef(def, MapType::kLruHash);
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    const uint32_t entries =
        WithRoundedLruSize(def, PossibleCpusOf<P>()).max_entries;
    return Table::MemoryNeeded(def.key_size, def.value_size, entries) +
           OrderSize(entries);
  }

  // The program view. A lookup is a use.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr) return nullptr;
    return DispatchKey(key, [&](auto k) -> void* {
      const auto hash = table_.Hash(k);
      auto& shard = table_.ShardOf(hash);
      WriterLock lock(shard);
      const SlotRef ref = table_.FindLocked(shard, hash, k);
      if (!ref) return nullptr;
      order_.Touch(ref.slot);
      return table_.ValueOf(ref);
    });
  }

  static constexpr MapTraits kTraits{.has_buckets = true};

 private:
  using Table = internal::ChainTable<P>;
  using SlotRef = typename Table::SlotRef;
  using Shard = typename Table::Shard;

  friend MapBase<StrictLruHashMap, P>;
  using MapBase<StrictLruHashMap, P>::def_;
  using MapBase<StrictLruHashMap, P>::rights_;

  // For MapBase.
  Errno Create() {
    const DefError check = Check(def_);
    if (check.failed()) return check.error;
    if (options_.order != LruOrder::kStrict) return Errno::kNotSupp;
    return this->CreateUnchecked();
  }
  bool Allocate() {
    if (!table_.Init(def_.max_entries, OrderSize(def_.max_entries))) {
      return false;
    }
    order_.Init(table_.attached());
    return true;
  }
  Errno Read(const void* key, void* value, ElemFlags) {
    return DispatchKey(key, [&](auto k) {
      if (value == nullptr) {
        return table_.Find(k) != nullptr ? Errno::kFault : Errno::kNoEnt;
      }
      return table_.Read(k, value, /*value_lock=*/false) ? Errno::kOk
                                                         : Errno::kNoEnt;
    });
  }
  template <View view>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    return Put(view, key, value, flags);
  }
  template <View view>
  Errno Remove(const void* key) {
    return Remove(view, key, [](const SlotRef&) { return Errno::kOk; });
  }
  Errno NextKey(const void* key, void* next_key) {
    if (!table_.NextKey(key, next_key)) return Errno::kNoEnt;
    return next_key == nullptr ? Errno::kFault : Errno::kOk;
  }
  Errno Take(const void* key, void* value, ElemFlags) {
    return Remove(View::kUser, key, [&](const SlotRef& ref) {
      if (value == nullptr) return Errno::kFault;
      table_.CopyValueOut(value, ref, /*value_lock=*/false);
      return Errno::kOk;
    });
  }
  Errno RunBatch(const LookupBatchCall& batch);
  template <typename Change>
  void WithWritersStopped(Change change) {
    table_.ApplyAndSynchronize(change);
  }

  static constexpr uint64_t OrderSize(uint32_t entries) {
    return internal::Arena<P>::AlignedSize(
        internal::LinkedLru::MemoryNeeded(Table::SlotCount(entries)));
  }

  template <typename Visitor>
  auto DispatchKey(const void* key, Visitor visitor) {
    return internal::DispatchKey<P>(key, def_.key_size, visitor);
  }

  Errno Put(View view, const void* key, const void* value, ElemFlags flags);
  // Deletes the key, after visitor(ref). Returns what that says.
  template <typename Visitor>
  Errno Remove(View view, const void* key, Visitor visitor);

  // Makes room for one element. REQUIRES: there is one.
  void EvictOldest(Shard& shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const SlotRef ref = table_.RefLocked(shard, order_.oldest());
    options_.on_eviction(table_.KeyOf(ref), table_.ValueOf(ref));
    order_.Remove(ref.slot);
    table_.EraseLocked(shard, ref);
  }

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) override {
    return ForEachHashElem(table_, visitor, flags, [&](const SlotRef& ref) {
      return table_.ValueOf(ref);
    });
  }

  const LruOptions options_;
  Table table_;
  internal::LinkedLru order_;  // guarded by the lock of the only shard
};

template <Profile P>
Errno StrictLruHashMap<P>::Put(View view, const void* key, const void* value,
                               ElemFlags flags) {
  if (flags > kExist) return Errno::kInval;
  return DispatchKey(key, [&](auto k) {
    const auto hash = table_.Hash(k);
    auto& shard = table_.ShardOf(hash);
    WriterLock lock(shard);
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    while (true) {
      const SlotRef ref = table_.FindLocked(shard, hash, k);
      if (ref && flags == kNoExist) return Errno::kExist;
      if (!ref && flags == kExist) return Errno::kNoEnt;
      if (ref) order_.Remove(ref.slot);
      const uint32_t slot = table_.PutLocked(shard, ref, hash, k, value);
      if (slot != 0) {
        order_.AddNewest(slot);
        return Errno::kOk;
      }
      EvictOldest(shard);
    }
  });
}

template <Profile P>
template <typename Visitor>
Errno StrictLruHashMap<P>::Remove(View view, const void* key, Visitor visitor) {
  return DispatchKey(key, [&](auto k) {
    const auto hash = table_.Hash(k);
    auto& shard = table_.ShardOf(hash);
    WriterLock lock(shard);
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    const SlotRef ref = table_.FindLocked(shard, hash, k);
    if (!ref) return Errno::kNoEnt;
    const Errno error = visitor(ref);
    order_.Remove(ref.slot);
    table_.EraseLocked(shard, ref);
    return error;
  });
}

template <Profile P>
Errno StrictLruHashMap<P>::RunBatch(const LookupBatchCall& batch) {
  const HashBatchElements elements(
      def_.key_size, def_.value_size,
      [&](void* value, const SlotRef& ref) {
        table_.CopyValueOut(value, ref, /*value_lock=*/false);
      },
      [&](const SlotRef& ref) { order_.Remove(ref.slot); });
  return RunHashBatch(
      table_, batch,
      [&](uint32_t bucket, uint32_t done, uint32_t room, uint32_t* copied) {
        return CopyHashBucket(table_, rights_, elements, batch, bucket, done,
                              room, copied);
      });
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_STRICT_LRU_HASH_MAP_H_
