// SPDX-License-Identifier: Apache-2.0
//
// HandleArray: what arrays of things that are no bytes do alike: programs,
// cgroups. A value is a handle of 4 bytes that is not 0, and the map does not
// know what it stands for; slots start empty.
//
// A type derives as `class ProgArray final : public HandleArray<ProgArray<P>,
// P>` and makes MapBase its friend. It has Check(), and may have what MapBase
// lets a type say.
//
// Source: bpf_fd_array_map_*() of Linux, and its answers in
// tests/contract/golden/. Thread-safe; readers take no lock.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_HANDLE_ARRAY_H_
#define BPFMAP_MAPS_INTERNAL_RULES_HANDLE_ARRAY_H_

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <typename Map, Profile P>
class HandleArray : public MapBase<Map, P> {
 public:
  using typename MapBase<Map, P>::Memory;

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(SlotsSize(def));
  }

 protected:
  friend MapBase<Map, P>;
  using MapBase<Map, P>::def_;
  using MapBase<Map, P>::rights_;

  HandleArray(const MapDef& def, Memory* memory)
      : MapBase<Map, P>(def), arena_(*memory) {}
  ~HandleArray() = default;

  // 0: the slot is empty, or the index past the end.
  uint32_t HandleAt(uint32_t index) const {
    BPFMAP_DCHECK(P, this->is_ready());
    if (index >= def_.max_entries) return 0;
    // Acquire pairs with the release in SetSlot: what the handle stands for was
    // ready before it was put in.
    return __atomic_load_n(&slots_[index], __ATOMIC_ACQUIRE);
  }

  // For MapBase.
  bool Allocate() {
    if (!arena_.Allocate(MemoryNeeded(def_))) return false;
    slots_ = reinterpret_cast<uint32_t*>(arena_.Take(SlotsSize(def_)));
    return true;
  }
  // Checks: flags other than kAny (EINVAL), index (E2BIG), a handle of 0
  // (EBADF).
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (flags != kAny) return Errno::kInval;
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    uint32_t handle;
    std::memcpy(&handle, value, sizeof handle);
    if (handle == 0) return Errno::kBadF;
    return SetSlot(IndexOf(key), handle);
  }
  //   E2BIG   index past the end
  //   ENOENT  the slot is empty
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    return SetSlot(IndexOf(key), 0);
  }
  Errno NextKey(const void* key, void* next_key) const {
    return CopyNextIndex(key, def_.max_entries, next_key);
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(lock_);
    change();
  }

 private:
  static constexpr uint64_t SlotsSize(const MapDef& def) {
    return uint64_t{def.max_entries} * sizeof(uint32_t);
  }

  // Puts a handle into a slot, or with 0 takes it out: ENOENT if there is none.
  Errno SetSlot(uint32_t index, uint32_t handle) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    if (handle == 0 && HandleAt(index) == 0) return Errno::kNoEnt;
    __atomic_store_n(&slots_[index], handle, __ATOMIC_RELEASE);
    return Errno::kOk;
  }

  internal::Arena<P> arena_;
  uint32_t* slots_ = nullptr;  // touched with atomics: readers take no lock
  typename P::Lock lock_;      // of writers
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_HANDLE_ARRAY_H_
