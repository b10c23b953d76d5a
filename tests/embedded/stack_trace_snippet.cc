// SPDX-License-Identifier: Apache-2.0

// A StackTraceMap<PROFILE>, which only a profile that can find a stack can
// have. Compiled by negative_compile_test.sh.

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/stack_trace_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"

namespace bpfmap {

MapDef DefOf(const StackTraceMap<PROFILE>& map) { return map.def(); }

}  // namespace bpfmap
