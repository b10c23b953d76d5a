// SPDX-License-Identifier: Apache-2.0
//
// EventWorld: what programs see that an event makes run (fire.h): what the
// event says, and for all else the world below it, which is the system or that
// of the test (run_world.h).
//
// Not thread-safe.

#ifndef BPFMAP_SYSCALL_EVENT_WORLD_H_
#define BPFMAP_SYSCALL_EVENT_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "bpfmap/programs/event_line.h"
#include "bpfmap/programs/run_context.h"
#include "bpfmap/programs/world.h"
#include "bpfmap/syscall/kernel_memory.h"
#include "bpfmap/syscall/run_world.h"

namespace bpfmap {

class EventWorld : public CallingWorld {
 public:
  using Earlier = std::deque<std::unique_ptr<EventWorld>>;

  // `earlier`, which may be null, are the worlds of events before, whose memory
  // programs may still have addresses of.
  explicit EventWorld(const EventLine& event, const Earlier* earlier = nullptr)
      : event_(event), earlier_(earlier) {}

  // Its programs run in `below`, as long as this lives.
  class Within {
   public:
    Within(EventWorld* world, World* below) : world_(*world) {
      world_.below_ = below;
      world_.TakeHelpersOf(below);
    }
    ~Within() {
      world_.below_ = nullptr;
      world_.TakeHelpersOf(nullptr);
    }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

   private:
    EventWorld& world_;
  };

  // The rest is for one that is within another.

  // Both return "", or a sentence.

  // Makes the task_struct that the event tells of, if the kernel tells its
  // layout.
  std::string MakeTask();
  // The context of the event, with the addresses of what it refers to.
  std::string MakeContext(Context* context);

  uint64_t Now(Clock clock) override;
  Task CurrentTask() override;
  uint32_t Random() override { return below_->Random(); }
  void Print(std::string_view line) override { below_->Print(line); }
  bool UnderCgroup(uint32_t cgroup) override;
  // Memory of the event is in this process, whoever called.
  Errno ReadKernel(uint64_t address, void* to, std::size_t size) override;
  Errno ReadUser(uint64_t address, void* to, std::size_t size) override;

 private:
  bool ReadOwn(uint64_t address, void* to, std::size_t size);
  // Of this event alone.
  bool ReadEvent(uint64_t address, void* to, std::size_t size);

  const EventLine event_;
  const Earlier* const earlier_;
  World* below_ = nullptr;
  KernelMemory memory_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_EVENT_WORLD_H_
