// SPDX-License-Identifier: Apache-2.0
//
// SystemWorld: the World of programs that bpf(2) runs: the clock, the task and
// the memory of this process.
//
// Random numbers are the system's. A line of bpf_trace_printk() goes to the
// file that $BPFMAP_TRACE names, and nowhere if there is none: Linux writes it
// where the program that prints does not see it, either.
//
// A subclass may say what programs may do to the system.
//
// Not thread-safe: one for each run.

#ifndef BPFMAP_SYSCALL_SYSTEM_WORLD_H_
#define BPFMAP_SYSCALL_SYSTEM_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bpfmap/programs/timers.h"
#include "bpfmap/programs/world.h"
#include "bpfmap/syscall/system_timers.h"

namespace bpfmap {

class SystemWorld : public World {
 public:
  SystemWorld() : World(NotCurrent()) {}

  uint64_t Now(Clock clock) override;
  Task CurrentTask() override;
  bool Interrupted() override;
  uint32_t Random() override;
  void Print(std::string_view line) override;
  Timers& timers() override { return SystemTimers(); }
  void TimerFaulted(const std::string& sentence) override;
  bool UnderCgroup(uint32_t cgroup) override;
  // Where addresses of the kernel would be there is nothing: loads fail as a
  // load from a bad address does.
  Errno ReadKernel(uint64_t address, void* to, std::size_t size) override;
  Errno ReadUser(uint64_t address, void* to, std::size_t size) override;
  Errno WriteUser(uint64_t address, const void* from,
                  std::size_t size) override;
  // Below 4 GiB, where there is room and the processor can map there.
  void* AllocatePacket(std::size_t size) override;
  void FreePacket(void* packet, std::size_t size) override;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_SYSTEM_WORLD_H_
