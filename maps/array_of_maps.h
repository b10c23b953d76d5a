// SPDX-License-Identifier: Apache-2.0

// ArrayOfMaps: BPF_MAP_TYPE_ARRAY_OF_MAPS. Maps by index; slots start empty.
//
// User space puts a map into a slot by a descriptor (map_fd_table.h), 4 bytes,
// and reads the map's id, 4 bytes, back. The map must be like the template,
// which is the map of MapDef::inner_map_fd at the time of Init(). An inner map
// lives as long as anything refers to it: a descriptor, a slot, a shared_ptr.
//
// Program view: LookupElem gives the inner map itself, as a LocalMap*;
// LookupMap is the same with its type. Such a pointer may be used until the
// outer map is destroyed, also when another map has taken the slot, so replaced
// maps are kept: call ReclaimRetired() when no program has an old pointer.
// Programs cannot update or delete.
//
// Not on profiles without a heap: references to inner maps are counted.
//
// Source: Documentation/bpf/map_of_maps.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_ARRAY_OF_MAPS_H_
#define BPFMAP_MAPS_ARRAY_OF_MAPS_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/inner_maps.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class ArrayOfMaps final : public MapBase<ArrayOfMaps<P>, P> {
  static_assert(kHasMapsOfMaps<P>, "maps of maps need a heap");

 public:
  using typename MapBase<ArrayOfMaps<P>, P>::Memory;

  // `memory` and `descriptors` must outlive the map.
  ArrayOfMaps(const MapDef& def, Memory* memory,
              const FdResolver* descriptors = &MapFdTable::Global())
      : MapBase<ArrayOfMaps, P>(def),
        inner_maps_(*descriptors),
        arena_(*memory) {}
  explicit ArrayOfMaps(const MapDef& def)
      : ArrayOfMaps(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`, but for its template.
  //   EINVAL      max_entries of 0; a key or a value that is not 4 bytes; a
  //               flag that arrays of maps do not have; what CheckCommon()
  //               lists
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(CheckSizesAndFlags(def), CheckNameAndNoLock(def));
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(uint64_t{def.max_entries} *
                                           sizeof(Slot));
  }

  // Init(), besides the errors of Check() and ENOMEM:
  //   EBADF     inner_map_fd is not open
  //   EINVAL    it is a map of maps
  //   ENOTSUPP  it is an array of programs

  // Why Init() failed, for people; empty for ENOMEM.
  const char* reason() const { return check_.reason; }

  // The program view.

  // The map at `index`, or null where there is none.
  LocalMap* LookupMap(uint32_t index) const {
    BPFMAP_DCHECK(P, this->is_ready());
    if (index >= def_.max_entries) return nullptr;
    // Acquire pairs with the release in SetSlot: the map is seen whole.
    return __atomic_load_n(&slots_[index].map, __ATOMIC_ACQUIRE);
  }
  void* LookupElem(const void* key) override {
    return key == nullptr ? nullptr : LookupMap(IndexOf(key));
  }

  void ReclaimRetired() override { inner_maps_.ReclaimRetired(); }

  // What Linux answers in place of commands that arrays of maps do not have.
  // (Programs can neither update nor delete: the verifier refuses them.)
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .lookup_and_delete_batch = Errno::kNotSupp,
                                     .delete_batch = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{.key_types =
                                         MapTraits::KeyTypes::kNotSupported};

 private:
  friend MapBase<ArrayOfMaps, P>;
  using MapBase<ArrayOfMaps, P>::def_;
  using MapBase<ArrayOfMaps, P>::rights_;

  // For MapBase. Values are descriptors in Put, and ids in Read.
  Errno Create() {
    check_ = CheckSizesAndFlags(def_);
    if (!check_.failed()) check_ = inner_maps_.SetTemplate(def_.inner_map_fd);
    if (!check_.failed()) check_ = CheckNameAndNoLock(def_);
    return check_.failed() ? check_.error : this->CreateUnchecked();
  }
  bool Allocate() {
    if (!arena_.Allocate(MemoryNeeded(def_))) return false;
    slots_ = reinterpret_cast<Slot*>(
        arena_.Take(uint64_t{def_.max_entries} * sizeof(Slot)));
    return true;
  }
  Errno Read(const void* key, void* value, ElemFlags) const {
    const uint32_t id = IdAt(IndexOf(key));
    if (id == 0) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    std::memcpy(value, &id, sizeof id);
    return Errno::kOk;
  }
  // Checks: flags other than kAny (EINVAL), index (E2BIG), the descriptor
  // (EBADF, EINVAL: see InnerMaps::Take).
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags);
  //   E2BIG   index past the end
  //   ENOENT  the slot is empty
  template <View>
  Errno Remove(const void* key) {
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return Errno::k2Big;
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    if (IdAt(index) == 0) return Errno::kNoEnt;
    SetSlot(index, {});
    return Errno::kOk;
  }
  Errno NextKey(const void* key, void* next_key) const {
    return CopyNextIndex(key, def_.max_entries, next_key);
  }
  // As of an array; empty slots are skipped.
  Errno RunBatch(const LookupBatchCall& batch);
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(lock_);
    change();
  }

  // Touched with atomics: readers take no lock. All zero where it is empty.
  struct Slot {
    LocalMap* map;
    uint32_t id;
  };

  // 0 if there is no map at `index`.
  uint32_t IdAt(uint32_t index) const {
    if (index >= def_.max_entries) return 0;
    return __atomic_load_n(&slots_[index].id, __ATOMIC_RELAXED);
  }

  // Puts a map into a slot, or none; the one that was there is kept.
  void SetSlot(uint32_t index, MapWithId taken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    __atomic_store_n(&slots_[index].map, taken.map.get(), __ATOMIC_RELEASE);
    __atomic_store_n(&slots_[index].id, taken.id, __ATOMIC_RELAXED);
    std::shared_ptr<LocalMap>& reference = references_[index];
    std::swap(reference, taken.map);
    if (taken.map != nullptr) inner_maps_.Retire(std::move(taken.map));
    if (reference == nullptr) references_.erase(index);
  }

  // The checks before the template is looked at.
  static constexpr DefError CheckSizesAndFlags(const MapDef& def);

  DefError check_;
  InnerMaps inner_maps_;
  internal::Arena<P> arena_;
  Slot* slots_ = nullptr;
  typename P::Lock lock_;  // of writers
  std::unordered_map<uint32_t, std::shared_ptr<LocalMap>> references_
      ABSL_GUARDED_BY(lock_);
};

template <Profile P>
constexpr DefError ArrayOfMaps<P>::CheckSizesAndFlags(const MapDef& def) {
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kArrayOfMaps, "type must be ARRAY_OF_MAPS"),
      CheckArrayOfNumbers(def, {}));
}

template <Profile P>
template <View>
Errno ArrayOfMaps<P>::Put(const void* key, const void* value, ElemFlags flags) {
  const uint32_t index = IndexOf(key);
  if (flags != kAny) return Errno::kInval;
  if (index >= def_.max_entries) return Errno::k2Big;
  uint32_t fd;
  std::memcpy(&fd, value, sizeof fd);
  MapWithId taken;
  const Errno error = inner_maps_.Take(fd, &taken);
  if (error != Errno::kOk) return error;
  WriterLock lock(lock_);
  if (rights_.frozen()) return Errno::kPerm;
  SetSlot(index, std::move(taken));
  return Errno::kOk;
}

template <Profile P>
Errno ArrayOfMaps<P>::RunBatch(const LookupBatchCall& batch) {
  uint32_t index = 0;
  uint32_t last = 0;  // that was looked at
  const void* from = batch.in_batch;
  const Errno error = ForEachInBatch(batch.count, [&](uint32_t i) {
    uint32_t id = 0;
    while (id == 0) {
      if (!NextIndex(from, def_.max_entries, &index)) return Errno::kNoEnt;
      id = IdAt(index);
      last = index;
      from = &last;
    }
    if (batch.keys == nullptr || batch.values == nullptr) return Errno::kFault;
    std::memcpy(ElementAt(batch.keys, i, sizeof index), &index, sizeof index);
    std::memcpy(ElementAt(batch.values, i, sizeof id), &id, sizeof id);
    return Errno::kOk;
  });
  if (error == Errno::kFault || *batch.count == 0) return error;
  if (batch.out_batch == nullptr) return Errno::kFault;
  std::memcpy(batch.out_batch, &last, sizeof last);
  return error;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_ARRAY_OF_MAPS_H_
