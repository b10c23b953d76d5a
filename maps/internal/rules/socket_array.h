// SPDX-License-Identifier: Apache-2.0
//
// SocketArray: what arrays of sockets do alike. A socket is a number that is
// not 0, its cookie, of which a map with a value_size of 4 keeps the lower
// half; the map does not know what it stands for. Slots start empty.
//
// A type derives as `class SockMap final : public SocketArray<SockMap<P>, P>`
// and makes MapBase its friend. It has Check(), Put(), Remove(), and Read() if
// user space can look up.
//
// Source: the answers of Linux 6.18 in tests/objects/socket_maps.out.
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_SOCKET_ARRAY_H_
#define BPFMAP_MAPS_INTERNAL_RULES_SOCKET_ARRAY_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// A socket that no array of its kind takes: an update fails when this is due.
inline constexpr uint64_t kRefusedSocket = ~uint64_t{0};

// The flags of an update of sockets.
constexpr bool IsSocketFlags(ElemFlags flags) {
  return flags == kAny || flags == kNoExist || flags == kExist;
}

// The socket in a value of `size` bytes, 4 or 8.
inline uint64_t SocketOf(const void* value, uint32_t size) {
  if (size == sizeof(uint64_t)) {
    uint64_t socket;
    std::memcpy(&socket, value, sizeof socket);
    return socket;
  }
  uint32_t socket;
  std::memcpy(&socket, value, sizeof socket);
  return socket == static_cast<uint32_t>(kRefusedSocket) ? kRefusedSocket
                                                         : socket;
}

// Sets *value, of `size` bytes, to a socket that was looked up.
//   ENOSPC  the values have no room for a cookie
//   ENOENT  there is no socket
//   EFAULT  value is null
inline Errno ReadSocket(uint64_t socket, uint32_t size, void* value) {
  if (size != sizeof socket) return Errno::kNoSpc;
  if (socket == 0) return Errno::kNoEnt;
  if (value == nullptr) return Errno::kFault;
  std::memcpy(value, &socket, sizeof socket);
  return Errno::kOk;
}

// Whether the flags let a socket take the place of `old`, which is 0 if there
// is none.
//   ENOENT  kExist, and there is none
//   EEXIST  kNoExist, and there is one
constexpr Errno MayReplaceSocket(uint64_t old, ElemFlags flags) {
  if (flags == kExist && old == 0) return Errno::kNoEnt;
  if (flags == kNoExist && old != 0) return Errno::kExist;
  return Errno::kOk;
}

template <typename Map, Profile P>
class SocketArray : public MapBase<Map, P> {
 public:
  using typename MapBase<Map, P>::Memory;

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(SlotsSize(def));
  }

 protected:
  friend MapBase<Map, P>;
  using MapBase<Map, P>::def_;
  using MapBase<Map, P>::rights_;

  SocketArray(const MapDef& def, Memory* memory)
      : MapBase<Map, P>(def), arena_(*memory) {}
  ~SocketArray() = default;

  // 0: the slot is empty, or the index past the end.
  uint64_t SocketAt(uint32_t index) {
    if (index >= def_.max_entries) return 0;
    ReaderLock lock(lock_);
    return slots_[index];
  }
  // Puts `socket` into a slot, with 0 empties it, if may(slots, old) is kOk for
  // the socket that is there. REQUIRES: index < max_entries.
  template <typename May>
  Errno SetSocket(uint32_t index, uint64_t socket, May may) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    const Errno error = may(slots_, slots_[index]);
    if (error == Errno::kOk) slots_[index] = socket;
    return error;
  }

  // For MapBase.
  bool Allocate() {
    if (!arena_.Allocate(MemoryNeeded(def_))) return false;
    slots_ = reinterpret_cast<uint64_t*>(arena_.Take(SlotsSize(def_)));
    return true;
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
  static constexpr uint64_t SlotsSize(const MapDef& def) {
    return uint64_t{def.max_entries} * sizeof(uint64_t);
  }

  internal::Arena<P> arena_;
  uint64_t* slots_ = nullptr;  // guarded by lock_
  typename P::Lock lock_;
};

// The sizes of key and value, and the flags. Values of 8 bytes have room for
// the cookie.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckSocketDef(
    const MapDef& def, MapFlags flags) {
  return FirstError(
      CheckMaxEntries(def),
      Require(def.value_size == 4 || def.value_size == 8,
              "value_size must be 4, or 8 to look cookies up"),
      CheckFlags(def, flags,
                 "map_flags has a flag that this type does not take"));
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_SOCKET_ARRAY_H_
