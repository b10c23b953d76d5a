// SPDX-License-Identifier: Apache-2.0

// Maps that are created and closed, one after the other, take no memory.
//
// Flags: --maps=N, how many.

#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/resident_memory.h"
#include "gtest/gtest.h"
#include "tests/support/sanitizer.h"

ABSL_FLAG(int, maps, bpfmap::kSanitized ? 2'000 : 1'000'000, "How many maps.");

namespace bpfmap {
namespace {

// Most are hash maps; each 16th is an array that can be mapped. Each second has
// two descriptors.
void CreateAndClose(int maps) {
  for (int i = 0; i < maps; ++i) {
    int fd = CreateFd(i % 16 == 0 ? kMapped : kHash);
    ASSERT_GE(fd, 0);
    if (i % 2 == 0) {
      const int copy = dup(fd);
      close(fd);
      fd = copy;
    }
    const uint32_t key = 1;
    const uint64_t value = 1;
    ASSERT_EQ(Update(fd, &key, &value), 0);
    close(fd);
  }
}

TEST(ManyMapsTest, MapsThatAreClosedTakeNoMemory) {
  CreateAndClose(1000);
  const uint64_t resident = ResidentMemory();
  const std::size_t used = mallinfo2().uordblks;
  CreateAndClose(absl::GetFlag(FLAGS_maps));
  std::cout << resident << " bytes before, " << ResidentMemory()
            << " bytes after\n";
  EXPECT_LE(mallinfo2().uordblks, used + (64 << 10));
  // A sanitizer keeps what is freed for a while.
  if (!kSanitized) {
    EXPECT_LE(ResidentMemory(), resident + (1 << 20));
  }
}

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
