// SPDX-License-Identifier: Apache-2.0

// TypedQueue and ProgramQueue: types, order, messages.

#include "bpfmap/maps/typed_queue.h"

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

using ::testing::HasSubstr;

struct Job {
  uint32_t id;
  uint32_t size;
};

std::shared_ptr<LocalMap> Make(MapType type) {
  return *CreateMap({.type = type,
                     .value_size = sizeof(Job),
                     .max_entries = 2,
                     .name = "jobs"});
}

TEST(TypedQueueTest, QueueGivesOldestFirst) {
  const auto map = Make(MapType::kQueue);
  auto jobs = *TypedQueue<Job>::Create(map.get());
  ASSERT_TRUE(jobs.Push({.id = 1, .size = 10}).ok());
  ASSERT_TRUE(jobs.Push({.id = 2, .size = 20}).ok());
  EXPECT_EQ(jobs.Peek()->id, 1u);
  EXPECT_EQ(jobs.Pop()->size, 10u);
  EXPECT_EQ(jobs.Pop()->id, 2u);
  EXPECT_EQ(jobs.map(), map.get());
}

TEST(TypedQueueTest, StackGivesNewestFirst) {
  const auto map = Make(MapType::kStack);
  auto jobs = *TypedQueue<Job>::Create(map.get());
  ASSERT_TRUE(jobs.Push({.id = 1, .size = 10}).ok());
  ASSERT_TRUE(jobs.Push({.id = 2, .size = 20}).ok());
  EXPECT_EQ(jobs.Pop()->id, 2u);
  EXPECT_EQ(jobs.Pop()->id, 1u);
}

TEST(TypedQueueTest, ErrorsNameMap) {
  const auto map = Make(MapType::kQueue);
  auto jobs = *TypedQueue<Job>::Create(map.get());
  EXPECT_EQ(jobs.Pop().status().message(),
            "QUEUE map \"jobs\": pop: the map is empty, or has no such value: "
            "ENOENT");
  EXPECT_TRUE(absl::IsNotFound(jobs.Peek().status()));
  ASSERT_TRUE(jobs.Push({}).ok());
  ASSERT_TRUE(jobs.Push({}).ok());
  EXPECT_EQ(
      jobs.Push({}).message(),
      "QUEUE map \"jobs\": push: the map is full; max_entries is 2: E2BIG");
}

TEST(TypedQueueTest, FullQueueDropsOldestWithExist) {
  const auto map = Make(MapType::kQueue);
  auto jobs = *TypedQueue<Job>::Create(map.get());
  for (const uint32_t id : {1, 2, 3}) {
    ASSERT_TRUE(jobs.Push({.id = id, .size = 0}, kExist).ok());
  }
  EXPECT_EQ(jobs.Pop()->id, 2u);
}

TEST(TypedQueueTest, AnotherSizeIsRefusedWithBoth) {
  const auto map = Make(MapType::kQueue);
  const auto jobs = TypedQueue<uint32_t>::Create(map.get());
  EXPECT_EQ(StatusToErrno(jobs.status()), Errno::kInval);
  EXPECT_EQ(jobs.status().message(),
            "QUEUE map \"jobs\": value_size is 8, but the type given has 4 "
            "bytes: EINVAL");
  EXPECT_EQ(ProgramQueue<uint32_t>::Create(map.get()).status(), jobs.status());
}

TEST(TypedQueueTest, AnotherTypeIsRefused) {
  const auto map = *CreateMap({.type = MapType::kHash,
                               .key_size = 4,
                               .value_size = sizeof(Job),
                               .max_entries = 2});
  const auto jobs = TypedQueue<Job>::Create(map.get());
  ASSERT_FALSE(jobs.ok());
  EXPECT_THAT(std::string(jobs.status().message()),
              HasSubstr("not QUEUE or STACK"));
}

TEST(ProgramQueueTest, IsHelpers) {
  const auto map = Make(MapType::kQueue);
  const auto jobs = *ProgramQueue<Job>::Create(map.get());
  Job job = {.id = 9, .size = 9};
  EXPECT_EQ(jobs.Pop(&job), Errno::kNoEnt);
  EXPECT_EQ(job.id, 0u);  // filled with zeros, as on Linux
  EXPECT_EQ(jobs.Push({.id = 1, .size = 10}), Errno::kOk);
  EXPECT_EQ(jobs.Push({.id = 2, .size = 20}), Errno::kOk);
  EXPECT_EQ(jobs.Push({.id = 3, .size = 30}), Errno::k2Big);
  EXPECT_EQ(jobs.Peek(&job), Errno::kOk);
  EXPECT_EQ(job.id, 1u);
  EXPECT_EQ(jobs.Pop(&job), Errno::kOk);
  EXPECT_EQ(job.size, 10u);
  EXPECT_EQ(jobs.map(), map.get());
}

}  // namespace
}  // namespace bpfmap
