// SPDX-License-Identifier: Apache-2.0

// LruHashMap: BPF_MAP_TYPE_LRU_HASH. Values by key; in a full map, an update of
// a further key evicts others.
//
// Keys are evicted in one of two orders:
//   kLinux   As in Linux, approximately the one that was used least recently:
//            the same keys are evicted, one by one, as from a BPF map on which
//            the same is done on the same CPUs. Up to 128 are evicted at once.
//            profiles/cpu.h says which CPU a thread is on.
//   kStrict  Exactly the key that was used least recently is evicted, and only
//            if there is no room. For caches of your own; Linux has nothing
//            like it.
// A lookup of a program is a use, and so is an update of a program or a user. A
// lookup of a user, a walk and a batch are not.
//
// With kLinux, every update first takes room for a new element, before it looks
// at the table: even one that then replaces a value, or fails with EEXIST or
// ENOENT, may evict other keys. BPF_F_NO_COMMON_LRU gives each CPU its own
// part of max_entries, which is rounded up to a multiple of the CPUs.
//
// Program view: a pointer shows the element that it was given for until that
// element is replaced, deleted or evicted. An update of a present key puts a
// new element in place; the old one keeps its bytes until its memory serves
// another one. A lookup takes no lock; it sets the element's reference byte,
// unless that is set already. (kStrict: it writes a stamp of the element, and a
// counter of the map.)
//
// UpdateElem checks: the rights of programs (EACCES), null pointers (EFAULT),
// flags beyond BPF_EXIST (EINVAL), room (ENOMEM, if all elements are in the
// hands of other threads at this moment), BPF_NOEXIST and present (EEXIST),
// BPF_EXIST and absent (ENOENT).
//
// Batches: as in hash_map.h. An update of more keys than fit is no error.
//
// On Embedded there is kStrict alone, and it is the default (Init() of a map
// with kLinux is ENOTSUPP): Linux's order knows virtual CPUs, and with them
// threads, and takes far more memory than its elements do. There a lookup of a
// program takes the map's lock for as long as it looks: see
// strict_lru_hash_map.h.
//
// There is no Resize(): in Linux's order, max_entries decides from the start
// how much room each CPU sets aside.
//
// Source: Documentation/bpf/map_hash.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_LRU_HASH_MAP_H_
#define BPFMAP_MAPS_LRU_HASH_MAP_H_

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/hash/key.h"
#include "bpfmap/maps/internal/lru/linux_lru.h"
#include "bpfmap/maps/internal/lru/lru_table.h"
#include "bpfmap/maps/internal/lru/lru_values.h"
#include "bpfmap/maps/internal/lru/strict_lru.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/hash_batch.h"
#include "bpfmap/maps/internal/rules/hash_for_each.h"
#include "bpfmap/maps/internal/rules/lru_def.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lru_options.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/strict_lru_hash_map.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// LRU_HASH and, see lru_per_cpu_hash_map.h, LRU_PERCPU_HASH, where there is
// Linux's order.
template <Profile P, MapType kType>
class LruMap final : public MapBase<LruMap<P, kType>, P> {
  static_assert(kHasLinuxLru<P>,
                "LRU_PERCPU_HASH is for profiles with threads and a heap: see "
                "the top of maps/lru_hash_map.h");

 public:
  using typename MapBase<LruMap<P, kType>, P>::Memory;

  // `memory` must outlive the map.
  LruMap(const MapDef& def, Memory* memory, const LruOptions& options = {})
      : MapBase<LruMap, P>(WithRoundedLruSize(def, PossibleCpus())),
        order_(options.order),
        table_(*memory, def.key_size, Values::SizeInTable(def.value_size),
               NodesFor(def_, options.order),
               HasAny(def.map_flags, kZeroSeed) ? 0 : P::RandomSeed()),
        values_(table_, def, *memory, options.on_eviction),
        linux_(table_, values_, *memory, KindOf(def)),
        strict_(table_.node_count(), *memory) {}
  explicit LruMap(const MapDef& def,
                  const LruOptions& options = {}) requires HasDefaultMemory<P>
      : LruMap(def, &P::DefaultMemory(), options) {}

  // What Linux would say to `def`.
  //   EINVAL      a size or max_entries of 0; a flag that LRU hash maps do not
  //               have; BPF_F_NO_COMMON_LRU, or values for each CPU, and a NUMA
  //               node; what CheckCommon() lists
  //   ENOTSUPP    BPF_F_NO_PREALLOC
  //   E2BIG       key and value of more than 4194255 bytes together; a value of
  //               more than 32768 bytes, for each CPU; more than 2^27 entries
  //   EOPNOTSUPP  a lock in the value (EACCES, if programs may not read and
  //               write it; EFAULT, if it is not at a multiple of 4)
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return CheckLruDef(def, kType);
  }

  // Bytes that Init() takes from the memory, in Linux's order, for
  // PossibleCpus() CPUs. REQUIRES: Check(def) is kOk.
  static uint64_t MemoryNeeded(const MapDef& def) {
    const uint32_t nodes =
        NodesFor(WithRoundedLruSize(def, PossibleCpus()), LruOrder::kLinux);
    return Table::MemoryNeeded(def.key_size,
                               Values::SizeInTable(def.value_size), nodes) +
           Values::MemoryNeeded(def.value_size, nodes) +
           Linux::MemoryNeeded(nodes, KindOf(def));
  }

  // The program view.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr) return nullptr;
    std::byte* const element = FindAndUse(key);
    return element == nullptr ? nullptr : ValueOf(element);
  }

  // LRU_PERCPU_HASH: the slice of CPU `cpu`, and a use; null if there is no
  // such key or no such CPU.
  void* LookupPerCpuElem(const void* key, uint32_t cpu) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if constexpr (kType == MapType::kLruPerCpuHash) {
      if (key == nullptr) return nullptr;
      if (cpu >= static_cast<uint32_t>(values_.cpus())) return nullptr;
      std::byte* const element = FindAndUse(key);
      return element == nullptr ? nullptr : values_.SliceOf(element, cpu);
    }
    return nullptr;
  }

  static constexpr MapTraits kTraits{.has_buckets = true};

 private:
  using Table = internal::LruTable<P>;
  static constexpr bool kPerCpu = kType == MapType::kLruPerCpuHash;
  using Values = std::conditional_t<kPerCpu, internal::LruPerCpuValues<P>,
                                    internal::LruValues<P>>;
  using Linux = internal::LinuxLru<P, Values>;
  using Strict = internal::StrictLru<P>;
  using Outcome = typename Linux::Outcome;

  friend MapBase<LruMap, P>;
  using MapBase<LruMap, P>::def_;
  using MapBase<LruMap, P>::rights_;

  // For MapBase.
  bool Allocate() {
    return table_.Init() && values_.Init() &&
           (is_strict() ? strict_.Init() : linux_.Init());
  }
  uint64_t UserValueSize() const { return values_.user_size(); }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Read(const void* key, void* value,
                                          ElemFlags) {
    if (value == nullptr) {
      return Find(key) != nullptr ? Errno::kFault : Errno::kNoEnt;
    }
    const bool found =
        DispatchKey(key, [&](auto k) { return ReadKey(k, value); });
    return found ? Errno::kOk : Errno::kNoEnt;
  }
  template <View view>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    return Put(view, key, value, flags);
  }
  template <View view>
  Errno Remove(const void* key) {
    return Remove(view, key, [](std::byte*) { return Errno::kOk; });
  }
  Errno NextKey(const void* key, void* next_key) {
    if (!table_.NextKey(key, next_key)) return Errno::kNoEnt;
    return next_key == nullptr ? Errno::kFault : Errno::kOk;
  }
  Errno Take(const void* key, void* value, ElemFlags) {
    return Remove(View::kUser, key, [&](std::byte* element) {
      if (value == nullptr) return Errno::kFault;
      values_.CopyOut(value, element);
      return Errno::kOk;
    });
  }
  Errno RunBatch(const LookupBatchCall& batch);
  template <typename Change>
  void WithWritersStopped(Change change) {
    if (!is_strict()) return table_.ApplyAndSynchronize(change);
    WriterLock order_lock(strict_.lock());
    table_.ApplyAndSynchronize(change);
  }

  static uint32_t NodesFor(const MapDef& def, LruOrder order) {
    return def.max_entries + (order == LruOrder::kStrict ? 1 : 0);
  }
  static typename Linux::Kind KindOf(const MapDef& def) {
    return HasAny(def.map_flags, kNoCommonLru) ? Linux::Kind::kPerCpu
                                               : Linux::Kind::kCommon;
  }
  bool is_strict() const { return order_ == LruOrder::kStrict; }

  template <typename Visitor>
  auto DispatchKey(const void* key, Visitor visitor) {
    return internal::DispatchKey<P>(key, def_.key_size, visitor);
  }
  std::byte* Find(const void* key) {
    return DispatchKey(key, [&](auto k) { return table_.Find(k); });
  }
  std::byte* FindAndUse(const void* key) {
    std::byte* const element = Find(key);
    // The slot may serve another element by now; that one is then used.
    if (element != nullptr) Touch(table_.NodeOf(element));
    return element;
  }
  void Touch(uint32_t node) {
    if (is_strict()) [[unlikely]] {
      strict_.Touch(node);
    } else {
      linux_.Touch(node);
    }
  }
  template <typename Key>
  bool ReadKey(Key key, void* value) {
    return table_.Read(
        key, value, values_.user_size(),
        [&](void* to, std::byte* element) { values_.CopyOut(to, element); });
  }

  Errno Put(View view, const void* key, const void* value, ElemFlags flags) {
    if (flags > kExist) return Errno::kInval;
    return DispatchKey(key, [&](auto k) {
      if (is_strict()) return PutStrict(view, k, value, flags);
      // There is a place already, if anywhere.
      if (kPerCpu && flags == kExist) return PutPresent(view, k, value);
      return PutLinux(view, k, value, flags);
    });
  }
  template <typename Key>
  Errno PutPresent(View view, Key key, const void* value);
  template <typename Key>
  Errno PutLinux(View view, Key key, const void* value, ElemFlags flags);
  template <typename Key>
  Errno PutStrict(View view, Key key, const void* value, ElemFlags flags);

  // Puts the element of a key that is absent into the table, for `node`.
  // Returns its slot.
  template <typename Key>
  ABSL_ATTRIBUTE_ALWAYS_INLINE uint32_t
  Insert(typename Table::Shard& shard, View view,
         const typename Table::FindResult& found, uint64_t hash, Key key,
         const void* value, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    if constexpr (kPerCpu) {
      values_.BeginElement();
      if (view == View::kUser) {
        values_.WriteAll(node, value);
      } else {
        values_.Fill(node, CurrentCpuOf<P>(), value);
      }
    }
    return table_.InsertLocked(shard, found, hash, key, value, node);
  }
  // Writes the value of a present key where it is, which is a use. REQUIRES:
  // kPerCpu. It is no constraint, as an explicit instantiation by clang 14
  // takes in what is constrained, too.
  void Overwrite(typename Table::Shard& shard, View view,
                 const typename Table::FindResult& found, const void* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard) {
    const uint32_t node = table_.NodeOf(found.ref.element);
    table_.WriteLocked(shard, found, [&] {
      if constexpr (kPerCpu) {
        if (view == View::kUser) {
          values_.WriteAll(node, value);
        } else {
          values_.Write(node, CurrentCpuOf<P>(), value);
        }
      }
    });
    Touch(node);
  }

  template <typename Visitor>
  Errno Remove(View view, const void* key, Visitor visitor);
  template <typename Visitor>
  Errno TakeOut(View view, const void* key, Visitor visitor, uint32_t* node);

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) override {
    return ForEachHashElem(table_, visitor, flags, [&](const auto& ref) {
      return ValueOf(ref.element);
    });
  }
  // The value as a program sees it.
  void* ValueOf(std::byte* element) const {
    if constexpr (kPerCpu) {
      return values_.SliceOf(element, CurrentCpuOf<P>());
    } else {
      return table_.ValueOf(element);
    }
  }

  Errno CopyBucket(bool deletes, uint64_t bucket, void* keys, void* values,
                   uint32_t room, uint32_t* copied);
  Errno CopyBucketLocked(typename Table::Shard& shard, uint64_t bucket,
                         void* keys, void* values, uint32_t room,
                         uint32_t* copied) const
      ABSL_SHARED_LOCKS_REQUIRED(shard);
  template <typename Order>
  Errno TakeBucket(Order& order, uint64_t bucket, void* keys, void* values,
                   uint32_t room, uint32_t* copied);

  const LruOrder order_;
  Table table_;
  Values values_;
  Linux linux_;    // with kLinux
  Strict strict_;  // with kStrict
};

template <Profile P>
using LruHashMap =
    std::conditional_t<kHasLinuxLru<P>, LruMap<P, MapType::kLruHash>,
                       StrictLruHashMap<P>>;

template <Profile P, MapType kType>
template <typename Key>
Errno LruMap<P, kType>::PutLinux(View view, Key key, const void* value,
                                 ElemFlags flags) {
  const uint64_t hash = table_.Hash(key);
  table_.Prepare(hash);
  Errno error = Errno::kOk;
  const bool had_node = linux_.WithNode(
      [&](uint32_t node) ABSL_ATTRIBUTE_ALWAYS_INLINE -> Outcome {
        auto& shard = table_.ShardOf(hash);
        const auto old = table_.LockAndFind(shard, hash, key);
        WriterLock lock(shard, AdoptLock());
        if (view == View::kUser && rights_.frozen()) {
          error = Errno::kPerm;
        } else if (old && flags == kNoExist) {
          error = Errno::kExist;
        } else if (!old && flags == kExist) {
          error = Errno::kNoEnt;
        }
        if (error != Errno::kOk) return {};
        if (!old) {
          return {.used = true,
                  .slot = Insert(shard, view, old, hash, key, value, node)};
        }
        if constexpr (kPerCpu) {
          Overwrite(shard, view, old, value);
          return {};
        } else {
          const uint32_t old_node = table_.NodeOf(old.ref.element);
          return {
              .used = true,
              .slot = table_.ReplaceLocked(shard, old, hash, key, value, node),
              .replaced = old_node};
        }
      });
  return had_node ? error : Errno::kNoMem;
}

// An update with kExist, of values that are written in place.
template <Profile P, MapType kType>
template <typename Key>
Errno LruMap<P, kType>::PutPresent(View view, Key key, const void* value) {
  if constexpr (kPerCpu) {
    const uint64_t hash = table_.Hash(key);
    auto& shard = table_.ShardOf(hash);
    WriterLock lock(shard);
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    const auto found = table_.FindLocked(shard, hash, key);
    if (!found) return Errno::kNoEnt;
    Overwrite(shard, view, found, value);
  }
  return Errno::kOk;
}

template <Profile P, MapType kType>
template <typename Key>
Errno LruMap<P, kType>::PutStrict(View view, Key key, const void* value,
                                  ElemFlags flags) {
  // No other thread changes the table.
  WriterLock order_lock(strict_.lock());
  const uint64_t hash = table_.Hash(key);
  auto& shard = table_.ShardOf(hash);
  bool present;
  {
    ReaderLock lock(shard);
    present = static_cast<bool>(table_.FindLocked(shard, hash, key));
  }
  if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
  if (present && flags == kNoExist) return Errno::kExist;
  if (!present && flags == kExist) return Errno::kNoEnt;
  if (kPerCpu && present) return PutPresent(view, key, value);
  if (!present && strict_.full()) {
    const uint32_t victim = strict_.LeastRecentlyUsed();
    table_.Erase(strict_.SlotOf(victim), victim,
                 [&](std::byte* element) { values_.Evicted(element); });
    strict_.Release(victim);
  }
  const uint32_t node = strict_.Take();
  uint32_t replaced = 0;
  {
    const auto found = table_.LockAndFind(shard, hash, key);
    WriterLock lock(shard, AdoptLock());
    if (found) replaced = table_.NodeOf(found.ref.element);
    strict_.SetSlot(
        node, found ? table_.ReplaceLocked(shard, found, hash, key, value, node)
                    : Insert(shard, view, found, hash, key, value, node));
  }
  if (present) strict_.Release(replaced);
  return Errno::kOk;
}

// Deletes the key, after visitor(element). Returns what that says.
template <Profile P, MapType kType>
template <typename Visitor>
Errno LruMap<P, kType>::Remove(View view, const void* key, Visitor visitor) {
  uint32_t node = 0;
  if (is_strict()) {
    WriterLock order_lock(strict_.lock());
    const Errno error = TakeOut(view, key, visitor, &node);
    if (node != 0) strict_.Release(node);
    return error;
  }
  const Errno error = TakeOut(view, key, visitor, &node);
  if (node != 0) linux_.Release(node);
  return error;
}

template <Profile P, MapType kType>
template <typename Visitor>
Errno LruMap<P, kType>::TakeOut(View view, const void* key, Visitor visitor,
                                uint32_t* node) {
  return DispatchKey(key, [&](auto k) {
    const uint64_t hash = table_.Hash(k);
    auto& shard = table_.ShardOf(hash);
    const auto found = table_.LockAndFind(shard, hash, k);
    WriterLock lock(shard, AdoptLock());
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    if (!found) return Errno::kNoEnt;
    *node = table_.NodeOf(found.ref.element);
    const Errno error = visitor(found.ref.element);
    table_.EraseLocked(shard, found, hash);
    return error;
  });
}

template <Profile P, MapType kType>
Errno LruMap<P, kType>::RunBatch(const LookupBatchCall& batch) {
  return RunHashBatch(
      table_, batch,
      [&](uint64_t bucket, uint32_t done, uint32_t room, uint32_t* copied) {
        return CopyBucket(
            batch.deletes, bucket, ElementAt(batch.keys, done, def_.key_size),
            ElementAt(batch.values, done, values_.user_size()), room, copied);
      });
}

// Copies the elements of one bucket, and deletes them if it `deletes`. ENOSPC,
// and nothing is done, if there are more than `room`.
template <Profile P, MapType kType>
Errno LruMap<P, kType>::CopyBucket(bool deletes, uint64_t bucket, void* keys,
                                   void* values, uint32_t room,
                                   uint32_t* copied) {
  if (!table_.MayHaveElements(bucket)) return Errno::kOk;
  if (!deletes) {
    auto& shard = table_.ShardOfBucket(bucket);
    ReaderLock lock(shard);
    return CopyBucketLocked(shard, bucket, keys, values, room, copied);
  }
  if (is_strict()) {
    WriterLock order_lock(strict_.lock());
    return TakeBucket(strict_, bucket, keys, values, room, copied);
  }
  return TakeBucket(linux_, bucket, keys, values, room, copied);
}

// The analysis does not know that a StrictLru is locked.
template <Profile P, MapType kType>
template <typename Order>
Errno LruMap<P, kType>::TakeBucket(
    Order& order, uint64_t bucket, void* keys, void* values, uint32_t room,
    uint32_t* copied) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  uint32_t first = 0;  // of the nodes to release, when the shard is unlocked
  Errno error = Errno::kPerm;
  {
    auto& shard = table_.ShardOfBucket(bucket);
    WriterLock lock(shard);
    if (rights_.frozen()) return error;
    error = CopyBucketLocked(shard, bucket, keys, values, room, copied);
    if (error != Errno::kOk && error != Errno::kFault) return error;
    while (const uint32_t node = table_.EraseOneLocked(shard, bucket)) {
      order.SetNext(node, first);
      first = node;
    }
  }
  while (first != 0) {
    const uint32_t node = first;
    first = order.NextOf(node);
    order.Release(node);
  }
  return error;
}

template <Profile P, MapType kType>
Errno LruMap<P, kType>::CopyBucketLocked(typename Table::Shard& shard,
                                         uint64_t bucket, void* keys,
                                         void* values, uint32_t room,
                                         uint32_t* copied) const {
  uint32_t size = 0;
  table_.VisitLocked(shard, bucket, [&](auto) { ++size; });
  if (size > room) return Errno::kNoSpc;
  *copied = size;
  if (size == 0) return Errno::kOk;
  if (keys == nullptr || values == nullptr) return Errno::kFault;
  uint32_t i = 0;
  table_.VisitLocked(shard, bucket, [&](auto ref) {
    table_.CopyKeyOut(ElementAt(keys, i, def_.key_size), ref.element);
    values_.CopyOut(ElementAt(values, i, values_.user_size()), ref.element);
    ++i;
  });
  return Errno::kOk;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_LRU_HASH_MAP_H_
