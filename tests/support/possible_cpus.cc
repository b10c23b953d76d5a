// SPDX-License-Identifier: Apache-2.0
#include "tests/support/possible_cpus.h"

#include <fstream>
#include <string>

#include "bpfmap/profiles/cpu.h"

namespace bpfmap {

int ListedCpus() {
  std::ifstream file("/sys/devices/system/cpu/possible");
  std::string list;
  return std::getline(file, list) ? CpusInList(list.c_str()) : 0;
}

namespace {

// 0, where there is no such file, leaves the machine's number.
[[maybe_unused]] const bool set_before_main = SetPossibleCpus(ListedCpus());

}  // namespace
}  // namespace bpfmap
