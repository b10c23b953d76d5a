// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/event_world.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "bpfmap/syscall/caller.h"

namespace bpfmap {

uint64_t EventWorld::Now(Clock clock) {
  return event_.time_ns ? *event_.time_ns : below_->Now(clock);
}

Task EventWorld::CurrentTask() {
  Task current = below_->CurrentTask();
  if (event_.pid) current.tgid = current.pid = *event_.pid;
  if (event_.tid) current.pid = *event_.tid;
  if (event_.uid) current.uid = *event_.uid;
  if (event_.gid) current.gid = *event_.gid;
  if (event_.cgroup) current.cgroup_id = *event_.cgroup;
  if (event_.comm) {
    std::memset(current.comm, 0, sizeof current.comm);
    event_.comm->copy(current.comm, sizeof current.comm - 1);
  }
  current.address = task.address;
  return current;
}

bool EventWorld::UnderCgroup(uint32_t cgroup) {
  return below_->UnderCgroup(cgroup);
}

bool EventWorld::ReadOwn(uint64_t address, void* to, std::size_t size) {
  if (ReadEvent(address, to, size) ||
      KernelMemory::Named().ReadKernel(address, to, size) == Errno::kOk) {
    return true;
  }
  // Memory of this process is read as that of the caller, but for another one.
  if (earlier_ == nullptr || Caller::Other() == nullptr) return false;
  return std::any_of(earlier_->rbegin(), earlier_->rend(),
                     [&](const std::unique_ptr<EventWorld>& world) {
                       return world->ReadEvent(address, to, size);
                     });
}

bool EventWorld::ReadEvent(uint64_t address, void* to, std::size_t size) {
  return memory_.ReadKernel(address, to, size) == Errno::kOk ||
         World::ReadKernel(address, to, size) == Errno::kOk;
}

Errno EventWorld::ReadKernel(uint64_t address, void* to, std::size_t size) {
  return ReadOwn(address, to, size)
             ? Errno::kOk
             : SystemWorld::ReadKernel(address, to, size);
}

Errno EventWorld::ReadUser(uint64_t address, void* to, std::size_t size) {
  return ReadOwn(address, to, size) ? Errno::kOk
                                    : SystemWorld::ReadUser(address, to, size);
}

std::string EventWorld::MakeTask() {
  uint32_t type = 0;
  const uint64_t address = memory_.AddStruct("task_struct", &type);
  if (address == 0) {
    return event_.task.empty() && event_.placed_task.empty()
               ? ""
               : "the kernel tells no task_struct";
  }
  task.address = address;
  const Task current = CurrentTask();
  const Context::Field known[] = {
      {"pid", current.pid},
      {"tgid", current.tgid},
      {"comm", std::string_view(current.comm,
                                strnlen(current.comm, sizeof current.comm))}};
  std::string reason;
  for (const Context::Field& field : known) {
    if (!reason.empty()) return reason;
    reason = memory_.Set(type, address, field.name, field.value);
  }
  for (const Context::Field& field : event_.task) {
    if (!reason.empty()) return reason;
    reason = memory_.Set(type, address, field.name, field.value);
  }
  for (const EventLine::Placed& placed : event_.placed_task) {
    if (!reason.empty()) return reason;
    const uint64_t value = memory_.Place(placed);
    if (value == 0) return "there is no object " + placed.object;
    reason = memory_.Set(type, address, placed.name, value);
  }
  return reason;
}

std::string EventWorld::MakeContext(Context* context) {
  *context = event_.context;
  for (const EventLine::Placed& placed : event_.placed) {
    const uint64_t address = memory_.Place(placed);
    if (address == 0) return "there is no object " + placed.object;
    const std::string& name = placed.name;
    if (name.size() == 4 && name.rfind("arg", 0) == 0) {
      context->Arg(name[3] - '0', address);
    } else {
      context->Set(name, address);
    }
  }
  return "";
}

}  // namespace bpfmap
