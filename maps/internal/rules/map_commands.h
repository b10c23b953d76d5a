// SPDX-License-Identifier: Apache-2.0

// MapCommands: the commands of the user view, bpf_map.h, for MapBase. The
// checks of each in Linux's order, and then a call of the type of map.
//
// There is one copy of them for each type, whose calls are inlined. On a small
// machine, where flash counts for more than a call, one copy serves all types,
// and calls them through virtual functions: SmallMap.
//
//   large   MapBase -> MapCommands<MapBase> -> LocalMap
//   small   MapBase -> SmallMapOf<MapBase> -> SmallMap
//                   -> MapCommands<SmallMap> -> LocalMap
//
// `Type` has these methods, which MapBase has: each answers what the type
// refuses, or calls the method of the map that map_base.h names.
//
//   Errno CallRead(key, value, flags)       Errno CallNextKey(key, next_key)
//   Errno CallPut(key, value, flags)        Errno CallTake(key, value, flags)
//   Errno CallRemove(key)                   Errno CallRunBatch(batch)
//   Errno BatchRefusal(command)   what it answers to a batch, or kOk
//   bool CallSetFrozen()          rights_.SetFrozen() while no command writes
//   uint64_t ValueStride()        bytes of a value in the user view

#ifndef BPFMAP_MAPS_INTERNAL_RULES_MAP_COMMANDS_H_
#define BPFMAP_MAPS_INTERNAL_RULES_MAP_COMMANDS_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

enum class BatchCommand { kLookup, kLookupAndDelete, kUpdate, kDelete };

// The state that all maps have. As the first base it is made before any pointer
// to virtual functions is stored, of which only the last then counts: firmware
// has no tables of the classes in between.
class MapState {
 protected:
  ABSL_ATTRIBUTE_NOINLINE explicit MapState(const MapDef& def)
      : def_(def), rights_(def) {}
  ~MapState() = default;

  const MapDef def_;
  UserRights rights_;
  bool is_ready_ = false;  // Init() has succeeded
};

template <typename Type>
class MapCommands : protected MapState, public LocalMap {
 public:
  bool frozen() const final { return rights_.frozen(); }

 protected:
  ABSL_ATTRIBUTE_ALWAYS_INLINE explicit MapCommands(const MapDef& def)
      : MapState(def) {}
  ~MapCommands() = default;

  Errno DoLookup(const void* key, void* value, ElemFlags flags) final {
    const Errno error = rights_.CheckLookup(key, flags);
    if (error != Errno::kOk) return error;
    return type().CallRead(key, value, flags);
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) final {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
    return type().CallPut(key, value, flags);
  }
  Errno DoDelete(const void* key) final {
    const Errno error = rights_.CheckDelete(key);
    if (error != Errno::kOk) return error;
    return type().CallRemove(key);
  }
  Errno DoGetNextKey(const void* key, void* next_key) final {
    const Errno error = rights_.CheckGetNextKey(key);
    if (error != Errno::kOk) return error;
    return type().CallNextKey(key, next_key);
  }
  Errno DoLookupAndDelete(const void* key, void* value, ElemFlags flags) final {
    const Errno error = rights_.CheckLookupAndDelete(key, flags);
    if (error != Errno::kOk) return error;
    return type().CallTake(key, value, flags);
  }

  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count, BatchFlags flags) final {
    return RunLookupBatch(
        BatchCommand::kLookup,
        {/*deletes=*/false, in_batch, out_batch, keys, values, count, flags});
  }
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) final {
    return RunLookupBatch(
        BatchCommand::kLookupAndDelete,
        {/*deletes=*/true, in_batch, out_batch, keys, values, count, flags});
  }
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) final {
    const Errno error = CheckBatch(BatchCommand::kUpdate, count, flags);
    if (error != Errno::kOk) return error;
    const uint64_t value_size = type().ValueStride();
    return ForEachInBatch(count, [&](uint32_t i) {
      if (keys == nullptr || values == nullptr) return Errno::kFault;
      return type().CallPut(ElementAt(keys, i, def_.key_size),
                            ElementAt(values, i, value_size), flags.elem_flags);
    });
  }
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) final {
    const Errno error = CheckBatch(BatchCommand::kDelete, count, flags);
    if (error != Errno::kOk) return error;
    return ForEachInBatch(count, [&](uint32_t i) {
      if (keys == nullptr) return Errno::kFault;
      return type().CallRemove(ElementAt(keys, i, def_.key_size));
    });
  }

  Errno DoFreeze() final {
    const Errno error = rights_.CheckFreeze();
    if (error != Errno::kOk) return error;
    return type().CallSetFrozen() ? Errno::kOk : Errno::kPerm;
  }

 private:
  Type& type() { return static_cast<Type&>(*this); }

  Errno CheckBatch(BatchCommand command, const uint32_t* count,
                   BatchFlags flags) {
    const bool reads = command == BatchCommand::kLookup ||
                       command == BatchCommand::kLookupAndDelete;
    const bool writes = command != BatchCommand::kLookup;
    Errno error = rights_.CheckBatchRights(count, reads, writes);
    if (error != Errno::kOk) return error;
    error = type().BatchRefusal(command);
    if (error != Errno::kOk) return error;
    return rights_.CheckElemFlags(flags.elem_flags);
  }
  Errno RunLookupBatch(BatchCommand command, const LookupBatchCall& batch) {
    const Errno error = CheckBatch(command, batch.count, batch.flags);
    return error != Errno::kOk ? error : type().CallRunBatch(batch);
  }
};

// A map of any type, on a small machine.
class SmallMap : public MapCommands<SmallMap> {
 protected:
  ABSL_ATTRIBUTE_ALWAYS_INLINE explicit SmallMap(const MapDef& def)
      : MapCommands<SmallMap>(def) {}
  ~SmallMap() = default;

 private:
  friend MapCommands<SmallMap>;

  Errno CallRead(const void* key, void* value, ElemFlags flags) {
    return DoRead(key, value, flags);
  }
  Errno CallPut(const void* key, const void* value, ElemFlags flags) {
    return DoPut(key, value, flags);
  }
  Errno CallRemove(const void* key) { return DoRemove(key); }
  Errno CallNextKey(const void* key, void* next_key) {
    return DoNextKey(key, next_key);
  }
  Errno CallTake(const void* key, void* value, ElemFlags flags) {
    return DoTake(key, value, flags);
  }
  Errno CallRunBatch(const LookupBatchCall& batch) { return DoRunBatch(batch); }
  Errno BatchRefusal(BatchCommand command) const {
    return DoBatchRefusal(command);
  }
  bool CallSetFrozen() { return DoSetFrozen(); }
  uint64_t ValueStride() const { return traits().user_value_size; }

  virtual Errno DoRead(const void* key, void* value, ElemFlags flags) = 0;
  virtual Errno DoPut(const void* key, const void* value, ElemFlags flags) = 0;
  virtual Errno DoRemove(const void* key) = 0;
  virtual Errno DoNextKey(const void* key, void* next_key) = 0;
  virtual Errno DoTake(const void* key, void* value, ElemFlags flags) = 0;
  virtual Errno DoRunBatch(const LookupBatchCall& batch) = 0;
  virtual Errno DoBatchRefusal(BatchCommand command) const = 0;
  virtual bool DoSetFrozen() = 0;
};

template <typename Type>
class SmallMapOf : public SmallMap {
 protected:
  ABSL_ATTRIBUTE_ALWAYS_INLINE explicit SmallMapOf(const MapDef& def)
      : SmallMap(def) {}
  ~SmallMapOf() = default;

 private:
  Type& type() { return static_cast<Type&>(*this); }

  Errno DoRead(const void* key, void* value, ElemFlags flags) final {
    return type().CallRead(key, value, flags);
  }
  Errno DoPut(const void* key, const void* value, ElemFlags flags) final {
    return type().CallPut(key, value, flags);
  }
  Errno DoRemove(const void* key) final { return type().CallRemove(key); }
  Errno DoNextKey(const void* key, void* next_key) final {
    return type().CallNextKey(key, next_key);
  }
  Errno DoTake(const void* key, void* value, ElemFlags flags) final {
    return type().CallTake(key, value, flags);
  }
  Errno DoRunBatch(const LookupBatchCall& batch) final {
    return type().CallRunBatch(batch);
  }
  Errno DoBatchRefusal(BatchCommand command) const final {
    return Type::BatchRefusal(command);
  }
  bool DoSetFrozen() final { return type().CallSetFrozen(); }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_MAP_COMMANDS_H_
