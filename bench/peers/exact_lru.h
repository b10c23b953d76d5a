// SPDX-License-Identifier: Apache-2.0

// ExactLru: an adapter (peer.h) of the cache that everybody writes once: a list
// in the order of use and a hash table into it, behind one absl::Mutex.
//
// It has room for max_entries elements. An insert into a full one evicts the
// element that was used least recently: inserted, replaced or looked up.

#ifndef BPFMAP_BENCH_PEERS_EXACT_LRU_H_
#define BPFMAP_BENCH_PEERS_EXACT_LRU_H_

#include <cstdint>
#include <iterator>
#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace bpfmap::bench {

template <typename Key, typename Value>
class ExactLru {
 public:
  // REQUIRES: max_entries is 1 or more.
  explicit ExactLru(uint32_t max_entries) : max_entries_(max_entries) {
    places_.reserve(max_entries);
  }

  bool Lookup(const Key& key, Value* value) {
    absl::MutexLock lock(&mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return false;
    MakeFirst(found->second);
    *value = found->second->second;
    return true;
  }

  void Update(const Key& key, const Value& value) {
    absl::MutexLock lock(&mutex_);
    const auto found = places_.find(key);
    if (found != places_.end()) {
      MakeFirst(found->second);
      found->second->second = value;
      return;
    }
    if (elements_.size() < max_entries_) {
      elements_.emplace_front(key, value);
    } else {
      // The evicted element's node is taken again.
      places_.erase(elements_.back().first);
      MakeFirst(std::prev(elements_.end()));
      elements_.front() = {key, value};
    }
    places_.emplace(key, elements_.begin());
  }

  bool Delete(const Key& key) {
    absl::MutexLock lock(&mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return false;
    elements_.erase(found->second);
    places_.erase(found);
    return true;
  }

 private:
  using Elements = std::list<std::pair<Key, Value>>;
  using Place = typename Elements::iterator;

  void MakeFirst(Place place) {
    elements_.splice(elements_.begin(), elements_, place);
  }

  const uint32_t max_entries_;
  absl::Mutex mutex_;
  // Guarded by mutex_. The element that was used last is the first one.
  Elements elements_;
  absl::flat_hash_map<Key, Place> places_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_PEERS_EXACT_LRU_H_
