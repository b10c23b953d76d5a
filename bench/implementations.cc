#include "bench/implementations.h"

#include <cstdio>
#include <utility>

#include "maps/kernel_map.h"

namespace bpfmap::bench {

bool KernelFits(const MapDef& def) {
  // Rights do not depend on the map: the first one is asked about for all.
  static const bool allowed = [&def] {
    const absl::Status status = KernelMap::Create(def).status();
    if (status.ok()) return true;
    std::fprintf(stderr, "map_bench: there are no rows of the kernel: %s\n",
                 std::string(status.message()).c_str());
    return false;
  }();
  return allowed;
}

absl::StatusOr<std::shared_ptr<BpfMap>> CreateInKernel(const MapDef& def) {
  absl::StatusOr<std::unique_ptr<KernelMap>> map = KernelMap::Create(def);
  if (!map.ok()) return map.status();
  return std::shared_ptr<BpfMap>(*std::move(map));
}

}  // namespace bpfmap::bench
