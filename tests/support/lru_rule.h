// SPDX-License-Identifier: Apache-2.0
// LruRule: what the order of Linux's LRU maps says about a map that one CPU
// fills, for any number of CPUs.
//
// A CPU takes free elements from the list of all CPUs in batches, whose size
// depends on their number. Where that list has fewer left, as many keys leave
// as the batch lacks, the oldest first.

#ifndef BPFMAP_TESTS_SUPPORT_LRU_RULE_H_
#define BPFMAP_TESTS_SUPPORT_LRU_RULE_H_

#include <algorithm>
#include <cstdint>
#include <set>

#include "bpfmap/profiles/cpu.h"

namespace bpfmap {

class LruRule {
 public:
  explicit LruRule(uint32_t max_entries) : max_entries_(max_entries) {}

  // How many elements a CPU takes at once: target_free in Linux.
  uint32_t batch() const {
    return std::clamp(max_entries_ / PossibleCpus() / 2, 1U, 128U);
  }

  // How many keys come in before the first has to leave.
  uint32_t room() const { return max_entries_ - max_entries_ % batch(); }

  // Those of the keys 0 to max_entries - 1 that stay when room has to be made
  // in a map that has taken them in this order, and no use was made of any.
  // REQUIRES: room() == max_entries.
  std::set<uint32_t> StayAfterOneMore() const {
    std::set<uint32_t> keys;
    for (uint32_t key = batch(); key < max_entries_; ++key) keys.insert(key);
    return keys;
  }

 private:
  const uint32_t max_entries_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_LRU_RULE_H_
