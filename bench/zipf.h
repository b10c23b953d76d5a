// SPDX-License-Identifier: Apache-2.0

// Zipf: numbers of which few are drawn often and most hardly ever, as keys are
// in practice.
//
// The nth most popular has a probability in proportion to 1 / n^0.99, the
// exponent of YCSB. Its method too: Gray et al., "Quickly Generating
// Billion-Record Synthetic Databases", 1994.

#ifndef BPFMAP_BENCH_ZIPF_H_
#define BPFMAP_BENCH_ZIPF_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "bench/random.h"

namespace bpfmap::bench {

class Zipf {
 public:
  // For numbers from 0 to limit - 1. REQUIRES: limit >= 2.
  explicit Zipf(uint32_t limit) : limit_(limit), sum_(Sum(limit)) {
    eta_ = (1 - std::pow(2.0 / limit, 1 - kExponent)) / (1 - Sum(2) / sum_);
  }

  uint32_t Draw(Random& random) const {
    return Spread(Rank(random.Fraction()));
  }

 private:
  static constexpr double kExponent = 0.99;

  static double Sum(uint32_t limit) {
    double sum = 0;
    for (uint32_t n = 1; n <= limit; ++n) sum += std::pow(n, -kExponent);
    return sum;
  }

  // 0 for the most popular.
  uint32_t Rank(double fraction) const {
    const double part = fraction * sum_;
    if (part < 1) return 0;
    if (part < Sum(2)) return 1;
    const double rank =
        limit_ * std::pow(eta_ * fraction - eta_ + 1, 1 / (1 - kExponent));
    return std::min(static_cast<uint32_t>(rank), limit_ - 1);
  }

  // Numbers that are close in rank should not be neighbours in an array. The
  // factor is a prime, so each number comes out once.
  uint32_t Spread(uint32_t rank) const {
    return static_cast<uint32_t>(uint64_t{rank} * 2654435761 % limit_);
  }

  const uint32_t limit_;
  const double sum_;
  double eta_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_ZIPF_H_
