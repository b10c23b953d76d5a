// SPDX-License-Identifier: Apache-2.0
//
// Functions of the kernel (kfuncs) that are here: iterators over numbers, which
// bpf_for() and bpf_repeat() of libbpf are made of, sections of RCU and without
// preemption, and exceptions.
//
// Source: Documentation/bpf/kfuncs.rst and bpf_iterators.rst of the kernel.

#include <cstdint>

#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/iterator.h"
#include "bpfmap/programs/machine.h"

namespace bpfmap {
namespace {

constexpr int64_t kMostTurns = 8 << 20;  // BPF_MAX_LOOPS

// Must be destroyed even where it fails.
uint64_t IterNumNew(HelperCall& call) {
  Machine& machine = call.machine();
  const auto start = static_cast<int32_t>(call.word(2));
  const auto end = static_cast<int32_t>(call.word(3));
  Errno error = Errno::kOk;
  if (start > end) {
    error = Errno::kInval;
  } else if (int64_t{end} - start > kMostTurns) {
    error = Errno::k2Big;
  }
  NumberIterator iterator;
  if (error == Errno::kOk) {
    // One before the lowest number is the highest: the first turn steps over.
    iterator.current = static_cast<int32_t>(static_cast<uint32_t>(start) - 1);
    iterator.end = end;
  }
  *call.pointer<NumberIterator>(1) = iterator;
  if (machine.checked()) {
    Region* const region = machine.NewRegion(RegionKind::kIterator);
    if (region == nullptr) return 0;
    region->base = call.number(1);
    region->size = region->readable = sizeof iterator.current;
    region->held = true;
    ++machine.held_iterators;
    machine.SetIterator(call.region(1), call.number(1), region);
  }
  return Minus(error);
}

uint64_t IterNumNext(HelperCall& call) {
  Machine& machine = call.machine();
  auto* const iterator = call.pointer<NumberIterator>(1);
  const auto next =
      static_cast<int32_t>(static_cast<uint32_t>(iterator->current) + 1);
  if (next >= iterator->end) {
    *iterator = {};
    return call.ReturnNull("iter_num_next");
  }
  iterator->current = next;
  machine.AllowTurn();
  return call.Return(&iterator->current,
                     machine.checked()
                         ? machine.IteratorAt(call.region(1), call.number(1))
                         : nullptr);
}

uint64_t IterNumDestroy(HelperCall& call) {
  Machine& machine = call.machine();
  *call.pointer<NumberIterator>(1) = {};
  if (!machine.checked()) return 0;
  auto* const region =
      const_cast<Region*>(machine.IteratorAt(call.region(1), call.number(1)));
  region->kind = RegionKind::kGone;
  region->readable = 0;
  region->held = false;
  region->reason = "bpf_iter_num_destroy()";
  --machine.held_iterators;
  machine.SetIterator(call.region(1), call.number(1), nullptr);
  return 0;
}

// Nothing is freed or moved to another CPU while a program runs: what counts is
// that sections end.
uint64_t Enter(int* sections) {
  ++*sections;
  return 0;
}
uint64_t Leave(HelperCall& call, int* sections, const char* reason) {
  if (*sections == 0) {
    if (call.machine().checked()) call.machine().Fault(reason);
    return 0;
  }
  --*sections;
  return 0;
}

uint64_t RcuReadLock(HelperCall& call) {
  return Enter(&call.machine().rcu_sections);
}
uint64_t RcuReadUnlock(HelperCall& call) {
  return Leave(call, &call.machine().rcu_sections,
               "calls bpf_rcu_read_unlock() without a lock before it");
}
uint64_t PreemptDisable(HelperCall& call) {
  return Enter(&call.machine().preempt_sections);
}
uint64_t PreemptEnable(HelperCall& call) {
  return Leave(call, &call.machine().preempt_sections,
               "calls bpf_preempt_enable() without a disable before it");
}

uint64_t Throw(HelperCall& call) {
  call.machine().Throw(call.number(1));
  return 0;
}

#define BPFMAP_FUNCTION(name, function, ...)                            \
  {                                                                     \
    KernelFunctionNumber(name), HelperKind::kReal, true, {__VA_ARGS__}, \
        function                                                        \
  }

constexpr Helper kFunctions[] = {
    BPFMAP_FUNCTION("bpf_iter_num_new", IterNumNew, Arg::kNewIterator,
                    Arg::kNumber, Arg::kNumber),
    BPFMAP_FUNCTION("bpf_iter_num_next", IterNumNext, Arg::kIterator),
    BPFMAP_FUNCTION("bpf_iter_num_destroy", IterNumDestroy, Arg::kIterator),
    BPFMAP_FUNCTION("bpf_rcu_read_lock", RcuReadLock),
    BPFMAP_FUNCTION("bpf_rcu_read_unlock", RcuReadUnlock),
    BPFMAP_FUNCTION("bpf_preempt_disable", PreemptDisable),
    BPFMAP_FUNCTION("bpf_preempt_enable", PreemptEnable),
    BPFMAP_FUNCTION("bpf_throw", Throw, Arg::kNumber),
};

}  // namespace

std::span<const Helper> internal::KernelFunctions() { return kFunctions; }

}  // namespace bpfmap
