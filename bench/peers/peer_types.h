// SPDX-License-Identifier: Apache-2.0

// The keys and values of maps of other libraries, as a user would write them.

#ifndef BPFMAP_BENCH_PEERS_PEER_TYPES_H_
#define BPFMAP_BENCH_PEERS_PEER_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <utility>

namespace bpfmap::bench {

using Key4 = uint32_t;

struct Key16 {
  uint64_t low, high;

  friend bool operator==(const Key16&, const Key16&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const Key16& key) {
    return H::combine(std::move(state), key.low, key.high);
  }
};

struct Value8 {
  uint64_t word;
};

struct Value64 {
  uint64_t words[8];
};

// A hash for libraries that bring none. (std::hash, which most of them take if
// nothing is said, hands an integer back as it is: no more than half of them
// cope with that.) A multiplication whose halves are folded: fast, and good
// enough for keys that nobody chose to collide.
struct PeerHash {
  size_t operator()(Key4 key) const { return Fold(key ^ kOne, kTwo); }
  size_t operator()(const Key16& key) const {
    return Fold(key.low ^ kOne, key.high ^ kTwo);
  }

 private:
  static constexpr uint64_t kOne = 0x9e3779b97f4a7c15;
  static constexpr uint64_t kTwo = 0xd6e8feb86659fd93;

  static size_t Fold(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<size_t>(product) ^ static_cast<size_t>(product >> 64);
  }
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_PEERS_PEER_TYPES_H_
