// DefCheck: what is wrong with a MapDef, as an errno and as a sentence.
//
// Linux checks a definition step by step, and the first step that fails counts:
//   1. CheckCommon: where the lock is (Linux: BPF_BTF_LOAD, before the map is
//      even asked for), map_extra, the rights of the file, the NUMA node
//   2. the type's own sizes and flags, in its Check()
//   3. CheckToken
//   4. sizes that the type finds too large as it allocates
//   5. CheckNameAndLock: the name, the lock again
// (Linux allocates the map between steps 4 and 5. Here nothing is taken before
// everything was checked; the difference shows only for a map that is both too
// large for memory and badly named.)
//
// Source: bpf(2) and the answers of Linux 6.18, see tests/golden/.

#ifndef BPFMAP_MAPS_DEF_CHECK_H_
#define BPFMAP_MAPS_DEF_CHECK_H_

#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/spin_lock.h"

namespace bpfmap {

struct [[nodiscard]] DefCheck {
  Errno error = Errno::kOk;
  // What is wrong and what would be right. A static string; "" for kOk.
  const char* reason = "";

  constexpr explicit operator bool() const { return error != Errno::kOk; }
};

// Rights that exclude each other.
constexpr bool HasBoth(MapFlags flags, MapFlags one, MapFlags other) {
  return HasAll(flags, one | other);
}

constexpr DefCheck CheckCommon(const MapDef& def) {
  if (def.spin_lock_offset != kNoSpinLock) {
    if (def.spin_lock_offset > def.value_size ||
        def.value_size - def.spin_lock_offset < kSpinLockSize) {
      return {Errno::kInval,
              "spin_lock_offset must leave 4 bytes within the value"};
    }
    // Linux cannot describe a type in which bits would have numbers this large.
    if (def.spin_lock_offset >= 0x20000000) {
      return {Errno::kInval, "spin_lock_offset must be less than 0x20000000"};
    }
    if (def.spin_lock_offset % kSpinLockSize != 0) {
      return {Errno::kFault, "spin_lock_offset must be a multiple of 4"};
    }
  }
  if (def.map_extra != 0 && def.type != MapType::kBloomFilter) {
    return {Errno::kInval, "map_extra must be 0 for this type"};
  }
  if (HasBoth(def.map_flags, kRdOnly, kWrOnly)) {
    return {Errno::kInval, "BPF_F_RDONLY and BPF_F_WRONLY exclude each other"};
  }
  // One node, as on most machines; 0xffffffff is Linux's "no node".
  if (HasAny(def.map_flags, kNumaNode) && def.numa_node != 0 &&
      def.numa_node != 0xffffffff) {
    return {Errno::kInval, "numa_node must be 0, or 0xffffffff for none"};
  }
  return {};
}

// Whether a name may hold `c`. Linux counts the letters of Latin-1 as letters:
// 0xc0 to 0xff, without the signs for "times" and "divided by".
constexpr bool IsNameCharacter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

// Hash maps of every kind: their sizes, and (behind CheckToken) what Linux
// finds too large as it allocates.
constexpr DefCheck CheckHashSizes(const MapDef& def) {
  // Linux: a block of 4 MiB at most, of which its element header takes 48.
  constexpr uint64_t kMaxKeyAndValue = (4U << 20) - 48 - 1;
  if (def.max_entries == 0) {
    return {Errno::kInval, "max_entries must be 1 or more"};
  }
  if (def.key_size == 0) {
    return {Errno::kInval, "key_size must be 1 or more"};
  }
  if (def.value_size == 0) {
    return {Errno::kInval, "value_size must be 1 or more"};
  }
  if (uint64_t{def.key_size} + def.value_size > kMaxKeyAndValue) {
    return {Errno::k2Big,
            "key_size and value_size together must be 4194255 or less"};
  }
  return {};
}

constexpr DefCheck CheckHashMaxEntries(const MapDef& def) {
  // Linux: the table of buckets, 16 bytes each, has a size below 2^32.
  constexpr uint32_t kMaxMaxEntries = 1U << 27;
  if (def.max_entries > kMaxMaxEntries) {
    return {Errno::k2Big, "max_entries must be 134217728 or less"};
  }
  return {};
}

// A type takes kTokenFd for a flag of its own, and leaves it to this.
constexpr DefCheck CheckToken(const MapDef& def) {
  if (HasAny(def.map_flags, kTokenFd)) {
    return {Errno::kInval, "BPF_F_TOKEN_FD needs a token, and there is none"};
  }
  return {};
}

constexpr DefCheck CheckNameAndLock(const MapDef& def) {
  int length = 0;
  while (length < kNameLength && def.name[length] != 0) {
    if (!IsNameCharacter(static_cast<unsigned char>(def.name[length++]))) {
      return {Errno::kInval,
              "the name may hold letters, digits, '_' and '.' only"};
    }
  }
  if (length == kNameLength) {
    return {Errno::kInval, "the name is longer than 15 characters"};
  }
  if (def.spin_lock_offset != kNoSpinLock &&
      HasAny(def.map_flags, kRdOnlyProg | kWrOnlyProg)) {
    return {Errno::kAcces,
            "programs must be able to read and write a value with a lock: no "
            "BPF_F_RDONLY_PROG or BPF_F_WRONLY_PROG"};
  }
  return {};
}

// The same for types whose values cannot hold a lock.
constexpr DefCheck CheckNameAndNoLock(const MapDef& def) {
  if (DefCheck check = CheckNameAndLock(def)) return check;
  if (def.spin_lock_offset != kNoSpinLock) {
    return {Errno::kOpNotSupp, "values of this type cannot hold a lock"};
  }
  return {};
}

// Arrays of numbers that stand for other things: what follows the type, up to
// the name. `own_flags` are those that the type has besides.
constexpr DefCheck CheckArrayOfNumbers(const MapDef& def, MapFlags own_flags) {
  const MapFlags flags = kNumaNode | kRdOnly | kWrOnly | kTokenFd | own_flags;
  if (def.value_size != sizeof(uint32_t)) {
    return {Errno::kInval, "value_size must be 4: the value is a number"};
  }
  if (HasAny(def.map_flags, ~flags)) {
    return {Errno::kInval, "map_flags has a flag that this type does not take"};
  }
  if (def.max_entries == 0) {
    return {Errno::kInval, "max_entries must be 1 or more"};
  }
  if (def.key_size != sizeof(uint32_t)) {
    return {Errno::kInval, "key_size must be 4: the key is an index"};
  }
  return CheckToken(def);
}

// What types refuse whose memory is each CPU's: that of a node. And, where
// values are, more than a block of per-CPU memory for one value.
constexpr DefCheck CheckNoNumaNode(const MapDef& def) {
  if (HasAny(def.map_flags, kNumaNode) && def.numa_node != 0xffffffff) {
    return {Errno::kInval,
            "numa_node must be 0xffffffff, for none: the memory is each CPU's"};
  }
  return {};
}
constexpr DefCheck CheckPerCpuValueSize(const MapDef& def) {
  if (def.value_size > 32768) {
    return {Errno::k2Big, "value_size must be 32768 or less"};
  }
  return {};
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_DEF_CHECK_H_
