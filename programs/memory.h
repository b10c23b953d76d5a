// SPDX-License-Identifier: Apache-2.0
//
// Region: a piece of memory that a running program may touch, and what a
// register is said to point into.
//
// The engine keeps a Region* beside each register and beside each 8 bytes of
// stack, its provenance: an address that was made from a pointer into one value
// of a map may touch that value and not its neighbour, whatever number it is.
// A register that holds a number has the region Region::Number(), and one that
// was never set has null.
//
// Immutable while a program can reach them, except those that a Machine owns.

#ifndef BPFMAP_PROGRAMS_MEMORY_H_
#define BPFMAP_PROGRAMS_MEMORY_H_

#include <cstdint>

#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

enum class RegionKind : uint8_t {
  kNumber,      // no memory
  kNull,        // no memory: what a helper returned in place of a pointer
  kStack,       // a frame of the stack; only bytes that were written
  kContext,     // what r1 points to at the start
  kPacket,      // from data to data_end
  kPacketMeta,  // from data_meta to data
  kPacketEnd,   // data_end, to compare with
  kMap,         // a map, as helpers take it
  kMapValue,    // one value
  kMapKey,      // a key that a callback is given
  kRecord,      // a record of a ring, held by the program or lent to it
  kBuffer,      // memory that the test gave, or a global of the program
  kArena,       // an arena: pages that are not there read as zeros
  kKernel,      // an object of the kernel; a load that fails reads 0
  kDynptr,      // a dynptr: base and size are what it points to
  kIterator,    // an iterator on the stack, and what it points to
  kFunction,    // a function of the program, for helpers that call it
  kGone,        // no memory any more: `reason` says why
};

// The facts about a map that the checks of helpers need.
struct MapFacts {
  LocalMap* map = nullptr;
  MapType type{};
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  MapFlags flags{};
  uint32_t lock_offset = kNoSpinLock;
  uint32_t timer_offset = kNoTimer;

  // Whether [offset, offset + size) of a value has bytes of its lock or its
  // timer, which programs must leave alone.
  bool OwnsAny(uint64_t offset, uint64_t size) const {
    return (lock_offset != kNoSpinLock && offset < lock_offset + 4ULL &&
            offset + size > lock_offset) ||
           (timer_offset != kNoTimer && offset < timer_offset + kTimerSize &&
            offset + size > timer_offset);
  }
};

struct Region {
  RegionKind kind = RegionKind::kNumber;
  bool held = false;         // a record that must be submitted or discarded
  bool marked = false;       // for the Machine that owns it
  uint8_t frame = 0;         // kStack
  uint32_t instruction = 0;  // where it was made
  uint64_t base = 0;
  // Bytes from `base` on that any load or store may touch. 0 where the kind has
  // rules of its own.
  uint32_t readable = 0;
  uint32_t writable = 0;
  uint32_t size = 0;
  const char* reason = nullptr;  // kGone; kNull: the helper's name
  MapFacts map;                  // kMap, kMapValue, kMapKey, kRecord

  static const Region* Number() { return &kNumberRegion; }

 private:
  static const Region kNumberRegion;
};

inline constexpr Region Region::kNumberRegion = {};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_MEMORY_H_
