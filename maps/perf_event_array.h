// SPDX-License-Identifier: Apache-2.0

// PerfEventArray: BPF_MAP_TYPE_PERF_EVENT_ARRAY. Perf events by index, mostly
// one for each CPU at the index of the CPU; slots start empty.
//
// User space puts an event into a slot by its number, PerfEvent::fd() in
// perf_event.h, 4 bytes. It cannot read it back.
//
// Program view: Output() below, which is bpf_perf_event_output(). Programs can
// neither look up, update nor delete: the verifier refuses them with EINVAL.
//
// Where Linux empties a slot when the descriptor of the map that filled it is
// closed, unless the map is BPF_F_PRESERVE_ELEMS, nothing happens here: there
// is no such descriptor.
//
// Source: bpf-helpers(7); answers of Linux 6.18 in tests/contract/golden/, and
// to programs. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_PERF_EVENT_ARRAY_H_
#define BPFMAP_MAPS_PERF_EVENT_ARRAY_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/flags.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/perf_event.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// Flags of an output, BPF_F_*.
enum class PerfFlags : uint64_t {};
template <>
inline constexpr bool kIsFlags<PerfFlags> = true;

inline constexpr PerfFlags kIndexMask{0xffffffff};         // which slot
inline constexpr PerfFlags kCurrentCpu = kIndexMask;       // that of this CPU
inline constexpr PerfFlags kCtxlenMask{0xfffffULL << 32};  // bytes of a packet

template <Profile P>
class PerfEventArray final : public MapBase<PerfEventArray<P>, P> {
 public:
  using typename MapBase<PerfEventArray<P>, P>::Memory;

  // `memory` and `events` must outlive the map, and so must each event that is
  // put into it.
  PerfEventArray(const MapDef& def, Memory* memory,
                 PerfEvents<P>* events = &PerfEvents<P>::Global())
      : MapBase<PerfEventArray, P>(def), events_(*events), arena_(*memory) {}
  explicit PerfEventArray(const MapDef& def) requires HasDefaultMemory<P>
      : PerfEventArray(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key or a value that is not 4 bytes; a
  //               flag that these arrays do not have; what CheckCommon() lists
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def) {
    return FirstError(CheckCommon(def),
                      Require(def.type == MapType::kPerfEventArray,
                              "type must be PERF_EVENT_ARRAY"),
                      CheckArrayOfNumbers(def, kPreserveElems),
                      CheckNameAndNoLock(def));
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(SlotsSize(def));
  }

  // The program view.

  // bpf_perf_event_output() of a program that was given a packet: writes a
  // sample of `size` bytes at `data`, and of as many bytes of the packet as the
  // bits of kCtxlenMask in `flags` say, to the event at the index of those of
  // kIndexMask. Checks in this order:
  //   EINVAL      other flags
  //   EFAULT      the packet is shorter than that; data is null and size is
  //               not 0
  //   E2BIG       index past the end
  //   ENOENT      the slot is empty
  //   and the errors of PerfEvent::Output()
  Errno Output(PerfFlags flags, const void* data, uint64_t size,
               const void* packet, uint64_t packet_size) {
    BPFMAP_DCHECK(P, this->is_ready());
    if (HasAny(flags, ~(kIndexMask | kCtxlenMask))) return Errno::kInval;
    const uint64_t more = ToNumber(flags & kCtxlenMask) >> 32;
    if (more > packet_size) return Errno::kFault;
    if (data == nullptr && size != 0) return Errno::kFault;
    const int cpu = CurrentCpuOf<P>();
    uint64_t index = ToNumber(flags & kIndexMask);
    if (PerfFlags{index} == kCurrentCpu) index = static_cast<uint64_t>(cpu);
    if (index >= def_.max_entries) return Errno::k2Big;
    PerfEvent<P>* const event = At(static_cast<uint32_t>(index));
    if (event == nullptr) return Errno::kNoEnt;
    return event->Output(cpu, data, size, packet, more);
  }
  // The same of a program without a packet: EINVAL for any bit of kCtxlenMask.
  Errno Output(PerfFlags flags, const void* data, uint64_t size) {
    if (HasAny(flags, kCtxlenMask)) return Errno::kInval;
    return Output(flags, data, size, nullptr, 0);
  }

  // What Linux answers in place of commands that these arrays do not have.
  static constexpr Refusals kRefuses{.lookup = Errno::kNotSupp,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{.key_types =
                                         MapTraits::KeyTypes::kNotSupported};

 private:
  friend MapBase<PerfEventArray, P>;
  using MapBase<PerfEventArray, P>::def_;
  using MapBase<PerfEventArray, P>::rights_;

  // For MapBase.
  bool Allocate() {
    if (!arena_.Allocate(MemoryNeeded(def_))) return false;
    slots_ = reinterpret_cast<PerfEvent<P>**>(arena_.Take(SlotsSize(def_)));
    return true;
  }
  // Checks: flags other than kAny (EINVAL), index (E2BIG), the number of an
  // event (EBADF).
  template <View>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (flags != kAny) return Errno::kInval;
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    uint32_t fd;
    std::memcpy(&fd, value, sizeof fd);
    PerfEvent<P>* const event = events_.Find(fd);
    if (event == nullptr) return Errno::kBadF;
    return SetSlot(IndexOf(key), event);
  }
  //   E2BIG   index past the end
  //   ENOENT  the slot is empty
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    return SetSlot(IndexOf(key), nullptr);
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
    return uint64_t{def.max_entries} * sizeof(PerfEvent<P>*);
  }

  PerfEvent<P>* At(uint32_t index) const {
    // Acquire pairs with the release in SetSlot: the event is ready.
    return __atomic_load_n(&slots_[index], __ATOMIC_ACQUIRE);
  }

  // Puts an event into a slot, or with null takes it out: ENOENT if there is
  // none.
  Errno SetSlot(uint32_t index, PerfEvent<P>* event) {
    WriterLock lock(lock_);
    if (rights_.frozen()) return Errno::kPerm;
    if (event == nullptr && At(index) == nullptr) return Errno::kNoEnt;
    __atomic_store_n(&slots_[index], event, __ATOMIC_RELEASE);
    return Errno::kOk;
  }

  PerfEvents<P>& events_;
  internal::Arena<P> arena_;
  PerfEvent<P>** slots_ = nullptr;  // touched with atomics
  typename P::Lock lock_;           // of writers
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PERF_EVENT_ARRAY_H_
