// SPDX-License-Identifier: Apache-2.0

// The BPF side of process_counter: what would run in the kernel.
//
// Two programs that share two maps, written as they would be in BPF C against
// the program view of the maps (ProgramMap), so that their logic runs, and can
// be tested, without root and without Linux. Each line's helper is named
// beside it; see bpf-helpers(7).
//
// Thread-safe, as BPF programs must be: many CPUs may run them at once.

#ifndef BPFMAP_EXAMPLES_PROCESS_COUNTER_PROGRAM_H_
#define BPFMAP_EXAMPLES_PROCESS_COUNTER_PROGRAM_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"

namespace bpfmap::examples {

// The value of the `counts` map; its key is the process's number.
struct OpenatCount {
  uint64_t calls;
  char comm[16];  // the process's name, closed by a 0
};

// struct {
//   __uint(type, BPF_MAP_TYPE_HASH);
//   __uint(max_entries, 10240);
//   __type(key, u32);
//   __type(value, struct openat_count);
// } openat_counts SEC(".maps");
inline MapDef CountsDef(uint32_t max_processes) {
  return {.type = MapType::kHash,
          .key_size = sizeof(uint32_t),
          .value_size = sizeof(OpenatCount),
          .max_entries = max_processes,
          .name = "openat_counts"};
}

// How many calls could not be counted: one u64 at index 0.
inline MapDef DroppedDef() {
  return {.type = MapType::kArray,
          .key_size = sizeof(uint32_t),
          .value_size = sizeof(uint64_t),
          .max_entries = 1,
          .name = "dropped"};
}

using CountsMap = ProgramMap<uint32_t, OpenatCount>;
using DroppedMap = ProgramMap<uint32_t, uint64_t>;

struct ProcessCounterMaps {
  CountsMap counts;
  DroppedMap dropped;
};

// bpf_get_current_comm(to, sizeof(to)): always closed by a 0.
inline void CopyComm(absl::string_view comm, char (&to)[16]) {
  const size_t size = comm.copy(to, sizeof(to) - 1);
  for (size_t i = size; i < sizeof(to); ++i) to[i] = 0;
}

// __sync_fetch_and_add(counter, 1): other CPUs may add at the same time.
inline void AtomicIncrement(uint64_t& counter) {
  __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
}

inline void CountDropped(const ProcessCounterMaps& maps) {
  uint64_t* const counter = maps.dropped.Lookup(0);
  // The index is there, but the verifier wants to see the check.
  if (counter != nullptr) AtomicIncrement(*counter);
}

// SEC("tracepoint/syscalls/sys_enter_openat"): counts one call.
//   pid   bpf_get_current_pid_tgid() >> 32
//   comm  bpf_get_current_comm()
inline void OnOpenat(const ProcessCounterMaps& maps, uint32_t pid,
                     absl::string_view comm) {
  // bpf_map_lookup_elem(&openat_counts, &pid)
  OpenatCount* count = maps.counts.Lookup(pid);
  if (count == nullptr) {
    OpenatCount first = {};
    CopyComm(comm, first.comm);

    // bpf_map_update_elem(&openat_counts, &pid, &first, BPF_NOEXIST), and a
    // second lookup: if another CPU was faster, its element serves as well.
    count = maps.counts.GetOrInsert(pid, first);
    if (count == nullptr) {  // E2BIG: the map is full of other processes
      CountDropped(maps);
      return;
    }
  }
  // The pointer leads into the map: no second update is needed.
  AtomicIncrement(count->calls);
}

// SEC("tracepoint/task/task_rename"): a process that was counted under one
// name has run execve() and goes on under another.
inline void OnTaskRename(const ProcessCounterMaps& maps, uint32_t pid,
                         absl::string_view comm) {
  OpenatCount* const count = maps.counts.Lookup(pid);
  if (count != nullptr) CopyComm(comm, count->comm);
}

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_PROCESS_COUNTER_PROGRAM_H_
