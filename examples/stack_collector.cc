// SPDX-License-Identifier: Apache-2.0

// stack_collector: a profile of its own threads, as flame-graph tools read it.
//
//   stack_collector | flamegraph.pl > profile.svg
//
// Two threads work, and their stacks are sampled: a line for each stack, from
// the outermost function to the innermost, and how often it was found. A
// sample is taken after each thousandth unit of work instead of after a time,
// so that every run prints the same (a perf event that counts instructions
// would do that).
//
// Compiled with frame pointers, see maps/stack_trace_map.h.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/debugging/symbolize.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/stack_trace_map.h"
#include "bpfmap/maps/typed_map.h"
#include "examples/stack_collector_program.h"

namespace bpfmap::examples {
namespace {

// One thread and what samples it.
struct Worker {
  const StackCollectorMaps maps;
  const uint32_t thread;
  uint64_t work = 0;
  uint64_t result = 0;  // so that no work is optimized away

  // One unit of work. The sampler interrupts whoever called it.
  ABSL_ATTRIBUTE_NOINLINE void Work() {
    result = result * 6364136223846793005 + 1442695040888963407;
    if (++work % 1000 == 0) OnSample(maps, thread);
  }
};

// The work: names of functions are all that matters.
ABSL_ATTRIBUTE_NOINLINE void ReadInput(Worker& worker) {
  for (int i = 0; i < 20'000; ++i) worker.Work();
  ++worker.result;
}
ABSL_ATTRIBUTE_NOINLINE void FindMatch(Worker& worker) {
  for (int i = 0; i < 500; ++i) worker.Work();
  ++worker.result;
}
ABSL_ATTRIBUTE_NOINLINE void Compress(Worker& worker) {
  for (int i = 0; i < 120; ++i) {
    FindMatch(worker);
    worker.Work();
  }
  ++worker.result;
}
ABSL_ATTRIBUTE_NOINLINE void Sort(Worker& worker, int size) {
  for (int i = 0; i < size; ++i) worker.Work();
  if (size > 1000) {
    Sort(worker, size / 4);
    Sort(worker, size - size / 4);
  }
  ++worker.result;
}
ABSL_ATTRIBUTE_NOINLINE void RunWorker(Worker& worker) {
  ReadInput(worker);
  if (worker.thread == 0) {
    Compress(worker);
  } else {
    Sort(worker, 4000);
  }
  ++worker.result;
}

// "Sort" of "bpfmap::examples::(anonymous namespace)::Sort()".
std::string NameOf(uint64_t address) {
  char name[256];
  // A return address is after the call, maybe in the next function.
  auto* const pc = reinterpret_cast<const void*>(address - 1);
  if (!absl::Symbolize(pc, name, sizeof name)) {
    return absl::StrCat("0x", absl::Hex(address));
  }
  return absl::StrReplaceAll(name, {{"bpfmap::examples::", ""},
                                    {"(anonymous namespace)::", ""},
                                    {"()", ""}});
}

// The stack in the folded form, from RunWorker to what called Work.
std::string Fold(const std::array<uint64_t, kMaxFrames>& stack) {
  std::vector<std::string> names;
  for (const uint64_t address : stack) {
    if (address == 0) break;
    names.push_back(NameOf(address));
    if (names.back() == "OnSample" || names.back() == "Worker::Work") {
      names.clear();  // the sampler itself
    } else if (names.back() == "RunWorker") {
      break;  // below it are the library's threads
    }
  }
  std::reverse(names.begin(), names.end());
  return absl::StrJoin(names, ";");
}

absl::Status PrintFolded(BpfMap* stacks, BpfMap* samples) {
  const auto frames =
      TypedMap<uint32_t, std::array<uint64_t, kMaxFrames>>::Create(stacks);
  if (!frames.ok()) return frames.status();
  const auto counts = TypedMap<Sample, uint64_t>::Create(samples);
  if (!counts.ok()) return counts.status();
  std::map<std::string, uint64_t> folded;  // sorted, and equal names are one
  auto entries = counts->Entries();
  for (const auto& [sample, count] : entries) {
    std::string line = absl::StrCat("thread ", sample.thread, ";");
    if (sample.stack < 0) {
      absl::StrAppend(&line, "[unknown]");
    } else {
      const auto stack = frames->Get(static_cast<uint32_t>(sample.stack));
      if (!stack.ok()) return stack.status();
      absl::StrAppend(&line, Fold(*stack));
    }
    folded[line] += count;
  }
  for (const auto& [line, count] : folded) {
    absl::PrintF("%s %d\n", line, count);
  }
  return entries.status();
}

absl::Status Run() {
  const auto stacks = CreateMap<StackTraceMap>(StacksDef());
  if (!stacks.ok()) return stacks.status();
  const auto samples = CreateMap(SamplesDef());
  if (!samples.ok()) return samples.status();
  const StackCollectorMaps maps = {
      .stacks = **stacks,
      .samples = SamplesMap::Create(samples->get()).value()};

  std::vector<std::thread> threads;
  for (const uint32_t thread : {0, 1}) {
    threads.emplace_back([&maps, thread] {
      Worker worker{.maps = maps, .thread = thread};
      RunWorker(worker);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return PrintFolded(stacks->get(), samples->get());
}

}  // namespace
}  // namespace bpfmap::examples

int main(int, char** argv) {
  absl::InitializeSymbolizer(argv[0]);
  const absl::Status status = bpfmap::examples::Run();
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "stack_collector: %s\n", status.message());
  return 1;
}
