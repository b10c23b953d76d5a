// SPDX-License-Identifier: Apache-2.0

// Random commands of user space on maps that have no elements for it to write,
// or hardly any, here and in the kernel at once: rings, arrays of perf events,
// maps of stacks. Odd definitions, flags and null pointers included.
//
// Flags: --seed=N (printed by every run), --steps=N.

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"

ABSL_FLAG(uint64_t, steps, 1000000, "How many commands each test gives.");

namespace bpfmap {
namespace {

constexpr MapType kTypes[] = {MapType::kRingBuf, MapType::kUserRingBuf,
                              MapType::kPerfEventArray, MapType::kStackTrace};

class RefusalsTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override { SKIP_WITHOUT_KERNEL(); }

  // A command has the same arguments on either side, but for its output.
  struct Side {
    TestMap map;
    uint32_t event_fd = 0;
    std::shared_ptr<void> event;
    std::vector<uint8_t> output;
    uint32_t count = 0;
  };

  uint64_t Below(uint64_t end) { return random_() % end; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  MapDef RandomDef() {
    MapDef def = {.type = kTypes[Below(std::size(kTypes))]};
    if (def.type == MapType::kRingBuf || def.type == MapType::kUserRingBuf) {
      def.max_entries = 4096;
    } else {
      def.key_size = 4;
      def.value_size = def.type == MapType::kStackTrace ? 16 : 4;
      def.max_entries = 1 + static_cast<uint32_t>(Below(5));
    }
    if (OneIn(2)) def.map_flags = MapFlags{1U << Below(20)} & ~kTokenFd;
    if (!OneIn(8)) return def;
    uint32_t* const fields[] = {&def.key_size, &def.value_size,
                                &def.max_entries};
    *fields[Below(3)] =
        static_cast<uint32_t>(OneIn(2) ? Below(50) : 8 * Below(140));
    return def;
  }

  uint64_t RandomNumber() {
    if (!OneIn(3)) return 0;
    return OneIn(4) ? random_() : Below(9);
  }
  ElemFlags RandomFlags() { return ElemFlags{RandomNumber()}; }

  Errno Run(int command, Side& side, const void* key, uint32_t value,
            ElemFlags flags, const BatchFlags& batch_flags) {
    BpfMap& map = *side.map;
    if (value == 0) value = side.event_fd;
    side.output.assign(64, 0xee);
    void* const output = no_output_ ? nullptr : side.output.data();
    const void* const input = no_output_ ? nullptr : &value;
    uint32_t* const count = no_output_ ? nullptr : &side.count;
    switch (command) {
      case 0:
        return map.Lookup(key, output, flags);
      case 1:
        // Stacks have 16 bytes, and none can be put in.
        if (!no_output_) {
          std::memcpy(output, &value, sizeof value);
          const Errno error = map.Update(key, output, flags);
          side.output.assign(64, 0xee);
          return error;
        }
        return map.Update(key, input, flags);
      case 2:
        return map.Delete(key);
      case 3:
        return map.GetNextKey(key, output);
      case 4:
        return map.LookupAndDelete(key, output, flags);
      case 5:
        return map.LookupBatch(nullptr, output, output, output, count,
                               batch_flags);
      case 6:
        return map.LookupAndDeleteBatch(nullptr, output, output, output, count,
                                        batch_flags);
      case 7:
        return map.UpdateBatch(output, output, count, batch_flags);
      case 8:
        return map.DeleteBatch(output, count, batch_flags);
    }
    return map.Freeze();
  }

  std::mt19937_64 random_;
  bool no_output_ = false;  // null pointers in its place
};

TEST_P(RefusalsTest, EveryAnswerMatchesKernel) {
  random_.seed(RandomSeed());
  Side local, kernel;
  local.event = GetParam().open_perf_event(&local.event_fd);
  kernel.event = Backends().back().open_perf_event(&kernel.event_fd);
  std::map<Errno, uint64_t> seen;
  const uint64_t steps = absl::GetFlag(FLAGS_steps);
  for (uint64_t step = 0; step < steps;) {
    const MapDef def = RandomDef();
    if (!GetParam().has(def.type)) continue;
    const std::string text = absl::StrCat(
        MapTypeName(def.type), ", key_size ", def.key_size, ", value_size ",
        def.value_size, ", max_entries ", def.max_entries, ", map_flags ",
        ToNumber(def.map_flags), ", step ", step++);
    const Errno error = GetParam().create(def, &local.map);
    ++seen[error];
    ASSERT_EQ(error, Backends().back().create(def, &kernel.map)) << text;
    if (error != Errno::kOk) continue;
    const uint64_t end = step + 500;
    for (; step < end; ++step) {
      const int command = OneIn(300) ? 9 : static_cast<int>(Below(9));
      const uint32_t index =
          static_cast<uint32_t>(OneIn(10) ? random_() : Below(9));
      const bool wrong_key = OneIn(8);
      const void* const key =
          (def.key_size != 0) != wrong_key ? &index : nullptr;
      const uint32_t value = OneIn(2) ? 0 : 9999;  // no descriptor
      const ElemFlags flags = RandomFlags();
      const BatchFlags batch_flags = {RandomFlags(), RandomNumber()};
      no_output_ = OneIn(16);
      local.count = kernel.count = static_cast<uint32_t>(Below(4));
      const Errno result = Run(command, local, key, value, flags, batch_flags);
      ++seen[result];
      ASSERT_EQ(result, Run(command, kernel, key, value, flags, batch_flags))
          << text << ", command " << command << " at " << step << ", index "
          << (key == nullptr ? "null" : absl::StrCat(index)) << ", flags "
          << ToNumber(flags) << ", no output " << no_output_;
      ASSERT_EQ(local.output, kernel.output) << text << ", command " << command;
      ASSERT_EQ(local.count, kernel.count) << text << ", command " << command;
    }
  }
  if (steps < 1000000) return;
  for (const Errno error :
       {Errno::kOk, Errno::kInval, Errno::kNotSupp, Errno::kPerm, Errno::kFault,
        Errno::k2Big, Errno::kNoEnt, Errno::kBadF}) {
    EXPECT_GT(seen[error], 0u) << ErrnoName(error);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, RefusalsTest,
                         testing::ValuesIn(LocalBackends()), BackendName);

}  // namespace
}  // namespace bpfmap
