// SPDX-License-Identifier: Apache-2.0

// As check.h, for queues and stacks: whether what was pushed comes out, in the
// order of the type, and nothing is lost.

#ifndef BPFMAP_BENCH_CHECK_PUSH_POP_H_
#define BPFMAP_BENCH_CHECK_PUSH_POP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bench/operations.h"
#include "bench/workload.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

using Values = std::vector<std::vector<std::byte>>;

// The values of all present elements, in the order of Fill().
inline Values PresentValues(const Workload& workload) {
  Values values;
  for (uint32_t element = 0; element < workload.present_count(); ++element) {
    values.push_back(workload.Value(element));
  }
  return values;
}

// Pushes every present element onto an empty map.
template <PushPopView View>
absl::Status Fill(View& view, const Workload& workload) {
  const uint32_t count = workload.present_count();
  for (uint32_t element = 0; element < count; ++element) {
    const Errno error = view.Push(workload.Value(element).data());
    if (error != Errno::kOk) {
      return absl::InternalError(
          absl::StrCat("the map cannot be filled: ", ErrnoName(error), " with ",
                       element, " of ", count, " elements in it"));
    }
  }
  return absl::OkStatus();
}

// Pops all values, and pushes those of Fill() again: the map was filled, and
// then PushPop was done on it with each of `pushed` in turn.
template <PushPopView View>
absl::Status CheckAndRefill(View& view, const Workload& workload,
                            const Values& pushed) {
  const auto failure = [](const char* what) {
    return absl::InternalError(absl::StrCat("after ", PushPop::kName,
                                            ", before it was timed, ", what));
  };
  Values wanted = PresentValues(workload);
  if (workload.def().type == MapType::kQueue) {
    wanted.insert(wanted.end(), pushed.begin(), pushed.end());
    wanted.erase(wanted.begin(),
                 wanted.begin() + static_cast<ptrdiff_t>(pushed.size()));
  } else {
    std::reverse(wanted.begin(), wanted.end());
  }
  for (const std::vector<std::byte>& value : wanted) {
    const void* const popped = view.Pop();
    if (popped == nullptr) return failure("a value is lost");
    if (std::memcmp(popped, value.data(), value.size()) != 0) {
      return failure("a value comes that is not the next one");
    }
  }
  if (view.Pop() != nullptr) return failure("there is a value too many");
  return Fill(view, workload);
}

// Runs the operation with half as many other values as there are in the map,
// which was just filled, and looks at all values. The map is then ready to be
// timed.
template <typename Operation, PushPopView View>
absl::Status Check(View& view, const Workload& workload) {
  const uint32_t count = workload.present_count();
  Values pushed;
  for (uint32_t i = 0; i < count / 2; ++i) {
    pushed.push_back(workload.Value(count + i));
    const Errno error = Operation::Run(view, {.key = nullptr,
                                              .old_key = nullptr,
                                              .value = pushed.back().data(),
                                              .number = i});
    if (error != Errno::kOk) {
      return absl::InternalError(absl::StrCat(Operation::kName, " failed with ",
                                              ErrnoName(error),
                                              " before it was timed"));
    }
  }
  return CheckAndRefill(view, workload, pushed);
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_CHECK_PUSH_POP_H_
