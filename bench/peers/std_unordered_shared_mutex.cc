// SPDX-License-Identifier: Apache-2.0

// std::unordered_map behind one std::shared_mutex, shared by lookups.

#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {
namespace {

template <typename Key, typename Value>
class StdUnorderedSharedMutex {
 public:
  explicit StdUnorderedSharedMutex(uint32_t max_entries) {
    map_.reserve(max_entries);
  }

  bool Lookup(const Key& key, Value* value) {
    std::shared_lock lock(mutex_);
    const auto found = map_.find(key);
    if (found == map_.end()) return false;
    *value = found->second;
    return true;
  }
  void Update(const Key& key, const Value& value) {
    std::unique_lock lock(mutex_);
    map_.insert_or_assign(key, value);
  }
  bool Delete(const Key& key) {
    std::unique_lock lock(mutex_);
    return map_.erase(key) > 0;
  }

 private:
  std::shared_mutex mutex_;
  std::unordered_map<Key, Value, PeerHash> map_;  // guarded by mutex_
};

}  // namespace

std::vector<Contender> StdUnorderedSharedMutexPeers() {
  return MakePeers<StdUnorderedSharedMutex>("std_unordered_shared_mutex");
}

}  // namespace bpfmap::bench
