// SPDX-License-Identifier: Apache-2.0

// Each library's maps; see the file of that name.

#ifndef BPFMAP_BENCH_PEERS_PEERS_H_
#define BPFMAP_BENCH_PEERS_PEERS_H_

#include <vector>

#include "bench/contender.h"

namespace bpfmap::bench {

// All of them.
std::vector<Contender> Peers();

std::vector<Contender> AbslFlatMutexPeers();
std::vector<Contender> BoostLockfreeQueuePeers();
std::vector<Contender> BoostLockfreeStackPeers();
std::vector<Contender> CritnibPeers();
std::vector<Contender> ExactLruPeers();
std::vector<Contender> LibcdsFeldmanPeers();
std::vector<Contender> LibcuckooPeers();
std::vector<Contender> MoodycamelPeers();
std::vector<Contender> StdDequeMutexPeers();
std::vector<Contender> StdUnorderedSharedMutexPeers();
std::vector<Contender> TbbPeers();
std::vector<Contender> UrcuLfhtPeers();

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_PEERS_PEERS_H_
