// SPDX-License-Identifier: Apache-2.0

// Contender: an implementation as the table of rows sees it. All that depends
// on its types is behind add_row, so each can be compiled on its own.

#ifndef BPFMAP_BENCH_CONTENDER_H_
#define BPFMAP_BENCH_CONTENDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "bench/count_row.h"
#include "bench/implementation.h"
#include "bench/operations.h"
#include "bench/row.h"
#include "bench/row_spec.h"
#include "bench/session.h"
#include "bench/workload.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {

struct Contender {
  std::string name;                         // as Implementation::name
  std::function<bool(const MapDef&)> fits;  // whether it has such rows
  std::function<void(const RowSpec&, Session&)> add_row;
  // Once, with one thread, while its instructions are counted: count_row.h. An
  // operation that it does not have is an error.
  std::function<absl::Status(const RowSpec&, uint32_t seed)> count_row;
};

// Calls visitor(Operation()) for the operation of that name.
template <typename Visitor>
void VisitOperation(const std::string& name, Visitor visitor) {
  std::apply(
      [&]<typename... Operation>(Operation... operation) {
        ((name == Operation::kName ? visitor(operation) : void()), ...);
      },
      Operations());
}

// Where the types of its maps are given, operations that none of them supports
// are not compiled.
template <MapType... kTypes, typename View>
Contender MakeContender(const Implementation<View>& implementation) {
  const auto visit = [](const std::string& operation, auto visitor) {
    VisitOperation(operation, [&]<typename Operation>(Operation) {
      constexpr bool kSupported =
          sizeof...(kTypes) == 0 || (Operation::Supports(kTypes) || ...);
      if constexpr (kSupported && requires(View & view, const Turn& turn) {
                      Operation::Run(view, turn);
                    }) {
        visitor(Operation());
      }
    });
  };
  const auto add_row = [=](const RowSpec& spec, Session& session) {
    visit(spec.operation, [&]<typename Operation>(Operation) {
      AddRow<Operation>(implementation, spec, session);
    });
  };
  const auto count_row = [=](const RowSpec& spec, uint32_t seed) {
    absl::Status status = absl::UnimplementedError("there is no such row");
    visit(spec.operation, [&]<typename Operation>(Operation) {
      status = CountRow<Operation>(implementation, spec, seed);
    });
    return status;
  };
  const auto fits = [fits = implementation.fits](const MapDef& def) {
    return KindOf(def.type) == KindOfView<View>() && fits(def);
  };
  return {implementation.name, fits, add_row, count_row};
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_CONTENDER_H_
