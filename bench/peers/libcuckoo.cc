// SPDX-License-Identifier: Apache-2.0

// libcuckoo's cuckoohash_map: buckets of four behind striped spin locks.

#include <cstdint>
#include <libcuckoo/cuckoohash_map.hh>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {
namespace {

template <typename Key, typename Value>
class Libcuckoo {
 public:
  explicit Libcuckoo(uint32_t max_entries) : map_(max_entries) {}

  bool Lookup(const Key& key, Value* value) { return map_.find(key, *value); }
  void Update(const Key& key, const Value& value) {
    map_.insert_or_assign(key, value);
  }
  bool Delete(const Key& key) { return map_.erase(key); }

 private:
  libcuckoo::cuckoohash_map<Key, Value, PeerHash> map_;
};

}  // namespace

std::vector<Contender> LibcuckooPeers() {
  return MakePeers<Libcuckoo>("libcuckoo");
}

}  // namespace bpfmap::bench
