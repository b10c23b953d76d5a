// SPDX-License-Identifier: Apache-2.0

// ArrayMap: BPF_MAP_TYPE_ARRAY. Values by index, all there from the start.
//
// The key is a uint32_t index in the byte order of the machine; value i starts
// as zero bytes. Nothing can be deleted.
//
// Program view: a pointer shows the live element as long as the index exists,
// since values are written in place. After a Resize() that dropped the index it
// shows the last value; if a later Resize() brings the index back, the element
// starts from zero again, at the same address.
//
// UpdateElem checks: the rights of programs (EACCES), null pointers (EFAULT),
// flags beyond BPF_EXIST (EINVAL), index (E2BIG),
// BPF_NOEXIST (EEXIST), BPF_F_LOCK without a lock in the value (EINVAL).
// The user view refuses the last one first.
//
// A value is copied as one whole, in both directions; what programs store
// through pointers at the same time is ordered by nothing but themselves.
//
// Source: Documentation/bpf/map_array.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_ARRAY_MAP_H_
#define BPFMAP_MAPS_ARRAY_MAP_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/array_slots.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
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
class ArrayMap final : public MapBase<ArrayMap<P>, P> {
 public:
  using typename MapBase<ArrayMap<P>, P>::Memory;

  // `memory` must outlive the map.
  ArrayMap(const MapDef& def, Memory* memory)
      : MapBase<ArrayMap, P>(def),
        slots_(*memory,
               internal::ValueLayout(def.value_size, def.spin_lock_offset,
                                     def.timer_offset)),
        stores_(slots_.IsOneStore() && !HasAny(def.map_flags, kRdOnlyProg)) {}
  explicit ArrayMap(const MapDef& def) requires HasDefaultMemory<P>
      : ArrayMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL  a size or max_entries of 0; a key that is not 4 bytes; a flag
  //           that arrays do not have; what CheckCommon() lists
  //   E2BIG   a value of more than 0x7fffffff bytes
  //   EFAULT  a lock that is not at a multiple of 4 in the value
  //   EACCES  a lock in a value that programs may not read and write
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::ArraySlots<P>::MemoryNeeded(def.value_size,
                                                 def.max_entries);
  }

  // Bytes that user space may map, before they become whole pages; 0 if none:
  // the elements, as Linux lays them out. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MappableSize(const MapDef& def) {
    if (!HasAny(def.map_flags, kMmapable)) return 0;
    return internal::RoundUp8(def.value_size) * def.max_entries;
  }

  // Sets the number of elements. Elements before the end keep their values and
  // addresses, new ones are zero; for pointers see the top of the file.
  //   EPERM   no right to write; the map is frozen
  //   EINVAL  max_entries is 0
  //   ENOMEM  no memory; nothing has changed
  Errno Resize(uint32_t max_entries) requires P::kResizable {
    WriterLock lock(resize_lock_);
    if (!rights_.may_write()) return Errno::kPerm;
    if (max_entries == 0) return Errno::kInval;
    return slots_.Resize(max_entries) ? Errno::kOk : Errno::kNoMem;
  }

  // The program view.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr) return nullptr;
    const uint32_t index = IndexOf(key);
    return index < slots_.size() ? slots_.At(index) : nullptr;
  }
  Errno UpdateElem(const void* key, const void* value,
                   ElemFlags flags) override {
    if constexpr (kIsSmall<P>) {
      return MapBase<ArrayMap, P>::UpdateElem(key, value, flags);
    }
    if (stores_ && flags == kAny && key != nullptr && value != nullptr)
        [[likely]] {
      const uint32_t index = IndexOf(key);
      // No call but the last one, for which nothing need be saved.
      if (index < slots_.size() && slots_.IsQuick(index)) [[likely]] {
        slots_.Store(index, value);
        return Errno::kOk;
      }
    }
    return UpdateSlow(key, value, flags);
  }

  // What Linux answers in place of commands that arrays do not have.
  static constexpr Refusals kRefuses{.delete_key = Errno::kInval,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .lookup_and_delete_batch = Errno::kNotSupp,
                                     .delete_batch = Errno::kNotSupp,
                                     .delete_elem = Errno::kInval};
  static constexpr MapTraits kTraits{
      .writable_pages = MapTraits::WritablePages::kAll,
      .key_types = MapTraits::KeyTypes::kIndexOrSection};

 private:
  static_assert(internal::ValueLayout::kNoLock == kNoSpinLock);
  friend MapBase<ArrayMap, P>;
  using MapBase<ArrayMap, P>::def_;
  using MapBase<ArrayMap, P>::rights_;

  // For MapBase.
  bool Allocate() { return slots_.Init(def_.max_entries); }
  uint32_t CurrentMaxEntries() const { return slots_.size(); }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Read(const void* key, void* value,
                                          ElemFlags flags) {
    const uint32_t index = IndexOf(key);
    if (index >= slots_.size()) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    // No call but the last one, for which nothing need be saved.
    if (slots_.IsOneWord() && slots_.IsQuick(index)) [[likely]] {
      slots_.Load(index, value);
      return Errno::kOk;
    }
    return ReadSlow(index, value, flags);
  }
  ABSL_ATTRIBUTE_NOINLINE Errno ReadSlow(uint32_t index, void* value,
                                         ElemFlags flags) {
    slots_.Read(index, value, HasAny(flags, kLock));
    return Errno::kOk;
  }
  template <View view>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if constexpr (kIsSmall<P>) {
      return PutSmall(view, key, value, flags);
    } else {
      return PutByRules(view, key, value, flags);
    }
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno PutByRules(View view, const void* key,
                                                const void* value,
                                                ElemFlags flags);
  // The one copy for both views.
  ABSL_ATTRIBUTE_NOINLINE Errno PutSmall(View view, const void* key,
                                         const void* value, ElemFlags flags) {
    return PutByRules(view, key, value, flags);
  }
  Errno NextKey(const void* key, void* next_key) const {
    return CopyNextIndex(key, slots_.size(), next_key);
  }
  Errno RunBatch(const LookupBatchCall& batch) {
    return LookupIndexBatch(
        batch, def_.value_size, [&] { return slots_.size(); },
        [&](uint32_t index, void* value) {
          slots_.Read(index, value, batch.value_lock());
        });
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    if constexpr (P::kResizable) {
      WriterLock lock(resize_lock_);
      slots_.WithAllLocked(change);
    } else {
      slots_.WithAllLocked(change);
    }
  }

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) override {
    return VisitIndices(slots_.size(), visitor, flags,
                        [&](uint32_t index) { return slots_.At(index); });
  }

  // UpdateElem, for all cases.
  ABSL_ATTRIBUTE_NOINLINE Errno UpdateSlow(const void* key, const void* value,
                                           ElemFlags flags) {
    return MapBase<ArrayMap, P>::UpdateElem(key, value, flags);
  }

  internal::ArraySlots<P> slots_;
  // Whether an update by a program without flags is one store and nothing else.
  const bool stores_;
  typename P::Lock resize_lock_;  // one Resize or Freeze at a time
};

template <Profile P>
constexpr DefError ArrayMap<P>::Check(const MapDef& def) {
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kArray, "type must be ARRAY"),
      CheckMaxEntries(def), CheckIndexKey(def), CheckHasValue(def),
      CheckFlags(def,
                 kNumaNode | kRdOnly | kWrOnly | kRdOnlyProg | kWrOnlyProg |
                     kMmapable | kInnerMap | kTokenFd,
                 "map_flags has a flag that ARRAY does not take"),
      Require(def.value_size <= 0x7fffffff,
              "value_size must be 0x7fffffff or less", Errno::k2Big),
      CheckToken(def), CheckNameAndLock(def));
}

template <Profile P>
inline Errno ArrayMap<P>::PutByRules(View view, const void* key,
                                     const void* value, ElemFlags flags) {
  const uint32_t index = IndexOf(key);
  if ((flags & ~kLock) > kExist) return Errno::kInval;
  if (index >= slots_.size()) return Errno::k2Big;
  if (HasAny(flags, kNoExist)) return Errno::kExist;
  if (HasAny(flags, kLock) && def_.spin_lock_offset == kNoSpinLock) {
    return Errno::kInval;
  }
  if (view == View::kProgram && slots_.IsOneStore()) {
    slots_.Store(index, value);
    return Errno::kOk;
  }
  internal::SeqLock<P>& seq_lock = slots_.SeqLockOf(index);
  WriterLock lock(seq_lock);
  if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
  if (index >= slots_.size()) return Errno::k2Big;  // a Resize came between
  slots_.WriteLocked(seq_lock, index, value, HasAny(flags, kLock));
  return Errno::kOk;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_ARRAY_MAP_H_
