// SPDX-License-Identifier: Apache-2.0

// CallEveryPerfMethod: every method of a PerfEventArray and a PerfEvent, as
// every_method.h has them for maps with elements.

#ifndef BPFMAP_TESTS_EMBEDDED_EVERY_PERF_METHOD_H_
#define BPFMAP_TESTS_EMBEDDED_EVERY_PERF_METHOD_H_

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/perf_event.h"
#include "bpfmap/maps/perf_event_array.h"
#include "tests/embedded/every_method.h"

namespace bpfmap {

inline constexpr MapDef kEveryPerfMethodDef = {.type = MapType::kPerfEventArray,
                                               .key_size = 4,
                                               .value_size = 4,
                                               .max_entries = 2};
inline constexpr PerfEventAttr kEveryPerfMethodAttr = {.buffer_size = 4096};

// Calls each method on `array`, which was created from kEveryPerfMethodDef and
// is empty, and on `event`, from kEveryPerfMethodAttr. Returns how many answers
// were not the expected ones. `array` is frozen afterwards.
template <typename Array, typename Event>
int CallEveryPerfMethod(Array& array, Event& event) {
  Surprises surprise;
  const auto expect = [&](Errno error, Errno expected) {
    surprise.Unless(error == expected);
  };
  uint32_t key = 1, number = event.fd(), count = 1;
  uint64_t data = 7;
  expect(array.Update(&key, &number), Errno::kOk);
  expect(array.Output(PerfFlags{1}, &data, 8), Errno::kOk);
  expect(array.Output(PerfFlags{1 | uint64_t{4} << 32}, &data, 8, &data, 8),
         Errno::kOk);
  expect(array.Output(PerfFlags{}, &data, 8), Errno::kNoEnt);
  expect(array.Output(kCurrentCpu, &data, 8), Errno::kNoEnt);
  expect(array.Output(PerfFlags{2}, &data, 8), Errno::k2Big);
  expect(array.Output(PerfFlags{1}, &data, 4096), Errno::kNoSpc);
  uint64_t lost = 0, sum = 0;
  const auto consume = [&] {
    return event.Consume(
        [&](void* sample, uint32_t size) {
          uint64_t first;
          std::memcpy(&first, sample, sizeof first);
          sum += size + first;
        },
        [&](uint64_t samples) { lost += samples; });
  };
  surprise.Unless(consume() == 2 && sum == 2 * (12 + 7) && lost == 0);
  expect(array.Output(PerfFlags{1}, &data, 8), Errno::kOk);
  surprise.Unless(consume() == 1 && lost == 1 && event.lost_samples() == 1);
  event.ConsumeRecords([](const PerfRecord*) { return true; });
  surprise.Unless(event.attr().buffer_size == 4096 && event.id() != 0);

  surprise.Unless(array.LookupElem(&key) == nullptr);
  expect(array.UpdateElem(&key, &number, kAny), Errno::kInval);
  expect(array.DeleteElem(&key), Errno::kInval);
  expect(array.Lookup(&key, &number), Errno::kNotSupp);
  expect(array.Delete(&key), Errno::kOk);
  expect(array.GetNextKey(&key, &number), Errno::kNoEnt);
  expect(array.LookupAndDelete(&key, &number), Errno::kNotSupp);
  expect(array.LookupBatch(nullptr, &key, &key, &number, &count),
         Errno::kNotSupp);
  expect(array.LookupAndDeleteBatch(nullptr, &key, &key, &number, &count),
         Errno::kNotSupp);
  expect(array.UpdateBatch(&key, &number, &count), Errno::kNotSupp);
  expect(array.DeleteBatch(&key, &count), Errno::kNotSupp);
  expect(array.Freeze(), Errno::kOk);
  expect(array.Update(&key, &number), Errno::kPerm);
  return surprise.count();
}

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_EMBEDDED_EVERY_PERF_METHOD_H_
