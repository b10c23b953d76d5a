// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/bpfmap_world.h"

#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "bpfmap/maps/errno.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/run_world.h"

namespace bpfmap {
namespace {

// The commands that Linux lets a program give.
bool MayProgramDo(int command) {
  switch (command) {
    case BPF_MAP_CREATE:
    case BPF_MAP_DELETE_ELEM:
    case BPF_MAP_UPDATE_ELEM:
    case BPF_MAP_FREEZE:
    case BPF_MAP_GET_FD_BY_ID:
    case BPF_PROG_LOAD:
    case BPF_BTF_LOAD:
    case BPF_LINK_CREATE:
    case BPF_RAW_TRACEPOINT_OPEN:
      return true;
    default:
      return false;
  }
}

// The world of a test in C: the memory is that of the process, and all else is
// what the test says.
class CWorld final : public CallingWorld {
 public:
  uint64_t Now(Clock clock) override { return World::Now(clock); }
  Task CurrentTask() override { return World::CurrentTask(); }
  uint32_t Random() override { return World::Random(); }
  void Print(std::string_view line) override { World::Print(line); }
  bool UnderCgroup(uint32_t cgroup) override {
    return World::UnderCgroup(cgroup);
  }
};

// The one world of the test, and its lock, which outlive all threads.
struct Shared {
  std::recursive_mutex lock;
  std::unique_ptr<CWorld> world;  // guarded by lock
};

Shared& TheShared() {
  static Shared& shared = *new Shared;
  return shared;
}

// Whether there is a world: runs take no lock where no test ever asked for one.
std::atomic<bool> has_world = false;

// The world of the test, which is begun if there is none. It stays as long as
// this lives.
class TestsWorld {
 public:
  TestsWorld() : lock_(TheShared().lock) {
    if (TheShared().world == nullptr) Begin();
  }
  void Begin() {
    TheShared().world = std::make_unique<CWorld>();
    has_world.store(true, std::memory_order_release);
  }
  CWorld* operator->() const { return TheShared().world.get(); }

 private:
  const std::lock_guard<std::recursive_mutex> lock_;
};

}  // namespace

int64_t CallingWorld::SystemBpf(int command, void* attributes, uint32_t size) {
  if (!MayProgramDo(command)) return -EINVAL;
  if (Caller::Other() != nullptr) return -EOPNOTSUPP;
  return BpfSyscall(command, static_cast<bpf_attr*>(attributes), size);
}

int64_t CallingWorld::SystemClose(int fd) {
  if (Caller::Other() != nullptr) return -EOPNOTSUPP;
  return close(fd) == 0 ? 0 : -errno;
}

bool CallingWorld::HasUser(const LocalMap& map) {
  return BpfFdTable::Global().HasUser(map);
}

RunWorld::RunWorld() {
  if (has_world.load(std::memory_order_acquire)) {
    Shared& shared = TheShared();
    lock_ = std::unique_lock(shared.lock);
    if (shared.world != nullptr) {
      world_ = shared.world.get();
      cpu_ = world_->cpu;
      return;
    }
    lock_.unlock();
  }
  world_ = &own_.emplace();
  cpu_ = CurrentCpu();
}

}  // namespace bpfmap

using bpfmap::TestsWorld;

void bpfmap_world_begin(void) { TestsWorld().Begin(); }

void bpfmap_world_end(void) {
  const std::lock_guard lock(bpfmap::TheShared().lock);
  bpfmap::has_world.store(false, std::memory_order_release);
  bpfmap::TheShared().world.reset();
}

void bpfmap_world_set_clock(uint64_t ns) {
  TestsWorld()->clock().Set(std::chrono::nanoseconds(ns));
}

void bpfmap_world_advance_clock(uint64_t ns) {
  TestsWorld()->clock().Advance(std::chrono::nanoseconds(ns));
}

void bpfmap_world_run_clock(void) { TestsWorld()->clock().Run(); }

int bpfmap_world_set_cpu(int cpu) {
  if (cpu < 0 || cpu >= bpfmap::PossibleCpus()) return -EINVAL;
  TestsWorld()->cpu = cpu;
  return 0;
}

void bpfmap_world_set_task(const bpfmap_task* task) {
  bpfmap::Task copy;
  copy.pid = task->pid;
  copy.tgid = task->tgid;
  copy.uid = task->uid;
  copy.gid = task->gid;
  std::copy(std::begin(task->comm), std::end(task->comm), copy.comm);
  copy.comm[sizeof copy.comm - 1] = 0;
  copy.cgroup_id = task->cgroup_id;
  TestsWorld()->task = copy;
}

void bpfmap_world_set_seed(uint64_t seed) {
  if (seed == 0) seed = bpfmap::CWorld().random_state;
  TestsWorld()->random_state = seed;
}

const char* bpfmap_world_take_printed(void) {
  static thread_local std::string taken;
  const TestsWorld world;
  if (world->printed.empty()) return nullptr;
  taken = std::move(world->printed.front());
  world->printed.erase(world->printed.begin());
  return taken.c_str();
}

int bpfmap_world_fail(uint32_t helper, int nth, int error, const char* map) {
  if (nth < 1 || error <= 0) return -EINVAL;
  TestsWorld()->Fail(helper, nth, static_cast<bpfmap::Errno>(error),
                     map == nullptr ? "" : map);
  return 0;
}

void bpfmap_world_set_return(uint32_t helper, int64_t value) {
  TestsWorld()->OnHelper(helper, [value](bpfmap::HelperCall&) {
    return static_cast<uint64_t>(value);
  });
}

int bpfmap_world_on_helper(uint32_t helper, bpfmap_helper function,
                           void* context) {
  if (function == nullptr) return -EINVAL;
  TestsWorld()->OnHelper(
      helper, [function, context](bpfmap::HelperCall& call) -> uint64_t {
        const uint64_t arguments[5] = {call.number(1), call.number(2),
                                       call.number(3), call.number(4),
                                       call.number(5)};
        return function(context, arguments);
      });
  return 0;
}
