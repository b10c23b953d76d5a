#include "bench/peers/exact_lru.h"

#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/peers.h"
#include "maps/map_def.h"

namespace bpfmap::bench {

std::vector<Contender> ExactLruPeers() {
  // BPF_MAP_TYPE_LRU_HASH, by its number while MapType does not list it.
  return MakePeers<ExactLru>("exact_lru", MapType{9});
}

}  // namespace bpfmap::bench
