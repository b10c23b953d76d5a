// SPDX-License-Identifier: Apache-2.0

// UserRights: what the user view of one map may do, and the checks that every
// command makes before the map's own rules.
//
// Each Check... makes Linux's checks of one bpf(2) command in Linux's order, up
// to the point where the type of the map decides. `frozen()` can change between
// the check and the change; a writer therefore looks again while it holds the
// lock of what it changes, and Freeze() sets it while it holds all locks. So
// nothing is written once Freeze() has returned.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_USER_RIGHTS_H_
#define BPFMAP_MAPS_INTERNAL_RULES_USER_RIGHTS_H_

#include <atomic>
#include <cstdint>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

// The side that a change comes from.
enum class View { kProgram, kUser };

class UserRights {
 public:
  explicit UserRights(const MapDef& def)
      : reads_(!HasAny(def.map_flags, kWrOnly)),
        writes_(!HasAny(def.map_flags, kRdOnly)),
        has_keys_(def.key_size != 0),
        has_values_(def.value_size != 0),
        has_lock_(def.spin_lock_offset != kNoSpinLock),
        has_timer_(def.timer_offset != kNoTimer),
        freezes_(def.type != MapType::kStructOps) {}

  bool may_read() const { return reads_; }
  bool may_write() const { return writes_ && !frozen(); }

  // Relaxed: see the top of the file; a caller that must not miss it holds a
  // lock that Freeze() held.
  bool frozen() const { return frozen_.load(std::memory_order_relaxed); }

  // Whether lookups take these flags. Linux looks at them before anything else,
  // the descriptor of the map included.
  static constexpr bool IsLookupFlags(ElemFlags flags) {
    return !HasAny(flags, ~kLock);
  }

  Errno CheckLookup(const void* key, ElemFlags flags) const {
    if (!IsLookupFlags(flags)) return Errno::kInval;
    if (!may_read()) return Errno::kPerm;
    if (LacksLock(flags)) return Errno::kInval;
    return CheckKey(key);
  }

  Errno CheckUpdate(const void* key, const void* value, ElemFlags flags) const {
    if (!may_write()) return Errno::kPerm;
    if (LacksLock(flags)) return Errno::kInval;
    const Errno error = CheckKey(key);
    if (error != Errno::kOk) return error;
    return value != nullptr || !has_values_ ? Errno::kOk : Errno::kFault;
  }

  Errno CheckDelete(const void* key) const {
    if (!may_write()) return Errno::kPerm;
    return CheckKey(key);
  }

  // A null key stands before the first one.
  Errno CheckGetNextKey(const void* key) const {
    if (!may_read()) return Errno::kPerm;
    return key != nullptr && !has_keys_ ? Errno::kInval : Errno::kOk;
  }

  Errno CheckLookupAndDelete(const void* key, ElemFlags flags) const {
    if (!IsLookupFlags(flags)) return Errno::kInval;
    if (!may_read() || !may_write()) return Errno::kPerm;
    if (LacksLock(flags)) return Errno::kInval;
    return CheckKey(key);
  }

  // A batch command asks for its rights even where the type has no such batch.
  Errno CheckBatchRights(const uint32_t* count, bool reads, bool writes) const {
    if (count == nullptr) return Errno::kFault;
    if (reads && !may_read()) return Errno::kPerm;
    if (writes && !may_write()) return Errno::kPerm;
    return Errno::kOk;
  }

  Errno CheckElemFlags(ElemFlags elem_flags) const {
    if (!IsLookupFlags(elem_flags)) return Errno::kInval;
    if (LacksLock(elem_flags)) return Errno::kInval;
    return Errno::kOk;
  }

  Errno CheckFreeze() const {
    if (has_lock_ || has_timer_ || !freezes_) return Errno::kNotSupp;
    return writes_ ? Errno::kOk : Errno::kPerm;
  }
  // Returns false if the map was frozen. REQUIRES: no writer is at work.
  bool SetFrozen() {
    return !frozen_.exchange(true, std::memory_order_relaxed);
  }

 private:
  // A map without keys takes a null key and no other.
  Errno CheckKey(const void* key) const {
    if (has_keys_) return key != nullptr ? Errno::kOk : Errno::kFault;
    return key == nullptr ? Errno::kOk : Errno::kInval;
  }

  bool LacksLock(ElemFlags flags) const {
    return HasAny(flags, kLock) && !has_lock_;
  }

  const bool reads_;
  const bool writes_;
  const bool has_keys_;
  const bool has_values_;
  const bool has_lock_;
  const bool has_timer_;
  const bool freezes_;  // not where the kernel keeps the value
  std::atomic<bool> frozen_{false};
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_USER_RIGHTS_H_
