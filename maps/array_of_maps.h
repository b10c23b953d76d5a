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
// Not on profiles without a heap: who refers to an inner map is counted.
//
// Source: Documentation/bpf/map_of_maps.rst; answers of Linux 6.18 in
// tests/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_ARRAY_OF_MAPS_H_
#define BPFMAP_MAPS_ARRAY_OF_MAPS_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/inner_maps.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class ArrayOfMaps final : public LocalMap {
  static_assert(kHasMapsOfMaps<P>, "maps of maps need a heap");

 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<ArrayOfMaps>;
  }

  // `memory` and `descriptors` must outlive the map.
  ArrayOfMaps(const MapDef& def, Memory* memory,
              const FdResolver* descriptors = &MapFdTable::Global())
      : def_(def), rights_(def), inner_maps_(*descriptors), arena_(*memory) {}
  explicit ArrayOfMaps(const MapDef& def)
      : ArrayOfMaps(def, &P::DefaultMemory()) {}
  ArrayOfMaps(const ArrayOfMaps&) = delete;
  ArrayOfMaps& operator=(const ArrayOfMaps&) = delete;

  // What Linux would say to `def`, but for its template.
  //   EINVAL      max_entries of 0; a key or a value that is not 4 bytes; a
  //               flag that arrays of maps do not have; what DefCheck lists
  //   EOPNOTSUPP  a lock in the value
  static constexpr DefCheck Check(const MapDef& def) {
    if (DefCheck check = CheckSizesAndFlags(def)) return check;
    return CheckNameAndNoLock(def);
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(uint64_t{def.max_entries} *
                                           sizeof(Slot));
  }

  // Makes the map usable. Errors of Check(), and these; the map may then only
  // be destroyed. REQUIRES: called once, before any other method.
  //   EBADF     inner_map_fd is not open
  //   EINVAL    it is a map of maps
  //   ENOTSUPP  it is an array of programs
  //   ENOMEM    no memory
  Errno Init() {
    check_ = CheckSizesAndFlags(def_);
    if (!check_) check_ = inner_maps_.SetTemplate(def_.inner_map_fd);
    if (!check_) check_ = CheckNameAndNoLock(def_);
    if (check_) return check_.error;
    if (!arena_.Allocate(MemoryNeeded(def_))) return Errno::kNoMem;
    slots_ = reinterpret_cast<Slot*>(
        arena_.Take(uint64_t{def_.max_entries} * sizeof(Slot)));
    return Errno::kOk;
  }

  // Why Init() failed, for people; empty for ENOMEM.
  const char* reason() const { return check_.reason; }

  MapDef DoDef() const override { return def_; }

  // The program view.

  // The map at `index`, or null where there is none.
  LocalMap* LookupMap(uint32_t index) const {
    if (index >= def_.max_entries) return nullptr;
    // Acquire pairs with the release in SetSlot: the map is seen whole.
    return __atomic_load_n(&slots_[index].map, __ATOMIC_ACQUIRE);
  }
  void* LookupElem(const void* key) override {
    return key == nullptr ? nullptr : LookupMap(IndexOf(key));
  }
  // EINVAL: what the verifier says of such a program.
  Errno UpdateElem(const void*, const void*, ElemFlags) override {
    return Errno::kInval;
  }
  Errno DeleteElem(const void*) override { return Errno::kInval; }

  // Drops the references to maps that are in no slot any more.
  // REQUIRES: nobody uses a pointer that a lookup gave before they were
  // replaced or deleted.
  void ReclaimRetired() { inner_maps_.ReclaimRetired(); }

  // The user view. Values are descriptors in Update, and ids in Lookup.
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    if (error != Errno::kOk) return error;
    const uint32_t id = IdAt(IndexOf(key));
    if (id == 0) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    std::memcpy(value, &id, sizeof id);
    return Errno::kOk;
  }
  // Checks: the right to write (EPERM), kLock (EINVAL), null pointers (EFAULT),
  // flags other than kAny (EINVAL), index (E2BIG), the descriptor (EBADF,
  // EINVAL: see InnerMaps::Take).
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
    return Put(IndexOf(key), value, flags);
  }
  //   E2BIG   index past the end
  //   ENOENT  the slot is empty
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    if (error != Errno::kOk) return error;
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return Errno::k2Big;
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    if (IdAt(index) == 0) return Errno::kNoEnt;
    SetSlot(index, {});
    return Errno::kOk;
  }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    const Errno error = rights_.CheckGetNextKey();
    if (error != Errno::kOk) return error;
    uint32_t next;
    if (!NextIndex(key, def_.max_entries, &next)) return Errno::kNoEnt;
    if (next_key == nullptr) return Errno::kFault;
    std::memcpy(next_key, &next, sizeof next);
    return Errno::kOk;
  }
  Errno DoLookupAndDelete(const void* key, void*, ElemFlags flags) override {
    const Errno error = rights_.CheckLookupAndDelete(key, flags);
    return error != Errno::kOk ? error : Errno::kNotSupp;
  }
  // As of an array; empty slots are skipped.
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count, BatchFlags flags) override;
  Errno DoLookupAndDeleteBatch(const void*, void*, void*, void*,
                               uint32_t* count, BatchFlags) override {
    return rights_.RefuseBatch(count, /*reads=*/true, /*writes=*/true);
  }
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override;
  Errno DoDeleteBatch(const void*, uint32_t* count, BatchFlags) override {
    return rights_.RefuseBatch(count, /*reads=*/false, /*writes=*/true);
  }
  Errno DoFreeze() override {
    return rights_.Freeze([&](auto change) {
      WriterLock lock(lock_);
      change();
    });
  }

 private:
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

  Errno Put(uint32_t index, const void* value, ElemFlags flags) {
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

  // The checks before the template is looked at.
  static constexpr DefCheck CheckSizesAndFlags(const MapDef& def);

  const MapDef def_;
  DefCheck check_;
  UserRights rights_;
  InnerMaps inner_maps_;
  internal::Arena<P> arena_;
  Slot* slots_ = nullptr;
  typename P::Lock lock_;  // of writers
  std::unordered_map<uint32_t, std::shared_ptr<LocalMap>> references_
      ABSL_GUARDED_BY(lock_);
};

template <Profile P>
constexpr DefCheck ArrayOfMaps<P>::CheckSizesAndFlags(const MapDef& def) {
  if (DefCheck check = CheckCommon(def)) return check;
  if (def.type != MapType::kArrayOfMaps) {
    return {Errno::kInval, "type must be ARRAY_OF_MAPS"};
  }
  return CheckArrayOfNumbers(def, {});
}

template <Profile P>
Errno ArrayOfMaps<P>::DoLookupBatch(const void* in_batch, void* out_batch,
                                    void* keys, void* values, uint32_t* count,
                                    BatchFlags flags) {
  Errno error =
      rights_.CheckBatch(count, /*reads=*/true, /*writes=*/false, flags);
  if (error != Errno::kOk) return error;

  uint32_t index = 0;
  uint32_t last = 0;  // that was looked at
  const void* from = in_batch;
  error = ForEachInBatch(count, [&](uint32_t i) {
    uint32_t id = 0;
    while (id == 0) {
      if (!NextIndex(from, def_.max_entries, &index)) return Errno::kNoEnt;
      id = IdAt(index);
      last = index;
      from = &last;
    }
    if (keys == nullptr || values == nullptr) return Errno::kFault;
    std::memcpy(ElementAt(keys, i, sizeof index), &index, sizeof index);
    std::memcpy(ElementAt(values, i, sizeof id), &id, sizeof id);
    return Errno::kOk;
  });
  if (error == Errno::kFault || *count == 0) return error;
  if (out_batch == nullptr) return Errno::kFault;
  std::memcpy(out_batch, &last, sizeof last);
  return error;
}

template <Profile P>
Errno ArrayOfMaps<P>::DoUpdateBatch(const void* keys, const void* values,
                                    uint32_t* count, BatchFlags flags) {
  return UpdateEach(
      rights_, keys, def_.key_size, values, def_.value_size, count, flags,
      [&](const void* key, const void* value, ElemFlags elem_flags) {
        return Put(IndexOf(key), value, elem_flags);
      });
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_ARRAY_OF_MAPS_H_
