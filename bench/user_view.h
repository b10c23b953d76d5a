// UserView: a map as user space uses it. A lookup copies the value.
// PushPopUserView: the same for a queue or a stack.

#ifndef BPFMAP_BENCH_USER_VIEW_H_
#define BPFMAP_BENCH_USER_VIEW_H_

#include <cstddef>
#include <vector>

#include "maps/bpf_map.h"
#include "maps/errno.h"
#include "maps/map_def.h"

namespace bpfmap::bench {

class UserView {
 public:
  using Map = BpfMap;

  UserView(Map& map, const MapDef& def) : map_(map), value_(def.value_size) {}

  const void* Lookup(const void* key) {
    const Errno error = map_.Lookup(key, value_.data());
    return error == Errno::kOk ? value_.data() : nullptr;
  }
  Errno Update(const void* key, const void* value) {
    return map_.Update(key, value);
  }
  Errno Delete(const void* key) { return map_.Delete(key); }

 private:
  Map& map_;
  std::vector<std::byte> value_;
};

class PushPopUserView {
 public:
  using Map = BpfMap;

  PushPopUserView(Map& map, const MapDef& def)
      : map_(map), value_(def.value_size) {}

  Errno Push(const void* value) { return map_.Update(nullptr, value); }
  const void* Pop() {
    const Errno error = map_.LookupAndDelete(nullptr, value_.data());
    return error == Errno::kOk ? value_.data() : nullptr;
  }

 private:
  Map& map_;
  std::vector<std::byte> value_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_USER_VIEW_H_
