// SPDX-License-Identifier: Apache-2.0

// Peers of queues and stacks. An adapter is a class like this:
//
//   template <typename Value>
//   class SomeQueue {
//    public:
//     explicit SomeQueue(uint32_t max_entries);
//     bool Push(const Value& value);  // false: there is no room
//     bool Pop(Value* value);         // false: there is none
//   };
//
// Both of them from any thread at any time. See peer.h for what it is for.

#ifndef BPFMAP_BENCH_PEERS_PUSH_POP_PEER_H_
#define BPFMAP_BENCH_PEERS_PUSH_POP_PEER_H_

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

template <typename Peer, typename Value>
class PushPopPeerView {
 public:
  using Map = Peer;

  PushPopPeerView(Map& map, const MapDef&) : map_(map) {}

  Errno Push(const void* value) {
    Value pushed;
    std::memcpy(&pushed, value, sizeof(pushed));
    return map_.Push(pushed) ? Errno::kOk : Errno::k2Big;
  }
  const void* Pop() { return map_.Pop(&value_) ? &value_ : nullptr; }

 private:
  Map& map_;
  Value value_;
};

template <template <typename> typename Peer, typename Value>
Contender MakePushPopPeer(const std::string& name, MapType type) {
  using Map = Peer<Value>;
  return MakeContender(Implementation<PushPopPeerView<Map, Value>>{
      name + "/user",
      [type](const MapDef& def) {
        return def.type == type && def.value_size == sizeof(Value);
      },
      [](const MapDef& def) -> absl::StatusOr<std::shared_ptr<Map>> {
        return std::make_shared<Map>(def.max_entries);
      }});
}

// The peer with every size of values that rows are about.
template <template <typename> typename Peer>
std::vector<Contender> MakePushPopPeers(const std::string& name, MapType type) {
  return {MakePushPopPeer<Peer, Value8>(name, type),
          MakePushPopPeer<Peer, Value64>(name, type)};
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_PEERS_PUSH_POP_PEER_H_
