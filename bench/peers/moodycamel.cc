// SPDX-License-Identifier: Apache-2.0

// moodycamel::ConcurrentQueue: a queue for each thread that pushes. Values
// that one thread pushed come in order; between threads there is none, which is
// less than the other queues promise.

#include <concurrentqueue/concurrentqueue.h>

#include <cstdint>
#include <vector>

#include "bench/peers/peers.h"
#include "bench/peers/push_pop_peer.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

template <typename Value>
class Moodycamel {
 public:
  explicit Moodycamel(uint32_t max_entries) : queue_(max_entries) {}

  bool Push(const Value& value) { return queue_.enqueue(value); }
  bool Pop(Value* value) { return queue_.try_dequeue(*value); }

 private:
  moodycamel::ConcurrentQueue<Value> queue_;
};

}  // namespace

std::vector<Contender> MoodycamelPeers() {
  return MakePushPopPeers<Moodycamel>("moodycamel", MapType::kQueue);
}

}  // namespace bpfmap::bench
