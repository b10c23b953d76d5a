// SPDX-License-Identifier: Apache-2.0

// std::deque behind one std::mutex: what most programs have.

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "bench/peers/peers.h"
#include "bench/peers/push_pop_peer.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

template <typename Value, MapType kType>
class StdDequeMutex {
 public:
  explicit StdDequeMutex(uint32_t max_entries) : max_entries_(max_entries) {}

  bool Push(const Value& value) {
    std::lock_guard lock(mutex_);
    if (values_.size() == max_entries_) return false;
    values_.push_back(value);
    return true;
  }
  bool Pop(Value* value) {
    std::lock_guard lock(mutex_);
    if (values_.empty()) return false;
    if constexpr (kType == MapType::kQueue) {
      *value = values_.front();
      values_.pop_front();
    } else {
      *value = values_.back();
      values_.pop_back();
    }
    return true;
  }

 private:
  const uint32_t max_entries_;
  std::mutex mutex_;
  std::deque<Value> values_;  // guarded by mutex_
};

template <typename Value>
using Queue = StdDequeMutex<Value, MapType::kQueue>;
template <typename Value>
using Stack = StdDequeMutex<Value, MapType::kStack>;

}  // namespace

std::vector<Contender> StdDequeMutexPeers() {
  std::vector<Contender> all =
      MakePushPopPeers<Queue>("std_deque_mutex", MapType::kQueue);
  for (const Contender& stack :
       MakePushPopPeers<Stack>("std_deque_mutex", MapType::kStack)) {
    all.push_back(stack);
  }
  return all;
}

}  // namespace bpfmap::bench
