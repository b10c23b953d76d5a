// SPDX-License-Identifier: Apache-2.0

// Whether a map does what is going to be timed. A number for a map that loses
// an update would be worse than no number.

#ifndef BPFMAP_BENCH_CHECK_H_
#define BPFMAP_BENCH_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/operations.h"
#include "bench/workload.h"
#include "bpfmap/maps/errno.h"

namespace bpfmap::bench {

// Whether every present element is in the map, with its own value or (where the
// operation replaced it, each element at the turn of its number) the new one,
// and no absent element is.
template <typename Operation, typename View>
absl::Status CheckContents(View& view, const Workload& workload) {
  constexpr bool kHasValues = KindOfView<View>() != MapKind::kBloom;
  const auto [begin, end] = workload.Elements(KeySet::kPresent);
  for (uint32_t element = begin; element < end; ++element) {
    const void* const found = view.Lookup(workload.Key(element));
    if (found == nullptr) {
      return absl::InternalError("a key is not found that should be present");
    }
    const std::vector<std::byte> value = Operation::Replaces(element)
                                             ? workload.new_value()
                                             : workload.Value(element);
    if (kHasValues && std::memcmp(found, value.data(), value.size()) != 0) {
      return absl::InternalError("a key has another value than it should have");
    }
  }
  const auto [absent_begin, absent_end] = workload.Elements(KeySet::kAbsent);
  uint32_t found = 0;
  for (uint32_t element = absent_begin; element < absent_end; ++element) {
    found += view.Lookup(workload.Key(element)) != nullptr;
  }
  // A bloom filter may take one for another, but not many.
  if (found > (kHasValues ? 0 : (absent_end - absent_begin) / 10)) {
    return absl::InternalError("a key is found that should be absent");
  }
  return absl::OkStatus();
}

// After inserts into a full map: whether it is still full, or nearly so, of
// elements with the value that they should have.
template <typename View>
absl::Status CheckEvicted(View& view, const Workload& workload) {
  const uint32_t room = workload.def().max_entries;
  const ElementRange all = {0, workload.Elements(KeySet::kAbsent).end};
  uint32_t found = 0;
  for (uint32_t element = all.begin; element < all.end; ++element) {
    const void* const value = view.Lookup(workload.Key(element));
    if (value == nullptr) continue;
    ++found;
    const std::vector<std::byte> wanted = element < workload.present_count()
                                              ? workload.Value(element)
                                              : workload.new_value();
    if (std::memcmp(value, wanted.data(), wanted.size()) != 0) {
      return absl::InternalError("a key has another value than it should have");
    }
  }
  if (found <= room && found >= room / 2) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(found, " keys are found, there is room for ", room));
}

// Puts every present element into a new map.
template <KeyedView View>
absl::Status Fill(View& view, const Workload& workload) {
  const auto [begin, end] = workload.Elements(KeySet::kPresent);
  for (uint32_t element = begin; element < end; ++element) {
    const Errno error =
        view.Update(workload.Key(element), workload.Value(element).data());
    if (error != Errno::kOk) {
      return absl::InternalError(absl::StrCat(
          "the map cannot be filled: ", ErrnoName(error), " with ",
          element - begin, " of ", end - begin, " elements in it"));
    }
  }
  return absl::OkStatus();
}

// Inserts the own keys that a thread deletes first.
template <KeyedView View>
absl::Status InsertOldKeys(View& view, const Workload& workload,
                           KeyCursor cursor, uint32_t lag) {
  for (uint32_t i = 0; i < lag; ++i) {
    const Errno error =
        view.Update(cursor.NextOld(), workload.new_value().data());
    if (error != Errno::kOk) {
      return absl::InternalError(absl::StrCat(
          "the keys to delete cannot be inserted: ", ErrnoName(error)));
    }
  }
  return absl::OkStatus();
}

// Fewer elements than this are lost among the pages around them.
inline constexpr uint32_t kMinEntriesToMeasure = 16384;

// CheckContents(), which says when it looked.
template <typename Operation, typename View>
absl::Status CheckContentsAfter(View& view, const Workload& workload) {
  absl::Status contents;
  if constexpr (std::is_same_v<Operation, InsertEvict>) {
    contents = CheckEvicted(view, workload);
  } else {
    contents = CheckContents<Operation>(view, workload);
  }
  if (contents.ok()) return contents;
  return absl::InternalError(absl::StrCat("after ", Operation::kName,
                                          ", before it was timed, ",
                                          contents.message()));
}

// Runs the operation once on every element that it may be given, and looks at
// all contents. The map, which was just filled, is then ready to be timed.
template <typename Operation, KeyedView View>
absl::Status Check(View& view, const Workload& workload) {
  const auto [begin, end] = workload.Elements(Operation::kKeys);
  for (uint32_t element = begin; element < end; ++element) {
    const std::byte* const key = workload.Key(element);
    const Errno error =
        Operation::Run(view, {.key = key,
                              .old_key = key,
                              .value = workload.new_value().data(),
                              .number = element - begin});
    if (error != Errno::kOk) {
      return absl::InternalError(absl::StrCat(Operation::kName, " failed with ",
                                              ErrnoName(error),
                                              " before it was timed"));
    }
  }
  return CheckContentsAfter<Operation>(view, workload);
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_CHECK_H_
