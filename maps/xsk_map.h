// SPDX-License-Identifier: Apache-2.0

// XskMap: BPF_MAP_TYPE_XSKMAP. Sockets of AF_XDP by index, which
// bpf_redirect_map() sends packets to; slots start empty.
//
// A value is a socket, as in sock_map.h, of 4 bytes. User space cannot read it
// back.
//
// Program view: LookupElem(index) says whether there is a socket, for
// bpf_redirect_map(): null where the slot is empty. A program neither
// reads nor writes there.
//
// Source: answers of Linux 6.18 in tests/objects/socket_maps.out. Thread-safe,
// see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_XSK_MAP_H_
#define BPFMAP_MAPS_XSK_MAP_H_

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
class XskMap final : public SocketArray<XskMap<P>, P> {
 public:
  using typename SocketArray<XskMap, P>::Memory;

  // `memory` must outlive the map.
  XskMap(const MapDef& def, Memory* memory)
      : SocketArray<XskMap, P>(def, memory) {}
  explicit XskMap(const MapDef& def) requires HasDefaultMemory<P>
      : XskMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key that is not 4 bytes, a value that is
  //               not 4; a flag other than the rights of user space and the
  //               NUMA node; what CheckCommon() lists
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(
        CheckCommon(def),
        Require(def.type == MapType::kXskMap, "type must be XSKMAP"),
        CheckIndexKey(def), CheckSocketDef(def, kNumaNode | kRdOnly | kWrOnly),
        Require(def.value_size == 4, "value_size must be 4"),
        CheckNameAndNoLock(def));
  }

  // Update() and Delete(), besides the rights, in this order:
  //   EINVAL  other flags than kAny, kNoExist and kExist; Delete: an index past
  //           the end
  //   E2BIG   Update: an index past the end
  //   EBADF   the socket is 0
  //   OK      it is there already, whatever the flags
  //   ENOENT  kExist, and there is none
  //   EEXIST  kNoExist, and there is another one

  void* LookupElem(const void* key) override {
    // An address is all that a program gets: nothing of the socket is here.
    static constinit uint64_t some_socket = 0;
    return key != nullptr && this->SocketAt(IndexOf(key)) != 0 ? &some_socket
                                                               : nullptr;
  }

  // What Linux answers in place of commands that it does not have.
  static constexpr Refusals kRefuses{.lookup = Errno::kOpNotSupp,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{
      .key_types = MapTraits::KeyTypes::kNotSupported,
      .sockets = MapTraits::Sockets::kXdp};

 private:
  friend MapBase<XskMap, P>;
  using MapBase<XskMap, P>::def_;

  // For MapBase.
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (!IsSocketFlags(flags)) return Errno::kInval;
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    const uint64_t socket = SocketOf(value, def_.value_size);
    if (socket == 0) return Errno::kBadF;
    return this->SetSocket(
        IndexOf(key), socket, [&](const uint64_t*, uint64_t old) {
          return old == socket ? Errno::kOk : MayReplaceSocket(old, flags);
        });
  }
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) >= def_.max_entries) return Errno::kInval;
    return this->SetSocket(
        IndexOf(key), 0, [](const uint64_t*, uint64_t) { return Errno::kOk; });
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_XSK_MAP_H_
