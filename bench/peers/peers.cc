// SPDX-License-Identifier: Apache-2.0

#include "bench/peers/peers.h"

#include <vector>

#include "bench/contender.h"

namespace bpfmap::bench {

std::vector<Contender> Peers() {
  std::vector<Contender> all;
  for (const auto& some :
       {AbslFlatMutexPeers(), StdUnorderedSharedMutexPeers(), TbbPeers(),
        LibcuckooPeers(), UrcuLfhtPeers(), LibcdsFeldmanPeers(), CritnibPeers(),
        ExactLruPeers(), StdDequeMutexPeers(), BoostLockfreeQueuePeers(),
        BoostLockfreeStackPeers(), MoodycamelPeers()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace bpfmap::bench
