// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/local_backend.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/map_cast.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/gpl.h"
#include "bpfmap/programs/program_run.h"

namespace bpfmap {
namespace {

constexpr uint32_t kPerfBuffer = 1 << 18;  // bytes

bool HoldsMaps(MapType type) {
  return type == MapType::kArrayOfMaps || type == MapType::kHashOfMaps;
}

}  // namespace

LocalBackend::~LocalBackend() {
  for (uint32_t fd : map_fds_) {
    if (MapFdTable::Global().Close(fd) != Errno::kOk) continue;
  }
  programs_.clear();
  maps_.clear();  // before the events that are in them
}

absl::StatusOr<std::shared_ptr<BpfMap>> LocalBackend::CreateMap(
    const MapSpec& spec) {
  MapDef def = spec.def;
  if (HoldsMaps(def.type)) {
    if (spec.inner == nullptr) {
      return ToStatus(Errno::kInval,
                      absl::StrCat("map ", spec.name,
                                   ": the type of its inner maps is unknown: "
                                   "say it with __array(values, ...)"));
    }
    auto inner = bpfmap::CreateMap(spec.inner->def);
    if (!inner.ok()) return inner.status();
    def.inner_map_fd = MapFdTable::Global().Open(*std::move(inner));
    map_fds_.push_back(def.inner_map_fd);
  }
  absl::StatusOr<std::shared_ptr<LocalMap>> map = bpfmap::CreateMap(def);
  if (!map.ok()) return map.status();
  maps_.push_back(*map);
  names_[map->get()] = &spec;
  if (def.type == MapType::kPerfEventArray) {
    absl::Status status = AddPerfEvents(map->get());
    if (!status.ok()) return status;
  }
  return std::shared_ptr<BpfMap>(*std::move(map));
}

absl::Status LocalBackend::AddPerfEvents(LocalMap* map) {
  const uint32_t count =
      std::min(map->def().max_entries, static_cast<uint32_t>(PossibleCpus()));
  for (uint32_t cpu = 0; cpu < count; ++cpu) {
    auto event = std::make_unique<PerfEvent<Cloud>>(PerfEventAttr{
        .cpu = static_cast<int>(cpu), .buffer_size = kPerfBuffer});
    Errno error = event->Init();
    const uint32_t fd = event->fd();
    if (error == Errno::kOk) error = map->Update(&cpu, &fd, kAny);
    if (error != Errno::kOk) return ToStatus(error, "a buffer of perf events");
    perf_events_.push_back({map, std::move(event)});
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> LocalBackend::HandleOfMap(std::size_t index) {
  const uint32_t fd = MapFdTable::Global().Open(maps_[index]);
  map_fds_.push_back(fd);
  return fd;
}

absl::Status LocalBackend::LoadProgram(const ProgramSpec& spec,
                                       const std::string& license) {
  ProgramDef def;
  def.type = spec.parsed.type;
  def.name = spec.name;
  def.gpl_compatible = IsGplCompatible(license);
  def.instructions = spec.instructions;
  def.lines = spec.lines;
  def.functions = spec.functions;
  for (const auto& [instruction, name] : spec.kernel_calls) {
    def.kernel_calls.push_back({instruction, name});
  }
  std::sort(def.kernel_calls.begin(), def.kernel_calls.end(),
            [](const FunctionName& a, const FunctionName& b) {
              return a.instruction < b.instruction;
            });
  def.map_of_fd = [this](int32_t index) -> std::shared_ptr<LocalMap> {
    const auto at = static_cast<std::size_t>(index);
    return at < maps_.size() ? maps_[at] : nullptr;
  };
  std::shared_ptr<const Program> program;
  const LoadError error = Program::Load(def, &program);
  if (error.failed()) {
    return ToStatus(error.error,
                    absl::StrCat("program ", spec.name, ": instruction ",
                                 error.instruction, " ", error.reason));
  }
  programs_.push_back(std::move(program));
  return absl::OkStatus();
}

uint32_t LocalBackend::HandleOfProgram(std::size_t index) {
  return static_cast<uint32_t>(index) + 1;
}

std::shared_ptr<const Program> LocalBackend::ProgramOf(uint32_t handle) {
  return handle - 1 < programs_.size() ? programs_[handle - 1] : nullptr;
}

ProgramResult LocalBackend::Run(std::size_t index, const RunRequest& request) {
  const Program& program = *programs_[index];
  const int cpu = request.world->cpu;
  if (cpu < 0 || cpu >= PossibleCpus()) {
    ProgramResult result;
    result.error = Errno{6};  // ENXIO
    result.fault =
        absl::StrCat("there is no CPU ", cpu, ": there are ", PossibleCpus());
    return result;
  }
  const ScopedCpu scope(cpu);
  // An observer of the test's own is not disturbed.
  if (Observer::OfThread() != nullptr || !request.keeps_path) {
    return RunProgram(program, request, this);
  }
  RunPath path(*types_, names_);
  const ScopedObserver observer(&path);
  ProgramResult result = RunProgram(program, request, this);
  result.path = path.Text();
  return result;
}

void LocalBackend::EndTimers(World* world) {
  for (const auto& map : maps_) world->timers().Forget(map.get());
}

std::vector<std::string> LocalBackend::TakeRecords(std::size_t map) {
  std::vector<std::string> records;
  const auto take = [&records](void* data, uint32_t size) {
    records.emplace_back(static_cast<const char*>(data), size);
    return 0;
  };
  if (RingBuffer<Cloud>* const ring = MapCast<RingBuffer>(maps_[map].get())) {
    ring->Consume(take);
  }
  if (maps_[map]->def().type == MapType::kPerfEventArray) {
    for (const auto& [array, event] : perf_events_) {
      if (array == maps_[map].get()) event->Consume(take, [](uint64_t) {});
    }
  }
  return records;
}

}  // namespace bpfmap
