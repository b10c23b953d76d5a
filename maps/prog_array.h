// SPDX-License-Identifier: Apache-2.0

// ProgArray: BPF_MAP_TYPE_PROG_ARRAY. Programs by index, for tail calls; slots
// start empty.
//
// A program is a handle of 4 bytes that is not 0. The map does not know what it
// stands for: any such number can be put in, and is shown again as it is. (In
// Linux user space puts in a descriptor, and is shown an id.)
//
// Program view: a tail call jumps to LookupProgram(index), or continues after
// the call where that is 0. Programs can neither look up, update nor delete:
// the verifier refuses them with EINVAL.
//
// Source: bpf(2) and the answers of Linux 6.18 in tests/contract/golden/.
// Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_PROG_ARRAY_H_
#define BPFMAP_MAPS_PROG_ARRAY_H_

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class ProgArray final : public MapBase<ProgArray<P>, P> {
 public:
  using typename MapBase<ProgArray<P>, P>::Memory;

  // `memory` must outlive the map.
  ProgArray(const MapDef& def, Memory* memory)
      : MapBase<ProgArray, P>(def), arena_(*memory) {}
  explicit ProgArray(const MapDef& def) requires HasDefaultMemory<P>
      : ProgArray(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key or a value that is not 4 bytes; a
  //               flag that arrays of programs do not have; what CheckCommon()
  //               lists
  //   EOPNOTSUPP  a lock in the value
  static constexpr DefError Check(const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(SlotsSize(def));
  }

  // The program view.

  // The handle of the program at `index`, or 0 where a tail call falls through:
  // the slot is empty, or the index past the end.
  uint32_t LookupProgram(uint32_t index) const {
    BPFMAP_DCHECK(P, this->is_ready());
    if (index >= def_.max_entries) return 0;
    // Acquire pairs with the release in SetSlot: the program was ready before
    // it was put in.
    return __atomic_load_n(&slots_[index], __ATOMIC_ACQUIRE);
  }

  // What Linux answers in place of commands that arrays of programs do not
  // have.
  static constexpr Refusals kRefuses{.lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{.value_is_program = true};

 private:
  friend MapBase<ProgArray, P>;
  using MapBase<ProgArray, P>::def_;
  using MapBase<ProgArray, P>::rights_;

  // For MapBase.
  bool Allocate() {
    if (!arena_.Allocate(MemoryNeeded(def_))) return false;
    slots_ = reinterpret_cast<uint32_t*>(arena_.Take(SlotsSize(def_)));
    return true;
  }
  Errno Read(const void* key, void* value, ElemFlags) const {
    const uint32_t program = LookupProgram(IndexOf(key));
    if (program == 0) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    std::memcpy(value, &program, sizeof program);
    return Errno::kOk;
  }
  // Checks: flags other than kAny (EINVAL), index (E2BIG), a program of 0
  // (EBADF).
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (flags != kAny) return Errno::kInval;
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    uint32_t program;
    std::memcpy(&program, value, sizeof program);
    if (program == 0) return Errno::kBadF;
    return SetSlot(IndexOf(key), program);
  }
  //   E2BIG   index past the end
  //   ENOENT  the slot is empty
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    return SetSlot(IndexOf(key), 0);
  }
  Errno NextKey(const void* key, void* next_key) const {
    return CopyNextIndex(key, def_.max_entries, next_key);
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(lock_);
    change();
  }

  static constexpr uint64_t SlotsSize(const MapDef& def) {
    return uint64_t{def.max_entries} * sizeof(uint32_t);
  }

  // Puts a program into a slot, or with 0 takes it out: ENOENT if there is
  // none.
  Errno SetSlot(uint32_t index, uint32_t program) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    if (program == 0 && LookupProgram(index) == 0) return Errno::kNoEnt;
    __atomic_store_n(&slots_[index], program, __ATOMIC_RELEASE);
    return Errno::kOk;
  }

  internal::Arena<P> arena_;
  uint32_t* slots_ = nullptr;  // touched with atomics: readers take no lock
  typename P::Lock lock_;      // of writers
};

template <Profile P>
constexpr DefError ProgArray<P>::Check(const MapDef& def) {
  return FirstError(
      {CheckCommon(def),
       Require(def.type == MapType::kProgArray, "type must be PROG_ARRAY"),
       CheckArrayOfNumbers(def, {}), CheckNameAndNoLock(def)});
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PROG_ARRAY_H_
