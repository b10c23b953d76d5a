// SPDX-License-Identifier: Apache-2.0

// The maps of the running kernel as user space reaches them: each operation is
// a system call.

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/contender.h"
#include "bench/contenders.h"
#include "bench/kernel/fits.h"
#include "bench/user_view.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

absl::StatusOr<std::shared_ptr<BpfMap>> Create(const MapDef& def) {
  absl::StatusOr<std::unique_ptr<KernelMap>> map = KernelMap::Create(def);
  if (!map.ok()) return map.status();
  return std::shared_ptr<BpfMap>(*std::move(map));
}

double Bytes(const BpfMap& map) {
  return KernelBytes(static_cast<const KernelMap&>(map));
}

}  // namespace

std::vector<Contender> KernelMaps() {
  return {MakeContender(Implementation<UserView>{"kernel/user", KernelFits,
                                                 Create, Bytes, true}),
          MakeContender(Implementation<PushPopUserView>{
              "kernel/user", KernelFits, Create, Bytes, true}),
          MakeContender(Implementation<BloomUserView>{"kernel/user", KernelFits,
                                                      Create, Bytes, true})};
}

}  // namespace bpfmap::bench
