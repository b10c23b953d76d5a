// NoElements: the user view of a map that has no elements, such as a ring.
//
// It takes every command, checks what Linux checks before it looks at the type
// of the map, and refuses it. There is no key, so a pointer to one is EINVAL.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_NO_ELEMENTS_H_
#define BPFMAP_MAPS_INTERNAL_RULES_NO_ELEMENTS_H_

#include <cstdint>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

class NoElements {
 public:
  explicit NoElements(const MapDef& def) : rights_(def) {}

  Errno Lookup(const void* key, ElemFlags flags) const {
    if (flags != kAny) return Errno::kInval;  // no lock either
    return Refuse(key);
  }
  Errno Update(const void* key, ElemFlags flags) const {
    if (!rights_.may_write()) return Errno::kPerm;
    if (HasAny(flags, kLock)) return Errno::kInval;
    return Refuse(key);
  }
  Errno Delete(const void* key) const {
    if (!rights_.may_write()) return Errno::kPerm;
    return Refuse(key);
  }
  Errno GetNextKey(const void* key) const { return Refuse(key); }
  Errno LookupAndDelete(const void* key, ElemFlags flags) const {
    if (HasAny(flags, ~kLock)) return Errno::kInval;
    if (!rights_.may_write()) return Errno::kPerm;
    if (flags != kAny) return Errno::kInval;
    return Refuse(key);
  }

  // *count stays as it is.
  Errno ReadingBatch(const uint32_t* count) const {
    return count == nullptr ? Errno::kFault : Errno::kNotSupp;
  }
  Errno WritingBatch(const uint32_t* count) const {
    if (count == nullptr) return Errno::kFault;
    return rights_.may_write() ? Errno::kNotSupp : Errno::kPerm;
  }

  Errno Freeze() {
    return rights_.Freeze([](auto change) { change(); });
  }

 private:
  static Errno Refuse(const void* key) {
    return key != nullptr ? Errno::kInval : Errno::kNotSupp;
  }

  UserRights rights_;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_NO_ELEMENTS_H_
