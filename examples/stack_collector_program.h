// SPDX-License-Identifier: Apache-2.0

// The BPF side of stack_collector: a profiler's program, which runs when a
// thread has used up a period of its time.
//
// Two maps make a profile: STACK_TRACE keeps each stack once and gives it an
// id, and a hash map counts how often each thread was found with it. Neither
// grows with the number of samples.

#ifndef BPFMAP_EXAMPLES_STACK_COLLECTOR_PROGRAM_H_
#define BPFMAP_EXAMPLES_STACK_COLLECTOR_PROGRAM_H_

#include <cstdint>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/stack_trace_map.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap::examples {

inline constexpr uint32_t kMaxFrames = 32;

// Two stacks may get one id, by chance, and the second is lost then: far more
// ids than stacks make that rare.
//
// struct {
//   __uint(type, BPF_MAP_TYPE_STACK_TRACE);
//   __uint(max_entries, 262144);
//   __uint(key_size, sizeof(u32));
//   __uint(value_size, 32 * sizeof(u64));
// } stacks SEC(".maps");
inline MapDef StacksDef() {
  return {.type = MapType::kStackTrace,
          .key_size = sizeof(uint32_t),
          .value_size = kMaxFrames * sizeof(uint64_t),
          .max_entries = 262144,
          .name = "stacks"};
}

struct Sample {
  uint32_t thread;
  int32_t stack;  // its id, or minus the errno of bpf_get_stackid()
};

// struct {
//   __uint(type, BPF_MAP_TYPE_HASH);
//   __uint(max_entries, 10240);
//   __type(key, struct sample);
//   __type(value, u64);
// } samples SEC(".maps");
inline MapDef SamplesDef() {
  return {.type = MapType::kHash,
          .key_size = sizeof(Sample),
          .value_size = sizeof(uint64_t),
          .max_entries = 10240,
          .name = "samples"};
}

using SamplesMap = ProgramMap<Sample, uint64_t>;

struct StackCollectorMaps {
  StackTraceMap<Cloud>& stacks;
  SamplesMap samples;
};

// SEC("perf_event"): `thread` is (u32)bpf_get_current_pid_tgid().
inline void OnSample(const StackCollectorMaps& maps, uint32_t thread) {
  // bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK)
  const int64_t stack = maps.stacks.GetStackId(kUserStack);
  // Two stacks that share an id are no reason to lose a sample: it is counted
  // as one whose stack is not known.
  const Sample sample = {.thread = thread,
                         .stack = static_cast<int32_t>(stack)};
  uint64_t* const count = maps.samples.GetOrInsert(sample, 0);
  if (count == nullptr) return;  // E2BIG
  // __sync_fetch_and_add(count, 1)
  __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_STACK_COLLECTOR_PROGRAM_H_
