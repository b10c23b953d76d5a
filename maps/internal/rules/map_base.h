// SPDX-License-Identifier: Apache-2.0

// MapBase: what all map types do alike, once: the commands of the user view,
// which map_commands.h has, those of the program view, and the life cycle.
//
// A type derives as `class HashMap final : public MapBase<HashMap<P>, P>` and
// makes MapBase its friend. It says what it refuses in a row, kRefuses, which
// reads as its errno table, and has a method for each command that it does not
// refuse. These are called after the checks, with pointers that are not null:
//
//   Errno Read(key, value, flags)         Lookup. `value` may be null: EFAULT
//                                         comes after the search for the key
//   Errno Put<view>(key, value, flags)    Update, UpdateElem, UpdateBatch
//   Errno Remove<view>(key)               Delete, DeleteElem, DeleteBatch
//   Errno NextKey(key, next_key)          GetNextKey. Both may be null
//   Errno Take(key, value, flags)         LookupAndDelete. `value` may be null
//   Errno RunBatch(batch)                 LookupBatch, LookupAndDeleteBatch
//   void WithWritersStopped(change)       Freeze: runs change() while no
//                                         command of the user view writes
//   bool Allocate()                       Init, once the definition was checked
//
// A command that writes asks rights_.frozen() once more under the lock of what
// it changes, if the view is kUser: see user_rights.h.
//
// A type may also say, instead of a default: kRefuses (nothing), kTraits
// (map_traits.h), kImpliedFlags that all maps of the type have without being
// asked for them (none), Create() where Init() does more than Check() and
// Allocate(), CurrentMaxEntries() if it can be resized, UserValueSize() if
// values have a part for each CPU.
//
// The public methods of BpfMap are here once more. A call on a class, such as
// HashMap<Cloud>, is then no virtual call and can be inlined; a call on a
// BpfMap is one virtual call.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_MAP_BASE_H_
#define BPFMAP_MAPS_INTERNAL_RULES_MAP_BASE_H_

#include <cstdint>
#include <type_traits>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/map_commands.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

// The answers of a type to commands that it does not have, after the checks
// that Linux makes for every type. kOk: it has the command.
struct Refusals {
  // The user view.
  Errno lookup = Errno::kOk;
  Errno update = Errno::kOk;
  Errno delete_key = Errno::kOk;
  Errno get_next_key = Errno::kOk;
  Errno lookup_and_delete = Errno::kOk;
  Errno batches = Errno::kOk;  // all four; or, where some of them are there:
  Errno lookup_and_delete_batch = Errno::kOk;
  Errno delete_batch = Errno::kOk;

  // The program view, after the rights of programs (EACCES).
  Errno programs = Errno::kOk;  // UpdateElem and DeleteElem; or:
  Errno delete_elem = Errno::kOk;
};

// The row of a type that has no elements.
inline constexpr Refusals kNoElements{.lookup = Errno::kNotSupp,
                                      .update = Errno::kNotSupp,
                                      .delete_key = Errno::kNotSupp,
                                      .get_next_key = Errno::kNotSupp,
                                      .lookup_and_delete = Errno::kNotSupp,
                                      .batches = Errno::kNotSupp,
                                      .programs = Errno::kAcces};

template <typename Map, Profile P>
class MapBase;

// Where the commands of the user view come from: see map_commands.h.
template <typename Map, Profile P>
using MapCommandsOf =
    std::conditional_t<kIsSmall<P>, SmallMapOf<MapBase<Map, P>>,
                       MapCommands<MapBase<Map, P>>>;

template <typename Map, Profile P>
class MapBase : public MapCommandsOf<Map, P> {
 public:
  using Memory = typename P::Memory;

  static constexpr Refusals kRefuses{};
  static constexpr MapTraits kTraits{};
  static constexpr MapFlags kImpliedFlags{};

  MapBase(const MapBase&) = delete;
  MapBase& operator=(const MapBase&) = delete;

  const void* class_tag() const final { return &internal::kClassTag<Map>; }

  // Makes the map usable. Errors of Check() and ENOMEM, and those that the type
  // adds; the map may then only be destroyed.
  // REQUIRES: called once, before any other method.
  Errno Init() {
    BPFMAP_DCHECK(P, !is_ready_);
    const Errno error = self().Create();
    is_ready_ = error == Errno::kOk;
    return error;
  }

  MapTraits traits() const final {
    MapTraits traits = Map::kTraits;
    traits.user_value_size = self().UserValueSize();
    return traits;
  }
  // The user view: see bpf_map.h.
  MapDef def() const { return MapBase::DoDef(); }
  Errno Lookup(const void* key, void* value, ElemFlags flags = kAny) {
    return MapBase::DoLookup(key, value, flags);
  }
  Errno Update(const void* key, const void* value, ElemFlags flags = kAny) {
    return MapBase::DoUpdate(key, value, flags);
  }
  Errno Delete(const void* key) { return MapBase::DoDelete(key); }
  Errno GetNextKey(const void* key, void* next_key) {
    return MapBase::DoGetNextKey(key, next_key);
  }
  Errno LookupAndDelete(const void* key, void* value, ElemFlags flags = kAny) {
    return MapBase::DoLookupAndDelete(key, value, flags);
  }
  Errno LookupBatch(const void* in_batch, void* out_batch, void* keys,
                    void* values, uint32_t* count, BatchFlags flags = {}) {
    return MapBase::DoLookupBatch(in_batch, out_batch, keys, values, count,
                                  flags);
  }
  Errno LookupAndDeleteBatch(const void* in_batch, void* out_batch, void* keys,
                             void* values, uint32_t* count,
                             BatchFlags flags = {}) {
    return MapBase::DoLookupAndDeleteBatch(in_batch, out_batch, keys, values,
                                           count, flags);
  }
  Errno UpdateBatch(const void* keys, const void* values, uint32_t* count,
                    BatchFlags flags = {}) {
    return MapBase::DoUpdateBatch(keys, values, count, flags);
  }
  Errno DeleteBatch(const void* keys, uint32_t* count, BatchFlags flags = {}) {
    return MapBase::DoDeleteBatch(keys, count, flags);
  }
  Errno Freeze() { return MapBase::DoFreeze(); }

  // The program view: see local_map.h. Types that programs find values in have
  // a LookupElem() of their own.
  void* LookupElem(const void*) override { return nullptr; }
  Errno UpdateElem(const void* key, const void* value,
                   ElemFlags flags) override {
    BPFMAP_DCHECK(P, is_ready_);
    if (!programs_may_write()) return Errno::kAcces;
    if constexpr (Map::kRefuses.programs != Errno::kOk) {
      return Map::kRefuses.programs;
    } else {
      if (key == nullptr || value == nullptr) return Errno::kFault;
      return self().template Put<View::kProgram>(key, value, flags);
    }
  }
  Errno DeleteElem(const void* key) override {
    BPFMAP_DCHECK(P, is_ready_);
    constexpr Errno kRefusal =
        Either(Map::kRefuses.programs, Map::kRefuses.delete_elem);
    if (!programs_may_write()) return Errno::kAcces;
    if constexpr (kRefusal != Errno::kOk) {
      return kRefusal;
    } else {
      if (key == nullptr) return Errno::kFault;
      return self().template Remove<View::kProgram>(key);
    }
  }

 protected:
  explicit MapBase(const MapDef& def) : MapCommandsOf<Map, P>(def) {}
  ~MapBase() = default;

  using MapCommandsOf<Map, P>::def_;
  using MapCommandsOf<Map, P>::rights_;
  using MapCommandsOf<Map, P>::is_ready_;

  // Defaults, which types may replace.
  Errno Create() {
    const DefError check = Map::Check(def_);
    return check.failed() ? check.error : CreateUnchecked();
  }
  uint32_t CurrentMaxEntries() const { return def_.max_entries; }
  uint64_t UserValueSize() const { return def_.value_size; }

  Errno CreateUnchecked() {
    return self().Allocate() ? Errno::kOk : Errno::kNoMem;
  }

  // Init() without Check(), for a type that is built on this one and has limits
  // of its own.
  Errno InitUnchecked() {
    const Errno error = CreateUnchecked();
    is_ready_ = error == Errno::kOk;
    return error;
  }

  bool is_ready() const { return is_ready_; }
  bool programs_may_write() const {
    return !HasAny(def_.map_flags, kRdOnlyProg);
  }

 private:
  friend MapCommands<MapBase>;
  friend SmallMapOf<MapBase>;

  Map& self() { return static_cast<Map&>(*this); }
  const Map& self() const { return static_cast<const Map&>(*this); }

  static constexpr Errno Either(Errno one, Errno other) {
    return one != Errno::kOk ? one : other;
  }

  MapDef DoDef() const final {
    MapDef def = def_;
    def.max_entries = self().CurrentMaxEntries();
    def.map_flags |= Map::kImpliedFlags;
    return def;
  }

  // For MapCommands.
  Errno CallRead(const void* key, void* value, ElemFlags flags) {
    BPFMAP_DCHECK(P, is_ready_);
    if constexpr (Map::kRefuses.lookup != Errno::kOk) {
      return Map::kRefuses.lookup;
    } else {
      return self().Read(key, value, flags);
    }
  }
  Errno CallPut(const void* key, const void* value, ElemFlags flags) {
    BPFMAP_DCHECK(P, is_ready_);
    if constexpr (Map::kRefuses.update != Errno::kOk) {
      return Map::kRefuses.update;
    } else {
      return self().template Put<View::kUser>(key, value, flags);
    }
  }
  Errno CallRemove(const void* key) {
    BPFMAP_DCHECK(P, is_ready_);
    if constexpr (Map::kRefuses.delete_key != Errno::kOk) {
      return Map::kRefuses.delete_key;
    } else {
      return self().template Remove<View::kUser>(key);
    }
  }
  Errno CallNextKey(const void* key, void* next_key) {
    BPFMAP_DCHECK(P, is_ready_);
    if constexpr (Map::kRefuses.get_next_key != Errno::kOk) {
      return Map::kRefuses.get_next_key;
    } else {
      return self().NextKey(key, next_key);
    }
  }
  Errno CallTake(const void* key, void* value, ElemFlags flags) {
    BPFMAP_DCHECK(P, is_ready_);
    if constexpr (Map::kRefuses.lookup_and_delete != Errno::kOk) {
      return Map::kRefuses.lookup_and_delete;
    } else {
      return self().Take(key, value, flags);
    }
  }
  Errno CallRunBatch(const LookupBatchCall& batch) {
    BPFMAP_DCHECK(P, is_ready_);
    if constexpr (Map::kRefuses.batches != Errno::kOk) {
      return Map::kRefuses.batches;
    } else {
      return self().RunBatch(batch);
    }
  }
  static Errno BatchRefusal(BatchCommand command) {
    constexpr Refusals kRefuses = Map::kRefuses;
    if (command == BatchCommand::kLookupAndDelete) {
      return Either(kRefuses.batches, kRefuses.lookup_and_delete_batch);
    }
    if (command == BatchCommand::kDelete) {
      return Either(kRefuses.batches, kRefuses.delete_batch);
    }
    return kRefuses.batches;
  }
  bool CallSetFrozen() {
    BPFMAP_DCHECK(P, is_ready_);
    bool is_first = false;
    self().WithWritersStopped([&] { is_first = rights_.SetFrozen(); });
    return is_first;
  }
  uint64_t ValueStride() const { return self().UserValueSize(); }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_MAP_BASE_H_
