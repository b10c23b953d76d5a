// GoldenProbe: the rows of tests/golden/kernel_errno.tsv, asked of any backend.
//
// Each row names a map type, an operation, a condition and what Linux 6.18
// answered to it. The probe brings about the same conditions through BpfMap and
// gives the same rows, so that the two can be compared line by line.
//
// Where the file says "bad pointer" the probe passes null: a BpfMap in this
// process could not survive another one.

#ifndef BPFMAP_TESTS_GOLDEN_PROBE_H_
#define BPFMAP_TESTS_GOLDEN_PROBE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "maps/errno.h"
#include "maps/map_def.h"
#include "tests/backend.h"

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
  // Types without keys, in golden_probe_keyless.cc.
  void KeylessElements();
  void KeylessWalks();
  void KeylessPointers();
  void QueueOrder();
  void BloomHashes();

  void Row(const std::string& op, const std::string& condition, Errno error,
           const std::string& detail = "");
  void CreateRow(const MapDef& def, const std::string& condition);
  TestMap Filled(int count, uint32_t map_flags = 0);
  bool is_array() const { return base_.type == MapType::kArray; }
  bool is_bloom() const { return base_.type == MapType::kBloomFilter; }
  bool is_hash() const { return base_.type == MapType::kHash; }
  bool has_keys() const { return base_.key_size != 0; }
  // `key`, or null for a type without keys.
  const void* Key(const uint32_t* key) const {
    return has_keys() ? key : nullptr;
  }

  const Backend& backend_;
  const MapDef base_;
  std::vector<std::string> rows_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_GOLDEN_PROBE_H_
