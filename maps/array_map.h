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
// tests/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_ARRAY_MAP_H_
#define BPFMAP_MAPS_ARRAY_MAP_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/array_slots.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class ArrayMap final : public LocalMap {
 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<ArrayMap>;
  }

  // `memory` must outlive the map.
  ArrayMap(const MapDef& def, Memory* memory)
      : def_(def),
        rights_(def),
        slots_(*memory,
               internal::ValueLayout(def.value_size, def.spin_lock_offset)),
        stores_(slots_.IsOneStore() && !HasAny(def.map_flags, kRdOnlyProg)) {}
  explicit ArrayMap(const MapDef& def) requires requires {
    P::DefaultMemory();
  } : ArrayMap(def, &P::DefaultMemory()) {
  }
  ArrayMap(const ArrayMap&) = delete;
  ArrayMap& operator=(const ArrayMap&) = delete;

  // What Linux would say to `def`.
  //   EINVAL  a size or max_entries of 0; a key that is not 4 bytes; a flag
  //           that arrays do not have; what DefCheck lists
  //   E2BIG   a value of more than 0x7fffffff bytes
  //   EFAULT  a lock that is not at a multiple of 4 in the value
  //   EACCES  a lock in a value that programs may not read and write
  static constexpr DefCheck Check(const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::ArraySlots<P>::MemoryNeeded(def.value_size,
                                                 def.max_entries);
  }

  // Makes the map usable. Errors of Check(), and ENOMEM; the map may then only
  // be destroyed. REQUIRES: called once, before any other method.
  Errno Init() {
    const DefCheck check = Check(def_);
    if (check) return check.error;
    return slots_.Init(def_.max_entries) ? Errno::kOk : Errno::kNoMem;
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

  MapDef DoDef() const override {
    MapDef def = def_;
    def.max_entries = slots_.size();
    return def;
  }

  // The program view.
  void* LookupElem(const void* key) override {
    if (key == nullptr) return nullptr;
    const uint32_t index = IndexOf(key);
    return index < slots_.size() ? slots_.At(index) : nullptr;
  }
  Errno UpdateElem(const void* key, const void* value,
                   ElemFlags flags) override {
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
  Errno DeleteElem(const void*) override {
    if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
    return Errno::kInval;
  }

  // The user view.
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    if (error != Errno::kOk) return error;
    const uint32_t index = IndexOf(key);
    if (index >= slots_.size()) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    slots_.Read(index, value, HasAny(flags, kLock));
    return Errno::kOk;
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
    return Put(View::kUser, key, value, flags);
  }
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    return error != Errno::kOk ? error : Errno::kInval;
  }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    const Errno error = rights_.CheckGetNextKey();
    if (error != Errno::kOk) return error;
    uint32_t next;
    if (!NextIndex(key, slots_.size(), &next)) return Errno::kNoEnt;
    if (next_key == nullptr) return Errno::kFault;
    std::memcpy(next_key, &next, sizeof next);
    return Errno::kOk;
  }
  Errno DoLookupAndDelete(const void* key, void*, ElemFlags flags) override {
    const Errno error = rights_.CheckLookupAndDelete(key, flags);
    return error != Errno::kOk ? error : Errno::kNotSupp;
  }
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
    WriterLock lock(resize_lock_);
    return rights_.Freeze([&](auto change) { slots_.WithAllLocked(change); });
  }

 private:
  static_assert(internal::ValueLayout::kNoLock == kNoSpinLock);
  enum class View { kProgram, kUser };

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) override {
    return VisitIndices(slots_.size(), visitor, flags,
                        [&](uint32_t index) { return slots_.At(index); });
  }

  // UpdateElem, for all cases.
  ABSL_ATTRIBUTE_NOINLINE Errno UpdateSlow(const void* key, const void* value,
                                           ElemFlags flags) {
    if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
    if (key == nullptr || value == nullptr) return Errno::kFault;
    return Put(View::kProgram, key, value, flags);
  }

  Errno Put(View view, const void* key, const void* value, ElemFlags flags) {
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

  const MapDef def_;
  UserRights rights_;
  internal::ArraySlots<P> slots_;
  // Whether an update by a program without flags is one store and nothing else.
  const bool stores_;
  typename P::Lock resize_lock_;  // one Resize or Freeze at a time
};

template <Profile P>
constexpr DefCheck ArrayMap<P>::Check(const MapDef& def) {
  constexpr MapFlags kFlags = kNumaNode | kRdOnly | kWrOnly | kRdOnlyProg |
                              kWrOnlyProg | kMmapable | kInnerMap | kTokenFd;
  if (DefCheck check = CheckCommon(def)) return check;
  if (def.type != MapType::kArray) {
    return {Errno::kInval, "type must be ARRAY"};
  }
  if (def.max_entries == 0) {
    return {Errno::kInval, "max_entries must be 1 or more"};
  }
  if (def.key_size != sizeof(uint32_t)) {
    return {Errno::kInval, "key_size must be 4: the key is an index"};
  }
  if (def.value_size == 0) {
    return {Errno::kInval, "value_size must be 1 or more"};
  }
  if (HasAny(def.map_flags, ~kFlags)) {
    return {Errno::kInval, "map_flags has a flag that ARRAY does not take"};
  }
  if (HasBoth(def.map_flags, kRdOnlyProg, kWrOnlyProg)) {
    return {Errno::kInval,
            "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other"};
  }
  if (def.value_size > 0x7fffffff) {
    return {Errno::k2Big, "value_size must be 0x7fffffff or less"};
  }
  if (DefCheck check = CheckToken(def)) return check;
  return CheckNameAndLock(def);
}

template <Profile P>
Errno ArrayMap<P>::DoLookupBatch(const void* in_batch, void* out_batch,
                                 void* keys, void* values, uint32_t* count,
                                 BatchFlags flags) {
  Errno error =
      rights_.CheckBatch(count, /*reads=*/true, /*writes=*/false, flags);
  if (error != Errno::kOk) return error;

  const bool value_lock = HasAny(flags.elem_flags, kLock);
  return LookupIndexBatch(
      in_batch, out_batch, keys, values, def_.value_size, count,
      [&] { return slots_.size(); },
      [&](uint32_t index, void* value) {
        slots_.Read(index, value, value_lock);
      });
}

template <Profile P>
Errno ArrayMap<P>::DoUpdateBatch(const void* keys, const void* values,
                                 uint32_t* count, BatchFlags flags) {
  return UpdateEach(
      rights_, keys, def_.key_size, values, def_.value_size, count, flags,
      [&](const void* key, const void* value, ElemFlags elem_flags) {
        return Put(View::kUser, key, value, elem_flags);
      });
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_ARRAY_MAP_H_
