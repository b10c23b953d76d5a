// SPDX-License-Identifier: Apache-2.0

// PerCpuHashMap: BPF_MAP_TYPE_PERCPU_HASH. Values by key, up to max_entries of
// them, each with a slice of its own for every CPU.
//
// Keys, max_entries, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED and batches are as in
// hash_map.h.
//
// User view: a value is the slices of all possible CPUs, in order, of
// round_up(value_size, 8) bytes each; padding comes back as it was written.
// Commands lock the part of the map that the key is in, lookups as readers.
//
// Program view: a program sees the slice of the CPU that it runs on
// (profiles/cpu.h). Inserting a key sets that slice and makes those of the
// other CPUs zero; updating a present key writes that slice in place. A pointer
// stays on the live slice until the key is deleted; the slice keeps its bytes
// until its memory serves another key. Programs on different CPUs write to
// different cache lines.
//
// UpdateElem checks: the rights of programs (EACCES), null pointers (EFAULT),
// flags beyond BPF_EXIST (EINVAL), BPF_NOEXIST and present (EEXIST), BPF_EXIST
// and absent (ENOENT), absent and full (E2BIG).
//
// Source: Documentation/bpf/map_hash.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_PER_CPU_HASH_MAP_H_
#define BPFMAP_MAPS_PER_CPU_HASH_MAP_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/hash/hash_table.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/maps/internal/per_cpu_elements.h"
#include "bpfmap/maps/internal/per_cpu_slots.h"
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
class PerCpuHashMap final : public MapBase<PerCpuHashMap<P>, P> {
 public:
  using typename MapBase<PerCpuHashMap<P>, P>::Memory;

  // `memory` must outlive the map.
  PerCpuHashMap(const MapDef& def, Memory* memory)
      : MapBase<PerCpuHashMap, P>(def),
        elements_(def.value_size, PossibleCpusOf<P>()),
        table_(*memory, def.key_size,
               internal::ValueLayout(sizeof(Slices),
                                     internal::ValueLayout::kNoLock),
               def.max_entries,
               HasAny(def.map_flags, kZeroSeed) ? 0 : P::RandomSeed()) {}
  explicit PerCpuHashMap(const MapDef& def) requires HasDefaultMemory<P>
      : PerCpuHashMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      a size or max_entries of 0; a flag that per-CPU hash maps do
  //               not have; a NUMA node; what CheckCommon() lists
  //   E2BIG       key and value of more than 4194255 bytes together; a value of
  //               more than 32768 bytes; more than 2^27 entries
  //   EOPNOTSUPP  a lock in the value (EACCES, if programs may not read and
  //               write it; EFAULT, if it is not at a multiple of 4)
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::HashTable<P>::MemoryNeeded(def.key_size, sizeof(Slices),
                                                def.max_entries) +
           ElementsSize(def);
  }

  // The program view.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr) return nullptr;
    if constexpr (kIsSmall<P>) {
      return Find(key, CurrentCpuOf<P>());
    } else {
      return Dispatch(
          key, [&](auto& table, auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE -> void* {
            return FindOwn(table, k);
          });
    }
  }

  // The slice of CPU `cpu`; null if there is no such key or no such CPU.
  void* LookupPerCpuElem(const void* key, uint32_t cpu) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr) return nullptr;
    if (cpu >= static_cast<uint32_t>(slots().cpus())) return nullptr;
    return Find(key, static_cast<int>(cpu));
  }

  static constexpr MapTraits kTraits{.has_buckets = true};

 private:
  using Slices = typename internal::PerCpuElements<P>::Offset;

  friend MapBase<PerCpuHashMap, P>;
  using MapBase<PerCpuHashMap, P>::def_;
  using MapBase<PerCpuHashMap, P>::rights_;

  // For MapBase.
  bool Allocate() {
    return table_.Visit([&](auto& table) {
      if (!table.Init(def_.max_entries, ElementsSize(def_))) return false;
      elements_.Init(table.attached(), def_.max_entries);
      return true;
    });
  }
  uint64_t UserValueSize() const { return elements_.slots().user_value_size(); }
  Errno Read(const void* key, void* value, ElemFlags);
  template <View view>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Put(const void* key, const void* value,
                                         ElemFlags flags) {
    return Dispatch(key, [&](auto& table, auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE {
      return flags == kAny ? PutFast(table, view, k, value)
                           : PutSlow(table, view, k, value, flags);
    });
  }
  template <View view>
  Errno Remove(const void* key);
  Errno NextKey(const void* key, void* next_key) {
    const bool found = table_.Visit(
        [&](const auto& table) { return table.NextKey(key, next_key); });
    if (!found) return Errno::kNoEnt;
    return next_key == nullptr ? Errno::kFault : Errno::kOk;
  }
  Errno Take(const void* key, void* value, ElemFlags);
  Errno RunBatch(const LookupBatchCall& batch);
  template <typename Change>
  void WithWritersStopped(Change change) {
    table_.Visit([&](auto& table) { table.ApplyAndSynchronize(change); });
  }

  static constexpr uint64_t ElementsSize(const MapDef& def) {
    return internal::PerCpuElements<P>::MemoryNeeded(
        def.value_size, def.max_entries, PossibleCpusOf<P>());
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

  // The slices of the element at `ref`.
  template <typename Table, typename SlotRef>
  ABSL_ATTRIBUTE_ALWAYS_INLINE static Slices SlicesAt(const Table& table,
                                                      const SlotRef& ref) {
    Slices slices;
    table.CopyValueOut(&slices, ref, /*value_lock=*/false);
    return slices;
  }

  // The slice of a key, or null. Where the slices are is read after the table
  // found the key: they may by then be those of a key that took the place of a
  // deleted one, just as the slice may be when it is looked at.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void* Find(const void* key, int cpu) {
    return Dispatch(
        key, [&](auto& table, auto k) ABSL_ATTRIBUTE_ALWAYS_INLINE -> void* {
          const std::byte* const slices = table.Find(k);
          if (slices == nullptr) return nullptr;
          return slots().At(internal::LoadWord<Slices>(slices), cpu);
        });
  }

  // The slice of this thread's CPU: Find() in one piece, which calls nothing if
  // all goes well.
  template <typename Table, typename Key>
  ABSL_ATTRIBUTE_NOINLINE void* FindOwn(Table& table, Key key) {
    Slices slices = 0;
    const std::byte* const found = table.FindAndUse(
        key, [&](const std::byte* value) ABSL_ATTRIBUTE_ALWAYS_INLINE {
          slices = internal::LoadWord<Slices>(value);
        });
    if (found == nullptr) return nullptr;
    const int cpu = KnownCpuOf<P>();
    return cpu >= 0 ? slots().At(slices, cpu) : FirstAt(slices);
  }
  ABSL_ATTRIBUTE_NOINLINE void* FirstAt(Slices slices) {
    return slots().At(slices, CurrentCpuOf<P>());
  }

  // PutSlow has all rules; PutFast has those that are left without flags, and
  // leaves what cannot be done quickly to PutSlow.
  template <typename Table, typename Key>
  ABSL_ATTRIBUTE_NOINLINE Errno PutFast(Table& table, View view, Key key,
                                        const void* value);
  template <typename Table, typename Key>
  ABSL_ATTRIBUTE_NOINLINE Errno PutSlow(Table& table, View view, Key key,
                                        const void* value, ElemFlags flags);

  // Asked under the lock of a shard.
  bool MayChange(View view) const {
    return view == View::kProgram || !rights_.frozen();
  }

  internal::PerCpuSlots<P>& slots() { return elements_.slots(); }

  void Write(View view, Slices slices, const void* value) {
    if (view == View::kUser) {
      slots().CopyAllIn(slices, value);
    } else {
      slots().Write(slices, CurrentCpuOf<P>(), value);
    }
  }
  void Fill(View view, Slices slices, const void* value) {
    if (view == View::kUser) {
      slots().CopyAllIn(slices, value);
    } else {
      slots().Fill(slices, CurrentCpuOf<P>(), value);
    }
  }

  // Inserts a key that is absent from `ref`. Returns false if there is no
  // room.
  template <typename Table, typename Shard, typename SlotRef, typename Hash,
            typename Key>
  bool Insert(Table& table, Shard& shard, View view, const SlotRef& ref,
              Hash hash, Key key, const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    Slices slices;
    return table.InsertMadeLocked(shard, ref, hash, key, [&] {
      slices = elements_.Take();
      Fill(view, slices, value);
      return &slices;
    });
  }

  template <typename Table, typename Shard, typename SlotRef, typename Hash>
  void Erase(Table& table, Shard& shard, const SlotRef& ref, Hash hash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    elements_.GiveBack(SlicesAt(table, ref));
    table.EraseLocked(shard, ref, hash);
  }

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) override {
    const int cpu = CurrentCpuOf<P>();
    return table_.Visit([&](auto& table) {
      return ForEachHashElem(table, visitor, flags, [&](const auto& ref) {
        return slots().At(SlicesAt(table, ref), cpu);
      });
    });
  }

  // Slices belong to the shard of the key that the table holds them for: who
  // writes or copies them holds the shard's lock. (Programs load and store
  // through pointers.)
  internal::PerCpuElements<P> elements_;
  internal::HashTable<P> table_;
};

template <Profile P>
constexpr DefError PerCpuHashMap<P>::Check(const MapDef& def) {
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kPerCpuHash, "type must be PERCPU_HASH"),
      CheckFlags(def,
                 kNoPrealloc | kNumaNode | kRdOnly | kWrOnly | kZeroSeed |
                     kRdOnlyProg | kWrOnlyProg | kTokenFd,
                 "map_flags has a flag that PERCPU_HASH does not take"),
      CheckNoNumaNode(def), CheckHashSizes(def), CheckPerCpuValueSize(def),
      CheckToken(def), CheckHashMaxEntries(def), CheckNameAndNoLock(def));
}

template <Profile P>
Errno PerCpuHashMap<P>::Read(const void* key, void* value, ElemFlags) {
  return Dispatch(key, [&](auto& table, auto k) {
    const auto copy = [&](const auto& ref) {
      slots().CopyAllOut(value, SlicesAt(table, ref));
    };
    if (value != nullptr && table.TryUse(k, copy, [] { return true; })) {
      return Errno::kOk;
    }
    const auto hash = table.Hash(k);
    auto& shard = table.ShardOf(hash);
    ReaderLock lock(shard);
    const auto ref = table.FindLocked(shard, hash, k);
    if (!ref) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    copy(ref);
    return Errno::kOk;
  });
}

template <Profile P>
template <typename Table, typename Key>
Errno PerCpuHashMap<P>::PutFast(Table& table, View view, Key key,
                                const void* value) {
  const bool done = table.TryUse(
      key, [&](const auto& old) { Write(view, SlicesAt(table, old), value); },
      [&] { return MayChange(view); });
  if (done) [[likely]] {
    return Errno::kOk;
  }
  return PutSlow(table, view, key, value, kAny);
}

template <Profile P>
template <typename Table, typename Key>
Errno PerCpuHashMap<P>::PutSlow(Table& table, View view, Key key,
                                const void* value, ElemFlags flags) {
  if (flags > kExist) return Errno::kInval;

  const auto hash = table.Hash(key);
  auto& shard = table.ShardOf(hash);
  do {
    WriterLock lock(shard);
    if (!MayChange(view)) return Errno::kPerm;
    const auto old = table.FindLocked(shard, hash, key);
    if (old && flags == kNoExist) return Errno::kExist;
    if (!old && flags == kExist) return Errno::kNoEnt;
    if (old) {
      Write(view, SlicesAt(table, old), value);
      return Errno::kOk;
    }
    if (Insert(table, shard, view, old, hash, key, value)) return Errno::kOk;
  } while (table.MakeRoom(hash, key));
  return Errno::k2Big;
}

template <Profile P>
template <View view>
Errno PerCpuHashMap<P>::Remove(const void* key) {
  return Dispatch(key, [&]<typename Table>(Table& table, auto k) {
    if constexpr (Table::kHasFastPath) {
      bool found = false;
      const auto drop = [&](const auto& ref) {
        elements_.GiveBack(SlicesAt(table, ref));
      };
      if (table.TryErase(k, &found, drop, [&] { return MayChange(view); })) {
        return found ? Errno::kOk : Errno::kNoEnt;
      }
    }
    const auto hash = table.Hash(k);
    auto& shard = table.ShardOf(hash);
    WriterLock lock(shard);
    if (!MayChange(view)) return Errno::kPerm;
    const auto ref = table.FindLocked(shard, hash, k);
    if (!ref) return Errno::kNoEnt;
    Erase(table, shard, ref, hash);
    return Errno::kOk;
  });
}

template <Profile P>
Errno PerCpuHashMap<P>::Take(const void* key, void* value, ElemFlags) {
  return Dispatch(key, [&](auto& table, auto k) {
    const auto hash = table.Hash(k);
    auto& shard = table.ShardOf(hash);
    WriterLock lock(shard);
    if (rights_.frozen()) return Errno::kPerm;
    const auto ref = table.FindLocked(shard, hash, k);
    if (!ref) return Errno::kNoEnt;
    if (value != nullptr) slots().CopyAllOut(value, SlicesAt(table, ref));
    Erase(table, shard, ref, hash);
    return value == nullptr ? Errno::kFault : Errno::kOk;
  });
}

template <Profile P>
Errno PerCpuHashMap<P>::RunBatch(const LookupBatchCall& batch) {
  return table_.Visit([&](auto& table) {
    const HashBatchElements elements(
        def_.key_size, slots().user_value_size(),
        [&](void* value, const auto& ref) {
          slots().CopyAllOut(value, SlicesAt(table, ref));
        },
        [&](const auto& ref) { elements_.GiveBack(SlicesAt(table, ref)); });
    return RunHashBatchByRuns(table, rights_, elements, batch);
  });
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PER_CPU_HASH_MAP_H_
