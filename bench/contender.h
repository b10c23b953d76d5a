// SPDX-License-Identifier: Apache-2.0

// Contender: an implementation as the table of rows sees it. All that depends
// on its types is behind add_row, so each can be compiled on its own.

#ifndef BPFMAP_BENCH_CONTENDER_H_
#define BPFMAP_BENCH_CONTENDER_H_

#include <functional>
#include <string>
#include <tuple>

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
  const auto add_row = [implementation](const RowSpec& spec, Session& session) {
    VisitOperation(spec.operation, [&]<typename Operation>(Operation) {
      constexpr bool kSupported =
          sizeof...(kTypes) == 0 || (Operation::Supports(kTypes) || ...);
      if constexpr (kSupported && requires(View & view, const Turn& turn) {
                      Operation::Run(view, turn);
                    }) {
        AddRow<Operation>(implementation, spec, session);
      }
    });
  };
  const auto fits = [fits = implementation.fits](const MapDef& def) {
    return KindOf(def.type) == KindOfView<View>() && fits(def);
  };
  return {implementation.name, fits, add_row};
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_CONTENDER_H_
