// SPDX-License-Identifier: Apache-2.0

// StructOpsMap: BPF_MAP_TYPE_STRUCT_OPS. The one value is a struct of functions
// that programs implement, as tcp_congestion_ops; an update registers it with
// the kernel, a delete takes it back.
//
// A value starts with a count of users and a state, 4 bytes each (struct
// bpf_struct_ops_common_value), which the map sets: 0 and kInit, then 1 and
// kInUse, then 0 and kToBeFree. A map is registered once in its life.
//
// The map does not know what the struct is. syscall/struct_ops.h does: it looks
// at the members, puts ids of programs in the place of their descriptors, and
// keeps the names that are taken.
//
// Program view: there is none. The verifier refuses programs that mention such
// a map, with EINVAL.
//
// Source: answers of Linux 6.18 in tests/objects/struct_ops.out. Thread-safe,
// see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_STRUCT_OPS_MAP_H_
#define BPFMAP_MAPS_STRUCT_OPS_MAP_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// The start of a value (struct bpf_struct_ops_common_value).
struct StructOpsHeader {
  uint32_t users = 0;
  uint32_t state = 0;
};
enum class StructOpsState : uint32_t { kInit, kInUse, kToBeFree };

template <Profile P>
class StructOpsMap final : public MapBase<StructOpsMap<P>, P> {
 public:
  using typename MapBase<StructOpsMap<P>, P>::Memory;

  // `memory` must outlive the map.
  StructOpsMap(const MapDef& def, Memory* memory)
      : MapBase<StructOpsMap, P>(def), arena_(*memory) {}
  explicit StructOpsMap(const MapDef& def) requires HasDefaultMemory<P>
      : StructOpsMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`. (It also wants a type of the kernel, which
  // a MapDef does not have.)
  //   EINVAL  a key that is not 4 bytes; max_entries that is not 1; any flag; a
  //           value that is too short for its header; what CheckCommon() lists
  // BPF_F_LINK is refused, too: links of structs are absent.
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kStructOps, "type must be STRUCT_OPS"),
        CheckIndexKey(def),
        Require(def.max_entries == 1, "max_entries must be 1"),
        Require(def.map_flags == MapFlags{}, "map_flags must be 0"),
        Require(def.value_size > sizeof(StructOpsHeader),
                "value_size must be that of a struct with its header"),
        CheckNameAndNoLock(def));
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(def.value_size);
  }

  // Lookup(), Update(), Delete() and GetNextKey(), besides what bpf_map.h says:
  //   ENOENT       Lookup, Delete: a key that is not 0; Delete: never updated
  //   E2BIG        Update: a key that is not 0
  //   EINVAL       Update: flags; a header that is not 0
  //   EBUSY        Update: it was updated before
  //   EINPROGRESS  Delete: it was deleted before

  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{.value_is_struct_ops = true};

 private:
  friend MapBase<StructOpsMap, P>;
  using MapBase<StructOpsMap, P>::def_;

  static uint32_t IndexOf(const void* key) {
    uint32_t index;
    std::memcpy(&index, key, sizeof index);
    return index;
  }
  StructOpsState state() const ABSL_SHARED_LOCKS_REQUIRED(lock_) {
    StructOpsHeader header;
    std::memcpy(&header, value_, sizeof header);
    return static_cast<StructOpsState>(header.state);
  }
  void SetState(uint32_t users, StructOpsState state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const StructOpsHeader header{users, static_cast<uint32_t>(state)};
    std::memcpy(value_, &header, sizeof header);
  }

  // For MapBase.
  bool Allocate() {
    if (!arena_.Allocate(MemoryNeeded(def_))) return false;
    value_ = arena_.Take(def_.value_size);
    return true;
  }
  Errno Read(const void* key, void* value, ElemFlags /*flags*/) {
    if (IndexOf(key) != 0) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    ReaderLock lock(lock_);
    std::memcpy(value, value_, def_.value_size);
    return Errno::kOk;
  }
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (flags != kAny) return Errno::kInval;
    if (IndexOf(key) != 0) return Errno::k2Big;
    StructOpsHeader header;
    std::memcpy(&header, value, sizeof header);
    if (header.users != 0 || header.state != 0) return Errno::kInval;
    WriterLock lock(lock_);
    if (state() != StructOpsState::kInit) return Errno::kBusy;
    std::memcpy(value_, value, def_.value_size);
    SetState(1, StructOpsState::kInUse);
    return Errno::kOk;
  }
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) != 0) return Errno::kNoEnt;
    WriterLock lock(lock_);
    switch (state()) {
      case StructOpsState::kInit:
        return Errno::kNoEnt;
      case StructOpsState::kToBeFree:
        return Errno::kInProgress;
      case StructOpsState::kInUse:
        break;
    }
    SetState(0, StructOpsState::kToBeFree);
    return Errno::kOk;
  }
  Errno NextKey(const void* key, void* next_key) const {
    if (key != nullptr && IndexOf(key) == 0) return Errno::kNoEnt;
    if (next_key == nullptr) return Errno::kFault;
    const uint32_t first = 0;
    std::memcpy(next_key, &first, sizeof first);
    return Errno::kOk;
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(lock_);
    change();
  }

  internal::Arena<P> arena_;
  std::byte* value_ = nullptr;  // constant after Init()
  typename P::Lock lock_;       // of the bytes of the value
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_STRUCT_OPS_MAP_H_
