// SPDX-License-Identifier: Apache-2.0
//
// World: what a program learns of the machine that it runs on, and what it does
// to it: clock, task, random numbers, memory of the kernel and of user space,
// trace output, redirects.
//
//   World world;  // of this test
//   world.clock().Set(std::chrono::seconds(10));
//   world.task = {.pid = 7, .tgid = 7, .uid = 1000, .comm = "cc1"};
//   world.Fail(BPF_FUNC_map_update_elem, 3, Errno::k2Big);
//   world.OnHelper(BPF_FUNC_fib_lookup, [](HelperCall& call) {
//     return BPF_FIB_LKUP_RET_NO_NEIGH;
//   });
//   ... runs
//   EXPECT_THAT(world.printed, ElementsAre("dropped 7"));
//
// The defaults know no machine. The clock stands at now_ns until somebody moves
// it, the task is what `task` says, and random numbers come from a seed; so a
// run gives the same result each time. A subclass can answer otherwise, for
// example with the clock of the operating system.
//
// The World that a thread made last is its current one, which objects that are
// opened by this thread run in (object.h). So each test has its own, and tests
// in two threads do not meet.
//
// Which CPU a program runs on is not asked here: it is that of its per-CPU
// maps, CurrentCpu() of bpfmap/profiles/cpu.h. Objects run on `cpu`.
//
// Not thread-safe: programs that run on several threads at once need a world
// each, or one that a subclass makes safe. It is destroyed by the thread that
// made it.

#ifndef BPFMAP_PROGRAMS_WORLD_H_
#define BPFMAP_PROGRAMS_WORLD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/programs/attachment.h"
#include "bpfmap/programs/program_result.h"
#include "bpfmap/programs/run_context.h"
#include "bpfmap/programs/timers.h"
#include "bpfmap/programs/tunnel_key.h"

namespace bpfmap {

struct Task {
  uint32_t pid = 1;   // of the thread
  uint32_t tgid = 1;  // of the process
  uint32_t uid = 0;
  uint32_t gid = 0;
  char comm[16] = "bpfmap";
  uint64_t cgroup_id = 1;
  // The address of the task_struct, for ReadKernel(); 0: there is none.
  uint64_t address = 0;
};

class HelperCall;
class LocalMap;
class World;

// A function in the place of a helper: it gets the call (helper.h), and returns
// what the helper would.
using HelperFunction = std::function<uint64_t(HelperCall& call)>;

// The count of a perf event: struct bpf_perf_event_value.
struct PerfCounter {
  uint64_t counter = 0;
  uint64_t enabled = 0;  // nanoseconds
  uint64_t running = 0;  // nanoseconds
};

// A packet that a program sent elsewhere.
struct SentPacket {
  uint32_t index = 0;  // the interface, or the key of bpf_redirect_map()
  uint64_t flags = 0;
  std::vector<uint8_t> data;
};

// A clock that a test moves. Times are durations of <chrono> or of Abseil,
// which needs "absl/time/time.h".
//
// Timers of programs (timers.h) fire on it: a clock that is moved stops at the
// time of each that is due on the way, and its function sees that time. Timers
// that are due without a move, because they were started for now or because the
// clock runs, fire before and after each run of an Object.
class WorldClock {
 public:
  WorldClock(World* world, uint64_t* now_ns)
      : world_(*world), now_ns_(*now_ns) {}
  WorldClock(const WorldClock&) = delete;
  WorldClock& operator=(const WorldClock&) = delete;

  // Makes it stand at `time` since the start of the machine.
  template <typename Duration>
  void Set(Duration time) {
    MoveTo(Nanoseconds(time));
    runs_ = false;
  }
  // Makes it stand later by `time`.
  template <typename Duration>
  void Advance(Duration time) {
    MoveTo(now() + Nanoseconds(time));
  }
  // Lets it run from now on, as fast as that of the machine.
  void Run();

  uint64_t now() const;  // nanoseconds

 private:
  template <typename Duration>
  static uint64_t Nanoseconds(Duration time) {
    using std::chrono::nanoseconds;
    if constexpr (requires { ToChronoNanoseconds(time); }) {
      return static_cast<uint64_t>(ToChronoNanoseconds(time).count());
    } else {
      return static_cast<uint64_t>(
          std::chrono::duration_cast<nanoseconds>(time).count());
    }
  }

  void MoveTo(uint64_t time);

  World& world_;
  uint64_t& now_ns_;
  bool runs_ = false;
  std::chrono::steady_clock::time_point started_;
};

class World {
 public:
  enum class Clock { kMonotonic, kBoot, kCoarse, kTai, kReal };

  World();
  virtual ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // The World of this thread; null if it has none.
  static World* Current();

  WorldClock& clock() { return clock_; }

  // Makes something happen: runs the programs that are attached to a hook
  // (attachment.h), each with a context of these fields or arguments, in
  // Linux's order. Returns their results in this order; none: nothing is
  // attached to it.
  //
  //   object.Attach();
  //   world.Fire("tracepoint/syscalls/sys_enter_openat",
  //              Context().Set("args[1]", "/etc/passwd"));
  std::vector<ProgramResult> Fire(std::string_view hook,
                                  const Context& context = {}) {
    return attachments_.Fire(*this, hook, {context, {}});
  }
  // The same of a packet.
  std::vector<ProgramResult> Fire(std::string_view hook,
                                  std::span<const uint8_t> packet,
                                  const Context& context = {}) {
    return attachments_.Fire(*this, hook, {context, packet});
  }
  Attachments& attachments() { return attachments_; }

  // The answers of the defaults below.
  uint64_t now_ns = 1'000'000'000;
  int cpu = 0;  // that objects run on
  Task task;
  uint64_t random_state = 0x9e3779b97f4a7c15;  // never 0
  uint64_t socket_cookie = 1;
  uint32_t socket_uid = 65534;    // that of no socket
  uint64_t function_address = 0;  // bpf_get_func_ip()
  uint64_t attach_cookie = 0;
  uint64_t function_arguments = 0;  // how many: bpf_get_func_arg_cnt()
  uint64_t netns_cookie = 1;
  uint64_t overridden_return = 0;      // bpf_override_return()
  std::vector<uint32_t> signals;       // bpf_send_signal()
  std::vector<std::string> printed;    // bpf_trace_printk(), a line each
  std::string seq_output;              // bpf_seq_write(), bpf_seq_printf()
  std::vector<SentPacket> redirected;  // bpf_redirect() and its like
  std::vector<SentPacket> cloned;      // bpf_clone_redirect()

  // bpf_get_stack() and bpf_get_task_stack(): return addresses, the innermost
  // first. Without any they are EFAULT.
  std::vector<uint64_t> kernel_stack;
  std::vector<uint64_t> user_stack;
  // bpf_perf_event_read() and _read_value(): by index in the array; ENOENT
  // where there is none.
  std::map<uint32_t, PerfCounter> perf_counters;
  TunnelKey tunnel_key;      // that packets come with
  TunnelKey tunnel_key_set;  // bpf_skb_set_tunnel_key() and _opt()
  int32_t hook_retval = 0;   // bpf_get_retval() and bpf_set_retval()
  // bpf_setsockopt() and bpf_getsockopt(), by level and name.
  std::map<std::pair<uint32_t, uint32_t>, std::vector<uint8_t>> socket_options;

  // The faults of functions of timers, a sentence each.
  std::vector<std::string> timer_faults;

  // Calls `function` in place of helper `number` (BPF_FUNC_*), or of one that
  // is absent. Arguments are checked before, unless the helper is absent.
  void OnHelper(uint32_t number, HelperFunction function);

  // Makes the nth call of helper `number` from now on, from 1 on, fail without
  // doing anything: it returns minus `error`, or null if it returns pointers.
  // Of the calls only those for the map of this name count, if one is given.
  void Fail(uint32_t number, int nth, Errno error, std::string map = "");

  // The same for a function of the kernel that programs call by name (kfunc),
  // in an Object. Its arguments are checked only where the function is one of
  // those that are here (docs/helpers.md).
  void OnKernelFunction(std::string name, HelperFunction function);

  // Whether one of these three was called.
  bool has_own_helpers() const {
    return helpers_of_ != nullptr ? helpers_of_->has_own_helpers()
                                  : has_own_helpers_;
  }
  // For machines: sets *result to what such a call returns, if it is not the
  // helper that answers.
  bool CallOwn(uint32_t number, HelperCall& call, uint64_t* result);
  bool CallOwnFunction(const std::string& name, HelperCall& call,
                       uint64_t* result);

  // Nanoseconds.
  virtual uint64_t Now(Clock) { return clock_.now(); }
  virtual Task CurrentTask() { return task; }
  virtual uint32_t Random();
  // A line of bpf_trace_printk() or bpf_trace_vprintk().
  virtual void Print(std::string_view line) { printed.emplace_back(line); }

  // What a program of an iterator adds to what is read from it: bpf_seq_write()
  // and bpf_seq_printf(). Returns 0, or minus an errno.
  virtual int SeqWrite(std::string_view text) {
    seq_output += text;
    return 0;
  }

  // The timers that bpf_timer_*() start.
  virtual Timers& timers() { return timers_; }
  // Fires those that are due.
  void FireTimers();
  // The function of a timer ended early. By default the sentence is kept, and a
  // Misuse (misuse.h): a failure of the test.
  virtual void TimerFaulted(const std::string& sentence);
  // Whether user space refers to a map, by a descriptor or a pin: only then may
  // it have timers.
  virtual bool HasUser(const LocalMap&) { return true; }

  // Whether the task has a signal to handle, or has ended: a test run that
  // repeats then ends with EINTR. Asked often.
  virtual bool Interrupted() { return false; }

  // Whether the task, and the socket of a packet, is under a cgroup, by the
  // number that was put into a CGROUP_ARRAY.
  virtual bool UnderCgroup(uint32_t cgroup) {
    return cgroup == CurrentTask().cgroup_id;
  }
  // Where the task_struct is: its address, or one that nothing can be read from
  // but that is not null.
  static uint64_t TaskAddress(const Task& task) {
    constexpr uint64_t kAddresses = 0xffff'8880'0000'0000;
    return task.address != 0 ? task.address
                             : static_cast<uintptr_t>(kAddresses) +
                                   static_cast<uintptr_t>(task.pid) * 64;
  }

  // The number that an object of the kernel has in maps of local storage, given
  // its address. By default the task that runs is its pid, as in user space,
  // and other objects are their addresses.
  virtual uint64_t StorageOwner(uint64_t object) {
    const Task current = CurrentTask();
    return object == TaskAddress(current) ? current.pid : object;
  }

  // The value that a program has of a map of cgroup storage in this World:
  // `size` bytes, zeros at first. `cpu`: of which CPU, or -1 for all.
  void* RunStorage(const void* map, int cpu, uint32_t size);

  // Programs of type syscall call these: bpf(2), with `size` bytes of
  // attributes in memory of the program, and close(2). The result of the call,
  // or minus an errno: EPERM, unless a subclass can call.
  virtual int64_t SystemBpf(int /*command*/, void* /*attributes*/,
                            uint32_t /*size*/) {
    return -static_cast<int64_t>(Errno::kPerm);
  }
  virtual int64_t SystemClose(int /*fd*/) {
    return -static_cast<int64_t>(Errno::kPerm);
  }

  virtual Errno Signal(uint32_t number, bool /*to_process*/) {
    signals.push_back(number);
    return Errno::kOk;
  }

  // Copy `size` bytes of memory that is not the program's: bpf_probe_read_*()
  // and loads through pointers into the kernel. The address may be anything.
  //   EFAULT  it cannot be read or written; nothing was copied
  virtual Errno ReadKernel(uint64_t address, void* to, std::size_t size);
  virtual Errno ReadUser(uint64_t address, void* to, std::size_t size);
  virtual Errno WriteUser(uint64_t address, const void* from, std::size_t size);

  // Makes [from, from + size) readable for the defaults above. The memory must
  // outlive its use.
  void AddMemory(const void* from, std::size_t size) {
    memory_.push_back({reinterpret_cast<uintptr_t>(from), size});
  }

  // Keeps a copy of the text or the bytes as long as this lives, readable, and
  // returns its address: what a program may be given as a pointer.
  uint64_t AddText(std::string_view text);
  uint64_t AddBytes(std::span<const uint8_t> bytes);

  // Makes `path` what bpf_d_path() says of the struct path at `address`.
  void SetPath(uint64_t address, std::string path) {
    paths_[address] = std::move(path);
  }
  //   EFAULT  nobody said what it is
  virtual Errno Path(uint64_t address, std::string* path);

  // The memory of AddMemory() and its like that an address is in. Returns false
  // if it is in none.
  bool FindMemory(uint64_t address, uint64_t* base, uint64_t* size) const;

  // bpf_redirect() and its like, when the program returns. `index` is the
  // interface, or the key of `bpf_redirect_map()`.
  virtual void Redirected(uint32_t index, uint64_t flags,
                          std::span<const uint8_t> packet);
  // bpf_clone_redirect(), when it is called.
  virtual void Cloned(uint32_t index, uint64_t flags,
                      std::span<const uint8_t> packet);

  // Whether there is a network device of this index.
  virtual bool HasDevice(uint32_t index) { return index == 1; }

  // The largest packet that a device takes, without its Ethernet header; 0: the
  // device of the packet.
  virtual uint32_t MtuOf(uint32_t /*device*/) { return 65536; }

  // bpf_fib_lookup(): `params` is a struct bpf_fib_lookup of `size` bytes.
  // Returns BPF_FIB_LKUP_RET_*, or minus an errno.
  virtual int FibLookup(void* /*params*/, uint32_t /*size*/,
                        uint32_t /*flags*/) {
    return 4;  // BPF_FIB_LKUP_RET_NOT_FWDED
  }

  // Memory for packets, of which programs load the address as 32 bits, so that
  // unchecked runs need it below 4 GiB. Null: there is none.
  virtual void* AllocatePacket(std::size_t) { return nullptr; }
  virtual void FreePacket(void*, std::size_t) {}

 protected:
  // For worlds that are never the current one of a thread.
  struct NotCurrent {};
  explicit World(NotCurrent) {}

  // From now on the functions and the faults of `other` count in the place of
  // its own; null: its own again.
  void TakeHelpersOf(World* other) { helpers_of_ = other; }

 private:
  struct Range {
    uint64_t address;
    uint64_t size;
  };
  struct Failure {
    uint32_t number;
    int left;  // calls until it fails
    Errno error;
    std::string map;
  };
  bool Fails(uint32_t number, HelperCall& call, uint64_t* result);

  WorldClock clock_{this, &now_ns};
  Attachments attachments_;
  Timers timers_;
  std::vector<Range> memory_;
  std::list<std::vector<uint8_t>> copies_;
  std::map<uint64_t, std::string> paths_;
  // By map and CPU; in words, so that values are aligned.
  std::map<std::pair<const void*, int>, std::vector<uint64_t>> storage_;
  World* helpers_of_ = nullptr;
  bool has_own_helpers_ = false;
  std::map<uint32_t, HelperFunction> functions_;
  std::map<std::string, HelperFunction> kernel_functions_;
  std::vector<Failure> failures_;
  bool is_current_ = false;
  World* previous_ = nullptr;  // of the worlds of this thread
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_WORLD_H_
