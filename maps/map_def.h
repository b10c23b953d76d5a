// SPDX-License-Identifier: Apache-2.0

// MapDef: what a map is created from, and the flags that go with it.
//
// Every number here is Linux's (<linux/bpf.h>), so a definition can be copied
// from a BPF program's map section as it is. Source: the bpf(2) manual page
// and Documentation/bpf/ of the kernel.

#ifndef BPFMAP_MAPS_MAP_DEF_H_
#define BPFMAP_MAPS_MAP_DEF_H_

#include <cstdint>

#include "bpfmap/maps/flags.h"

namespace bpfmap {

// BPF_MAP_TYPE_*. Types are listed here once they exist. Numbers from
// kFirstCustomType on are for extensions, see map_provider.h.
enum class MapType : uint32_t {
  kHash = 1,
  kArray = 2,
  kProgArray = 3,
  kPerfEventArray = 4,
  kPerCpuHash = 5,
  kPerCpuArray = 6,
  kStackTrace = 7,
  kCgroupArray = 8,
  kLruHash = 9,
  kLruPerCpuHash = 10,
  kLpmTrie = 11,
  kArrayOfMaps = 12,
  kHashOfMaps = 13,
  kDevMap = 14,
  kSockMap = 15,
  kCpuMap = 16,
  kXskMap = 17,
  kSockHash = 18,
  kCgroupStorage = 19,
  kReuseportSockArray = 20,
  kPerCpuCgroupStorage = 21,
  kQueue = 22,
  kStack = 23,
  kSkStorage = 24,
  kDevMapHash = 25,
  kStructOps = 26,
  kRingBuf = 27,
  kInodeStorage = 28,
  kTaskStorage = 29,
  kBloomFilter = 30,
  kUserRingBuf = 31,
  kCgrpStorage = 32,
  kArena = 33,
};

inline constexpr MapType kFirstCustomType{4096};

constexpr bool IsCustom(MapType type) { return type >= kFirstCustomType; }

// "HASH" for kHash, as in BPF_MAP_TYPE_HASH; "CUSTOM" for a type of an
// extension, and "?" for a number not listed.
constexpr const char* MapTypeName(MapType type) {
  switch (type) {
    case MapType::kHash:
      return "HASH";
    case MapType::kArray:
      return "ARRAY";
    case MapType::kProgArray:
      return "PROG_ARRAY";
    case MapType::kPerfEventArray:
      return "PERF_EVENT_ARRAY";
    case MapType::kPerCpuHash:
      return "PERCPU_HASH";
    case MapType::kPerCpuArray:
      return "PERCPU_ARRAY";
    case MapType::kStackTrace:
      return "STACK_TRACE";
    case MapType::kCgroupArray:
      return "CGROUP_ARRAY";
    case MapType::kLruHash:
      return "LRU_HASH";
    case MapType::kLruPerCpuHash:
      return "LRU_PERCPU_HASH";
    case MapType::kLpmTrie:
      return "LPM_TRIE";
    case MapType::kArrayOfMaps:
      return "ARRAY_OF_MAPS";
    case MapType::kHashOfMaps:
      return "HASH_OF_MAPS";
    case MapType::kDevMap:
      return "DEVMAP";
    case MapType::kSockMap:
      return "SOCKMAP";
    case MapType::kXskMap:
      return "XSKMAP";
    case MapType::kSockHash:
      return "SOCKHASH";
    case MapType::kCgroupStorage:
      return "CGROUP_STORAGE";
    case MapType::kPerCpuCgroupStorage:
      return "PERCPU_CGROUP_STORAGE";
    case MapType::kReuseportSockArray:
      return "REUSEPORT_SOCKARRAY";
    case MapType::kCpuMap:
      return "CPUMAP";
    case MapType::kQueue:
      return "QUEUE";
    case MapType::kStack:
      return "STACK";
    case MapType::kSkStorage:
      return "SK_STORAGE";
    case MapType::kInodeStorage:
      return "INODE_STORAGE";
    case MapType::kTaskStorage:
      return "TASK_STORAGE";
    case MapType::kCgrpStorage:
      return "CGRP_STORAGE";
    case MapType::kDevMapHash:
      return "DEVMAP_HASH";
    case MapType::kStructOps:
      return "STRUCT_OPS";
    case MapType::kRingBuf:
      return "RINGBUF";
    case MapType::kBloomFilter:
      return "BLOOM_FILTER";
    case MapType::kUserRingBuf:
      return "USER_RINGBUF";
    case MapType::kArena:
      return "ARENA";
  }
  return IsCustom(type) ? "CUSTOM" : "?";
}

// Whether a value has a part for each CPU. In the user view it is then
// round_up(value_size, 8) * possible CPUs bytes, the parts in order.
constexpr bool IsPerCpu(MapType type) {
  return type == MapType::kPerCpuHash || type == MapType::kPerCpuArray ||
         type == MapType::kLruPerCpuHash ||
         type == MapType::kPerCpuCgroupStorage;
}

// Flags of one element command, in both views.
enum class ElemFlags : uint64_t {};
template <>
inline constexpr bool kIsFlags<ElemFlags> = true;

inline constexpr ElemFlags kAny{0};      // BPF_ANY: insert or replace
inline constexpr ElemFlags kNoExist{1};  // BPF_NOEXIST: insert only
inline constexpr ElemFlags kExist{2};    // BPF_EXIST: replace only
inline constexpr ElemFlags kLock{4};     // BPF_F_LOCK: under the value's lock

// Flags of a map (MapDef::map_flags), BPF_F_*.
enum class MapFlags : uint32_t {};
template <>
inline constexpr bool kIsFlags<MapFlags> = true;

inline constexpr MapFlags kNoPrealloc{1U << 0};
inline constexpr MapFlags kNoCommonLru{1U << 1};
inline constexpr MapFlags kNumaNode{1U << 2};
inline constexpr MapFlags kRdOnly{1U << 3};  // the user view may not write
inline constexpr MapFlags kWrOnly{1U << 4};  // the user view may not read
inline constexpr MapFlags kStackBuildId{1U << 5};
inline constexpr MapFlags kZeroSeed{1U << 6};    // hash with seed 0
inline constexpr MapFlags kRdOnlyProg{1U << 7};  // programs may not write
inline constexpr MapFlags kWrOnlyProg{1U << 8};  // programs may not read
inline constexpr MapFlags kClone{1U << 9};
inline constexpr MapFlags kMmapable{1U << 10};
inline constexpr MapFlags kPreserveElems{1U << 11};
inline constexpr MapFlags kInnerMap{1U << 12};
// Refused: a MapDef has no token.
inline constexpr MapFlags kTokenFd{1U << 16};
inline constexpr MapFlags kSegvOnFault{1U << 17};  // of an arena
inline constexpr MapFlags kNoUserConv{1U << 18};   // of an arena

// Bytes in a map's name, the closing 0 included (BPF_OBJ_NAME_LEN).
inline constexpr int kNameLength = 16;

// MapDef::spin_lock_offset of a value that holds no lock.
inline constexpr uint32_t kNoSpinLock = 0xffffffff;

// MapDef::timer_offset of a value that holds no timer.
inline constexpr uint32_t kNoTimer = 0xffffffff;
inline constexpr uint32_t kTimerSize = 16;  // bytes

struct MapDef {
  MapType type{};
  uint32_t key_size = 0;     // bytes; 0 for a type without keys
  uint32_t value_size = 0;   // bytes
  uint32_t max_entries = 0;  // elements
  MapFlags map_flags{};      // BPF_F_* above

  // Letters, digits, '_' and '.', closed by a 0 within the array; may be
  // empty. Only ever shown to people.
  char name[kNameLength] = {};

  // Read only with kNumaNode in map_flags. Nodes of a machine that cannot be
  // asked: 0 and, for "none", 0xffffffff.
  uint32_t numa_node = 0;

  // The number of hash functions of a bloom filter, up to 15; 0 stands for 5.
  // The address at which user space maps an arena; 0: anywhere. 0 for every
  // other type.
  uint64_t map_extra = 0;

  // Where the value keeps its `struct bpf_spin_lock` (4 bytes, aligned to 4),
  // in bytes from the start of the value. Linux reads this from the value's
  // BTF. The lock is never copied in or out: it reads as 0.
  uint32_t spin_lock_offset = kNoSpinLock;

  // Where the value keeps its `struct bpf_timer` (16 bytes, aligned to 8), for
  // BPF programs (programs/timers.h). HASH, LRU_HASH and ARRAY may have one. It
  // reads as 0, and an update ends what it was set to.
  uint32_t timer_offset = kNoTimer;

  // The descriptor (map_fd_table.h) of a map that the inner maps of a map of
  // maps are like. Other types ignore it.
  uint32_t inner_map_fd = 0;

  friend bool operator==(const MapDef&, const MapDef&) = default;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_MAP_DEF_H_
