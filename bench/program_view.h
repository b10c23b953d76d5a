// SPDX-License-Identifier: Apache-2.0

// ProgramView: a map of this library as a BPF program uses it.
// PushPopProgramView, BloomProgramView, RingProgramView: the same for a queue
// or a stack, for a bloom filter and for a ring buffer. Where M is a class of a
// map, and not the interface, calls of it can be inlined. The views' own
// methods are always: a row is about the map.

#ifndef BPFMAP_BENCH_PROGRAM_VIEW_H_
#define BPFMAP_BENCH_PROGRAM_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/attributes.h"
#include "bench/workload.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/flags.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_def.h"

namespace bpfmap::bench {

// A lookup copies nothing.
template <typename M>
class ProgramView {
 public:
  using Map = M;

  ProgramView(Map& map, const MapDef&) : map_(map) {}

  ABSL_ATTRIBUTE_ALWAYS_INLINE const void* Lookup(const void* key) {
    return map_.LookupElem(key);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Update(const void* key,
                                            const void* value) {
    return map_.UpdateElem(key, value, kAny);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Delete(const void* key) {
    return map_.DeleteElem(key);
  }

 private:
  Map& map_;
};

// A pop copies.
template <typename M>
class PushPopProgramView {
 public:
  using Map = M;

  PushPopProgramView(Map& map, const MapDef& def)
      : map_(map), value_(def.value_size) {}

  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Push(const void* value) {
    return map_.Push(value, kAny);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE const void* Pop() {
    return map_.Pop(value_.data()) == Errno::kOk ? value_.data() : nullptr;
  }

 private:
  Map& map_;
  std::vector<std::byte> value_;
};

// A value of a bloom filter stands for a key.
template <typename M>
class BloomProgramView {
 public:
  using Map = M;
  static constexpr MapKind kKind = MapKind::kBloom;

  BloomProgramView(Map& map, const MapDef&) : map_(map) {}

  ABSL_ATTRIBUTE_ALWAYS_INLINE const void* Lookup(const void* key) {
    // A bloom filter only reads what other maps without keys write.
    const Errno error = map_.Peek(const_cast<void*>(key));
    return error == Errno::kOk ? key : nullptr;
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE Errno Update(const void* key, const void*) {
    return map_.Push(key, kAny);
  }

 private:
  Map& map_;
};

template <typename M>
class RingProgramView {
 public:
  using Map = M;

  RingProgramView(Map& map, const MapDef&) : map_(map) {}

  ABSL_ATTRIBUTE_ALWAYS_INLINE void* Reserve() {
    return map_.Reserve(sizeof(last_));
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Submit(void* record) {
    map_.Submit(record, kRbNoWakeup);
  }
  uint64_t Consume() {
    return static_cast<uint64_t>(map_.Consume([this](void* data, uint32_t) {
      last_ = *static_cast<const uint64_t*>(data);
      return 0;
    }));
  }
  uint64_t last() const { return last_; }

 private:
  Map& map_;
  uint64_t last_ = 0;  // record that was read
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_PROGRAM_VIEW_H_
