// SPDX-License-Identifier: Apache-2.0

// DevMapHash: BPF_MAP_TYPE_DEVMAP_HASH. Network devices by a key of 4 bytes,
// mostly their own number, up to max_entries.
//
// Values, the program view and kRdOnlyProg are as in dev_map.h, but number 0 is
// refused. Updating a present key puts a new element in place, as in a hash
// map. BPF_EXIST is taken and means nothing: a new key is inserted.
//
// Source: Documentation/bpf/map_devmap.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h. Writers
// take turns.

#ifndef BPFMAP_MAPS_DEV_MAP_HASH_H_
#define BPFMAP_MAPS_DEV_MAP_HASH_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/redirect_array.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/redirect_target.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class DevMapHash final : public MapBase<DevMapHash<P>, P> {
 public:
  using typename MapBase<DevMapHash<P>, P>::Memory;

  // `memory` must outlive the map.
  DevMapHash(const MapDef& def, Memory* memory)
      : MapBase<DevMapHash, P>(def), elements_(ElementsDef(def), memory) {}
  explicit DevMapHash(const MapDef& def) requires HasDefaultMemory<P>
      : DevMapHash(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`: as DevMap::Check(), and
  //   EINVAL  max_entries of more than 2^31
  // Init() is ENOMEM for more than 2^27, where Linux may have the memory.
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kDevMapHash, "type must be DEVMAP_HASH"),
        CheckRedirectDef(def, kNumaNode | kRdOnly | kWrOnly),
        Require(def.max_entries <= 0x80000000,
                "max_entries must be 2147483648 or less"),
        CheckNameAndReadOnlyValue(def));
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return HashMap<P>::MemoryNeeded(ElementsDef(def));
  }

  // Update() and Delete(), besides the rights:
  //   EINVAL  other flags than kAny, kNoExist and kExist; the number is 0, or
  //           2^31 or more; kNoSuchProgram
  //   EEXIST  kNoExist and the key is there
  //   E2BIG   a new key, and the map is full
  //   ENOENT  Delete: no such key

  // The program view.
  void* LookupElem(const void* key) override {
    return elements_.LookupElem(key);
  }

  // What Linux answers in place of commands that it does not have.
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapFlags kImpliedFlags = kRdOnlyProg;
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported,
      .targets = MapTraits::Targets::kDevices};

 private:
  friend MapBase<DevMapHash, P>;
  using MapBase<DevMapHash, P>::def_;
  using MapBase<DevMapHash, P>::rights_;

  static constexpr uint32_t kMostElements = 1 << 27;

  static constexpr MapDef ElementsDef(const MapDef& def) {
    return {.type = MapType::kHash,
            .key_size = sizeof(uint32_t),
            .value_size = def.value_size,
            .max_entries = def.max_entries < kMostElements ? def.max_entries
                                                           : kMostElements};
  }

  // For MapBase.
  bool Allocate() {
    return def_.max_entries <= kMostElements &&
           elements_.InitUnchecked() == Errno::kOk;
  }
  Errno Read(const void* key, void* value, ElemFlags) {
    return elements_.Lookup(key, value);
  }
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (!IsRedirectFlags(flags)) return Errno::kInval;
    const RedirectTarget target = RedirectTargetOf(value, def_.value_size);
    if (target.number == 0) return Errno::kInval;
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    if (flags == kNoExist && elements_.LookupElem(key) != nullptr) {
      return Errno::kExist;
    }
    const bool is_device = static_cast<int32_t>(target.number) >= 0;
    if (!is_device || target.program == kNoSuchProgram) return Errno::kInval;
    return elements_.Update(key, &target);
  }
  template <View>
  Errno Remove(const void* key) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    return elements_.Delete(key);
  }
  Errno NextKey(const void* key, void* next_key) {
    return elements_.GetNextKey(key, next_key);
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(lock_);
    change();
  }

  HashMap<P> elements_;
  typename P::Lock lock_;  // of writers
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_DEV_MAP_HASH_H_
