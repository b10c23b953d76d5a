// SPDX-License-Identifier: Apache-2.0

// LocalStorage: BPF_MAP_TYPE_SK_STORAGE, INODE_STORAGE, TASK_STORAGE and
// CGRP_STORAGE. A value for each object of the kernel that has been given one:
// a socket, an inode, a task, a cgroup.
//
// An object is a number that is not 0; the map does not know what it stands
// for. The key of the user view is such a number, of 4 bytes. (In Linux it is a
// descriptor: of a socket, a file, a process, a cgroup's directory.) A value
// stays until it is deleted. (In Linux it ends with its object, too.)
//
// There is no max_entries: the map takes memory from the heap as it grows. So
// it is not on profiles whose maps cannot be resized.
//
// Program view: bpf_task_storage_get() and its like are Get(), and
// bpf_task_storage_delete() is Drop(). Programs can neither look up, update nor
// delete by key: the verifier refuses them with EINVAL. Pointers are as in
// hash_map.h.
//
// Source: Documentation/bpf/map_cgrp_storage.rst and map_sk_storage.rst;
// answers of Linux 6.18 in tests/objects/local_storage.out. Thread-safe, see
// bpf_map.h and local_map.h. Writers of the user view take turns.

#ifndef BPFMAP_MAPS_LOCAL_STORAGE_H_
#define BPFMAP_MAPS_LOCAL_STORAGE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
inline constexpr bool kHasLocalStorage = P::kResizable;

constexpr MapTraits::Owners OwnersOf(MapType type) {
  return type == MapType::kSkStorage      ? MapTraits::Owners::kSockets
         : type == MapType::kInodeStorage ? MapTraits::Owners::kInodes
         : type == MapType::kTaskStorage  ? MapTraits::Owners::kTasks
         : type == MapType::kCgrpStorage  ? MapTraits::Owners::kCgroups
                                          : MapTraits::Owners::kNone;
}

template <Profile P, MapType kType>
class LocalStorage final : public MapBase<LocalStorage<P, kType>, P> {
  static_assert(kHasLocalStorage<P>, "local storage grows");
  static_assert(OwnersOf(kType) != MapTraits::Owners::kNone);

 public:
  using typename MapBase<LocalStorage<P, kType>, P>::Memory;

  static constexpr uint32_t kLargestValue = 65407;

  // `memory` must outlive the map.
  LocalStorage(const MapDef& def, Memory* memory)
      : MapBase<LocalStorage, P>(def), elements_(ElementsDef(def), memory) {}
  explicit LocalStorage(const MapDef& def) requires HasDefaultMemory<P>
      : LocalStorage(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`. (It also wants types of key and value, which
  // a MapDef does not have.)
  //   EINVAL  no kNoPrealloc; a flag other than that and kClone; max_entries
  //           that is not 0; a key that is not 4 bytes; a value of 0 bytes;
  //           what CheckCommon() lists
  //   E2BIG   a value of more than kLargestValue
  //   EFAULT  a lock that is not at a multiple of 4 in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == kType, "type must be that of the class"),
        CheckFlags(def, kNoPrealloc | kClone,
                   "map_flags has a flag that local storage does not take"),
        Require(HasAny(def.map_flags, kNoPrealloc),
                "map_flags must have BPF_F_NO_PREALLOC"),
        Require(def.max_entries == 0, "max_entries must be 0"),
        Require(def.key_size == sizeof(uint32_t), "key_size must be 4"),
        CheckHasValue(def),
        Require(def.value_size <= kLargestValue,
                "value_size must be 65407 or less", Errno::k2Big),
        CheckNameAndLock(def),
        Require(def.timer_offset == kNoTimer,
                "values of this type cannot hold a timer", Errno::kOpNotSupp));
  }

  // Bytes that Init() takes from the memory; there are more as the map grows.
  // REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return HashMap<P>::MemoryNeeded(ElementsDef(def));
  }

  // Lookup(), Update() and Delete(), besides what bpf_map.h says:
  //   EBADF   the object is 0
  //   ENOMEM  Update: no memory

  // The program view.

  // The value of `object`. If it has none, and `creates`, it gets *initial, or
  // zeros where that is null. Null: it has none, or there is no memory.
  void* Get(uint64_t object, const void* initial, bool creates);

  // Removes the value of `object`.
  //   ENOENT  it has none
  Errno Drop(uint64_t object) { return elements_.Delete(&object); }

  // What Linux answers in place of commands that it does not have.
  static constexpr Refusals kRefuses{.get_next_key = Errno::kNotSupp,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{.key_types = MapTraits::KeyTypes::kIndex,
                                     .needs_types = true,
                                     .owners = OwnersOf(kType)};

 private:
  friend MapBase<LocalStorage, P>;
  using MapBase<LocalStorage, P>::def_;
  using MapBase<LocalStorage, P>::rights_;

  static constexpr uint32_t kFirstElements = 64;

  static constexpr MapDef ElementsDef(const MapDef& def) {
    return {.type = MapType::kHash,
            .key_size = sizeof(uint64_t),
            .value_size = def.value_size,
            .max_entries = kFirstElements,
            .map_flags = kNoPrealloc,
            .spin_lock_offset = def.spin_lock_offset};
  }

  static uint64_t ObjectOf(const void* key) {
    uint32_t number;
    std::memcpy(&number, key, sizeof number);
    return number;
  }

  // Update() of the elements, which grow where they are full.
  Errno UpdateGrowing(uint64_t object, const void* value, ElemFlags flags);

  // For MapBase.
  bool Allocate() { return elements_.InitUnchecked() == Errno::kOk; }
  Errno Read(const void* key, void* value, ElemFlags flags) {
    const uint64_t object = ObjectOf(key);
    if (object == 0) return Errno::kBadF;
    return elements_.Lookup(&object, value, flags);
  }
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    const uint64_t object = ObjectOf(key);
    if (object == 0) return Errno::kBadF;
    return UpdateGrowing(object, value, flags);
  }
  template <View>
  Errno Remove(const void* key) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    const uint64_t object = ObjectOf(key);
    return object == 0 ? Errno::kBadF : elements_.Delete(&object);
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(lock_);
    change();
  }

  HashMap<P> elements_;
  typename P::Lock lock_;  // of writers in the user view
};

template <Profile P>
using SkStorage = LocalStorage<P, MapType::kSkStorage>;
template <Profile P>
using InodeStorage = LocalStorage<P, MapType::kInodeStorage>;
template <Profile P>
using TaskStorage = LocalStorage<P, MapType::kTaskStorage>;
template <Profile P>
using CgrpStorage = LocalStorage<P, MapType::kCgrpStorage>;

template <Profile P, MapType kType>
void* LocalStorage<P, kType>::Get(uint64_t object, const void* initial,
                                  bool creates) {
  void* const value = elements_.LookupElem(&object);
  if (value != nullptr || !creates) return value;
  std::vector<std::byte> zeros;
  if (initial == nullptr) {
    zeros.resize(def_.value_size);
    initial = zeros.data();
  }
  // Another thread may have been faster: its value is the one.
  static_cast<void>(UpdateGrowing(object, initial, kNoExist));
  return elements_.LookupElem(&object);
}

template <Profile P, MapType kType>
Errno LocalStorage<P, kType>::UpdateGrowing(uint64_t object, const void* value,
                                            ElemFlags flags) {
  while (true) {
    const uint32_t limit = elements_.def().max_entries;
    Errno error = elements_.Update(&object, value, flags);
    if (error != Errno::k2Big) return error;
    // Other threads may grow it, too.
    error = elements_.Resize(limit * 2);
    if (error == Errno::kNoMem || limit >= 1U << 27) return Errno::kNoMem;
  }
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_LOCAL_STORAGE_H_
