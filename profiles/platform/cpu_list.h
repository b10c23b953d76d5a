// SPDX-License-Identifier: Apache-2.0

// CpusInList: how many CPUs a list of Linux names.
//
// Thread-safe.

#ifndef BPFMAP_PROFILES_PLATFORM_CPU_LIST_H_
#define BPFMAP_PROFILES_PLATFORM_CPU_LIST_H_

namespace bpfmap {

// The largest number of CPUs, as on Linux (CONFIG_NR_CPUS with MAXSMP).
inline constexpr int kMaxCpus = 8192;

// How many CPUs a list names, in the form of Linux's
// /sys/devices/system/cpu/possible: "0-3" names 4, "0,2-3" names 3. Returns 0
// if `list` is none, or names more than kMaxCpus.
int CpusInList(const char* list);

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_PLATFORM_CPU_LIST_H_
