// SPDX-License-Identifier: Apache-2.0

// InnerMaps: what ArrayOfMaps and HashOfMaps know of the maps in them.
//
// That is the template, which every inner map must be like; and the retired
// maps, which were removed from the outer map. These are kept until
// ReclaimRetired(), as a program may still have the pointer that a lookup
// returned. (Linux keeps them until all running programs have ended.)
//
// Source: Documentation/bpf/map_of_maps.rst; answers of Linux 6.18 in
// tests/contract/golden/.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_INNER_MAPS_H_
#define BPFMAP_MAPS_INTERNAL_RULES_INNER_MAPS_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/profiles/spin_then_yield.h"

namespace bpfmap {

// Whether a profile has maps of maps. References to an inner map are counted,
// and the last one destroys it: that takes a heap.
template <Profile P>
inline constexpr bool kHasMapsOfMaps = requires {
  P::DefaultMemory();
};

constexpr bool IsMapOfMaps(MapType type) {
  return type == MapType::kArrayOfMaps || type == MapType::kHashOfMaps;
}

// Thread-safe, but for SetTemplate().
class InnerMaps {
 public:
  explicit InnerMaps(const FdResolver& descriptors) : fds_(descriptors) {}
  InnerMaps(const InnerMaps&) = delete;
  InnerMaps& operator=(const InnerMaps&) = delete;

  // Inner maps must be like the map of `fd`, which need not stay.
  //   EBADF     `fd` is not open
  //   EINVAL    a map of maps: there is one level
  //   ENOTSUPP  an array of programs
  DefError SetTemplate(uint32_t fd) {
    MapWithId found;
    const Errno error = fds_.Find(fd, &found);
    if (error != Errno::kOk) return {error, "inner_map_fd must be an open map"};
    const MapDef def = found.map->def();
    if (IsMapOfMaps(def.type)) {
      return {Errno::kInval, "inner_map_fd may not be a map of maps"};
    }
    if (def.type == MapType::kProgArray) {
      return {Errno::kNotSupp, "inner_map_fd may not be an array of programs"};
    }
    template_ = def;
    return {};
  }

  // A reference to the map of `fd`, which may be put into the outer map.
  //   EBADF   `fd` is not open
  //   EINVAL  it is not like the template: its type, sizes, flags (but kRdOnly
  //           and kWrOnly) or lock are others; or max_entries of an array, if
  //           it is not kInnerMap
  Errno Take(uint32_t fd, MapWithId* taken) const {
    const Errno error = fds_.Find(fd, taken);
    if (error != Errno::kOk) return error;
    return IsLikeTemplate(taken->map->def()) ? Errno::kOk : Errno::kInval;
  }

  // `map` is no longer in the outer map.
  void Retire(std::shared_ptr<LocalMap> map) {
    WriterLock lock(lock_);
    retired_.push_back(std::move(map));
  }

  void ReclaimRetired() {
    std::vector<std::shared_ptr<LocalMap>> released;
    WriterLock lock(lock_);
    released.swap(retired_);
  }

 private:
  bool IsLikeTemplate(const MapDef& def) const {
    constexpr MapFlags kOfFile = kRdOnly | kWrOnly;
    return def.type == template_.type && def.key_size == template_.key_size &&
           def.value_size == template_.value_size &&
           (def.map_flags & ~kOfFile) == (template_.map_flags & ~kOfFile) &&
           def.spin_lock_offset == template_.spin_lock_offset &&
           def.timer_offset == template_.timer_offset &&
           (def.type != MapType::kArray || HasAny(def.map_flags, kInnerMap) ||
            def.max_entries == template_.max_entries);
  }

  const FdResolver& fds_;
  MapDef template_;
  RwLock lock_;
  std::vector<std::shared_ptr<LocalMap>> retired_ ABSL_GUARDED_BY(lock_);
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_INNER_MAPS_H_
