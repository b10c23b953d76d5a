// SPDX-License-Identifier: Apache-2.0
//
// RunWorld: the World of one run of a program through bpf(2): the test's, while
// bpfmap_world.h has begun one in this process, and otherwise one of this run
// that is the system (system_world.h).
//
//   RunWorld world;
//   const ScopedCpu cpu(world.cpu());
//   RunTest(program, input, world.get());
//
// Programs of type syscall may call bpf(2), which this process answers too.
//
// Thread-safe: runs in the world of a test wait for each other. A run may start
// another one in the same thread.

#ifndef BPFMAP_SYSCALL_RUN_WORLD_H_
#define BPFMAP_SYSCALL_RUN_WORLD_H_

#include <mutex>
#include <optional>

#include "bpfmap/programs/world.h"
#include "bpfmap/syscall/system_world.h"

namespace bpfmap {

// Programs call this library in place of the system. Those that another process
// runs do not: their attributes are not in its memory.
class CallingWorld : public SystemWorld {
 public:
  int64_t SystemBpf(int command, void* attributes, uint32_t size) override;
  int64_t SystemClose(int fd) override;
  bool HasUser(const LocalMap& map) override;
};

class RunWorld {
 public:
  RunWorld();
  RunWorld(const RunWorld&) = delete;
  RunWorld& operator=(const RunWorld&) = delete;

  World* get() { return world_; }
  // The CPU to run on.
  int cpu() const { return cpu_; }

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  std::optional<CallingWorld> own_;
  World* world_;
  int cpu_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_RUN_WORLD_H_
