// SPDX-License-Identifier: Apache-2.0

#include "bench/goals.h"

namespace bpfmap::bench {
namespace {

struct Goal {
  const char* map;
  const char* operation;
  int threads;
  double at_1k, at_64k, at_1m;
};

constexpr Goal kGoals[] = {
    {"hash", "lookup_hit", 1, 3, 4, 4},
    {"hash", "lookup_hit", 2, 3, 4, 4},
    {"hash", "lookup_miss", 1, 4, 5, 8},
    {"hash", "update", 1, 3.5, 5, 6},
    {"hash", "insert_delete", 1, 2.5, 4, 7},
    {"hash", "insert_delete", 2, 2.3, 2.8, 5},
    {"hash", "mix50_50", 2, 2, 2.4, 4},
    {"array", "update", 1, 8, 8, 8},
    {"lru_hash", "lookup_hit", 1, 2.7, 3.3, 2.5},
    {"lru_hash", "update", 1, 6, 8, 10},
    {"lru_hash", "insert_evict", 1, 2.5, 4, 8},
    {"lru_hash", "insert_evict", 2, 4, 3, 6},
    {"percpu_hash", "lookup_hit", 1, 3, 4, 4},
    {"queue", "push_pop", 1, 1.8, 1.8, 1.8},
    {"queue", "push_pop", 2, 4, 4, 4},
    {"stack", "push_pop", 1, 1.8, 1.8, 1.8},
    {"stack", "push_pop", 2, 4, 4, 4},
    {"ringbuf", "reserve_submit", 1, 2.8, 2.8, 2.8},
    {"ringbuf", "reserve_submit_consumed", 1, 2, 2, 2},
    {"lpm_trie", "lookup_hit", 1, 2, 2, 2},
    {"lpm_trie", "update", 1, 2, 2, 2},
    {"bloom_filter", "lookup_hit", 1, 2, 2, 2},
    {"bloom_filter", "update", 1, 2, 2, 2},
    {"array_of_maps", "lookup_hit", 1, 2, 2, 2},
    {"hash_of_maps", "lookup_hit", 1, 2, 2, 2},
};

}  // namespace

std::optional<double> GoalOf(absl::string_view map, absl::string_view operation,
                             uint32_t value_size, uint64_t entries,
                             int threads) {
  for (const Goal& goal : kGoals) {
    if (map != goal.map || operation != goal.operation ||
        threads != goal.threads) {
      continue;
    }
    const double ratio = entries < (1 << 16)   ? goal.at_1k
                         : entries < (1 << 20) ? goal.at_64k
                                               : goal.at_1m;
    return value_size == 64 ? 0.8 * ratio : ratio;
  }
  return std::nullopt;
}

}  // namespace bpfmap::bench
