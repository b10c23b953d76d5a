// SPDX-License-Identifier: Apache-2.0

#include "bench/goals.h"

namespace bpfmap::bench {
namespace {

struct Goal {
  const char* map;
  const char* operation;
  double times_floor;
};

constexpr Goal kGoals[] = {
    {"hash", "lookup_hit", 1.5},
    {"hash", "lookup_miss", 1.5},
    {"hash", "update", 1.5},
    {"hash", "insert_delete", 1.5},
    {"hash", "mix50_50", 1.5},
    {"array", "lookup_hit", 1.5},
    {"array", "update", 1.5},
    {"percpu_hash", "lookup_hit", 1.5},
    {"percpu_hash", "update", 1.5},
    {"percpu_array", "lookup_hit", 1.5},
    {"percpu_array", "update", 1.5},
    {"lru_hash", "lookup_hit", 1.5},
    // Linux's order takes more than one step of a list.
    {"lru_hash", "update", 2},
    {"lru_hash", "insert_evict", 2},
    // The floor knows that all prefixes have one length; a trie does not.
    {"lpm_trie", "lookup_hit", 4},
    {"lpm_trie", "update", 4},
    {"bloom_filter", "lookup_hit", 1.5},
    {"bloom_filter", "update", 1.5},
    // Of two classes that the compiler does not know: two virtual calls.
    {"array_of_maps", "lookup_hit", 2},
    {"hash_of_maps", "lookup_hit", 2},
    {"queue", "push_pop", 1.5},
    {"stack", "push_pop", 1.5},
    {"ringbuf", "reserve_submit", 1.5},
    {"ringbuf", "reserve_submit_consumed", 1.5},
};

}  // namespace

std::optional<double> GoalOf(absl::string_view map,
                             absl::string_view operation) {
  for (const Goal& goal : kGoals) {
    if (map == goal.map && operation == goal.operation) return goal.times_floor;
  }
  return std::nullopt;
}

}  // namespace bpfmap::bench
