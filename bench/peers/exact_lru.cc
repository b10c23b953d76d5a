// SPDX-License-Identifier: Apache-2.0

#include "bench/peers/exact_lru.h"

#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/peers.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

std::vector<Contender> ExactLruPeers() {
  return MakePeers<ExactLru>("exact_lru", MapType::kLruHash);
}

}  // namespace bpfmap::bench
