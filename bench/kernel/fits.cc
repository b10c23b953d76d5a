// SPDX-License-Identifier: Apache-2.0

#include "bench/kernel/fits.h"

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

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

// "0-3", or "0".
int KernelCpus() {
  std::ifstream possible("/sys/devices/system/cpu/possible");
  int cpu = -1;
  for (char dash; possible >> cpu;) possible >> dash;
  return cpu + 1;
}

double KernelBytes(const KernelMap& map) {
  std::ifstream info(absl::StrCat("/proc/self/fdinfo/", map.fd()));
  for (std::string name; info >> name;) {
    double bytes = 0;
    if (name == "memlock:" && info >> bytes) return bytes;
  }
  return 0;
}

}  // namespace bpfmap::bench
