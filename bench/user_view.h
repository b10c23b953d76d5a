// SPDX-License-Identifier: Apache-2.0

// UserView: a map as user space uses it. A lookup copies the value; of a map
// per CPU it copies all of them, and gives that of one CPU. An update writes
// all. PushPopUserView, BloomUserView: the same for a queue or a stack, and for
// a bloom filter.

#ifndef BPFMAP_BENCH_USER_VIEW_H_
#define BPFMAP_BENCH_USER_VIEW_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "absl/base/attributes.h"
#include "bench/kernel/fits.h"
#include "bench/workload.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"

namespace bpfmap::bench {

class UserView {
 public:
  using Map = BpfMap;

  UserView(Map& map, const MapDef& def, int cpu = 0)
      : map_(map), size_(def.value_size) {
    if (IsPerCpu(def.type)) {
      slice_ = (size_ + 7) / 8 * 8;
      static const int cpus = std::max(PossibleCpus(), KernelCpus());
      value_.resize(slice_ * cpus);
      own_ = value_.data() + slice_ * cpu;
    } else {
      value_.resize(size_);
      own_ = value_.data();
    }
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE const void* Lookup(const void* key) {
    return map_.Lookup(key, value_.data()) == Errno::kOk ? own_ : nullptr;
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Update(const void* key,
                                            const void* value) {
    if (slice_ == 0) return map_.Update(key, value);
    for (size_t at = 0; at < value_.size(); at += slice_) {
      std::memcpy(&value_[at], value, size_);
    }
    return map_.Update(key, value_.data());
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Delete(const void* key) {
    return map_.Delete(key);
  }

 private:
  Map& map_;
  const size_t size_;  // of a value
  size_t slice_ = 0;   // per CPU: what each takes
  std::vector<std::byte> value_;
  const std::byte* own_;
};

class PushPopUserView {
 public:
  using Map = BpfMap;

  PushPopUserView(Map& map, const MapDef& def)
      : map_(map), value_(def.value_size) {}

  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Push(const void* value) {
    return map_.Update(nullptr, value);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE const void* Pop() {
    const Errno error = map_.LookupAndDelete(nullptr, value_.data());
    return error == Errno::kOk ? value_.data() : nullptr;
  }

 private:
  Map& map_;
  std::vector<std::byte> value_;
};

class BloomUserView {
 public:
  using Map = BpfMap;
  static constexpr MapKind kKind = MapKind::kBloom;

  BloomUserView(Map& map, const MapDef& def)
      : map_(map), value_(def.value_size) {}

  ABSL_ATTRIBUTE_ALWAYS_INLINE const void* Lookup(const void* key) {
    std::memcpy(value_.data(), key, value_.size());
    const Errno error = map_.Lookup(nullptr, value_.data());
    return error == Errno::kOk ? value_.data() : nullptr;
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Update(const void* key, const void*) {
    return map_.Update(nullptr, key);
  }

 private:
  Map& map_;
  std::vector<std::byte> value_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_USER_VIEW_H_
