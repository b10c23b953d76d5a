// SPDX-License-Identifier: Apache-2.0
//
// EventWorld: what programs see that an event makes run (fire.h): the system,
// and in its place what the event says.
//
// Not thread-safe.

#ifndef BPFMAP_SYSCALL_EVENT_WORLD_H_
#define BPFMAP_SYSCALL_EVENT_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "bpfmap/programs/event_line.h"
#include "bpfmap/programs/run_context.h"
#include "bpfmap/programs/world.h"
#include "bpfmap/syscall/kernel_memory.h"
#include "bpfmap/syscall/run_world.h"

namespace bpfmap {

class EventWorld final : public CallingWorld {
 public:
  explicit EventWorld(const EventLine& event) : event_(event) {}

  // Both return "", or a sentence.

  // Makes the task_struct that the event tells of, if the kernel tells its
  // layout.
  std::string MakeTask();
  // The context of the event, with the addresses of what it refers to.
  std::string MakeContext(Context* context);

  uint64_t Now(Clock clock) override;
  Task CurrentTask() override;
  // Memory of the event is in this process, whoever called.
  Errno ReadKernel(uint64_t address, void* to, std::size_t size) override;
  Errno ReadUser(uint64_t address, void* to, std::size_t size) override;

 private:
  bool ReadOwn(uint64_t address, void* to, std::size_t size);

  const EventLine event_;
  KernelMemory memory_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_EVENT_WORLD_H_
