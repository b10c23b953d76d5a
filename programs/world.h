// SPDX-License-Identifier: Apache-2.0
//
// World: what a program learns of the machine that it runs on, and what it does
// to it: clock, task, random numbers, memory of the kernel and of user space,
// trace output, redirects.
//
// The defaults know no machine. The clock stands at now_ns until somebody moves
// it, the task is what `task` says, and random numbers come from a seed; so a
// run gives the same result each time. A subclass can answer otherwise, for
// example with the clock of the operating system.
//
// Which CPU a program runs on is not asked here: it is that of its per-CPU
// maps, CurrentCpu() of bpfmap/profiles/cpu.h.
//
// Not thread-safe: programs that run on several threads at once need a world
// each, or one that a subclass makes safe.

#ifndef BPFMAP_PROGRAMS_WORLD_H_
#define BPFMAP_PROGRAMS_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpfmap/maps/errno.h"

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

class World {
 public:
  enum class Clock { kMonotonic, kBoot, kCoarse, kTai };

  World() = default;
  virtual ~World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // The answers of the defaults below.
  uint64_t now_ns = 1'000'000'000;
  Task task;
  uint64_t random_state = 0x9e3779b97f4a7c15;  // never 0
  uint64_t socket_cookie = 1;
  uint32_t socket_uid = 65534;    // that of no socket
  uint64_t function_address = 0;  // bpf_get_func_ip()
  uint64_t attach_cookie = 0;
  uint64_t function_arguments = 0;  // how many: bpf_get_func_arg_cnt()
  uint64_t netns_cookie = 1;
  uint64_t overridden_return = 0;    // bpf_override_return()
  std::vector<uint32_t> signals;     // bpf_send_signal()
  std::vector<std::string> printed;  // bpf_trace_printk(), a line each

  // Nanoseconds.
  virtual uint64_t Now(Clock) { return now_ns; }
  virtual Task CurrentTask() { return task; }
  virtual uint32_t Random();
  // A line of bpf_trace_printk() or bpf_trace_vprintk().
  virtual void Print(std::string_view line) { printed.emplace_back(line); }

  // Whether the task is under the cgroup at `index` of a CGROUP_ARRAY.
  virtual bool UnderCgroup(uint32_t /*index*/) { return false; }
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

  // bpf_redirect() and its like, when the program returns. `index` is the
  // interface, or the key of `bpf_redirect_map()`.
  virtual void Redirected(uint32_t /*index*/, uint64_t /*flags*/) {}

  // Whether there is a network device of this index.
  virtual bool HasDevice(uint32_t index) { return index == 1; }

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

 private:
  struct Range {
    uint64_t address;
    uint64_t size;
  };
  std::vector<Range> memory_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_WORLD_H_
