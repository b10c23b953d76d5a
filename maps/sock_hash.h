// SPDX-License-Identifier: Apache-2.0

// SockHash: BPF_MAP_TYPE_SOCKHASH. Sockets by key, up to max_entries.
//
// Values are as in sock_map.h.
//
// Program view: none. The helpers for sockets are absent.
//
// Source: answers of Linux 6.18 in tests/objects/socket_maps.out. Thread-safe,
// see bpf_map.h and local_map.h. Writers take turns.

#ifndef BPFMAP_MAPS_SOCK_HASH_H_
#define BPFMAP_MAPS_SOCK_HASH_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/socket_array.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class SockHash final : public MapBase<SockHash<P>, P> {
 public:
  using typename MapBase<SockHash<P>, P>::Memory;

  static constexpr uint32_t kLargestKey = 512;
  static constexpr uint32_t kMaxMaxEntries = 1 << 27;

  // `memory` must outlive the map.
  SockHash(const MapDef& def, Memory* memory)
      : MapBase<SockHash, P>(def), elements_(ElementsDef(def), memory) {}
  explicit SockHash(const MapDef& def) requires HasDefaultMemory<P>
      : SockHash(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0 or more than kMaxMaxEntries; a key of 0
  //               bytes, a value that is not 4 or 8; a flag other than the
  //               rights of user space and the NUMA node; what CheckCommon()
  //               lists
  //   E2BIG       a key of more than kLargestKey
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kSockHash, "type must be SOCKHASH"),
        CheckSocketDef(def, kNumaNode | kRdOnly | kWrOnly),
        Require(def.key_size != 0, "key_size must be 1 or more"),
        Require(def.key_size <= kLargestKey, "key_size must be 512 or less",
                Errno::k2Big),
        Require(def.max_entries <= kMaxMaxEntries,
                "max_entries must be 134217728 or less"),
        CheckNameAndNoLock(def));
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return HashMap<P>::MemoryNeeded(ElementsDef(def));
  }

  // Lookup(), Update() and Delete(), besides the rights, in this order:
  //   EBADF   Update: the socket is 0
  //   EINVAL  other flags than kAny, kNoExist and kExist
  //   EEXIST  kNoExist, and the key is there
  //   ENOENT  kExist, Lookup or Delete: there is no such key
  //   E2BIG   a new key, and the map is full
  //   ENOSPC  Lookup: values have 4 bytes

  // What Linux answers in place of commands that it does not have.
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported,
      .sockets = MapTraits::Sockets::kAny};

 private:
  friend MapBase<SockHash, P>;
  using MapBase<SockHash, P>::def_;
  using MapBase<SockHash, P>::rights_;

  static constexpr MapDef ElementsDef(const MapDef& def) {
    return {.type = MapType::kHash,
            .key_size = def.key_size,
            .value_size = sizeof(uint64_t),
            .max_entries = def.max_entries};
  }

  // For MapBase.
  bool Allocate() { return elements_.InitUnchecked() == Errno::kOk; }
  Errno Read(const void* key, void* value, ElemFlags) {
    uint64_t socket = 0;
    // No such key: 0.
    static_cast<void>(elements_.Lookup(key, &socket));
    return ReadSocket(socket, def_.value_size, value);
  }
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    const uint64_t socket = SocketOf(value, def_.value_size);
    if (socket == 0) return Errno::kBadF;
    if (!IsSocketFlags(flags)) return Errno::kInval;
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    return elements_.Update(key, &socket, flags);
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

#endif  // BPFMAP_MAPS_SOCK_HASH_H_
