// SPDX-License-Identifier: Apache-2.0

// HashMap: BPF_MAP_TYPE_HASH. Values by key, up to max_entries of them.
//
// Keys are any bytes. max_entries is exact: E2BIG never comes while there is
// room, and a delete gives its place back at once. BPF_F_NO_PREALLOC is taken
// and changes nothing here: memory that no element ever used is reserved, but
// not touched, with or without it. The hash function starts from a random seed,
// or from 0 with BPF_F_ZERO_SEED; it is not Linux's, so the order of a walk
// is another one.
//
// Program view: a pointer shows the element that it was given for until that
// element is replaced or deleted. An update of a present key puts a new element
// in place (a pointer to the old one keeps showing the old value), except with
// BPF_F_LOCK, which writes in place. A replaced or deleted element keeps its
// bytes until its memory serves another one. Resize() moves nothing.
//
// UpdateElem checks: the rights of programs (EACCES), null pointers (EFAULT),
// flags beyond BPF_EXIST, BPF_F_LOCK without a lock in the
// value (EINVAL), BPF_NOEXIST and present (EEXIST), BPF_EXIST and absent
// (ENOENT), absent and full (E2BIG).
//
// Batches: a position is 4 bytes, the number of a bucket, and the elements of
// one bucket come together or not at all (ENOSPC, or a smaller *count).
//
// Source: Documentation/bpf/map_hash.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_HASH_MAP_H_
#define BPFMAP_MAPS_HASH_MAP_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/hash/hash_table.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/hash_batch.h"
#include "bpfmap/maps/internal/rules/hash_for_each.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class HashMap final : public MapBase<HashMap<P>, P> {
 public:
  using typename MapBase<HashMap<P>, P>::Memory;

  // `memory` must outlive the map.
  HashMap(const MapDef& def, Memory* memory)
      : MapBase<HashMap, P>(def),
        table_(*memory, def.key_size,
               internal::ValueLayout(def.value_size, def.spin_lock_offset,
                                     def.timer_offset),
               def.max_entries,
               HasAny(def.map_flags, kZeroSeed) ? 0 : P::RandomSeed()) {}
  explicit HashMap(const MapDef& def) requires HasDefaultMemory<P>
      : HashMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL  a size or max_entries of 0; a flag that hash maps do not have;
  //           what CheckCommon() lists
  //   E2BIG   key and value of more than 4194255 bytes together; more than
  //           2^27 entries
  //   EFAULT  a lock that is not at a multiple of 4 in the value
  //   EACCES  a lock in a value that programs may not read and write
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::HashTable<P>::MemoryNeeded(def.key_size, def.value_size,
                                                def.max_entries);
  }

  // Init() for a map of another type that is built on this one and has limits
  // of its own.
  using MapBase<HashMap<P>, P>::InitUnchecked;

  // Sets max_entries. Every element, and every pointer to one, stays as it is.
  // A walk that spans it, by GetNextKey or by LookupBatch, misses no key and
  // shows none twice. Batches of a map that grew need more room: its buckets do
  // not grow in number.
  //   EPERM   no right to write; the map is frozen
  //   EINVAL  max_entries is 0
  //   E2BIG   more elements than that are there, or more than 2^27 entries;
  //           nothing has changed
  //   ENOMEM  no memory; nothing has changed
  Errno Resize(uint32_t max_entries) requires P::kResizable {
    WriterLock lock(resize_lock_);
    if (!rights_.may_write()) return Errno::kPerm;
    MapDef resized = def_;
    resized.max_entries = max_entries;
    const DefError check = Check(resized);
    if (check.failed()) return check.error;
    return table_.Visit([&](auto& table) {
      if (max_entries > table.max_entries() && !table.Grow(max_entries)) {
        return Errno::kNoMem;
      }
      return table.SetMaxEntries(max_entries) ? Errno::kOk : Errno::k2Big;
    });
  }

  // The program view.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    return key == nullptr ? nullptr : Find(key);
  }
  // The same for maps that are built on this one: the first word of the value
  // that was found, or 0.
  template <typename Word>
  Word LookupWord(const void* key) {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr) return Word{};
    return Dispatch(key, [&](auto& table, auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE {
      return FindWord<Word>(table, k);
    });
  }

  static constexpr MapTraits kTraits{.has_buckets = true};

 private:
  static_assert(internal::ValueLayout::kNoLock == kNoSpinLock);
  static_assert(internal::ValueLayout::kNoTimer == kNoTimer);

  friend MapBase<HashMap, P>;
  using MapBase<HashMap, P>::def_;
  using MapBase<HashMap, P>::rights_;

  // For MapBase. Calls for each element are inlined: MapBase has the
  // checks, and the parts of the table are functions.
  bool Allocate() {
    return table_.Visit(
        [&](auto& table) { return table.Init(def_.max_entries); });
  }
  uint32_t CurrentMaxEntries() const {
    return table_.Visit([](const auto& table) { return table.max_entries(); });
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Read(const void* key, void* value,
                                          ElemFlags flags) {
    if (value == nullptr) {
      return Find(key) != nullptr ? Errno::kFault : Errno::kNoEnt;
    }
    const bool found = Dispatch(key, [&](auto& table, auto k) {
      return table.Read(k, value, HasAny(flags, kLock));
    });
    return found ? Errno::kOk : Errno::kNoEnt;
  }
  template <View view>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Put(const void* key, const void* value,
                                         ElemFlags flags) {
    if constexpr (kIsSmall<P>) {
      return PutSmall(view, key, value, flags);
    } else {
      return Dispatch(
          key, [&](auto& table, auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE {
            return flags <= kExist ? PutFast<view>(table, k, value, flags)
                                   : PutSlow(table, view, k, value, flags);
          });
    }
  }
  template <View view>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Remove(const void* key) {
    if constexpr (kIsSmall<P>) {
      return RemoveSmall(view, key, /*value=*/nullptr, /*value_lock=*/false);
    } else {
      return Dispatch(key,
                      [&](auto& table, auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE {
                        return RemoveFast<view>(table, k);
                      });
    }
  }
  Errno NextKey(const void* key, void* next_key) {
    const bool found = table_.Visit(
        [&](const auto& table) { return table.NextKey(key, next_key); });
    if (!found) return Errno::kNoEnt;
    return next_key == nullptr ? Errno::kFault : Errno::kOk;
  }
  Errno Take(const void* key, void* value, ElemFlags flags) {
    const bool value_lock = HasAny(flags, kLock);
    Errno error;
    if constexpr (kIsSmall<P>) {
      error = RemoveSmall(View::kUser, key, value, value_lock);
    } else {
      error = Dispatch(key, [&](auto& table, auto k) {
        return TakeFrom(table, k, value, value_lock);
      });
    }
    return error == Errno::kOk && value == nullptr ? Errno::kFault : error;
  }
  Errno RunBatch(const LookupBatchCall& batch);
  template <typename Change>
  void WithWritersStopped(Change change) {
    table_.Visit([&](auto& table) {
      if constexpr (P::kResizable) {
        WriterLock lock(resize_lock_);
        table.ApplyAndSynchronize(change);
      } else {
        table.ApplyAndSynchronize(change);
      }
    });
  }

  // Calls visitor(table, key) with the table and the kind of key at hand.
  // Always inlined, as the visitors are: what they capture stays in registers.
  template <typename Visitor>
  ABSL_ATTRIBUTE_ALWAYS_INLINE auto Dispatch(const void* key, Visitor visitor) {
    return table_.Visit([&](auto& table) ABSL_ATTRIBUTE_ALWAYS_INLINE {
      return internal::DispatchKey<P>(key, def_.key_size,
                                      [&](auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE {
                                        return visitor(table, k);
                                      });
    });
  }

  void* Find(const void* key) {
    return table_.Visit([&](auto& table) ABSL_ATTRIBUTE_ALWAYS_INLINE {
      return internal::DispatchLookupKey<P>(
          key, def_.key_size,
          [&](auto k)
              ABSL_ATTRIBUTE_ALWAYS_INLINE -> void* { return table.Find(k); });
    });
  }
  template <typename Word, typename Table, typename Key>
  ABSL_ATTRIBUTE_NOINLINE static Word FindWord(Table& table, Key key) {
    Word word{};
    const std::byte* const found = table.FindAndUse(
        key, [&](const std::byte* value) ABSL_ATTRIBUTE_ALWAYS_INLINE {
          word = internal::LoadWord<Word>(value);
        });
    return found == nullptr ? Word{} : word;
  }
  // Asked under the lock of the shard.
  bool MayChange(View view) const {
    return view == View::kProgram || !rights_.frozen();
  }

  // PutByRules and RemoveByRules have all rules. PutFast and RemoveFast do what
  // the table can do quickly, and leave the rest to them.
  template <View view, typename Table, typename Key>
  ABSL_ATTRIBUTE_NOINLINE Errno PutFast(Table& table, Key key,
                                        const void* value, ElemFlags flags);
  template <typename Table, typename Key>
  ABSL_ATTRIBUTE_NOINLINE Errno PutSlow(Table& table, View view, Key key,
                                        const void* value, ElemFlags flags) {
    return PutByRules(table, view, key, value, flags);
  }
  template <typename Table, typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno PutByRules(Table& table, View view,
                                                Key key, const void* value,
                                                ElemFlags flags);
  template <View view, typename Table, typename Key>
  ABSL_ATTRIBUTE_NOINLINE Errno RemoveFast(Table& table, Key key);
  template <typename Table, typename Key>
  ABSL_ATTRIBUTE_NOINLINE Errno RemoveSlow(Table& table, View view, Key key) {
    return RemoveByRules(table, view, key, /*value=*/nullptr,
                         /*value_lock=*/false);
  }
  // Copies the value to `value`, if that is not null.
  template <typename Table, typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno RemoveByRules(Table& table, View view,
                                                   Key key, void* value,
                                                   bool value_lock);

  // Where there is one path, of which there is one copy.
  ABSL_ATTRIBUTE_NOINLINE Errno PutSmall(View view, const void* key,
                                         const void* value, ElemFlags flags) {
    return Dispatch(key, [&](auto& table, auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE {
      return PutByRules(table, view, k, value, flags);
    });
  }
  ABSL_ATTRIBUTE_NOINLINE Errno RemoveSmall(View view, const void* key,
                                            void* value, bool value_lock) {
    return Dispatch(key, [&](auto& table, auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE {
      return RemoveByRules(table, view, k, value, value_lock);
    });
  }

  // Removes the key, and copies its value out as RemoveByRules does.
  template <typename Table, typename Key>
  Errno TakeFrom(Table& table, Key key, void* value, bool value_lock);

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) override {
    return table_.Visit([&](auto& table) {
      return ForEachHashElem(table, visitor, flags, [&](const auto& ref) {
        return table.ValueOf(ref);
      });
    });
  }

  internal::HashTable<P> table_;
  typename P::Lock resize_lock_;  // one Resize or Freeze at a time
};

template <Profile P>
constexpr DefError HashMap<P>::Check(const MapDef& def) {
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kHash, "type must be HASH"),
      CheckFlags(def,
                 kNoPrealloc | kNumaNode | kRdOnly | kWrOnly | kZeroSeed |
                     kRdOnlyProg | kWrOnlyProg | kTokenFd,
                 "map_flags has a flag that HASH does not take"),
      CheckHashSizes(def), CheckToken(def), CheckHashMaxEntries(def),
      CheckNameAndLock(def));
}

template <Profile P>
template <View view, typename Table, typename Key>
Errno HashMap<P>::PutFast(Table& table, Key key, const void* value,
                          ElemFlags flags) {
  [[maybe_unused]] const auto allowed = [&](bool present) {
    return MayChange(view) && flags != (present ? kNoExist : kExist);
  };
  if constexpr (Table::kHasFastPath) {
    if (table.TryPut(key, value, allowed)) [[likely]] {
      return Errno::kOk;
    }
  }
  return PutSlow(table, view, key, value, flags);
}

template <Profile P>
template <typename Table, typename Key>
inline Errno HashMap<P>::PutByRules(Table& table, View view, Key key,
                                    const void* value, ElemFlags flags) {
  if ((flags & ~kLock) > kExist) return Errno::kInval;
  const bool value_lock = HasAny(flags, kLock);
  if (value_lock && def_.spin_lock_offset == kNoSpinLock) return Errno::kInval;

  const auto hash = table.Hash(key);
  auto& shard = table.ShardOf(hash);
  do {
    WriterLock lock(shard);
    if (!MayChange(view)) return Errno::kPerm;
    const auto old = table.FindLocked(shard, hash, key);
    if (old && HasAny(flags, kNoExist)) return Errno::kExist;
    if (!old && HasAny(flags, kExist)) return Errno::kNoEnt;
    if (old && value_lock) {
      table.OverwriteLocked(shard, old, value);
      return Errno::kOk;
    }
    if (table.PutLocked(shard, old, hash, key, value)) return Errno::kOk;
  } while (table.MakeRoom(hash, key));
  return Errno::k2Big;
}

template <Profile P>
template <View view, typename Table, typename Key>
Errno HashMap<P>::RemoveFast(Table& table, Key key) {
  if constexpr (Table::kHasFastPath) {
    bool found = false;
    if (table.TryErase(
            key, &found, [](const auto&) {}, [&] { return MayChange(view); }))
        [[likely]] {
      return found ? Errno::kOk : Errno::kNoEnt;
    }
  }
  return RemoveSlow(table, view, key);
}

template <Profile P>
template <typename Table, typename Key>
inline Errno HashMap<P>::RemoveByRules(Table& table, View view, Key key,
                                       void* value, bool value_lock) {
  const auto hash = table.Hash(key);
  auto& shard = table.ShardOf(hash);
  WriterLock lock(shard);
  if (!MayChange(view)) return Errno::kPerm;
  const auto ref = table.FindLocked(shard, hash, key);
  if (!ref) return Errno::kNoEnt;
  if (value != nullptr) table.CopyValueOut(value, ref, value_lock);
  table.EraseLocked(shard, ref, hash);
  return Errno::kOk;
}

template <Profile P>
template <typename Table, typename Key>
Errno HashMap<P>::TakeFrom(Table& table, Key key, void* value,
                           bool value_lock) {
  if constexpr (Table::kHasFastPath) {
    const auto copy = [&](const auto& ref) {
      if (value != nullptr) table.CopyValueOut(value, ref, value_lock);
    };
    bool found = false;
    // A value's own lock may be held for long.
    if (!value_lock && table.TryErase(key, &found, copy,
                                      [&] { return MayChange(View::kUser); })) {
      return found ? Errno::kOk : Errno::kNoEnt;
    }
  }
  return RemoveByRules(table, View::kUser, key, value, value_lock);
}

template <Profile P>
Errno HashMap<P>::RunBatch(const LookupBatchCall& batch) {
  return table_.Visit([&](auto& table) {
    const HashBatchElements elements(
        def_.key_size, def_.value_size,
        [&](void* value, const auto& ref) {
          table.CopyValueOut(value, ref, batch.value_lock());
        },
        [](const auto&) {});
    return RunHashBatchByRuns(table, rights_, elements, batch);
  });
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_HASH_MAP_H_
