// SPDX-License-Identifier: Apache-2.0

// absl::flat_hash_map behind one absl::Mutex, shared by lookups.

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "bench/peers/peer.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {
namespace {

template <typename Key, typename Value>
class AbslFlatMutex {
 public:
  explicit AbslFlatMutex(uint32_t max_entries) { map_.reserve(max_entries); }

  bool Lookup(const Key& key, Value* value) {
    absl::ReaderMutexLock lock(&mutex_);
    const auto found = map_.find(key);
    if (found == map_.end()) return false;
    *value = found->second;
    return true;
  }
  void Update(const Key& key, const Value& value) {
    absl::MutexLock lock(&mutex_);
    map_.insert_or_assign(key, value);
  }
  bool Delete(const Key& key) {
    absl::MutexLock lock(&mutex_);
    return map_.erase(key) > 0;
  }

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<Key, Value> map_;  // guarded by mutex_
};

}  // namespace

std::vector<Contender> AbslFlatMutexPeers() {
  return MakePeers<AbslFlatMutex>("absl_flat_mutex");
}

}  // namespace bpfmap::bench
