// SPDX-License-Identifier: Apache-2.0

// oneTBB's concurrent_hash_map: buckets with a lock each, and one per element.

#include <tbb/concurrent_hash_map.h>
#include <tbb/scalable_allocator.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {
namespace {

template <typename Key>
struct HashAndEqual {
  size_t hash(const Key& key) const { return PeerHash()(key); }
  bool equal(const Key& a, const Key& b) const { return a == b; }
};

template <typename Key, typename Value>
class Tbb {
 public:
  explicit Tbb(uint32_t max_entries) : map_(max_entries) {}

  // Its allocator would keep all memory, and the next map seem to take none.
  ~Tbb() {
    map_.clear();
    scalable_allocation_command(TBBMALLOC_CLEAN_ALL_BUFFERS, nullptr);
  }

  bool Lookup(const Key& key, Value* value) {
    typename Map::const_accessor found;
    if (!map_.find(found, key)) return false;
    *value = found->second;
    return true;
  }
  void Update(const Key& key, const Value& value) {
    typename Map::accessor found;
    map_.insert(found, key);
    found->second = value;
  }
  bool Delete(const Key& key) { return map_.erase(key); }

 private:
  using Map = tbb::concurrent_hash_map<Key, Value, HashAndEqual<Key>>;

  Map map_;
};

}  // namespace

std::vector<Contender> TbbPeers() { return MakePeers<Tbb>("tbb"); }

}  // namespace bpfmap::bench
