// SPDX-License-Identifier: Apache-2.0
//
// RedirectArray: what arrays of RedirectTargets do alike. A slot whose number
// is 0 is empty, and slots start so.
//
// A type derives as `class DevMap final : public RedirectArray<DevMap<P>, P>`
// and makes this class and MapBase its friends. It has Check(), and
//
//   Errno CheckTarget(index, target)   whether *target may be put in; it may
//                                      change it
//
// Source: the answers of Linux 6.18 in tests/contract/golden/. Thread-safe;
// programs take no lock.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_REDIRECT_ARRAY_H_
#define BPFMAP_MAPS_INTERNAL_RULES_REDIRECT_ARRAY_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/redirect_target.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// Flags of an update that writes RedirectTargets.
constexpr bool IsRedirectFlags(ElemFlags flags) {
  return flags == kAny || flags == kNoExist || flags == kExist;
}

// The stand-in for the caller's value, of `size` bytes, 4 or 8.
inline RedirectTarget RedirectTargetOf(const void* value, uint32_t size) {
  RedirectTarget target;
  std::memcpy(&target, value, size);
  if (target.program != kNoSuchProgram && !HasProgram(target)) {
    target.program = 0;
  }
  return target;
}

// The sizes of key and value, and the flags.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckRedirectDef(
    const MapDef& def, MapFlags flags) {
  return FirstError(
      CheckMaxEntries(def),
      Require(def.key_size == sizeof(uint32_t), "key_size must be 4"),
      Require(def.value_size == 4 || def.value_size == sizeof(RedirectTarget),
              "value_size must be 4, or 8 with a program"),
      CheckFlags(def, flags | kTokenFd,
                 "map_flags has a flag that this type does not take"),
      CheckToken(def));
}

template <typename Map, Profile P>
class RedirectArray : public MapBase<Map, P> {
 public:
  using typename MapBase<Map, P>::Memory;

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(SlotsSize(def));
  }

  // The program view: the RedirectTarget at an index, or null where the slot is
  // empty. An update of the index writes in place.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr || IndexOf(key) >= def_.max_entries) return nullptr;
    RedirectTarget* const slot = &slots_[IndexOf(key)];
    return NumberOf(*slot) == 0 ? nullptr : slot;
  }

 protected:
  friend MapBase<Map, P>;
  using MapBase<Map, P>::def_;
  using MapBase<Map, P>::rights_;

  RedirectArray(const MapDef& def, Memory* memory)
      : MapBase<Map, P>(def), arena_(*memory) {}
  ~RedirectArray() = default;

  // For MapBase.
  bool Allocate() {
    if (!arena_.Allocate(MemoryNeeded(def_))) return false;
    slots_ = reinterpret_cast<RedirectTarget*>(arena_.Take(SlotsSize(def_)));
    return true;
  }
  Errno Read(const void* key, void* value, ElemFlags) {
    if (IndexOf(key) >= def_.max_entries) return Errno::kNoEnt;
    ReaderLock lock(lock_);
    const RedirectTarget target = slots_[IndexOf(key)];
    if (target.number == 0) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    std::memcpy(value, &target, def_.value_size);
    return Errno::kOk;
  }
  // Checks: flags (EINVAL), index (E2BIG), BPF_NOEXIST (EEXIST: every index is
  // there), and CheckTarget().
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (!IsRedirectFlags(flags)) return Errno::kInval;
    const uint32_t index = IndexOf(key);
    if (index >= def_.max_entries) return Errno::k2Big;
    if (flags == kNoExist) return Errno::kExist;
    RedirectTarget target = RedirectTargetOf(value, def_.value_size);
    const Errno error = self().CheckTarget(index, &target);
    return error != Errno::kOk ? error : SetSlot(index, target);
  }
  // EINVAL: index past the end. An empty slot can be emptied.
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) >= def_.max_entries) return Errno::kInval;
    return SetSlot(IndexOf(key), {});
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
  Map& self() { return static_cast<Map&>(*this); }

  static constexpr uint64_t SlotsSize(const MapDef& def) {
    return uint64_t{def.max_entries} * sizeof(RedirectTarget);
  }
  static uint32_t NumberOf(const RedirectTarget& slot) {
    return __atomic_load_n(&slot.number, __ATOMIC_ACQUIRE);
  }

  Errno SetSlot(uint32_t index, const RedirectTarget& target) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    RedirectTarget* const slot = &slots_[index];
    __atomic_store_n(&slot->program, target.program, __ATOMIC_RELAXED);
    // Pairs with NumberOf(): a program that finds the slot set finds all of it.
    __atomic_store_n(&slot->number, target.number, __ATOMIC_RELEASE);
    return Errno::kOk;
  }

  internal::Arena<P> arena_;
  RedirectTarget* slots_ = nullptr;  // written with atomics under the lock
  typename P::Lock lock_;  // of writers, and of readers in the user view
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_REDIRECT_ARRAY_H_
