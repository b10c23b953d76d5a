// DefCheck: what is wrong with a MapDef, as an errno and as a sentence.
//
// Linux checks a definition in three steps: what all types have in common, the
// type's own sizes and flags, and at last the name and the value's lock. A
// map's Check() makes them in this order, and the first that fails counts.
// (Linux allocates the map between the second and the third step. Here nothing
// is taken before everything was checked; the difference shows only for a map
// that is both too large for memory and badly named.)
//
// Source: bpf(2) and the answers of Linux 6.18, see tests/golden/.

#ifndef BPFMAP_MAPS_DEF_CHECK_H_
#define BPFMAP_MAPS_DEF_CHECK_H_

#include <cstdint>

#include "maps/errno.h"
#include "maps/map_def.h"
#include "maps/spin_lock.h"

namespace bpfmap {

struct [[nodiscard]] DefCheck {
  Errno error = Errno::kOk;
  // What is wrong and what would be right. A static string; "" for kOk.
  const char* reason = "";

  explicit operator bool() const { return error != Errno::kOk; }
};

// Rights that exclude each other.
constexpr bool HasBoth(uint32_t flags, uint32_t one, uint32_t other) {
  return (flags & (one | other)) == (one | other);
}

// The first step: map_extra, rights, NUMA node.
constexpr DefCheck CheckCommon(const MapDef& def) {
  if (def.map_extra != 0) {
    return {Errno::kInval, "map_extra must be 0 for this type"};
  }
  if (HasBoth(def.map_flags, kRdOnly, kWrOnly)) {
    return {Errno::kInval, "BPF_F_RDONLY and BPF_F_WRONLY exclude each other"};
  }
  // One node, as on most machines; 0xffffffff is Linux's "no node".
  if ((def.map_flags & kNumaNode) != 0 && def.numa_node != 0 &&
      def.numa_node != 0xffffffff) {
    return {Errno::kInval, "numa_node must be 0, or 0xffffffff for none"};
  }
  return {};
}

// The third step: the name, then the lock in the value.
constexpr DefCheck CheckNameAndLock(const MapDef& def) {
  int length = 0;
  while (length < kNameLength && def.name[length] != 0) {
    const char c = def.name[length++];
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (!allowed) {
      return {Errno::kInval,
              "the name may hold letters, digits, '_' and '.' only"};
    }
  }
  if (length == kNameLength) {
    return {Errno::kInval, "the name is longer than 15 characters"};
  }
  if (def.spin_lock_offset == kNoSpinLock) return {};
  if (def.spin_lock_offset % kSpinLockSize != 0 ||
      def.spin_lock_offset > def.value_size ||
      def.value_size - def.spin_lock_offset < kSpinLockSize) {
    return {Errno::kInval,
            "spin_lock_offset must be a multiple of 4 and leave 4 bytes within "
            "the value"};
  }
  if ((def.map_flags & (kRdOnlyProg | kWrOnlyProg)) != 0) {
    return {Errno::kAcces,
            "programs must be able to read and write a value with a lock: no "
            "BPF_F_RDONLY_PROG or BPF_F_WRONLY_PROG"};
  }
  return {};
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_DEF_CHECK_H_
