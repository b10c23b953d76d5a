// SPDX-License-Identifier: Apache-2.0

// SockMap: BPF_MAP_TYPE_SOCKMAP. Sockets by index; slots start empty.
//
// A value is a socket: a number that is not 0, its cookie. The map does not
// know what it stands for. (In Linux user space puts in a descriptor, and is
// shown the cookie, if values have 8 bytes. A socket that is closed leaves the
// map; here it stays.)
//
// Program view: none. The helpers for sockets are absent.
//
// Source: answers of Linux 6.18 in tests/objects/socket_maps.out. Thread-safe,
// see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_SOCK_MAP_H_
#define BPFMAP_MAPS_SOCK_MAP_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/socket_array.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
class SockMap final : public SocketArray<SockMap<P>, P> {
 public:
  using typename SocketArray<SockMap, P>::Memory;

  // `memory` must outlive the map.
  SockMap(const MapDef& def, Memory* memory)
      : SocketArray<SockMap, P>(def, memory) {}
  explicit SockMap(const MapDef& def) requires HasDefaultMemory<P>
      : SockMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key that is not 4 bytes, a value that is
  //               not 4 or 8; a flag other than the rights of user space and
  //               the NUMA node; what CheckCommon() lists
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kSockMap, "type must be SOCKMAP"),
        CheckIndexKey(def), CheckSocketDef(def, kNumaNode | kRdOnly | kWrOnly),
        CheckNameAndNoLock(def));
  }

  // Lookup(), Update() and Delete(), besides the rights, in this order:
  //   EBADF   Update: the socket is 0
  //   EINVAL  other flags than kAny, kNoExist and kExist; Delete: there is none
  //   E2BIG   Update: an index past the end
  //   ENOENT  kExist, or Lookup: there is none
  //   EEXIST  kNoExist, and there is one
  //   ENOSPC  Lookup: values have 4 bytes

  // What Linux answers in place of commands that it does not have.
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported,
      .sockets = MapTraits::Sockets::kAny};

 private:
  friend MapBase<SockMap, P>;
  using MapBase<SockMap, P>::def_;

  // For MapBase.
  Errno Read(const void* key, void* value, ElemFlags) {
    return ReadSocket(this->SocketAt(IndexOf(key)), def_.value_size, value);
  }
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    const uint64_t socket = SocketOf(value, def_.value_size);
    if (socket == 0) return Errno::kBadF;
    if (!IsSocketFlags(flags)) return Errno::kInval;
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    return this->SetSocket(IndexOf(key), socket,
                           [&](const uint64_t*, uint64_t old) {
                             return MayReplaceSocket(old, flags);
                           });
  }
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) >= def_.max_entries) return Errno::kInval;
    return this->SetSocket(IndexOf(key), 0, [](const uint64_t*, uint64_t old) {
      return old == 0 ? Errno::kInval : Errno::kOk;
    });
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_SOCK_MAP_H_
