// SPDX-License-Identifier: Apache-2.0

// Random numbers that follow from a seed, the same on every machine.

#ifndef BPFMAP_BENCH_RANDOM_H_
#define BPFMAP_BENCH_RANDOM_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bpfmap::bench {

// The use of random bits, so that no two uses get the same ones.
enum class Purpose : uint64_t { kKey, kValue, kOrder };

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", 2014). Small enough to start one for each element.
class Random {
 public:
  Random(uint32_t seed, Purpose purpose, uint64_t number)
      : state_(Mix(Mix(uint64_t{seed} << 2 | static_cast<uint64_t>(purpose)) +
                   number)) {}

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15); }

  // 0 to limit - 1. The bias is below 2^-32 * limit: nothing here.
  uint32_t Below(uint32_t limit) {
    return static_cast<uint32_t>(((Next() >> 32) * limit) >> 32);
  }

  // 0 to 1, without 1.
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  void Fill(std::byte* bytes, size_t size) {
    while (size > 0) {
      const uint64_t word = Next();
      const size_t step = std::min(size, sizeof word);
      std::memcpy(bytes, &word, step);
      bytes += step;
      size -= step;
    }
  }

 private:
  static uint64_t Mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  uint64_t state_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_RANDOM_H_
