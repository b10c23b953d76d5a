// SPDX-License-Identifier: Apache-2.0
//
// Machine: runs programs, and watches what they touch.
//
//   Machine machine(&world);
//   RunResult result = machine.Run(program, {.context = &md, ...});
//   if (result.faulted()) puts(result.fault.c_str());
//
// Each load, store and argument of a helper is checked against what the program
// may touch: bytes of its stack that it wrote, its context, its packet, one
// value of a map, a record of a ring that it holds. An access that is not
// allowed ends the run with a sentence that names the line:
//
//   firewall.bpf.c:41 (instruction 17: r2 = *(u16 *)(r1 + 12)): reads 2 bytes,
//   4 past data_end
//
// "4 past" counts up to the last byte: so many more bytes must be there. This
// watches the path that a run takes. It is no verifier, and no sandbox against
// a program that means harm.
//
// With Checks::kNone nothing of that is checked, only the number of
// instructions and frames: for programs that are known to be good.
//
// Limits are Linux's: see instruction.h. A run takes no memory from the heap,
// unless it faults, a helper of the World does, or it is counted or observed.
//
// A run is counted if its program is (coverage.h), and observed if its thread
// has an Observer (observer.h).
//
// Not thread-safe: a machine per thread. Several machines may run programs on
// the same maps at once: atomic instructions are atomic, and others are as torn
// as on Linux.

#ifndef BPFMAP_PROGRAMS_MACHINE_H_
#define BPFMAP_PROGRAMS_MACHINE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "bpfmap/programs/context.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/memory.h"
#include "bpfmap/programs/observer.h"
#include "bpfmap/programs/operation.h"
#include "bpfmap/programs/packet_view.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {

struct BlockCount;

enum class Checks { kAll, kNone };

// The input of a run.
struct RunInput {
  // The memory that r1 points to; the layout is that of the program's type.
  void* context = nullptr;
  uint32_t context_size = 0;  // bytes
  // The program may write the whole context, whatever its type.
  bool context_is_buffer = false;
  // Of types whose context holds pointers: those into memory of the World are
  // to memory that the program may touch.
  bool context_points_to_memory = false;
  uint64_t r2 = 0;
  bool has_r2 = false;
  // What `data` and `data_end` of the context are; null: there is no packet.
  PacketView* packet = nullptr;
  // What `flow_keys` of a flow dissector's context points to, and its bytes.
  void* flow_keys = nullptr;
  uint32_t flow_keys_size = 0;
  // An object of the kernel that the context points to: loads through pointers
  // into the kernel find it.
  std::span<const uint8_t> kernel_object;
  Checks checks = Checks::kAll;
  // Of the program, and of each call of a function by a helper.
  uint64_t max_instructions = kMaxInstructions;
  // Of all of them together.
  uint64_t max_instructions_with_callbacks = UINT64_MAX;
  // Whether a program may read bytes of its stack that it did not write, as
  // Linux lets programs of root.
  bool may_read_unwritten_stack = false;
};

struct RunResult {
  uint64_t r0 = 0;
  uint64_t instructions = 0;  // how many were run
  // Why the run ended early; empty where it reached its exit.
  std::string fault;
  uint32_t fault_instruction = 0;
  std::shared_ptr<const Program> fault_program;  // null: the one that was run
  // The fault is an access past the end of the context.
  bool past_context = false;

  bool faulted() const { return !fault.empty(); }
};

// Where tail calls find programs.
class ProgramSource {
 public:
  // The program that a handle in a PROG_ARRAY stands for; null: none any more.
  virtual std::shared_ptr<const Program> ProgramOf(uint32_t handle) = 0;

 protected:
  ~ProgramSource() = default;
};

// On behalf of what memory is read or written: an argument of a helper, or the
// instruction itself.
struct Accessor {
  uint32_t helper = 0;
  int argument = 0;
};

class Machine {
 public:
  // `world` and `programs` must outlive the machine. Without `programs` tail
  // calls find nothing.
  explicit Machine(World* world, ProgramSource* programs = nullptr)
      : world_(*world), programs_(programs) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Runs `program` from its start to its exit. `input` and what it points to
  // must stay until then. Locks and records that a run that faulted holds
  // are given back.
  // REQUIRES: no run of this machine is under way.
  RunResult Run(const Program& program, const RunInput& input);

  // Runs the function of `program` that starts at instruction `function`, as a
  // timer does, for one element of `map`.
  RunResult RunOnElement(const Program& program, uint32_t function,
                         LocalMap* map, const void* key, void* value,
                         const RunInput& input);

  // The rest is for helpers, while a program runs.

  // The program at hand, which a tail call may have led to.
  const Program& program() const { return *frames_[depth_].program; }

  World& world() { return world_; }
  const RunInput& input() const { return *input_; }
  // The packet of the run; an empty one if it has none.
  PacketView* packet() {
    return input_->packet != nullptr ? input_->packet : &no_packet_;
  }
  // The MAC header (0) or the network header (1) of the packet; null: there is
  // none.
  const uint8_t* HeaderAt(uint32_t which) const {
    if (which > 1 || input_->packet == nullptr) return nullptr;
    return which == 0 ? input_->packet->mac_header
                      : input_->packet->network_header;
  }
  // The program that was started; helpers are those of its type.
  ProgramType type() const { return type_; }
  bool checked() const { return checked_; }

  // Ends the run. `reason` is the end of the sentence.
  void Fault(const std::string& reason);
  bool faulted() const { return faulted_; }

  // Whether [address, address + size) may be read or written. Ends the run if
  // not. `region` may be null.
  bool MayRead(const Region* region, uint64_t address, uint64_t size,
               Accessor by);
  bool MayWrite(const Region* region, uint64_t address, uint64_t size,
                Accessor by);
  // Says that a helper wrote bytes that MayWrite() allowed.
  void Written(const Region* region, uint64_t address, uint64_t size);

  // The dynptr that an argument points to; null: it is none.
  const Region* DynptrAt(const Region* region, uint64_t address);
  // Makes 16 bytes of stack the dynptr `dynptr`; null: no dynptr any more.
  void SetDynptr(const Region* region, uint64_t address, const Region* dynptr);

  // The same for an iterator, in 8 bytes.
  const Region* IteratorAt(const Region* region, uint64_t address);
  void SetIterator(const Region* region, uint64_t address,
                   const Region* iterator);

  // An iterator or a conditional jump bounds a loop, however long it is: it
  // gets the full number of instructions once more.
  void AllowTurn() {
    limit_ = std::min(executed_ + input_->max_instructions,
                      input_->max_instructions_with_callbacks);
  }

  // Ends the run with the result `cookie`, from any depth of calls:
  // bpf_throw().
  void Throw(uint64_t cookie);

  // A region of this machine's own, or null after a fault. It is kept while a
  // register or the stack refers to it, or while it is held.
  Region* NewRegion(RegionKind kind);

  // Pointers into [address, address + size) are gone.
  void Forget(uint64_t address, uint64_t size, const char* why);

  // Memory of this program that the address is in, for helpers that may read
  // any address; null: it is none. `region` may be null.
  const void* OwnMemory(const Region* region, uint64_t address,
                        uint64_t size) const;

  // For runs without checks, which do not know what registers point to: keeps
  // the ring of a record, and gives it back. RingOf() returns null for what is
  // no record.
  void KeepRing(uint64_t record, LocalMap* ring);
  LocalMap* RingOf(uint64_t record);

  // The region of pointers into the kernel.
  const Region* kernel() const { return checked() ? &kernel_ : nullptr; }

  // The regions of the packet changed: pointers from before are gone.
  void MovePacket(const char* why);

  // Calls a function of the running program with two arguments to four, as
  // helpers do. Returns false if it faulted; its r0 is *result.
  bool CallBack(uint32_t function, const uint64_t* arguments,
                const Region* const* regions, int count, uint64_t* result);

  // Locks and records that the program holds.
  uint64_t held_lock = 0;  // the address of the lock; 0: none
  int held_records = 0;
  int held_iterators = 0;
  // Sections that the program is in: of RCU, and without preemption.
  int rcu_sections = 0;
  int preempt_sections = 0;

  // The arguments of bpf_redirect().
  uint32_t redirect_index = 0;
  uint64_t redirect_flags = 0;
  bool redirected = false;

 private:
  friend class ArgumentCheck;
  friend class Engine;

  struct Frame {
    uint64_t reg[kRegisters];
    const Region* region[kRegisters];
    const Program* program;
    int first;                // the frame that the program was started in
    const Operation* caller;  // null: a helper or the run itself
    BlockCount* counts;       // null: the program is not counted
    const Region* slot[kStackSize / 8];
    uint64_t written[kStackSize / 64];  // a bit for each byte
    alignas(16) uint8_t stack[kStackSize];
  };

  static constexpr int kRegions = 1024;
  // A program that a function enters by a tail call has kMaxFrames of its own,
  // and returns to the caller of the function.
  static constexpr int kFrames = kMaxFrames + kMaxTailCalls * (kMaxFrames - 1);

  // `first` is Frame::first.
  void StartFrame(int depth, const Program* program, const Operation* caller,
                  int first);
  void StartRun(const Program& program, const RunInput& input);
  // From `start` to the end, and what comes after it.
  RunResult Finish(const Program& program, const Operation* start);
  void FaultUnknownCall();
  // Calls the World's stand-in for the function of the kernel that is called.
  // Returns false if it has none.
  bool CallOwnFunction(HelperCall& call, uint64_t* result);
  // Memory of the World that a field of the context points to.
  const Region* WorldMemory(uint64_t address);
  void TellObserver();
  // The counters of a program, for this run; null: it is not counted.
  BlockCount* CountsOf(const Program& program);
  void GiveCountsBack();
  void CheckEnd();
  void GiveBack();
  void CollectRegions();
  void MarkFrame(const Frame& frame);

  // The long ways of loads and stores; they end the run and return false where
  // the access is not allowed.
  bool Load(const Region* region, uint64_t address, int size, uint64_t* value,
            const Region** loaded);
  bool Store(const Region* region, uint64_t address, int size, uint64_t value,
             const Region* stored);
  bool LoadContext(const Region* region, uint64_t offset, int size,
                   uint64_t* value, const Region** loaded);
  void LoadKernel(uint64_t address, std::size_t size, void* to);
  // Whether the bytes are of an arena. Ends the run if not.
  bool IsInArena(const Region* region, uint64_t address, uint64_t size,
                 const char* verb);
  bool LoadField(const Region* region, const ContextField& field,
                 uint64_t offset, int size, uint64_t* value,
                 const Region** loaded);
  bool StoreContext(const Region* region, uint64_t offset, int size,
                    uint64_t value);
  // The same for atomic instructions.
  bool IsAtomicPlace(const Region* region, uint64_t address, int size);
  bool MayLoadAtomically(const Region* region, uint64_t address, int size);
  bool MayStoreAtomically(const Region* region, uint64_t address, int size);
  bool MayChange(const Region* region, uint64_t address, int size);
  // bpf_tail_call(). Returns the program to go on with, or null.
  const Program* FindTailCall(Frame* frame);
  bool CheckArguments(const Helper& helper, Frame* frame);
  bool LoadPacket(uint64_t offset, int size, uint64_t* value);

  bool DenyContext(const Region* region, uint64_t offset, int size,
                   const char* verb, const ContextField* field);
  bool Deny(const Region* region, uint64_t address, uint64_t size,
            const char* verb, Accessor by);

  World& world_;
  ProgramSource* const programs_;
  const RunInput* input_ = nullptr;
  bool has_own_helpers_ = false;  // of the World
  ProgramType type_{};

  int depth_ = 0;
  const Operation* at_ = nullptr;  // the instruction that calls out
  uint64_t executed_ = 0;
  uint64_t limit_ = 0;
  int tail_calls_ = 0;
  // Programs that were entered by a tail call.
  std::shared_ptr<const Program> entered_[kMaxTailCalls];

  bool checked_ = true;
  Observer* observer_ = nullptr;
  bool counting_ = false;
  // The first leases_ of them.
  struct Lease {
    const Program* program;
    BlockCount* counts;
  };
  int leases_ = 0;
  Lease leased_[kMaxTailCalls + 1];

  bool faulted_ = false;
  bool thrown_ = false;  // faulted_ is set, but it was bpf_throw()
  RunResult result_;

  PacketView no_packet_;
  Region context_;
  Region packet_end_;
  Region kernel_;
  Region flow_keys_;
  const Region* packet_region_ = nullptr;
  const Region* meta_region_ = nullptr;
  // Of frames; the first made_stacks_ of them were made.
  alignas(Region) std::byte stack_region_bytes_[kFrames * sizeof(Region)];
  Region* const stack_regions_ = reinterpret_cast<Region*>(stack_region_bytes_);
  int made_stacks_ = 0;
  // Of KeepRing(); the first kept_ of them.
  struct Kept {
    uint64_t record;
    LocalMap* ring;
  };
  int kept_ = 0;
  Kept kept_records_[64];
  int used_regions_ = 0;
  int free_regions_ =
      0;  // places of regions_ in free_, where any was collected
  uint16_t free_[kRegions];
  // Places for regions, which are made when they are needed.
  alignas(Region) std::byte region_bytes_[kRegions * sizeof(Region)];
  Region* const regions_ = reinterpret_cast<Region*>(region_bytes_);
  Frame frames_[kFrames];
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_MACHINE_H_
