// SPDX-License-Identifier: Apache-2.0

// No peers, where they cannot run: see BUILD.

#include <vector>

#include "bench/contender.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {

std::vector<Contender> Peers() { return {}; }

}  // namespace bpfmap::bench
