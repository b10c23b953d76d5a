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
// Source: bpf-helpers(7); answers of Linux 6.18 in tests/golden/, and to
// programs. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_PERF_EVENT_ARRAY_H_
#define BPFMAP_MAPS_PERF_EVENT_ARRAY_H_

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/flags.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/map_without_batches.h"
#include "bpfmap/maps/map_def.h"
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
class PerfEventArray final : public MapWithoutBatches {
 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<PerfEventArray>;
  }

  // `memory` and `events` must outlive the map, and so must each event that is
  // put into it.
  PerfEventArray(const MapDef& def, Memory* memory,
                 PerfEvents<P>* events = &PerfEvents<P>::Global())
      : MapWithoutBatches(def), def_(def), events_(*events), arena_(*memory) {}
  explicit PerfEventArray(const MapDef& def) requires requires {
    P::DefaultMemory();
  } : PerfEventArray(def, &P::DefaultMemory()) {
  }
  PerfEventArray(const PerfEventArray&) = delete;
  PerfEventArray& operator=(const PerfEventArray&) = delete;

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key or a value that is not 4 bytes; a
  //               flag that these arrays do not have; what DefCheck lists
  //   EOPNOTSUPP  a lock in the value
  static constexpr DefCheck Check(const MapDef& def) {
    if (DefCheck check = CheckCommon(def)) return check;
    if (def.type != MapType::kPerfEventArray) {
      return {Errno::kInval, "type must be PERF_EVENT_ARRAY"};
    }
    if (DefCheck check = CheckArrayOfNumbers(def, kPreserveElems)) return check;
    return CheckNameAndNoLock(def);
  }

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::Arena<P>::AlignedSize(SlotsSize(def));
  }

  // Makes the map usable. Errors of Check(), and ENOMEM; the map may then only
  // be destroyed. REQUIRES: called once, before any other method.
  Errno Init() {
    const DefCheck check = Check(def_);
    if (check) return check.error;
    if (!arena_.Allocate(MemoryNeeded(def_))) return Errno::kNoMem;
    slots_ = reinterpret_cast<PerfEvent<P>**>(arena_.Take(SlotsSize(def_)));
    return Errno::kOk;
  }

  MapDef DoDef() const override { return def_; }

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

  void* LookupElem(const void*) override { return nullptr; }
  Errno UpdateElem(const void*, const void*, ElemFlags) override {
    return Errno::kInval;
  }
  Errno DeleteElem(const void*) override { return Errno::kInval; }

  // The user view.
  Errno DoLookup(const void* key, void*, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    return error != Errno::kOk ? error : Errno::kNotSupp;
  }
  // Checks: the right to write (EPERM), kLock (EINVAL), null pointers (EFAULT),
  // flags other than kAny (EINVAL), index (E2BIG), the number of an event
  // (EBADF).
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
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
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    if (error != Errno::kOk) return error;
    if (IndexOf(key) >= def_.max_entries) return Errno::k2Big;
    return SetSlot(IndexOf(key), nullptr);
  }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    const Errno error = rights_.CheckGetNextKey();
    if (error != Errno::kOk) return error;
    uint32_t next;
    if (!NextIndex(key, def_.max_entries, &next)) return Errno::kNoEnt;
    if (next_key == nullptr) return Errno::kFault;
    std::memcpy(next_key, &next, sizeof next);
    return Errno::kOk;
  }
  Errno DoLookupAndDelete(const void* key, void*, ElemFlags flags) override {
    const Errno error = rights_.CheckLookupAndDelete(key, flags);
    return error != Errno::kOk ? error : Errno::kNotSupp;
  }
  Errno DoFreeze() override {
    return rights_.Freeze([&](auto change) {
      WriterLock lock(lock_);
      change();
    });
  }

 private:
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

  const MapDef def_;
  PerfEvents<P>& events_;
  internal::Arena<P> arena_;
  PerfEvent<P>** slots_ = nullptr;  // touched with atomics
  typename P::Lock lock_;           // of writers
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PERF_EVENT_ARRAY_H_
