// SPDX-License-Identifier: Apache-2.0

// HashOfMaps: BPF_MAP_TYPE_HASH_OF_MAPS. Maps by key, up to max_entries.
//
// Values, templates, the life of inner maps and the program view are as in
// array_of_maps.h; keys, max_entries, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED and
// the batches as in hash_map.h.
//
// Not on profiles without a heap: references to inner maps are counted.
//
// Source: Documentation/bpf/map_of_maps.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h. Writers
// take turns.

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

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
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
class HashOfMaps final : public MapBase<HashOfMaps<P>, P> {
  static_assert(kHasMapsOfMaps<P>, "maps of maps need a heap");

 public:
  using typename MapBase<HashOfMaps<P>, P>::Memory;

  // `memory` and `descriptors` must outlive the map.
  HashOfMaps(const MapDef& def, Memory* memory,
             const FdResolver* descriptors = &MapFdTable::Global())
      : MapBase<HashOfMaps, P>(def),
        inner_maps_(*descriptors),
        elements_(ElementsDef(def), memory) {}
  explicit HashOfMaps(const MapDef& def)
      : HashOfMaps(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`, but for its template.
  //   EINVAL      a key or max_entries of 0; a value that is not 4 bytes; a
  //               flag that hashes of maps do not have; what CheckCommon()
  //               lists
  //   E2BIG       a key of more than 4194251 bytes; more than 2^27 entries
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(CheckSizesAndFlags(def), CheckMaxEntriesAndName(def));
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return HashMap<P>::MemoryNeeded(ElementsDef(def));
  }

  // Init(), besides the errors of Check() and ENOMEM:
  //   EBADF     inner_map_fd is not open
  //   EINVAL    it is a map of maps
  //   ENOTSUPP  it is an array of programs

  // Why Init() failed, for people; empty for ENOMEM.
  const char* reason() const { return check_.reason; }

  // The program view: see array_of_maps.h.
  LocalMap* LookupMap(const void* key) {
    return elements_.template LookupWord<LocalMap*>(key);
  }
  void* LookupElem(const void* key) override { return LookupMap(key); }
  void ReclaimRetired() override { inner_maps_.ReclaimRetired(); }

  // What Linux answers in place of commands that hashes of maps do not have.
  // (Programs can neither update nor delete: the verifier refuses them.)
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported, .has_buckets = true};

 private:
  friend MapBase<HashOfMaps, P>;
  using MapBase<HashOfMaps, P>::def_;
  using MapBase<HashOfMaps, P>::rights_;

  // For MapBase. Values are descriptors in Put, and ids in Read.
  Errno Create() {
    check_ = CheckSizesAndFlags(def_);
    if (!check_.failed()) check_ = inner_maps_.SetTemplate(def_.inner_map_fd);
    if (!check_.failed()) check_ = CheckMaxEntriesAndName(def_);
    return check_.failed() ? check_.error : this->CreateUnchecked();
  }
  bool Allocate() { return elements_.InitUnchecked() == Errno::kOk; }
  Errno Read(const void* key, void* value, ElemFlags) {
    Element element;
    if (!Find(key, &element)) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    std::memcpy(value, &element.id, sizeof element.id);
    return Errno::kOk;
  }
  // Checks: the descriptor (EBADF, EINVAL: see InnerMaps::Take), and then as
  // HashMap.
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags);
  template <View>
  Errno Remove(const void* key) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    Element old;
    if (!Find(key, &old)) return Errno::kNoEnt;
    const Errno error = elements_.Delete(key);
    if (error == Errno::kOk) Drop(old);
    return error;
  }
  Errno NextKey(const void* key, void* next_key) {
    return elements_.GetNextKey(key, next_key);
  }
  Errno RunBatch(const LookupBatchCall& batch) {
    return batch.deletes ? TakeBatch(batch) : ReadBatch(batch);
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(lock_);
    change();
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

  // `element` is no longer there.
  void Drop(const Element& element) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const auto reference = references_.find(element.map);
    if (--reference->second.elements > 0) return;
    inner_maps_.Retire(std::move(reference->second.map));
    references_.erase(reference);
  }

  Errno ReadBatch(const LookupBatchCall& batch);
  Errno TakeBatch(const LookupBatchCall& batch);

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

  // The checks before the template is looked at, and those after it.
  static constexpr DefError CheckSizesAndFlags(const MapDef& def);
  static constexpr DefError CheckMaxEntriesAndName(const MapDef& def) {
    return FirstError(CheckHashMaxEntries(def), CheckNameAndNoLock(def));
  }

  DefError check_;
  InnerMaps inner_maps_;
  HashMap<P> elements_;
  typename P::Lock lock_;  // of writers
  std::unordered_map<LocalMap*, Reference> references_ ABSL_GUARDED_BY(lock_);
};

template <Profile P>
constexpr DefError HashOfMaps<P>::CheckSizesAndFlags(const MapDef& def) {
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kHashOfMaps, "type must be HASH_OF_MAPS"),
      Require(def.value_size == sizeof(uint32_t),
              "value_size must be 4: the value is a number"),
      CheckFlags(def,
                 kNoPrealloc | kNumaNode | kRdOnly | kWrOnly | kZeroSeed |
                     kRdOnlyProg | kWrOnlyProg | kTokenFd,
                 "map_flags has a flag that HASH_OF_MAPS does not take"),
      CheckHashSizes(def), CheckToken(def));
}

template <Profile P>
template <View>
Errno HashOfMaps<P>::Put(const void* key, const void* value, ElemFlags flags) {
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

template <Profile P>
Errno HashOfMaps<P>::ReadBatch(const LookupBatchCall& batch) {
  uint32_t done = RoomFor(*batch.count);
  std::vector<Element> elements(done);
  const Errno error = elements_.LookupBatch(
      batch.in_batch, batch.out_batch, batch.keys,
      batch.values == nullptr ? nullptr : elements.data(), &done, batch.flags);
  if (error == Errno::kInval) return error;
  *batch.count = done;
  if (batch.values != nullptr) CopyIds(elements, done, batch.values);
  return error;
}

template <Profile P>
Errno HashOfMaps<P>::TakeBatch(const LookupBatchCall& batch) {
  // The removed elements are wanted here even where they cannot be handed over:
  // the batch is then one bucket, as of a hash map.
  const bool can_copy = batch.keys != nullptr && batch.values != nullptr;
  const uint32_t room = RoomFor(*batch.count);
  std::vector<Element> elements(room);
  std::vector<std::byte> key_buffer(std::size_t{room} * def_.key_size);
  uint32_t position = 0;
  uint32_t done = can_copy ? room : std::min<uint32_t>(room, 1);
  Errno error;
  WriterLock lock(lock_);
  if (rights_.frozen()) return Errno::kPerm;
  while (true) {
    const uint32_t tried = done;
    error = elements_.LookupAndDeleteBatch(batch.in_batch, &position,
                                           key_buffer.data(), elements.data(),
                                           &done, batch.flags);
    if (can_copy || error != Errno::kNoSpc || tried == room) break;
    done = tried + 1;
  }
  if (error == Errno::kInval) return error;
  if (error == Errno::kNoEnt && done == 0) {
    // Nothing to remove: the answer is that of a lookup.
    return elements_.LookupBatch(batch.in_batch, batch.out_batch, batch.keys,
                                 batch.values, batch.count, batch.flags);
  }
  for (uint32_t i = 0; i < done; ++i) Drop(elements[i]);
  *batch.count = 0;
  if (done == 0) return error;
  if (!can_copy || batch.out_batch == nullptr) return Errno::kFault;
  *batch.count = done;
  std::memcpy(batch.out_batch, &position, sizeof position);
  std::memcpy(batch.keys, key_buffer.data(), std::size_t{done} * def_.key_size);
  CopyIds(elements, done, batch.values);
  return error;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_HASH_OF_MAPS_H_
