// SPDX-License-Identifier: Apache-2.0
// Tests of maps run for as many CPUs as the kernel says there can be, which is
// what Linux's maps do: linked into a test, this sets PossibleCpus() to it
// before main(). with_possible_cpus.sh has the kernel say another number.

#ifndef BPFMAP_TESTS_SUPPORT_POSSIBLE_CPUS_H_
#define BPFMAP_TESTS_SUPPORT_POSSIBLE_CPUS_H_

namespace bpfmap {

// How many CPUs /sys/devices/system/cpu/possible names; 0 where there is no
// such file.
int ListedCpus();

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_POSSIBLE_CPUS_H_
