// SPDX-License-Identifier: Apache-2.0

// flow_context: follows requests through a small service mesh.
//
//   flow_context
//
// Clients ask a web shop: its front end asks the cart, and the cart asks the
// database. A cron job, which is not traced, asks the database too. This file
// plays the processes, which call the tracer's programs
// (flow_context_program.h) where the kernel would, and is the tracer's user
// side: it chooses the processes to trace and reads the events.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "examples/flow_context_program.h"

namespace bpfmap::examples {
namespace {

enum Process : uint32_t {
  kFrontEnd = 101,
  kCart = 102,
  kDatabase = 103,
  kCronJob = 200
};
const std::map<uint32_t, std::string> kNames = {
    {kFrontEnd, "front end"}, {kCart, "cart"}, {kDatabase, "database"}};

// The maps, and what keeps them.
class Tracer {
 public:
  static absl::StatusOr<std::unique_ptr<Tracer>> Create() {
    auto tracer = std::unique_ptr<Tracer>(new Tracer);
    const MapDef defs[] = {
        TracerDef<Flow, Context>(MapType::kHash, 10'000),
        TracerDef<uint32_t, Context>(MapType::kHash, 100),
        TracerDef<uint32_t, ReadArgs>(MapType::kHash, 1'000),
        TracerDef<Flow, IoState>(MapType::kLruHash, 20'000),
        TracerDef<Invocation, uint64_t>(MapType::kLruHash, 10'000),
        TracerDef<uint32_t, uint8_t>(MapType::kHash, 64),
        TracerDef<uint32_t, Address>(MapType::kHash, 100),
        TracerDef<uint32_t, uint64_t>(MapType::kPerCpuArray, 1),
    };
    for (const MapDef& def : defs) {
      auto map = CreateMap(def);
      if (!map.ok()) return map.status();
      tracer->maps_.push_back(*std::move(map));
    }
    auto events = CreateMap<RingBuffer>(EventsDef());
    if (!events.ok()) return events.status();
    tracer->events_ = *std::move(events);
    return tracer;
  }

  FlowContextMaps maps() {
    return {View<Flow, Context>(0),
            View<uint32_t, Context>(1),
            View<uint32_t, ReadArgs>(2),
            View<Flow, IoState>(3),
            View<Invocation, uint64_t>(4),
            View<uint32_t, uint8_t>(5),
            View<uint32_t, Address>(6),
            View<uint32_t, uint64_t>(7),
            *events_};
  }
  RingBuffer<Cloud>& events() { return *events_; }

 private:
  Tracer() = default;

  template <typename K, typename V>
  ProgramMap<K, V> View(std::size_t i) {
    return ProgramMap<K, V>::Create(maps_[i].get()).value();
  }

  std::vector<std::shared_ptr<LocalMap>> maps_;
  std::unique_ptr<RingBuffer<Cloud>> events_;
};

// Time and the processes of the mesh.
class Mesh {
 public:
  explicit Mesh(const FlowContextMaps& maps) : maps_(maps) {}

  // `process` is asked over `flow`, asks the one behind it, and answers.
  void Serve(Process process, const Flow& flow, const Context& header) {
    // Each process has a thread for each flow, up to 16, on a CPU of its own.
    const uint32_t thread = process * 100 + flow.source_port[1] % 16;
    const ScopedCpu cpu(static_cast<int>(thread % 4));
    char request[64] = {};
    std::memcpy(request, &header, sizeof header);
    OnReadEnter(maps_, {process, thread, Now()}, flow, request);
    OnReadExit(maps_, {process, thread, Now()}, sizeof request);
    OnLog(maps_, {process, thread, Now()});
    if (process != kDatabase) {
      const Process next = process == kFrontEnd ? kCart : kDatabase;
      const Flow behind = FlowFrom(process, next, flow.source_port[1]);
      const Context handed_on =
          OnPropagate(maps_, {process, thread, Now()}, behind);
      Serve(next, behind, handed_on);
    }
    OnSend(maps_, {process, thread, Now()}, flow, 200 + process);
  }

  // A connection between addresses that end in these numbers.
  static Flow FlowFrom(uint32_t from, uint32_t to, uint8_t port) {
    return {.source = {10, 0, 0, static_cast<uint8_t>(from)},
            .destination = {10, 0, 0, static_cast<uint8_t>(to)},
            .source_port = {200, port},
            .destination_port = {31, 144},
            .protocol = kTcp,
            .padding = {}};
  }

 private:
  uint64_t Now() { return now_ns_ += 10'000; }

  const FlowContextMaps maps_;
  uint64_t now_ns_ = 1'000'000'000;
};

struct Summary {
  uint64_t steps[kSteps] = {};
  uint64_t duration_ns = 0;
};

absl::Status Run() {
  SetPossibleCpus(4);
  const auto tracer = Tracer::Create();
  if (!tracer.ok()) return tracer.status();
  const FlowContextMaps maps = (*tracer)->maps();
  absl::PrintF("ring: %d bytes asked for, %d taken\n\n", 25'600 * 1024,
               (*tracer)->events().def().max_entries);
  auto pid_filter = TypedMap<uint32_t, uint8_t>::Create(maps.pid_filter.map());
  if (!pid_filter.ok()) return pid_filter.status();
  for (const auto& [process, name] : kNames) {
    const absl::Status set = pid_filter->Set(process, 1);
    if (!set.ok()) return set;
  }

  constexpr int kRequests = 1000;
  Mesh mesh(maps);
  std::map<uint32_t, Summary> processes;
  int events = 0;
  const auto read_event = [&](void* data, uint64_t) {
    Event event;
    std::memcpy(&event, data, sizeof event);
    Summary& summary = processes[event.process];
    ++summary.steps[static_cast<uint32_t>(event.step)];
    summary.duration_ns += event.duration_ns;
    if (++events <= 11) {  // the first request
      const char* const names[] = {"received", "propagated", "logged", "sent"};
      std::string line = absl::StrFormat(
          "trace %d  %-9s  %s", event.trace, kNames.at(event.process),
          names[static_cast<uint32_t>(event.step)]);
      if (event.step == Step::kSent) {
        absl::StrAppendFormat(&line, " after %d us to 10.0.0.%d",
                              event.duration_ns / 1000, event.client[3]);
      }
      absl::PrintF("%s\n", line);
    }
    return 0;
  };
  for (int i = 0; i < kRequests; ++i) {
    const auto client = static_cast<uint8_t>(1 + i % 50);
    mesh.Serve(kFrontEnd, Mesh::FlowFrom(client, kFrontEnd, i % 250), {});
    if (i % 10 == 0) {
      mesh.Serve(kCronJob, Mesh::FlowFrom(client, kCronJob, 252), {});
    }
    if (i % 100 == 99) (*tracer)->events().Consume(read_event);
  }

  absl::PrintF("\n%9s  %8s  %10s  %6s  %5s  %7s\n", "PROCESS", "RECEIVED",
               "PROPAGATED", "LOGGED", "SENT", "MEAN US");
  for (const auto& [process, summary] : processes) {
    const auto& [received, propagated, logged, sent] = summary.steps;
    absl::PrintF("%9s  %8d  %10d  %6d  %5d  %7d\n", kNames.at(process),
                 received, propagated, logged, sent,
                 summary.duration_ns / 1000 / sent);
  }
  absl::PrintF("\nevents: %d, lost: %d\n", events,
               (*tracer)->events().dropped());
  return absl::OkStatus();
}

}  // namespace
}  // namespace bpfmap::examples

int main() {
  const absl::Status status = bpfmap::examples::Run();
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "flow_context: %s\n", status.message());
  return 1;
}
