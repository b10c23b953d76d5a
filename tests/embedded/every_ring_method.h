// SPDX-License-Identifier: Apache-2.0

// CallEveryRingMethod and CallEveryUserRingMethod: every method of a RingBuffer
// and of a UserRingBuffer, as every_method.h has them for maps with elements.

#ifndef BPFMAP_TESTS_EMBEDDED_EVERY_RING_METHOD_H_
#define BPFMAP_TESTS_EMBEDDED_EVERY_RING_METHOD_H_

#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_def.h"
#include "tests/embedded/every_method.h"

namespace bpfmap {

inline constexpr MapDef kEveryRingMethodDef = {.type = MapType::kRingBuf,
                                               .max_entries = 4096};

inline constexpr MapDef kEveryUserRingMethodDef = {
    .type = MapType::kUserRingBuf, .max_entries = 4096};

// The commands and helpers for elements, none of which a ring has.
template <typename Ring>
void CallEveryElementMethod(Ring& ring, Surprises& surprise) {
  uint64_t number = 7;
  uint32_t count = 1;
  surprise.Unless(ring.LookupElem(&number) == nullptr);
  surprise.Unless(ring.UpdateElem(&number, &number, kAny) == Errno::kAcces);
  surprise.Unless(ring.DeleteElem(&number) == Errno::kAcces);
  surprise.Unless(ring.Lookup(nullptr, &number) == Errno::kNotSupp);
  surprise.Unless(ring.Update(nullptr, &number) == Errno::kNotSupp);
  surprise.Unless(ring.Delete(nullptr) == Errno::kNotSupp);
  surprise.Unless(ring.GetNextKey(nullptr, &number) == Errno::kNotSupp);
  surprise.Unless(ring.LookupAndDelete(nullptr, &number) == Errno::kNotSupp);
  surprise.Unless(ring.LookupBatch(nullptr, &number, &number, &number,
                                   &count) == Errno::kNotSupp);
  surprise.Unless(ring.LookupAndDeleteBatch(nullptr, &number, &number, &number,
                                            &count) == Errno::kNotSupp);
  surprise.Unless(ring.UpdateBatch(&number, &number, &count) ==
                  Errno::kNotSupp);
  surprise.Unless(ring.DeleteBatch(&number, &count) == Errno::kNotSupp);
  surprise.Unless(ring.Freeze() == Errno::kOk);
}

// Calls each method on `ring`, which was created from kEveryRingMethodDef and
// is empty. Returns how many answers were not the expected ones. `ring` is
// frozen afterwards.
template <typename Ring>
int CallEveryRingMethod(Ring& ring) {
  Surprises surprise;
  uint64_t number = 7;
  auto* const record = static_cast<uint64_t*>(ring.Reserve(8));
  surprise.Unless(record != nullptr);
  if (record != nullptr) {
    *record = number;
    ring.Submit(record);
  }
  void* const unwanted = ring.Reserve(8);
  if (unwanted != nullptr) ring.Discard(unwanted, kRbNoWakeup);
  surprise.Unless(ring.Output(&number, 8, kRbForceWakeup) == Errno::kOk);
  surprise.Unless(ring.Output(&number, 8, RingFlags{99}) == Errno::kInval);
  surprise.Unless(ring.Reserve(4096) == nullptr);
  surprise.Unless(ring.Query(kRbAvailData) == 48 && ring.dropped() == 1);
  uint64_t sum = 0;
  const auto add = [&sum](void* data, uint32_t) {
    sum += *static_cast<uint64_t*>(data);
    return 0;
  };
  surprise.Unless(ring.ConsumeN(1, add) == 1);
  surprise.Unless(ring.Consume(add) == 1 && sum == 14);

  CallEveryElementMethod(ring, surprise);
  return surprise.count();
}

// The same for a UserRingBuffer, created from kEveryUserRingMethodDef.
template <typename Ring>
int CallEveryUserRingMethod(Ring& ring) {
  Surprises surprise;
  void* data = nullptr;
  surprise.Unless(ring.Reserve(8, &data) == Errno::kOk);
  if (data != nullptr) {
    *static_cast<uint64_t*>(data) = 7;
    ring.Submit(data);
  }
  surprise.Unless(ring.Reserve(4096, &data) == Errno::k2Big);
  surprise.Unless(ring.Reserve(4088, &data) == Errno::kNoSpc);
  if (ring.Reserve(8, &data) == Errno::kOk) ring.Discard(data);
  uint64_t sum = 0;
  const auto add = [&sum](void* bytes, uint32_t) {
    sum += *static_cast<uint64_t*>(bytes);
    return 0;
  };
  surprise.Unless(ring.Drain(add, kRbForceWakeup) == 1 && sum == 7);
  surprise.Unless(ring.Drain(add, RingFlags{4}) == -22);
  CallEveryElementMethod(ring, surprise);
  return surprise.count();
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_EMBEDDED_EVERY_RING_METHOD_H_
