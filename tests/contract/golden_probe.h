// SPDX-License-Identifier: Apache-2.0

// GoldenProbe: the rows of tests/contract/golden/kernel_errno.tsv, asked of any
// backend.
//
// Each row names a map type, an operation, a condition and what Linux 6.18
// answered to it. The probe brings about the same conditions through BpfMap and
// gives the same rows, so that the two can be compared line by line.
//
// Where the file says "bad pointer" the probe passes null: a BpfMap in this
// process could not survive another one.

#ifndef BPFMAP_TESTS_CONTRACT_GOLDEN_PROBE_H_
#define BPFMAP_TESTS_CONTRACT_GOLDEN_PROBE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/redirect_target.h"
#include "tests/support/backend.h"
#include "tests/support/descriptor.h"

namespace bpfmap {

class GoldenProbe {
 public:
  GoldenProbe(const Backend& backend, MapType type);

  // "type<TAB>op<TAB>condition<TAB>result" for each condition that a BpfMap can
  // be brought into.
  std::vector<std::string> Run();

 private:
  struct Batch;

  void Create();
  void CreateWithFlags();
  void LargestSizes();
  void Elements();
  void Walks();
  void NullPointers();
  void Batches();
  void RunBatch(const Batch& batch);
  void BatchWalks();
  void HashBatches();
  void Rights();
  void SpinLocks();
  void HashCapacity();
  void LruEvictions();
  void PerCpuLayout();
  // In golden_probe_keyless.cc, types without keys.
  void KeylessElements();
  void KeylessWalks();
  void KeylessPointers();
  void QueueOrder();
  void BloomHashes();
  // In golden_probe_inner.cc.
  void InnerMaps();
  void Programs();
  void PerfEvents();
  void Cgroups();
  // In golden_probe_redirect.cc.
  void Targets();
  void ProgramsOfTargets(
      const std::vector<std::pair<const char*, uint32_t>>& programs);
  void NumberOfTarget(const std::string& what, const RedirectTarget& target);
  // In golden_probe_lpm.cc.
  void Prefixes();
  void Forks();
  // In golden_probe_ring.cc.
  void RefusedCommands();

  void Row(const std::string& op, const std::string& condition, Errno error,
           const std::string& detail = "");
  void CreateRow(const MapDef& def, const std::string& condition);
  Errno CreateMap(const MapDef& def, TestMap* map);
  TestMap Filled(int count, MapFlags map_flags = {});
  TestMap NewTrie(uint32_t max_entries);
  // Descriptors of inner maps, and maps of one of them.
  uint32_t OpenInner(const MapDef& def);
  uint32_t OpenTemplate();
  uint32_t OpenProgram();
  Errno CreateOfOneValue(const MapDef& def, TestMap* map);
  bool is_array() const {
    return base_.type == MapType::kArray ||
           base_.type == MapType::kPerCpuArray ||
           base_.type == MapType::kArrayOfMaps || is_prog_array() ||
           is_perf_event_array() || is_cgroup_array() ||
           base_.type == MapType::kDevMap || is_cpu_map();
  }
  bool is_cpu_map() const { return base_.type == MapType::kCpuMap; }
  // Whether values are RedirectTargets.
  bool has_targets() const {
    return base_.type == MapType::kDevMap ||
           base_.type == MapType::kDevMapHash || is_cpu_map();
  }
  bool is_bloom() const { return base_.type == MapType::kBloomFilter; }
  bool is_hash() const { return base_.type == MapType::kHash; }
  bool has_seed() const {
    return is_hash() || base_.type == MapType::kPerCpuHash || is_lru() ||
           base_.type == MapType::kHashOfMaps;
  }
  bool is_ring() const {
    return base_.type == MapType::kRingBuf ||
           base_.type == MapType::kUserRingBuf;
  }
  bool is_lru() const {
    return base_.type == MapType::kLruHash ||
           base_.type == MapType::kLruPerCpuHash;
  }
  bool is_per_cpu() const { return IsPerCpu(base_.type); }
  bool is_stack_trace() const { return base_.type == MapType::kStackTrace; }
  bool is_trie() const { return base_.type == MapType::kLpmTrie; }
  bool is_prog_array() const { return base_.type == MapType::kProgArray; }
  bool is_perf_event_array() const {
    return base_.type == MapType::kPerfEventArray;
  }
  bool is_cgroup_array() const { return base_.type == MapType::kCgroupArray; }
  bool has_keys() const { return base_.key_size != 0; }
  // `key`, or null for a type without keys.
  const void* Key(const uint32_t* key) const {
    return has_keys() ? key : nullptr;
  }
  // Whether values are numbers for other things.
  bool has_descriptors() const {
    return is_map_of_maps() || is_prog_array() || is_perf_event_array() ||
           is_cgroup_array() || has_targets();
  }
  bool is_map_of_maps() const {
    return base_.type == MapType::kArrayOfMaps ||
           base_.type == MapType::kHashOfMaps;
  }

  const Backend& backend_;
  std::vector<std::unique_ptr<Descriptor>> inner_;
  std::shared_ptr<void> program_;
  std::shared_ptr<void> perf_event_;
  std::shared_ptr<void> cgroup_;
  uint32_t one_value_ = 0;  // for maps with descriptors
  MapDef base_;
  std::vector<std::string> rows_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_CONTRACT_GOLDEN_PROBE_H_
