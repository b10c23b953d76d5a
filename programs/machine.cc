// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/machine.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <string>
#include <utility>

#include "bpfmap/maps/spin_lock.h"
#include "bpfmap/programs/coverage.h"
#include "bpfmap/programs/engine.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/map_calls.h"

namespace bpfmap {

RunResult Machine::Run(const Program& program, const RunInput& input) {
  StartRun(program, input);
  Frame& frame = frames_[0];
  frame.reg[1] = reinterpret_cast<uintptr_t>(input.context);
  frame.region[1] = &context_;
  if (input.has_r2) {
    frame.reg[2] = input.r2;
    frame.region[2] = Region::Number();
  }
  return Finish(program, program.operations());
}

RunResult Machine::RunOnElement(const Program& program, uint32_t function,
                                LocalMap* map, const void* key, void* value,
                                const RunInput& input) {
  StartRun(program, input);
  Frame& frame = frames_[0];
  frame.reg[1] = reinterpret_cast<uintptr_t>(map);
  frame.reg[2] = reinterpret_cast<uintptr_t>(key);
  frame.reg[3] = reinterpret_cast<uintptr_t>(value);
  if (checked()) {
    Region* const map_region = NewRegion(RegionKind::kMap);
    map_region->map = FactsOf(map);
    Region* const key_region = NewRegion(RegionKind::kMapKey);
    key_region->map = map_region->map;
    key_region->base = frame.reg[2];
    key_region->size = key_region->readable = map_region->map.key_size;
    Region* const value_region = NewRegion(RegionKind::kMapValue);
    FillValueRegion(map_region->map, value, value_region);
    frame.region[1] = map_region;
    frame.region[2] = key_region;
    frame.region[3] = value_region;
  }
  return Finish(program, program.operations() + function);
}

RunResult Machine::Finish(const Program& program, const Operation* start) {
  if (Engine::Run(this, 0, start)) {
    result_.r0 = frames_[0].reg[0];
    if (checked()) CheckEnd();
  }
  if (faulted_ || kept_ != 0) GiveBack();
  if (thrown_) faulted_ = false;
  result_.instructions = executed_;
  if (leases_ != 0) GiveCountsBack();
  if (observer_ != nullptr) observer_->Ended(program, result_);
  while (tail_calls_ > 0) entered_[--tail_calls_].reset();
  return std::move(result_);
}

void Machine::StartRun(const Program& program, const RunInput& input) {
  input_ = &input;
  has_own_helpers_ = world_.has_own_helpers();
  observer_ = Observer::OfThread();
  checked_ = input.checks == Checks::kAll || observer_ != nullptr;
  counting_ = program.coverage() != nullptr;
  type_ = program.type();
  depth_ = 0;
  at_ = program.operations();
  executed_ = 0;
  limit_ = input.max_instructions;
  tail_calls_ = 0;
  faulted_ = thrown_ = false;
  result_ = {};
  held_lock = 0;
  held_records = 0;
  held_iterators = 0;
  rcu_sections = preempt_sections = 0;
  kept_ = 0;
  redirected = false;
  used_regions_ = 0;
  free_regions_ = 0;
  context_ = {};
  context_.kind = RegionKind::kContext;
  context_.base = reinterpret_cast<uintptr_t>(input.context);
  context_.size = input.context_size;
  if (input.context_is_buffer) {
    context_.kind = RegionKind::kBuffer;
    context_.readable = context_.writable = input.context_size;
  }
  StartFrame(0, &program, nullptr, 0);
  frames_[0].counts = counting_ ? CountsOf(program) : nullptr;
  if (!checked()) return;
  kernel_ = {};
  kernel_.kind = RegionKind::kKernel;
  flow_keys_ = {};
  flow_keys_.kind = RegionKind::kBuffer;
  flow_keys_.base = reinterpret_cast<uintptr_t>(input.flow_keys);
  flow_keys_.size = flow_keys_.readable = flow_keys_.writable =
      input.flow_keys_size;
  packet_region_ = meta_region_ = nullptr;
  if (input.packet != nullptr) MovePacket("");
}

void Machine::StartFrame(int depth, const Program* program,
                         const Operation* caller, int first) {
  Frame& frame = frames_[depth];
  frame.program = program;
  frame.first = first;
  frame.caller = caller;
  frame.reg[10] = reinterpret_cast<uintptr_t>(frame.stack) + kStackSize;
  if (!checked()) return;
  if (depth == made_stacks_) {
    static_assert(kFrames <= 256);
    Region& stack = *new (&stack_regions_[made_stacks_++]) Region;
    stack.kind = RegionKind::kStack;
    stack.frame = static_cast<uint8_t>(depth);
    stack.base = reinterpret_cast<uintptr_t>(frame.stack);
    stack.size = kStackSize;
  }
  std::memset(frame.region, 0, sizeof frame.region);
  std::memset(frame.written, 0, sizeof frame.written);
  frame.region[10] = &stack_regions_[depth];
}

// The run ended well: does the program still hold something?
void Machine::CheckEnd() {
  if (held_lock != 0) {
    Fault("ends the program while it holds a lock");
  } else if (held_records != 0) {
    Fault(
        "ends the program while it holds a ring record that was neither "
        "submitted nor discarded");
  } else if (held_iterators != 0) {
    Fault("ends the program while it holds an iterator that was not destroyed");
  } else if (rcu_sections != 0) {
    Fault("ends the program between bpf_rcu_read_lock() and its unlock");
  } else if (preempt_sections != 0) {
    Fault("ends the program after bpf_preempt_disable() without its enable");
  }
}

void Machine::Throw(uint64_t cookie) {
  if (checked()) CheckEnd();
  if (faulted_) return;
  faulted_ = thrown_ = true;
  result_.r0 = cookie;
}

void Machine::GiveBack() {
  while (kept_ > 0) {
    const Kept& kept = kept_records_[--kept_];
    RingDiscard(kept.ring,
                reinterpret_cast<void*>(static_cast<uintptr_t>(kept.record)),
                0);
  }
  if (held_lock != 0) {
    SpinUnlock(reinterpret_cast<void*>(static_cast<uintptr_t>(held_lock)));
    held_lock = 0;
  }
  for (int i = 0; i < used_regions_ && held_records > 0; ++i) {
    Region& region = regions_[i];
    const bool is_record = region.kind == RegionKind::kRecord ||
                           region.kind == RegionKind::kDynptr;
    if (!region.held || !is_record) continue;
    region.held = false;
    --held_records;
    if (region.base == 0) continue;  // a dynptr without a record
    RingDiscard(region.map.map,
                reinterpret_cast<void*>(static_cast<uintptr_t>(region.base)),
                0);
  }
}

void Machine::Fault(const std::string& reason) {
  if (faulted_) return;
  faulted_ = true;
  const Program& program = *frames_[depth_].program;
  const uint32_t at = static_cast<uint32_t>(at_ - program.operations());
  result_.fault = program.Place(at) + ": " + reason;
  result_.fault_instruction = at;
  for (const auto& entered : entered_) {
    if (entered.get() == &program) result_.fault_program = entered;
  }
}

void Machine::FaultUnknownCall() {
  const Program& program = *frames_[depth_].program;
  const Instruction& i =
      program
          .instructions()[static_cast<std::size_t>(at_ - program.operations())];
  if (i.src() == kCallKernel) {
    const std::string& function = program.KernelFunctionAt(
        static_cast<uint32_t>(at_ - program.operations()));
    Fault("calls " +
          (function.empty() ? "a function of the kernel" : function + "()") +
          ", which is absent here");
    return;
  }
  const char* const name = HelperName(static_cast<uint32_t>(i.imm));
  if (name == nullptr) {
    Fault("calls helper " + std::to_string(i.imm) +
          ", which does not exist (libbpf leaves such calls where a CO-RE "
          "relocation failed)");
    return;
  }
  Fault("calls bpf_" + std::string(name) + "(), which is absent here");
}

bool Machine::CallOwnFunction(HelperCall& call, uint64_t* result) {
  const Program& program = *frames_[depth_].program;
  const auto at = static_cast<uint32_t>(at_ - program.operations());
  const std::string& name = program.KernelFunctionAt(at);
  return !name.empty() && world_.CallOwnFunction(name, call, result);
}

const Region* Machine::WorldMemory(uint64_t address) {
  uint64_t base = 0, size = 0;
  if (!world_.FindMemory(address, &base, &size)) return Region::Number();
  Region* const region = NewRegion(RegionKind::kBuffer);
  if (region == nullptr) return Region::Number();
  region->base = base;
  region->size = region->readable = region->writable =
      static_cast<uint32_t>(size);
  return region;
}

void Machine::TellObserver() {
  const Frame& frame = frames_[depth_];
  const auto at = static_cast<uint32_t>(at_ - frame.program->operations());
  observer_->Before({frame.program, at, depth_, frame.reg, frame.region});
}

BlockCount* Machine::CountsOf(const Program& program) {
  if (program.coverage() == nullptr) return nullptr;
  for (int i = 0; i < leases_; ++i) {
    if (leased_[i].program == &program) return leased_[i].counts;
  }
  leased_[leases_] = {&program, program.coverage()->Lease()};
  return leased_[leases_++].counts;
}

void Machine::GiveCountsBack() {
  while (leases_ > 0) {
    const Lease& lease = leased_[--leases_];
    lease.program->coverage()->GiveBack(lease.counts);
  }
}

Region* Machine::NewRegion(RegionKind kind) {
  int place;
  if (used_regions_ < kRegions) {
    place = used_regions_++;
  } else {
    if (free_regions_ == 0) CollectRegions();
    if (free_regions_ == 0) {
      Fault("makes the program hold more than 1024 pointers");
      return nullptr;
    }
    place = free_[--free_regions_];
  }
  Region& region = *new (&regions_[place]) Region;
  region.kind = kind;
  region.instruction =
      static_cast<uint32_t>(at_ - frames_[depth_].program->operations());
  return &region;
}

void Machine::MarkFrame(const Frame& frame) {
  const auto mark = [this](const Region* region) {
    if (region >= regions_ && region < regions_ + kRegions) {
      const_cast<Region*>(region)->marked = true;
    }
  };
  for (const Region* region : frame.region) mark(region);
  for (uint32_t i = 0; i < kStackSize / 8; ++i) {
    const uint64_t bits = frame.written[i / 8] >> (i % 8 * 8);
    if ((bits & 0xff) == 0xff) mark(frame.slot[i]);
  }
}

void Machine::CollectRegions() {
  for (int i = 0; i < kRegions; ++i) regions_[i].marked = regions_[i].held;
  for (int i = 0; i <= depth_; ++i) MarkFrame(frames_[i]);
  for (const Region* kept : {packet_region_, meta_region_}) {
    if (kept != nullptr) const_cast<Region*>(kept)->marked = true;
  }
  for (int i = 0; i < kRegions; ++i) {
    if (!regions_[i].marked) {
      free_[free_regions_++] = static_cast<uint16_t>(i);
    }
  }
}

void Machine::MovePacket(const char* why) {
  if (!checked() || input_->packet == nullptr) return;
  for (const Region* old : {packet_region_, meta_region_}) {
    if (old == nullptr) continue;
    Region* const gone = const_cast<Region*>(old);
    gone->kind = RegionKind::kGone;
    gone->readable = gone->writable = 0;
    gone->reason = why;
  }
  packet_region_ = meta_region_ = nullptr;
  const PacketView& packet = *input_->packet;
  Region* const data = NewRegion(RegionKind::kPacket);
  if (data == nullptr) return;
  packet_region_ = data;
  Region* const meta = NewRegion(RegionKind::kPacketMeta);
  if (meta == nullptr) return;
  meta_region_ = meta;
  data->base = reinterpret_cast<uintptr_t>(packet.data);
  data->size = data->readable = static_cast<uint32_t>(packet.size());
  data->writable = MayWritePacket(type_) ? data->size : 0;
  meta->base = reinterpret_cast<uintptr_t>(packet.meta);
  meta->size = meta->readable = static_cast<uint32_t>(packet.meta_size());
  meta->writable = MayWritePacket(type_) ? meta->size : 0;
  packet_end_ = {};
  packet_end_.kind = RegionKind::kPacketEnd;
  packet_end_.base = reinterpret_cast<uintptr_t>(packet.data_end);
}

void Machine::Forget(uint64_t address, uint64_t size, const char* why) {
  for (int i = 0; i < used_regions_; ++i) {
    Region& region = regions_[i];
    if (region.kind != RegionKind::kBuffer || region.base < address ||
        region.base >= address + size) {
      continue;
    }
    region.kind = RegionKind::kGone;
    region.readable = region.writable = 0;
    region.reason = why;
  }
}

void Machine::KeepRing(uint64_t record, LocalMap* ring) {
  if (kept_ == static_cast<int>(std::size(kept_records_))) {
    Fault("holds more than 64 ring records");
    return;
  }
  kept_records_[kept_++] = {record, ring};
}

LocalMap* Machine::RingOf(uint64_t record) {
  for (int i = 0; i < kept_; ++i) {
    if (kept_records_[i].record != record) continue;
    LocalMap* const ring = kept_records_[i].ring;
    kept_records_[i] = kept_records_[--kept_];
    return ring;
  }
  return nullptr;
}

bool Machine::CallBack(uint32_t function, const uint64_t* arguments,
                       const Region* const* regions, int count,
                       uint64_t* result) {
  const int depth = depth_ + 1;
  const int first = frames_[depth_].first;
  if (depth - first == kMaxFrames) {
    Fault("calls functions more than 8 frames deep");
    return false;
  }
  const Operation* const at = at_;
  const Program* const program = frames_[depth_].program;
  StartFrame(depth, program, nullptr, first);
  Frame& frame = frames_[depth];
  frame.counts = frames_[depth_].counts;
  for (int i = 0; i < count; ++i) {
    frame.reg[i + 1] = arguments[i];
    if (checked()) frame.region[i + 1] = regions[i];
  }
  // A callback is checked once by Linux, however often it is called: each call
  // gets the full number of instructions.
  const uint64_t before = executed_;
  const uint64_t limit = limit_;
  limit_ = std::min(executed_ + input_->max_instructions,
                    input_->max_instructions_with_callbacks);
  depth_ = depth;
  const bool ended = Engine::Run(this, depth, program->operations() + function);
  if (!ended) return false;
  *result = frame.reg[0];
  depth_ = depth - 1;
  at_ = at;
  limit_ = std::min(limit + (executed_ - before),
                    input_->max_instructions_with_callbacks);
  return true;
}

const Program* Machine::FindTailCall(Frame* frame) {
  LocalMap* map =
      reinterpret_cast<LocalMap*>(static_cast<uintptr_t>(frame->reg[2]));
  if (checked()) {
    for (int r = 1; r <= 3; ++r) {
      if (frame->region[r] != nullptr) continue;
      Fault("passes r" + std::to_string(r) + ", which was not set");
      return nullptr;
    }
    if (frame->region[1] != &context_) {
      Fault("passes r1, which is not the context");
      return nullptr;
    }
    const Region* const region = frame->region[2];
    if (region->kind != RegionKind::kMap ||
        frame->reg[2] != reinterpret_cast<uintptr_t>(region->map.map) ||
        region->map.type != MapType::kProgArray) {
      Fault("passes r2, which is no map of type PROG_ARRAY");
      return nullptr;
    }
    if (held_lock != 0 || held_records != 0 || held_iterators != 0) {
      Fault(
          "leaves the program while it holds a lock, a ring record or an "
          "iterator");
      return nullptr;
    }
  }
  if (programs_ == nullptr || tail_calls_ == kMaxTailCalls) return nullptr;
  const uint32_t handle =
      LookupProgram(map, static_cast<uint32_t>(frame->reg[3]));
  if (handle == 0) return nullptr;
  std::shared_ptr<const Program> program = programs_->ProgramOf(handle);
  if (program == nullptr) return nullptr;
  const Program* const next = program.get();
  entered_[tail_calls_++] = std::move(program);
  // Linux looks at each program for itself.
  limit_ = std::min(executed_ + input_->max_instructions,
                    input_->max_instructions_with_callbacks);
  const uint64_t context = frame->reg[1];
  const Operation* const caller = frame->caller;
  const int depth = static_cast<int>(frame - frames_);
  StartFrame(depth, next, caller, depth);
  frame->reg[1] = context;
  if (checked()) frame->region[1] = &context_;
  return next;
}

bool Machine::LoadPacket(uint64_t offset, int size, uint64_t* value) {
  if (checked()) {
    const Region* const region = frames_[depth_].region[6];
    if (region != &context_ || !kSkbTypes.Has(type_)) {
      Fault("needs the context, a struct __sk_buff, in r6");
      return false;
    }
  }
  const PacketView* const packet = input_->packet;
  if (packet == nullptr) return false;
  const int64_t at = static_cast<int32_t>(offset);
  if (at < 0 || static_cast<uint64_t>(at) + static_cast<uint64_t>(size) >
                    packet->size()) {
    return false;
  }
  *value = 0;
  for (int i = 0; i < size; ++i) *value = *value << 8 | packet->data[at + i];
  return true;
}

}  // namespace bpfmap
