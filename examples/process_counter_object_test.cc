// SPDX-License-Identifier: Apache-2.0
//
// process_counter.bpf.c counts what process_counter_program.h counts.

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/programs/testing.h"
#include "examples/openat_table.h"
#include "examples/process_counter.h"
#include "examples/process_counter_program.h"
#include "examples/strace_replay.h"
#include "examples/strace_tasks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap::examples {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;

using Fire = std::function<void(StraceHook, const StraceTasks::Task&)>;

void ReplayRecording(const Fire& fire) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen("examples/data/make.strace", "rb"), std::fclose);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(ReplayStrace(file.get(), fire).not_parsed, 0u);
}

// The output of the programs in C++.
std::string CountInCpp(uint32_t max_entries) {
  const auto counts = CreateMap(CountsDef(max_entries)).value();
  const auto dropped = CreateMap(DroppedDef()).value();
  const ProcessCounterMaps maps = {CountsMap::Create(counts.get()).value(),
                                   DroppedMap::Create(dropped.get()).value()};
  ReplayRecording([&](StraceHook hook, const StraceTasks::Task& task) {
    if (hook == StraceHook::kOpenat) {
      OnOpenat(maps, task.pid, task.comm);
    } else {
      OnTaskRename(maps, task.pid, task.comm);
    }
  });
  std::vector<OpenatRow> rows;
  const auto typed =
      TypedMap<uint32_t, OpenatCount>::Create(counts.get()).value();
  for (const auto& [pid, count] : typed.Entries()) {
    rows.push_back({pid, count.calls, count.comm});
  }
  const auto lost = TypedMap<uint32_t, uint64_t>::Create(dropped.get()).value();
  return OpenatTable(std::move(rows), 0) + DroppedText(lost.Get(0).value());
}

// The programs in BPF C, and the kernel that they see.
class ProcessCounter {
 public:
  explicit ProcessCounter(uint32_t max_entries)
      : object_(Object::Open("examples/process_counter.bpf.o").value()) {
    object_.SetMaxEntries("openat_counts", max_entries);
    EXPECT_OK(object_.Load());
    object_.Attach();
  }

  // A thread with the number of its process makes a call.
  void Call(uint32_t pid, absl::string_view comm) {
    SetTask(pid, pid, comm);
    EXPECT_THAT(world_.Fire("tracepoint/syscalls/sys_enter_openat",
                            Context().Set("args[1]", "/etc/ld.so.cache")),
                ElementsAre(Returns(0)));
  }
  void Rename(uint32_t thread, uint32_t pid, absl::string_view comm) {
    SetTask(thread, pid, "old");
    const std::string_view name(comm.data(), comm.size());
    EXPECT_THAT(world_.Fire("tracepoint/task/task_rename",
                            Context().Set("newcomm", name)),
                ElementsAre(Returns(0)));
  }

  std::vector<OpenatRow> Rows() {
    std::vector<OpenatRow> rows;
    for (const auto& [pid, count] :
         object_.map<uint32_t, openat_count>("openat_counts").Entries()) {
      rows.push_back({pid, count.calls, count.comm});
    }
    return rows;
  }
  uint64_t Dropped() { return object_.Get<uint64_t>("dropped"); }

 private:
  void SetTask(uint32_t thread, uint32_t pid, absl::string_view comm) {
    world_.task.pid = thread;
    world_.task.tgid = pid;
    CopyComm(comm, world_.task.comm);
  }

  World world_;
  Object object_;
};

std::string CountInBpf(uint32_t max_entries) {
  ProcessCounter counter(max_entries);
  ReplayRecording([&](StraceHook hook, const StraceTasks::Task& task) {
    if (hook == StraceHook::kOpenat) {
      counter.Call(task.pid, task.comm);
    } else {
      counter.Rename(task.pid, task.pid, task.comm);
    }
  });
  return OpenatTable(counter.Rows(), 0) + DroppedText(counter.Dropped());
}

TEST(ProcessCounterObjectTest, PrintsWhatProgramsInCppPrint) {
  EXPECT_EQ(CountInBpf(10240), CountInCpp(10240));
}

TEST(ProcessCounterObjectTest, FullMapCountsWhatItDrops) {
  const std::string text = CountInBpf(3);
  EXPECT_EQ(text, CountInCpp(3));
  EXPECT_THAT(text, testing::HasSubstr("calls dropped, the map is full: "));
}

TEST(ProcessCounterObjectTest, OnlyFirstThreadNamesProcess) {
  ProcessCounter counter(4);
  counter.Call(7, "cc1");
  counter.Rename(/*thread=*/8, /*pid=*/7, "worker");
  EXPECT_THAT(counter.Rows(), ElementsAre(FieldsAre(7, 1, "cc1")));
  counter.Rename(/*thread=*/7, /*pid=*/7, "as");
  counter.Rename(/*thread=*/9, /*pid=*/9, "unknown");
  EXPECT_THAT(counter.Rows(), ElementsAre(FieldsAre(7, 1, "as")));
}

}  // namespace
}  // namespace bpfmap::examples
