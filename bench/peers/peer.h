// SPDX-License-Identifier: Apache-2.0

// Peers: maps of other libraries. An adapter is a class like this:
//
//   template <typename Key, typename Value>
//   class SomeMap {
//    public:
//     explicit SomeMap(uint32_t max_entries);
//     bool Lookup(const Key& key, Value* value);  // copies, if found
//     void Update(const Key& key, const Value& value);  // inserts or replaces
//     bool Delete(const Key& key);
//   };
//
// All of them from any thread at any time. A library that wants to know of a
// thread before it comes gets an object per thread, if the class has a
// `struct Thread` with a default constructor. A row
// shows what users of the library get; the class may add nothing that slows it
// down.

#ifndef BPFMAP_BENCH_PEERS_PEER_H_
#define BPFMAP_BENCH_PEERS_PEER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/contender.h"
#include "bench/peers/peer_types.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

struct NoThread {};

template <typename Peer, typename Key, typename Value>
class PeerView {
 public:
  using Map = Peer;

  PeerView(Map& map, const MapDef&) : map_(map) {}

  const void* Lookup(const void* key) {
    return map_.Lookup(Read<Key>(key), &value_) ? &value_ : nullptr;
  }
  Errno Update(const void* key, const void* value) {
    map_.Update(Read<Key>(key), Read<Value>(value));
    return Errno::kOk;
  }
  Errno Delete(const void* key) {
    return map_.Delete(Read<Key>(key)) ? Errno::kOk : Errno::kNoEnt;
  }

 private:
  static auto ThreadOf() {
    if constexpr (requires { typename Peer::Thread; }) {
      return std::make_unique<typename Peer::Thread>();
    } else {
      return NoThread();
    }
  }

  template <typename T>
  static T Read(const void* bytes) {
    T read;
    std::memcpy(&read, bytes, sizeof(read));
    return read;
  }

  [[no_unique_address]] decltype(ThreadOf()) thread_ = ThreadOf();
  Map& map_;
  Value value_;
};

template <template <typename, typename> typename Peer, typename Key,
          typename Value>
Contender MakePeer(const std::string& name, MapType type = MapType::kHash) {
  using Map = Peer<Key, Value>;
  return MakeContender(Implementation<PeerView<Map, Key, Value>>{
      name + "/user",
      [type](const MapDef& def) {
        return def.type == type && def.key_size == sizeof(Key) &&
               def.value_size == sizeof(Value);
      },
      [](const MapDef& def) -> absl::StatusOr<std::shared_ptr<Map>> {
        return std::make_shared<Map>(def.max_entries);
      }});
}

// The peer with every size of keys and values that rows are about.
template <template <typename, typename> typename Peer>
std::vector<Contender> MakePeers(const std::string& name,
                                 MapType type = MapType::kHash) {
  return {MakePeer<Peer, Key4, Value8>(name, type),
          MakePeer<Peer, Key16, Value64>(name, type)};
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_PEERS_PEER_H_
