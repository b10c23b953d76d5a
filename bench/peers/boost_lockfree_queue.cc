// SPDX-License-Identifier: Apache-2.0

// boost::lockfree::queue: a linked list with a compare-and-swap at either end,
// whose nodes are all allocated at the start.

#include <boost/lockfree/queue.hpp>
#include <cstdint>
#include <vector>

#include "bench/peers/peers.h"
#include "bench/peers/push_pop_peer.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

template <typename Value>
class BoostLockfreeQueue {
 public:
  explicit BoostLockfreeQueue(uint32_t max_entries) : queue_(max_entries) {}

  bool Push(const Value& value) { return queue_.bounded_push(value); }
  bool Pop(Value* value) { return queue_.pop(*value); }

 private:
  boost::lockfree::queue<Value> queue_;
};

}  // namespace

std::vector<Contender> BoostLockfreeQueuePeers() {
  return MakePushPopPeers<BoostLockfreeQueue>("boost_lockfree",
                                              MapType::kQueue);
}

}  // namespace bpfmap::bench
