// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/fire.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/programs/attachment.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/context_bytes.h"
#include "bpfmap/programs/program_run.h"
#include "bpfmap/syscall/attached_programs.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/bpfmap_world.h"
#include "bpfmap/syscall/event_world.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/kernel_memory.h"
#include "bpfmap/syscall/kernel_types.h"
#include "bpfmap/syscall/perf_event.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/run_world.h"

namespace bpfmap {
namespace {

// The types of programs' BTF, which are read once.
class ParsedBtf {
 public:
  static ParsedBtf& Global() {
    static auto& parsed = *new ParsedBtf;
    return parsed;
  }

  std::shared_ptr<const BtfTypes> Of(const std::shared_ptr<const Btf>& btf) {
    WriterLock lock(lock_);
    std::erase_if(types_,
                  [](const auto& known) { return known.second.btf.expired(); });
    Known& known = types_[btf.get()];
    if (known.types == nullptr) {
      auto types = std::make_shared<BtfTypes>();
      const std::string& data = btf->data();
      if (!types->Parse({data.begin(), data.end()})) return nullptr;
      known = {btf, std::move(types)};
    }
    return known.types;
  }

 private:
  struct Known {
    std::weak_ptr<const Btf> btf;
    std::shared_ptr<const BtfTypes> types;
  };

  Cloud::Lock lock_;
  std::map<const Btf*, Known> types_ ABSL_GUARDED_BY(lock_);
};

// The struct of a program's context.
struct ContextStruct {
  std::shared_ptr<const BtfTypes> own;
  const BtfTypes* types = nullptr;
  uint32_t type = 0;
};

// A function's BTF is the second word of its record.
uint32_t FirstFunction(const InfoRecords& functions) {
  uint32_t type = 0;
  if (functions.count() == 0 || functions.size < 8) return 0;
  std::memcpy(&type, &functions.bytes[4], sizeof type);
  return type;
}

ContextStruct StructOf(const ProgramObject& program) {
  ContextStruct found;
  static const BtfTypes& none = *new BtfTypes;
  found.types = &none;
  const ProgramObject::Facts& facts = program.facts();
  if (facts.btf == nullptr) return found;
  found.own = ParsedBtf::Global().Of(facts.btf);
  if (found.own == nullptr) return found;
  found.types = found.own.get();
  found.type = ContextTypeOf(*found.own, FirstFunction(facts.functions),
                             program.program().type());
  const BtfTypes* const kernel = KernelTypes();
  if (kernel == nullptr || found.type == 0) return found;
  const uint32_t same =
      kernel->Find(found.own->NameOf(found.type), BtfKind::kStruct);
  if (same == 0) return found;
  found.types = kernel;
  found.type = same;
  return found;
}

// Runs one program. *reason is why it has no such context.
ProgramResult RunOne(const AttachedProgram& attached, const Context& given,
                     const std::vector<uint8_t>* packet, EventWorld* world,
                     std::string* reason) {
  const Program& program = attached.program->program();
  RunRequest request;
  request.world = world;
  if (packet != nullptr) request.packet = *packet;
  const ContextStruct layout = StructOf(*attached.program);
  ContextBytes context(*layout.types, layout.type, program.type(), world);
  if (packet == nullptr || !given.empty()) {
    *reason = context.Build(given);
    if (!reason->empty()) return {};
    request.context = context.bytes();
    request.arguments = context.arguments();
  }
  world->attach_cookie = attached.cookie;
  ProgramResult result = RunProgram(program, request, &BpfFdTable::Global());
  if (!result.fault.empty()) {
    std::fprintf(stderr, "bpfmap: %s: %s\n", program.name().c_str(),
                 result.fault.c_str());
  }
  return result;
}

// Of an event of one CPU, those of others do not hear.
bool IsHeard(const AttachedProgram& attached, int cpu) {
  if (attached.hook != "perf_event") return true;
  const auto of = static_cast<int64_t>(attached.target);
  return of == -1 || of == cpu;
}

std::string FireAt(const EventLine& event,
                   std::vector<ProgramResult>* results) {
  const ForkGate::Inside inside;
  // One after the other. The world of a test comes before the lock, as a
  // function that it gave in the place of a helper may hold it.
  RunWorld below;
  static constinit std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (event.hook == "object") return KernelMemory::Named().Make(event);
  // Programs whose links were closed are attached no more.
  PerfEventTable::Global().ReleaseClosed();
  BpfFdTable::Global().ReleaseClosed();
  const std::string hook = HookName(event.hook);
  const auto attached = AttachedPrograms::Global().At(hook);
  if (attached.empty()) return "";
  // Programs keep addresses of what they were given, and read it later.
  constexpr std::size_t kKept = 1024;
  static auto& kept = *new EventWorld::Earlier;
  kept.push_back(std::make_unique<EventWorld>(event, &kept));
  if (kept.size() > kKept) kept.pop_front();
  EventWorld& world = *kept.back();
  const EventWorld::Within within(&world, below.get());
  Context context;
  std::string reason = world.MakeTask();
  if (reason.empty()) reason = world.MakeContext(&context);
  if (!reason.empty()) return reason;
  const int cpu = event.cpu.value_or(below.cpu());
  if (cpu < 0 || cpu >= PossibleCpus()) {
    return "there is no CPU " + std::to_string(cpu);
  }
  const ScopedCpu scope(cpu);
  std::vector<uint8_t> packet = event.packet.value_or(std::vector<uint8_t>());
  for (const AttachedProgram& each : attached) {
    if (!IsHeard(each, cpu)) continue;
    results->push_back(RunOne(each, context, event.packet ? &packet : nullptr,
                              &world, &reason));
    if (!reason.empty()) {
      return each.program->program().name() + ": " + reason;
    }
    if (HookEndsAfter(hook, results->back())) break;
    if (results->back().ok() && event.packet) packet = results->back().data;
  }
  return "";
}

// Returns "", or why it did not fire.
std::string FireLineAt(std::string_view line,
                       std::vector<ProgramResult>* results) {
  EventLine event;
  std::string reason = event.Parse(line);
  if (!reason.empty() || event.hook.empty()) return reason;
  return FireAt(event, results);
}

void Say(const std::string& reason) {
  std::fprintf(stderr, "bpfmap: event: %s\n", reason.c_str());
}

}  // namespace

std::vector<ProgramResult> Fire(const EventLine& event) {
  std::vector<ProgramResult> results;
  std::string reason = FireAt(event, &results);
  if (!reason.empty()) Say(reason);
  return results;
}

std::string FireLine(std::string_view line) {
  std::vector<ProgramResult> results;
  return FireLineAt(line, &results);
}

}  // namespace bpfmap

__attribute__((visibility("default"))) int bpfmap_fire(const char* line) {
  std::vector<bpfmap::ProgramResult> results;
  std::string reason = bpfmap::FireLineAt(line, &results);
  if (reason.empty()) return static_cast<int>(results.size());
  bpfmap::Say(reason);
  return -1;
}
