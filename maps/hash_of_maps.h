// HashOfMaps: BPF_MAP_TYPE_HASH_OF_MAPS. Maps by key, up to max_entries.
//
// Values, templates, the life of inner maps and the program view are as in
// array_of_maps.h; keys, max_entries, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED and
// the batches as in hash_map.h.
//
// Not on profiles without a heap: who refers to an inner map is counted.
//
// Source: Documentation/bpf/map_of_maps.rst; answers of Linux 6.18 in
// tests/golden/. Thread-safe, see bpf_map.h and local_map.h. Writers take
// turns.

#ifndef BPFMAP_MAPS_HASH_OF_MAPS_H_
#define BPFMAP_MAPS_HASH_OF_MAPS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
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
class HashOfMaps final : public LocalMap {
  static_assert(kHasMapsOfMaps<P>, "maps of maps need a heap");

 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<HashOfMaps>;
  }

  // `memory` and `descriptors` must outlive the map.
  HashOfMaps(const MapDef& def, Memory* memory,
             const FdResolver* descriptors = &MapFdTable::Global())
      : def_(def),
        rights_(def),
        inner_maps_(*descriptors),
        elements_(ElementsDef(def), memory) {}
  explicit HashOfMaps(const MapDef& def)
      : HashOfMaps(def, &P::DefaultMemory()) {}
  HashOfMaps(const HashOfMaps&) = delete;
  HashOfMaps& operator=(const HashOfMaps&) = delete;

  // What Linux would say to `def`, but for its template.
  //   EINVAL      a key or max_entries of 0; a value that is not 4 bytes; a
  //               flag that hashes of maps do not have; what DefCheck lists
  //   E2BIG       a key of more than 4194251 bytes; more than 2^27 entries
  //   EOPNOTSUPP  a lock in the value
  static constexpr DefCheck Check(const MapDef& def) {
    if (DefCheck check = CheckSizesAndFlags(def)) return check;
    return CheckMaxEntriesAndName(def);
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return HashMap<P>::MemoryNeeded(ElementsDef(def));
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
    if (!check_) check_ = CheckMaxEntriesAndName(def_);
    return check_ ? check_.error : elements_.InitUnchecked();
  }

  // Why Init() failed, for people; empty for ENOMEM.
  const char* reason() const { return check_.reason; }

  MapDef DoDef() const override { return def_; }

  // The program view: see array_of_maps.h.
  LocalMap* LookupMap(const void* key) {
    LocalMap* map = nullptr;
    return elements_.LookupWord(key, &map) ? map : nullptr;
  }
  void* LookupElem(const void* key) override { return LookupMap(key); }
  // What the verifier says: EACCES of a kRdOnlyProg map, else EINVAL.
  Errno UpdateElem(const void*, const void*, ElemFlags) override {
    return RefuseWrite();
  }
  Errno DeleteElem(const void*) override { return RefuseWrite(); }
  void ReclaimRetired() { inner_maps_.ReclaimRetired(); }

  // The user view. Values are descriptors in Update, and ids in Lookup.
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    if (error != Errno::kOk) return error;
    Element element;
    if (!Find(key, &element)) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    std::memcpy(value, &element.id, sizeof element.id);
    return Errno::kOk;
  }
  // Checks: the right to write (EPERM), kLock (EINVAL), null pointers (EFAULT),
  // the descriptor (EBADF, EINVAL: see InnerMaps::Take), and then as HashMap.
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
    return Put(key, value, flags);
  }
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    if (error != Errno::kOk) return error;
    return Remove(key);
  }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    const Errno error = rights_.CheckGetNextKey();
    return error != Errno::kOk ? error : elements_.GetNextKey(key, next_key);
  }
  Errno DoLookupAndDelete(const void* key, void*, ElemFlags flags) override {
    const Errno error = rights_.CheckLookupAndDelete(key, flags);
    return error != Errno::kOk ? error : Errno::kNotSupp;
  }
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count, BatchFlags flags) override;
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) override;
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override;
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) override;
  Errno DoFreeze() override {
    return rights_.Freeze([&](auto change) {
      WriterLock lock(lock_);
      change();
    });
  }

 private:
  Errno RefuseWrite() const {
    return HasAny(def_.map_flags, kRdOnlyProg) ? Errno::kAcces : Errno::kInval;
  }

  // The value of a key.
  struct Element {
    LocalMap* map = nullptr;
    uint32_t id = 0;
  };
  struct Reference {
    std::shared_ptr<LocalMap> map;
    uint32_t elements = 0;  // with this map
  };

  static constexpr MapDef ElementsDef(const MapDef& def) {
    return {.type = MapType::kHash,
            .key_size = def.key_size,
            .value_size = sizeof(Element),
            .max_entries = def.max_entries,
            .map_flags = def.map_flags & (kNoPrealloc | kZeroSeed)};
  }

  // Copies a whole element: the map's own user view.
  bool Find(const void* key, Element* element) {
    return elements_.Lookup(key, element) == Errno::kOk;
  }

  Errno Put(const void* key, const void* value, ElemFlags flags) {
    uint32_t fd;
    std::memcpy(&fd, value, sizeof fd);
    MapWithId taken;
    Errno error = inner_maps_.Take(fd, &taken);
    if (error != Errno::kOk) return error;
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    Element old;
    const bool replaces = Find(key, &old);
    const Element fresh = {taken.map.get(), taken.id};
    error = elements_.Update(key, &fresh, flags);
    if (error != Errno::kOk) return error;
    Reference& reference = references_[fresh.map];
    reference.map = std::move(taken.map);
    ++reference.elements;
    if (replaces) Drop(old);
    return Errno::kOk;
  }
  Errno Remove(const void* key) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    Element old;
    if (!Find(key, &old)) return Errno::kNoEnt;
    const Errno error = elements_.Delete(key);
    if (error == Errno::kOk) Drop(old);
    return error;
  }

  // `element` is no longer there.
  void Drop(const Element& element) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const auto reference = references_.find(element.map);
    if (--reference->second.elements > 0) return;
    inner_maps_.Retire(std::move(reference->second.map));
    references_.erase(reference);
  }

  // Room for the elements of one batch: there are no more than max_entries.
  uint32_t RoomFor(uint32_t count) const {
    return std::min(count, def_.max_entries);
  }
  static void CopyIds(const std::vector<Element>& elements, uint32_t count,
                      void* values) {
    for (uint32_t i = 0; i < count; ++i) {
      std::memcpy(ElementAt(values, i, sizeof(uint32_t)), &elements[i].id,
                  sizeof(uint32_t));
    }
  }

  // The checks before the template is looked at, and those behind it.
  static constexpr DefCheck CheckSizesAndFlags(const MapDef& def);
  static constexpr DefCheck CheckMaxEntriesAndName(const MapDef& def) {
    if (DefCheck check = CheckHashMaxEntries(def)) return check;
    return CheckNameAndNoLock(def);
  }

  const MapDef def_;
  DefCheck check_;
  UserRights rights_;
  InnerMaps inner_maps_;
  HashMap<P> elements_;
  typename P::Lock lock_;  // of writers
  std::unordered_map<LocalMap*, Reference> references_ ABSL_GUARDED_BY(lock_);
};

template <Profile P>
constexpr DefCheck HashOfMaps<P>::CheckSizesAndFlags(const MapDef& def) {
  constexpr MapFlags kFlags = kNoPrealloc | kNumaNode | kRdOnly | kWrOnly |
                              kZeroSeed | kRdOnlyProg | kWrOnlyProg | kTokenFd;
  if (DefCheck check = CheckCommon(def)) return check;
  if (def.type != MapType::kHashOfMaps) {
    return {Errno::kInval, "type must be HASH_OF_MAPS"};
  }
  if (def.value_size != sizeof(uint32_t)) {
    return {Errno::kInval, "value_size must be 4: the value is a number"};
  }
  if (HasAny(def.map_flags, ~kFlags)) {
    return {Errno::kInval,
            "map_flags has a flag that HASH_OF_MAPS does not take"};
  }
  if (HasBoth(def.map_flags, kRdOnlyProg, kWrOnlyProg)) {
    return {Errno::kInval,
            "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other"};
  }
  if (DefCheck check = CheckHashSizes(def)) return check;
  return CheckToken(def);
}

template <Profile P>
Errno HashOfMaps<P>::DoLookupBatch(const void* in_batch, void* out_batch,
                                   void* keys, void* values, uint32_t* count,
                                   BatchFlags flags) {
  Errno error =
      rights_.CheckBatch(count, /*reads=*/true, /*writes=*/false, flags);
  if (error != Errno::kOk) return error;

  uint32_t done = RoomFor(*count);
  std::vector<Element> elements(done);
  error = elements_.LookupBatch(in_batch, out_batch, keys,
                                values == nullptr ? nullptr : elements.data(),
                                &done, flags);
  if (error == Errno::kInval) return error;
  *count = done;
  if (values != nullptr) CopyIds(elements, done, values);
  return error;
}

template <Profile P>
Errno HashOfMaps<P>::DoLookupAndDeleteBatch(const void* in_batch,
                                            void* out_batch, void* keys,
                                            void* values, uint32_t* count,
                                            BatchFlags flags) {
  Errno error =
      rights_.CheckBatch(count, /*reads=*/true, /*writes=*/true, flags);
  if (error != Errno::kOk) return error;

  // What is removed is wanted here, also where it cannot be handed over: then
  // it is one bucket, as of a hash map.
  const bool can_copy = keys != nullptr && values != nullptr;
  const uint32_t room = RoomFor(*count);
  std::vector<Element> elements(room);
  std::vector<std::byte> key_buffer(std::size_t{room} * def_.key_size);
  uint32_t position = 0;
  uint32_t done = can_copy ? room : std::min(room, 1U);
  WriterLock lock(lock_);
  if (rights_.frozen()) return Errno::kPerm;
  while (true) {
    const uint32_t tried = done;
    error = elements_.LookupAndDeleteBatch(
        in_batch, &position, key_buffer.data(), elements.data(), &done, flags);
    if (can_copy || error != Errno::kNoSpc || tried == room) break;
    done = tried + 1;
  }
  if (error == Errno::kInval) return error;
  if (error == Errno::kNoEnt && done == 0) {
    // Nothing to remove: what a lookup says.
    return elements_.LookupBatch(in_batch, out_batch, keys, values, count,
                                 flags);
  }
  for (uint32_t i = 0; i < done; ++i) Drop(elements[i]);
  *count = 0;
  if (done == 0) return error;
  if (!can_copy || out_batch == nullptr) return Errno::kFault;
  *count = done;
  std::memcpy(out_batch, &position, sizeof position);
  std::memcpy(keys, key_buffer.data(), std::size_t{done} * def_.key_size);
  CopyIds(elements, done, values);
  return error;
}

template <Profile P>
Errno HashOfMaps<P>::DoUpdateBatch(const void* keys, const void* values,
                                   uint32_t* count, BatchFlags flags) {
  return UpdateEach(
      rights_, keys, def_.key_size, values, def_.value_size, count, flags,
      [&](const void* key, const void* value, ElemFlags elem_flags) {
        return Put(key, value, elem_flags);
      });
}

template <Profile P>
Errno HashOfMaps<P>::DoDeleteBatch(const void* keys, uint32_t* count,
                                   BatchFlags flags) {
  return DeleteEach(rights_, keys, def_.key_size, count, flags,
                    [&](const void* key) { return Remove(key); });
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_HASH_OF_MAPS_H_
