// SPDX-License-Identifier: Apache-2.0

// ReuseportSockArray: BPF_MAP_TYPE_REUSEPORT_SOCKARRAY. Sockets that share a
// port, by index; slots start empty.
//
// A value is a socket, as in sock_map.h. One socket can be in one slot only.
// (In Linux, of all these arrays; here, of one.)
//
// Program view: none. The helpers for sockets are absent.
//
// Source: answers of Linux 6.18 in tests/objects/socket_maps.out. Thread-safe,
// see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_REUSEPORT_SOCK_ARRAY_H_
#define BPFMAP_MAPS_REUSEPORT_SOCK_ARRAY_H_

#include <algorithm>
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
class ReuseportSockArray final : public SocketArray<ReuseportSockArray<P>, P> {
 public:
  using typename SocketArray<ReuseportSockArray, P>::Memory;

  // `memory` must outlive the map.
  ReuseportSockArray(const MapDef& def, Memory* memory)
      : SocketArray<ReuseportSockArray, P>(def, memory) {}
  explicit ReuseportSockArray(const MapDef& def) requires HasDefaultMemory<P>
      : ReuseportSockArray(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key that is not 4 bytes, a value that is
  //               not 4 or 8; a flag other than the rights and the NUMA node;
  //               what CheckCommon() lists
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(CheckCommon(def),
                      Require(def.type == MapType::kReuseportSockArray,
                              "type must be REUSEPORT_SOCKARRAY"),
                      CheckIndexKey(def),
                      CheckSocketDef(def, kNumaNode | kRdOnly | kWrOnly |
                                              kRdOnlyProg | kWrOnlyProg),
                      CheckNameAndNoLock(def));
  }

  // Lookup(), Update() and Delete(), besides the rights, in this order:
  //   EINVAL  other flags than kAny, kNoExist and kExist
  //   E2BIG   Update and Delete: an index past the end
  //   EBADF   Update: the socket is 0
  //   ENOENT  kExist, Lookup or Delete: there is none
  //   EEXIST  kNoExist, and there is one
  //   EINVAL  kRefusedSocket
  //   EBUSY   the socket is in the array
  //   ENOSPC  Lookup: values have 4 bytes

  // What Linux answers in place of commands that it does not have.
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported,
      .sockets = MapTraits::Sockets::kReuseport};

 private:
  friend MapBase<ReuseportSockArray, P>;
  using MapBase<ReuseportSockArray, P>::def_;

  // For MapBase.
  Errno Read(const void* key, void* value, ElemFlags) {
    return ReadSocket(this->SocketAt(IndexOf(key)), def_.value_size, value);
  }
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (!IsSocketFlags(flags)) return Errno::kInval;
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    const uint64_t socket = SocketOf(value, def_.value_size);
    if (socket == 0) return Errno::kBadF;
    return this->SetSocket(
        IndexOf(key), socket, [&](const uint64_t* slots, uint64_t old) {
          const Errno error = MayReplaceSocket(old, flags);
          if (error != Errno::kOk) return error;
          if (socket == kRefusedSocket) return Errno::kInval;
          const uint64_t* const end = slots + def_.max_entries;
          return std::find(slots, end, socket) != end ? Errno::kBusy
                                                      : Errno::kOk;
        });
  }
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    return this->SetSocket(IndexOf(key), 0, [](const uint64_t*, uint64_t old) {
      return old == 0 ? Errno::kNoEnt : Errno::kOk;
    });
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_REUSEPORT_SOCK_ARRAY_H_
