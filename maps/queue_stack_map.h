// QueueMap and StackMap: BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK. Values
// without keys: a queue gives the oldest one first, a stack the newest.
//
//   QueueMap<Cloud> queue({.type = MapType::kQueue,
//                          .value_size = 8,
//                          .max_entries = 100});
//   if (queue.Init() != Errno::kOk) ...
//   Errno error = queue.Push(&value, kAny);
//
// User view: Update pushes, Lookup peeks, LookupAndDelete pops, each with a
// null key; another key is EINVAL. A value that was popped is gone, also if
// there was no buffer for it. Delete and GetNextKey are EINVAL, batches are
// ENOTSUPP. A failed Lookup or LookupAndDelete leaves the buffer alone.
//
// Program view: Push, Pop and Peek below, which are bpf_map_push_elem() and so
// on. A Pop or Peek that finds nothing fills the buffer with zeros, as in
// Linux. There are no pointers into the map. The verifier refuses programs that
// use the helpers of maps with keys: LookupElem() is always null, UpdateElem()
// and DeleteElem() are always EACCES.
//
// Push checks: the rights of programs (EACCES), a null pointer (EFAULT), flags
// other than BPF_ANY and BPF_EXIST (EINVAL), room (E2BIG). With BPF_EXIST a
// full map drops its oldest value instead; a stack too.
//
// Pops and pushes happen one after the other, under one lock: nothing is lost
// or given twice, and what a queue gives is in the order of the pushes.
//
// Source: Documentation/bpf/map_queue_stack.rst; answers of Linux 6.18 in
// tests/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_QUEUE_STACK_MAP_H_
#define BPFMAP_MAPS_QUEUE_STACK_MAP_H_

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/map_without_batches.h"
#include "bpfmap/maps/internal/value_ring.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P, MapType kType>
class QueueStackMap final : public MapWithoutBatches {
  static_assert(kType == MapType::kQueue || kType == MapType::kStack);

 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<QueueStackMap>;
  }

  // `memory` must outlive the map.
  QueueStackMap(const MapDef& def, Memory* memory)
      : MapWithoutBatches(def),
        def_(def),
        values_(*memory, def.value_size, def.max_entries) {}
  explicit QueueStackMap(const MapDef& def) requires requires {
    P::DefaultMemory();
  } : QueueStackMap(def, &P::DefaultMemory()) {
  }
  QueueStackMap(const QueueStackMap&) = delete;
  QueueStackMap& operator=(const QueueStackMap&) = delete;

  // What Linux would say to `def`.
  //   EINVAL  a key; a value_size or max_entries of 0; a lock in the value; a
  //           flag that queues and stacks do not have; what DefCheck lists
  //   E2BIG   a value of more than 4 MiB
  //   EFAULT  a lock that is not at a multiple of 4 in the value
  static constexpr DefCheck Check(const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::ValueRing<P>::MemoryNeeded(def.value_size,
                                                def.max_entries);
  }

  // Makes the map usable. Errors of Check(), and ENOMEM; the map may then only
  // be destroyed. REQUIRES: called once, before any other method.
  Errno Init() {
    const DefCheck check = Check(def_);
    if (check) return check.error;
    return values_.Init() ? Errno::kOk : Errno::kNoMem;
  }

  MapDef DoDef() const override { return def_; }

  // The program view.

  // bpf_map_push_elem(): adds `value`. `flags`: kAny or kExist.
  //   EACCES  the map is kRdOnlyProg
  //   EFAULT  value is null
  //   EINVAL  other flags
  //   E2BIG   kAny, and the map is full
  Errno Push(const void* value, ElemFlags flags) override {
    if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
    if (value == nullptr) return Errno::kFault;
    return Put(View::kProgram, value, flags);
  }

  // bpf_map_pop_elem(): copies the value whose turn it is to `value` and
  // removes it.
  //   EACCES  the map is kRdOnlyProg
  //   EFAULT  value is null
  //   ENOENT  the map is empty; `value` is filled with zeros
  Errno Pop(void* value) override {
    if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
    if (value == nullptr) return Errno::kFault;
    return OrZeros(Take(View::kProgram, value, /*removes=*/true), value);
  }

  // bpf_map_peek_elem(): as Pop(), without removing it, and without EACCES.
  Errno Peek(void* value) override {
    if (value == nullptr) return Errno::kFault;
    return OrZeros(Take(View::kProgram, value, /*removes=*/false), value);
  }

  void* LookupElem(const void*) override { return nullptr; }
  Errno UpdateElem(const void*, const void*, ElemFlags) override {
    return Errno::kAcces;
  }
  Errno DeleteElem(const void*) override { return Errno::kAcces; }

  // The user view.
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    if (error != Errno::kOk) return error;
    return Take(View::kUser, value, /*removes=*/false);
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
    return Put(View::kUser, value, flags);
  }
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    return error != Errno::kOk ? error : Errno::kInval;
  }
  Errno DoGetNextKey(const void*, void*) override {
    const Errno error = rights_.CheckGetNextKey();
    return error != Errno::kOk ? error : Errno::kInval;
  }
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override {
    const Errno error = rights_.CheckLookupAndDelete(key, flags);
    if (error != Errno::kOk) return error;
    return Take(View::kUser, value, /*removes=*/true);
  }
  Errno DoFreeze() override {
    return rights_.Freeze([&](auto change) {
      WriterLock lock(values_);
      change();
    });
  }

 private:
  enum class View { kProgram, kUser };

  Errno Put(View view, const void* value, ElemFlags flags) {
    if (flags != kAny && flags != kExist) return Errno::kInval;
    WriterLock lock(values_);
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    if (values_.full()) {
      if (flags == kAny) return Errno::k2Big;
      values_.DropOldest();
    }
    values_.Append(value);
    return Errno::kOk;
  }

  Errno Take(View view, void* value, bool removes) {
    WriterLock lock(values_);
    if (removes && view == View::kUser && rights_.frozen()) return Errno::kPerm;
    if (values_.empty()) return Errno::kNoEnt;
    if constexpr (kType == MapType::kQueue) {
      if (value != nullptr) values_.ReadOldest(value);
      if (removes) values_.DropOldest();
    } else {
      if (value != nullptr) values_.ReadNewest(value);
      if (removes) values_.DropNewest();
    }
    return value != nullptr ? Errno::kOk : Errno::kFault;
  }

  Errno OrZeros(Errno error, void* value) const {
    if (error != Errno::kOk) std::memset(value, 0, def_.value_size);
    return error;
  }

  const MapDef def_;
  internal::ValueRing<P> values_;
};

template <Profile P>
using QueueMap = QueueStackMap<P, MapType::kQueue>;
template <Profile P>
using StackMap = QueueStackMap<P, MapType::kStack>;

template <Profile P, MapType kType>
constexpr DefCheck QueueStackMap<P, kType>::Check(const MapDef& def) {
  constexpr MapFlags kFlags =
      kNumaNode | kRdOnly | kWrOnly | kRdOnlyProg | kWrOnlyProg | kTokenFd;
  constexpr uint32_t kLargestValue = 4 << 20;
  if (DefCheck check = CheckCommon(def)) return check;
  if (def.type != kType) {
    return {Errno::kInval, kType == MapType::kQueue ? "type must be QUEUE"
                                                    : "type must be STACK"};
  }
  if (def.max_entries == 0) {
    return {Errno::kInval, "max_entries must be 1 or more"};
  }
  if (def.key_size != 0) {
    return {Errno::kInval, "key_size must be 0: there are no keys"};
  }
  if (def.value_size == 0) {
    return {Errno::kInval, "value_size must be 1 or more"};
  }
  if (HasAny(def.map_flags, ~kFlags)) {
    return {Errno::kInval,
            "map_flags has a flag that QUEUE and STACK do not take"};
  }
  if (HasBoth(def.map_flags, kRdOnlyProg, kWrOnlyProg)) {
    return {Errno::kInval,
            "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other"};
  }
  if (def.value_size > kLargestValue) {
    return {Errno::k2Big, "value_size must be 4194304 or less"};
  }
  if (DefCheck check = CheckToken(def)) return check;
  if (def.spin_lock_offset != kNoSpinLock) {
    return {Errno::kInval, "a value of a QUEUE or STACK holds no lock"};
  }
  return CheckNameAndLock(def);
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_QUEUE_STACK_MAP_H_
