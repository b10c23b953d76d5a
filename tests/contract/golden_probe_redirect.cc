// SPDX-License-Identifier: Apache-2.0

// The rows of maps whose values are devices or CPUs, which packets are sent to:
// with programs and without.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/redirect_target.h"
#include "gtest/gtest.h"
#include "tests/contract/golden_probe.h"
#include "tests/support/backend.h"
#include "tests/support/descriptor.h"

namespace bpfmap {

void GoldenProbe::Targets() {
  if (!has_targets()) return;
  TestMap map;
  ASSERT_EQ(backend_.create(base_, &map), Errno::kOk);
  const Descriptor itself(map);
  uint32_t program, plain, of_devices, of_cpus;
  const std::shared_ptr<void> open[] = {
      backend_.open_program(&program),
      backend_.open_xdp_program(XdpProgram::kPlain, &plain),
      backend_.open_xdp_program(XdpProgram::kForDevices, &of_devices),
      backend_.open_xdp_program(XdpProgram::kForCpus, &of_cpus)};
  const uint32_t fits = is_cpu_map() ? of_cpus : of_devices;
  // Local maps take any handle but this.
  const auto refused = [&](uint32_t descriptor) {
    return backend_.is_kernel ? descriptor : kNoSuchProgram;
  };
  const uint32_t not_open = refused(9999);
  ProgramsOfTargets(
      {{"no program (-1)", ~0U},
       {"no program (0)", 0},
       {"fd not open", not_open},
       {"fd of a map", refused(itself.number())},
       {"fd of a program", refused(program)},
       {"fd of an XDP program", refused(plain)},
       {"a program for DEVMAP",
        is_cpu_map() ? refused(of_devices) : of_devices},
       {"a program for CPUMAP", is_cpu_map() ? of_cpus : refused(of_cpus)}});
  for (const uint32_t number :
       {0U, 1U, 2048U, 16384U, 16385U, 99999U, 1U << 31, ~0U}) {
    if (!is_cpu_map() && number > 1 && number < 99999) continue;
    NumberOfTarget(absl::StrCat(number, " and no program"), {number, 0});
    NumberOfTarget(absl::StrCat(number, " and fd not open"),
                   {number, not_open});
    NumberOfTarget(absl::StrCat(number, " and a program"), {number, fits});
  }
}

void GoldenProbe::ProgramsOfTargets(
    const std::vector<std::pair<const char*, uint32_t>>& programs) {
  for (const uint32_t size : {8, 4}) {
    for (const auto& [name, program] : programs) {
      MapDef def = base_;
      def.value_size = size;
      TestMap map;
      ASSERT_EQ(backend_.create(def, &map), Errno::kOk);
      const uint32_t key = 0;
      const RedirectTarget put = {1, program};
      RedirectTarget got = {7, 7};
      const std::string condition =
          absl::StrCat("value_size=", size, ", ", name);
      Row("update", condition, map->Update(&key, &put));
      const Errno error = map->Lookup(&key, &got);
      const char* const shown = size == 4 ? "-" : got.program != 0 ? "id" : "0";
      Row("lookup", condition, error,
          error == Errno::kOk ? absl::StrCat(got.number, ", ", shown) : "");
    }
  }
}

void GoldenProbe::NumberOfTarget(const std::string& what,
                                 const RedirectTarget& target) {
  TestMap map;
  ASSERT_EQ(backend_.create(base_, &map), Errno::kOk);
  uint32_t key = 0;
  const RedirectTarget first = {1, 0};
  ASSERT_EQ(map->Update(&key, &first), Errno::kOk);
  RedirectTarget got;
  Row("update", what, map->Update(&key, &target));
  const Errno error = map->Lookup(&key, &got);
  Row("lookup", absl::StrCat("after ", what), error,
      error == Errno::kOk ? absl::StrCat(got.number) : "");
  Row("update", absl::StrCat(what, ", NOEXIST"),
      map->Update(&key, &target, kNoExist));
  ASSERT_EQ(backend_.create(base_, &map), Errno::kOk);
  key = 3;
  Row("update", absl::StrCat(what, ", key 3 of an empty map"),
      map->Update(&key, &target));
  Row("delete", absl::StrCat("key 3 after ", what), map->Delete(&key));
}

}  // namespace bpfmap
