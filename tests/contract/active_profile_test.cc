// SPDX-License-Identifier: Apache-2.0

// active_profile.h follows the build. EXPECTED_PROFILE is set in BUILD.

#include "bpfmap/profiles/active_profile.h"

#include <cstdint>
#include <type_traits>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

static_assert(std::is_same_v<ActiveProfile, EXPECTED_PROFILE>);

TEST(ActiveProfileTest, MapInItsMemoryWorks) {
  constinit static ActiveProfile::Memory memory;
  HashMap<ActiveProfile> map({.type = MapType::kHash,
                              .key_size = sizeof(uint32_t),
                              .value_size = sizeof(uint64_t),
                              .max_entries = 8},
                             &memory);
  ASSERT_EQ(map.Init(), Errno::kOk);
  const uint32_t key = 1;
  const uint64_t value = 2;
  ASSERT_EQ(map.UpdateElem(&key, &value, kNoExist), Errno::kOk);
  const void* const element = map.LookupElem(&key);
  ASSERT_NE(element, nullptr);
  EXPECT_EQ(*static_cast<const uint64_t*>(element), 2u);
}

}  // namespace
}  // namespace bpfmap
