// SPDX-License-Identifier: Apache-2.0
//
// The checks of a MapDef that types share. Each type's Check() is a list of
// them.
//
// Linux checks a definition step by step, and the first step that fails counts:
//   1. CheckCommon: where the lock is (Linux: BPF_BTF_LOAD, before the map is
//      even asked for), map_extra, the rights of the file, the NUMA node
//   2. the type's own sizes and flags
//   3. CheckToken
//   4. sizes that the type finds too large as it allocates
//   5. CheckNameAndLock: the name, the lock again
// (Linux allocates the map between steps 4 and 5. Here nothing is taken before
// everything was checked; the difference shows only for a map that is both too
// large for memory and badly named.)
// Where only the errno of a Check() is looked at, as in Init(), the sentences
// are no part of the program: the checks are inlined, or are SharedCheck()s.
//
// Source: bpf(2) and the answers of Linux 6.18, see tests/contract/golden/.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_DEF_VALIDATION_H_
#define BPFMAP_MAPS_INTERNAL_RULES_DEF_VALIDATION_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/spin_lock.h"

namespace bpfmap {

// The first check that failed.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError FirstError(
    const DefError& check) {
  return check;
}
template <typename... Checks>
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError FirstError(
    const DefError& check, const Checks&... later_checks) {
  DefError first = FirstError(later_checks...);
  if (check.failed()) first = check;
  return first;
}

// A check of one condition.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError Require(
    bool condition, const char* reason, Errno error = Errno::kInval) {
  if (condition) return {};
  return {error, reason};
}

// A check whose code for the error all types share. The reason is a second look
// for those who read it.
template <DefError (*kCheck)(const MapDef&)>
ABSL_ATTRIBUTE_NOINLINE constexpr Errno ErrorOf(const MapDef& def) {
  return kCheck(def).error;
}
template <DefError (*kCheck)(const MapDef&)>
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError SharedCheck(const MapDef& def) {
  const Errno error = ErrorOf<kCheck>(def);
  if (error == Errno::kOk) return {};
  return {error, kCheck(def).reason};
}

ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError FindCommonError(
    const MapDef& def) {
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
  if (def.timer_offset != kNoTimer) {
    if (def.timer_offset > def.value_size ||
        def.value_size - def.timer_offset < kTimerSize) {
      return {Errno::kInval,
              "timer_offset must leave 16 bytes within the value"};
    }
    if (def.timer_offset % 8 != 0) {
      return {Errno::kFault, "timer_offset must be a multiple of 8"};
    }
  }
  if (def.map_extra != 0 && def.type != MapType::kBloomFilter &&
      def.type != MapType::kArena) {
    return {Errno::kInval, "map_extra must be 0 for this type"};
  }
  if (HasAll(def.map_flags, kRdOnly | kWrOnly)) {
    return {Errno::kInval, "BPF_F_RDONLY and BPF_F_WRONLY exclude each other"};
  }
  // One node, as on most machines; 0xffffffff is Linux's "no node".
  if (HasAny(def.map_flags, kNumaNode) && def.numa_node != 0 &&
      def.numa_node != 0xffffffff) {
    return {Errno::kInval, "numa_node must be 0, or 0xffffffff for none"};
  }
  return {};
}
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckCommon(const MapDef& def) {
  return SharedCheck<FindCommonError>(def);
}

// Whether a name may hold `c`. Linux counts the letters of Latin-1 as letters:
// 0xc0 to 0xff, without the signs for "times" and "divided by".
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr bool IsNameCharacter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

// A type takes kTokenFd for a flag of its own, and leaves it to this.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckToken(const MapDef& def) {
  if (HasAny(def.map_flags, kTokenFd)) {
    return {Errno::kInval, "BPF_F_TOKEN_FD needs a token, and there is none"};
  }
  return {};
}

ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError FindNameOrLockError(
    const MapDef& def) {
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
  if (def.timer_offset != kNoTimer &&
      HasAny(def.map_flags, kRdOnlyProg | kWrOnlyProg)) {
    return {Errno::kAcces,
            "programs must be able to read and write a value with a timer: no "
            "BPF_F_RDONLY_PROG or BPF_F_WRONLY_PROG"};
  }
  return {};
}
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckNameAndLock(
    const MapDef& def) {
  return SharedCheck<FindNameOrLockError>(def);
}

// The same for types whose values cannot hold a lock; a timer, if
// `may_have_timer`.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckNameAndNoLock(
    const MapDef& def, bool may_have_timer = false) {
  return FirstError(
      CheckNameAndLock(def),
      Require(def.spin_lock_offset == kNoSpinLock,
              "values of this type cannot hold a lock", Errno::kOpNotSupp),
      Require(may_have_timer || def.timer_offset == kNoTimer,
              "values of this type cannot hold a timer", Errno::kOpNotSupp));
}

// The same for types whose values programs can only read, so that a lock in
// them could not be taken.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckNameAndReadOnlyValue(
    const MapDef& def) {
  return FirstError(
      CheckNameAndLock(def),
      Require(def.spin_lock_offset == kNoSpinLock,
              "programs cannot write values of this type: no lock",
              Errno::kAcces));
}

ABSL_ATTRIBUTE_NOINLINE constexpr bool HasFlagsBut(MapFlags flags,
                                                   MapFlags allowed) {
  return HasAny(flags, ~allowed) || HasAll(flags, kRdOnlyProg | kWrOnlyProg);
}

// The flags of a type, which are named in `reason`, and rights of programs that
// exclude each other.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckFlags(const MapDef& def,
                                                           MapFlags flags,
                                                           const char* reason) {
  if (!HasFlagsBut(def.map_flags, flags)) return {};
  if (HasAny(def.map_flags, ~flags)) return {Errno::kInval, reason};
  return {Errno::kInval,
          "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other"};
}

ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckMaxEntries(
    const MapDef& def) {
  return Require(def.max_entries != 0, "max_entries must be 1 or more");
}
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckIndexKey(
    const MapDef& def) {
  return Require(def.key_size == sizeof(uint32_t),
                 "key_size must be 4: the key is an index");
}
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckNoKey(const MapDef& def) {
  return Require(def.key_size == 0, "key_size must be 0: there are no keys");
}
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckHasValue(
    const MapDef& def) {
  return Require(def.value_size != 0, "value_size must be 1 or more");
}

// Hash maps of every kind: their sizes, and (after CheckToken) what Linux
// finds too large as it allocates.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckHashSizes(
    const MapDef& def) {
  // Linux: a block of 4 MiB at most, of which its element header takes 48.
  constexpr uint64_t kMaxKeyAndValue = (4U << 20) - 48 - 1;
  return FirstError(
      CheckMaxEntries(def),
      Require(def.key_size != 0, "key_size must be 1 or more"),
      CheckHasValue(def),
      Require(uint64_t{def.key_size} + def.value_size <= kMaxKeyAndValue,
              "key_size and value_size together must be 4194255 or less",
              Errno::k2Big));
}

ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckHashMaxEntries(
    const MapDef& def) {
  // Linux: the table of buckets, 16 bytes each, has a size below 2^32.
  constexpr uint32_t kMaxMaxEntries = 1U << 27;
  if (def.max_entries > kMaxMaxEntries) {
    return {Errno::k2Big, "max_entries must be 134217728 or less"};
  }
  return {};
}

// Arrays of numbers that stand for other things: what follows the type, up to
// the name. `own_flags` are those that the type has besides.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckArrayOfNumbers(
    const MapDef& def, MapFlags own_flags) {
  return FirstError(
      Require(def.value_size == sizeof(uint32_t),
              "value_size must be 4: the value is a number"),
      CheckFlags(def, kNumaNode | kRdOnly | kWrOnly | kTokenFd | own_flags,
                 "map_flags has a flag that this type does not take"),
      CheckMaxEntries(def), CheckIndexKey(def), CheckToken(def));
}

// Types whose memory is each CPU's refuse that of a node, and those with values
// more than a block of per-CPU memory for one value.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckNoNumaNode(
    const MapDef& def) {
  if (HasAny(def.map_flags, kNumaNode) && def.numa_node != 0xffffffff) {
    return {Errno::kInval,
            "numa_node must be 0xffffffff, for none: the memory is each CPU's"};
  }
  return {};
}
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr DefError CheckPerCpuValueSize(
    const MapDef& def) {
  if (def.value_size > 32768) {
    return {Errno::k2Big, "value_size must be 32768 or less"};
  }
  return {};
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_DEF_VALIDATION_H_
