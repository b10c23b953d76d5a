// SPDX-License-Identifier: Apache-2.0

// FailNth: a map that refuses one call, to test what its user does then.
//
//   FailNth failing(map, "update", 3, Errno::kNoMem);
//   RunProgram(failing);                    // its third update is ENOMEM
//   EXPECT_TRUE(failing.has_failed());
//
// The call is refused before the map sees it, so nothing has changed. A method
// that returns a pointer, such as LookupElem() or Reserve(), gives null in
// place of the errno. All other calls are the map's. Operations have the names
// in kMapOperations (map_decorator.h), which stand for both views: "update"
// counts Update() and UpdateElem().
//
// Thread-safe as far as the map is: of calls on several threads one is the nth.

#ifndef BPFMAP_MAPS_TESTING_FAIL_NTH_H_
#define BPFMAP_MAPS_TESTING_FAIL_NTH_H_

#include <atomic>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/testing/map_decorator.h"
#include "gtest/gtest.h"

namespace bpfmap {

class FailNth final : public MapDecorator {
 public:
  // Answers the `nth` call of `operation`, from 1 on, with `error`. The test
  // fails if there is no such operation, or if it cannot fail (a record of a
  // ring must come to its end).
  FailNth(const DecoratedMap& map, absl::string_view operation, int nth,
          Errno error)
      : MapDecorator(map), operation_(operation), nth_(nth), error_(error) {
    const bool can_fail = IsMapOperation(operation) && operation != "submit" &&
                          operation != "discard";
    EXPECT_TRUE(can_fail) << "no operation \"" << operation
                          << "\" can fail; there are: "
                          << absl::StrJoin(kMapOperations, ", ");
    EXPECT_GE(nth, 1) << "calls are counted from 1 on";
  }

  // How often the operation was called.
  int calls() const { return calls_.load(std::memory_order_relaxed); }
  // Whether it came to the nth time.
  bool has_failed() const { return calls() >= nth_; }

 private:
  Errno Before(const MapCall& call) override {
    if (call.operation != operation_) return Errno::kOk;
    const int calls = calls_.fetch_add(1, std::memory_order_relaxed) + 1;
    return calls == nth_ ? error_ : Errno::kOk;
  }

  const std::string operation_;
  const int nth_;
  const Errno error_;
  std::atomic<int> calls_{0};
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TESTING_FAIL_NTH_H_
