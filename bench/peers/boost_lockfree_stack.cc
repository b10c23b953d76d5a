// SPDX-License-Identifier: Apache-2.0

// boost::lockfree::stack: a linked list with a compare-and-swap at its head,
// whose nodes are all allocated at the start.

#include <boost/lockfree/stack.hpp>
#include <cstdint>
#include <vector>

#include "bench/peers/peers.h"
#include "bench/peers/push_pop_peer.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

template <typename Value>
class BoostLockfreeStack {
 public:
  explicit BoostLockfreeStack(uint32_t max_entries) : stack_(max_entries) {}

  bool Push(const Value& value) { return stack_.bounded_push(value); }
  bool Pop(Value* value) { return stack_.pop(*value); }

 private:
  boost::lockfree::stack<Value> stack_;
};

}  // namespace

std::vector<Contender> BoostLockfreeStackPeers() {
  return MakePushPopPeers<BoostLockfreeStack>("boost_lockfree",
                                              MapType::kStack);
}

}  // namespace bpfmap::bench
