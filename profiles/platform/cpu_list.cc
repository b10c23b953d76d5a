// SPDX-License-Identifier: Apache-2.0
#include "bpfmap/profiles/platform/cpu_list.h"

#include <cstdlib>

namespace bpfmap {

int CpusInList(const char* list) {
  long cpus = 0;
  for (const char* at = list;; ++at) {
    // strtol() alone would take blanks and signs.
    if (*at < '0' || *at > '9') return 0;
    char* end;
    const long first = std::strtol(at, &end, 10);
    long last = first;
    if (*end == '-') {
      at = end + 1;
      if (*at < '0' || *at > '9') return 0;
      last = std::strtol(at, &end, 10);
    }
    if (last < first || last >= kMaxCpus) return 0;
    cpus += last - first + 1;
    if (cpus > kMaxCpus) return 0;
    if (*end == '\0' || *end == '\n') return static_cast<int>(cpus);
    if (*end != ',') return 0;
    at = end;
  }
}

}  // namespace bpfmap
