// SPDX-License-Identifier: Apache-2.0

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
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_QUEUE_STACK_MAP_H_
#define BPFMAP_MAPS_QUEUE_STACK_MAP_H_

#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/value_ring.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P, MapType kType>
class QueueStackMap final : public MapBase<QueueStackMap<P, kType>, P> {
  static_assert(kType == MapType::kQueue || kType == MapType::kStack);

 public:
  using typename MapBase<QueueStackMap<P, kType>, P>::Memory;

  // `memory` must outlive the map.
  QueueStackMap(const MapDef& def, Memory* memory)
      : MapBase<QueueStackMap, P>(def),
        values_(*memory, def.value_size, def.max_entries) {}
  explicit QueueStackMap(const MapDef& def) requires HasDefaultMemory<P>
      : QueueStackMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL  a key; a value_size or max_entries of 0; a lock in the value; a
  //           flag that queues and stacks do not have; what CheckCommon() lists
  //   E2BIG   a value of more than 4 MiB
  //   EFAULT  a lock that is not at a multiple of 4 in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::ValueRing<P>::MemoryNeeded(def.value_size,
                                                def.max_entries);
  }

  // The program view.

  // bpf_map_push_elem(): adds `value`. `flags`: kAny or kExist.
  //   EACCES  the map is kRdOnlyProg
  //   EFAULT  value is null
  //   EINVAL  other flags
  //   E2BIG   kAny, and the map is full
  Errno Push(const void* value, ElemFlags flags) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (!this->programs_may_write()) return Errno::kAcces;
    if (value == nullptr) return Errno::kFault;
    if constexpr (kHasFastPath) {
      if (flags == kAny && values_.IsOneWord() && values_.TryLock())
          [[likely]] {
        const Errno error = AppendLocked</*kOneWord=*/true>(value);
        values_.Unlock();
        return error;
      }
    }
    return PutValue(View::kProgram, value, flags);
  }

  // bpf_map_pop_elem(): copies the value whose turn it is to `value` and
  // removes it.
  //   EACCES  the map is kRdOnlyProg
  //   EFAULT  value is null
  //   ENOENT  the map is empty; `value` is filled with zeros
  Errno Pop(void* value) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (!this->programs_may_write()) return Errno::kAcces;
    if (value == nullptr) return Errno::kFault;
    if constexpr (kHasFastPath) {
      if (values_.IsOneWord() && values_.TryLock()) [[likely]] {
        const Errno error =
            TakeLocked</*kOneWord=*/true>(value, /*removes=*/true);
        values_.Unlock();
        return error == Errno::kOk ? error : Zeros(value);
      }
    }
    return OrZeros(TakeValue(View::kProgram, value, /*removes=*/true), value);
  }

  // bpf_map_peek_elem(): as Pop(), without removing it, and without EACCES.
  Errno Peek(void* value) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (value == nullptr) return Errno::kFault;
    return OrZeros(TakeValue(View::kProgram, value, /*removes=*/false), value);
  }

  // What Linux answers in place of commands that queues and stacks do not have.
  static constexpr Refusals kRefuses{.delete_key = Errno::kInval,
                                     .get_next_key = Errno::kInval,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kAcces};

 private:
  friend MapBase<QueueStackMap, P>;
  using MapBase<QueueStackMap, P>::def_;
  using MapBase<QueueStackMap, P>::rights_;

  // For MapBase.
  bool Allocate() { return values_.Init(); }
  Errno Read(const void*, void* value, ElemFlags) {
    return TakeValue(View::kUser, value, /*removes=*/false);
  }
  template <View view>
  Errno Put(const void*, const void* value, ElemFlags flags) {
    return PutValue(view, value, flags);
  }
  Errno Take(const void*, void* value, ElemFlags) {
    return TakeValue(View::kUser, value, /*removes=*/true);
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(values_);
    change();
  }

  // Programs have a path without calls, for which nothing need be saved: values
  // of a word, while no other thread has the lock. All other cases are in
  // PutValue and TakeValue.
  static constexpr bool kHasFastPath =
      !kIsSmall<P> && internal::ValueRing<P>::kHasTryLock;

  ABSL_ATTRIBUTE_NOINLINE Errno PutValue(View view, const void* value,
                                         ElemFlags flags) {
    if (flags != kAny && flags != kExist) return Errno::kInval;
    WriterLock lock(values_);
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    if (flags == kExist && values_.full()) values_.DropOldest();
    return AppendLocked(value);
  }

  ABSL_ATTRIBUTE_NOINLINE Errno TakeValue(View view, void* value,
                                          bool removes) {
    WriterLock lock(values_);
    if (removes && view == View::kUser && rights_.frozen()) return Errno::kPerm;
    return TakeLocked(value, removes);
  }

  template <bool kOneWord = false>
  Errno AppendLocked(const void* value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(values_) {
    if (values_.full()) return Errno::k2Big;
    values_.template Append<kOneWord>(value);
    return Errno::kOk;
  }

  template <bool kOneWord = false>
  Errno TakeLocked(void* value, bool removes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(values_) {
    if (values_.empty()) return Errno::kNoEnt;
    if constexpr (kType == MapType::kQueue) {
      if (value != nullptr) values_.template ReadOldest<kOneWord>(value);
      if (removes) values_.DropOldest();
    } else {
      if (value != nullptr) values_.template ReadNewest<kOneWord>(value);
      if (removes) values_.DropNewest();
    }
    return value != nullptr ? Errno::kOk : Errno::kFault;
  }

  Errno OrZeros(Errno error, void* value) const {
    if (error != Errno::kOk) std::memset(value, 0, def_.value_size);
    return error;
  }
  // Of an empty map.
  ABSL_ATTRIBUTE_NOINLINE Errno Zeros(void* value) const {
    return OrZeros(Errno::kNoEnt, value);
  }

  internal::ValueRing<P> values_;
};

template <Profile P>
using QueueMap = QueueStackMap<P, MapType::kQueue>;
template <Profile P>
using StackMap = QueueStackMap<P, MapType::kStack>;

template <Profile P, MapType kType>
constexpr DefError QueueStackMap<P, kType>::Check(const MapDef& def) {
  constexpr uint32_t kLargestValue = 4 << 20;
  return FirstError(
      CheckCommon(def),
      Require(def.type == kType, kType == MapType::kQueue
                                     ? "type must be QUEUE"
                                     : "type must be STACK"),
      CheckMaxEntries(def), CheckNoKey(def), CheckHasValue(def),
      CheckFlags(
          def,
          kNumaNode | kRdOnly | kWrOnly | kRdOnlyProg | kWrOnlyProg | kTokenFd,
          "map_flags has a flag that QUEUE and STACK do not take"),
      Require(def.value_size <= kLargestValue,
              "value_size must be 4194304 or less", Errno::k2Big),
      CheckToken(def),
      Require(def.spin_lock_offset == kNoSpinLock,
              "a value of a QUEUE or STACK holds no lock"),
      Require(def.timer_offset == kNoTimer,
              "a value of a QUEUE or STACK holds no timer"),
      CheckNameAndLock(def));
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_QUEUE_STACK_MAP_H_
