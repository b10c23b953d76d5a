// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/iterator.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/event_line.h"
#include "bpfmap/programs/program_run.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/event_world.h"
#include "bpfmap/syscall/kernel_memory.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/memfd.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/run_world.h"
#include "bpfmap/syscall/scoped_fd.h"

namespace bpfmap {
namespace {

// Of the file of Linux, which holds the whole output for one element.
constexpr std::size_t kMostOutput = 32768;
constexpr int kOverflow = 75;  // EOVERFLOW

// struct bpf_iter_meta, and the context of the program.
struct Meta {
  uint64_t file = 1;  // a pointer that programs only hand on
  uint64_t session = 0;
  uint64_t number = 0;
};
struct ElementContext {
  uint64_t meta = 0;
  uint64_t map = 0;
  uint64_t key = 0;
  uint64_t value = 0;
};

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// Of the run for one element: programs see its key, its value and the map.
class ElementWorld final : public EventWorld {
 public:
  explicit ElementWorld(KernelMemory* map) : EventWorld({}), map_(*map) {}

  int SeqWrite(std::string_view text) override {
    if (text.size() > kMostOutput - output_.size()) {
      overflowed_ = true;
      return -kOverflow;
    }
    output_ += text;
    return 0;
  }
  Errno ReadKernel(uint64_t address, void* to, std::size_t size) override {
    return map_.ReadKernel(address, to, size) == Errno::kOk
               ? Errno::kOk
               : EventWorld::ReadKernel(address, to, size);
  }

  const std::string& output() const { return output_; }
  bool overflowed() const { return overflowed_; }

 private:
  KernelMemory& map_;
  std::string output_;
  bool overflowed_ = false;
};

// One iteration over a map.
class Iteration {
 public:
  explicit Iteration(const LinkObject& link)
      : program_(link.program()), map_(*link.facts().map) {
    static constinit std::atomic<uint64_t> sessions{0};
    meta_.session = ++sessions;
    uint32_t type = 0;
    context_.meta = Address(&meta_);
    context_.map = memory_.AddStruct("bpf_map", &type);
    if (context_.map == 0) context_.map = Address(this);
    const MapDef& def = map_.def();
    for (const auto& [member, value] :
         {std::pair{"id", uint64_t{map_.id()}},
          {"map_type", static_cast<uint64_t>(def.type)},
          {"key_size", def.key_size},
          {"value_size", def.value_size},
          {"max_entries", def.max_entries}}) {
      memory_.Set(type, context_.map, member, value);
    }
    memory_.Set(type, context_.map, "name", std::string_view(def.name));
  }

  // Runs the program for all. Returns 0, or -errno.
  long Run() {
    const std::size_t per_cpu =
        IsPerCpu(map_.def().type) ? map_.user_value_size() : 0;
    std::vector<uint8_t> values(per_cpu);
    const auto visit = [&](const void* key, void* value) {
      // All values of a key, as user space sees them: a copy.
      if (per_cpu != 0) {
        value = values.data();
        if (map_.map().Lookup(key, value) != Errno::kOk) return 0;
      }
      const std::size_t size = per_cpu != 0 ? per_cpu : map_.def().value_size;
      return RunFor(key, {static_cast<uint8_t*>(value), size}) ? 0 : 1;
    };
    map_.map().ForEachElem(visit, 0);
    if (error_ == 0) RunFor(nullptr, {});
    return error_;
  }

  const std::string& output() const { return output_; }

 private:
  // Of an element, or after the last.
  bool RunFor(const void* key, std::span<uint8_t> value) {
    std::vector<uint8_t> key_copy(key == nullptr ? 0 : map_.def().key_size);
    if (key != nullptr) std::memcpy(key_copy.data(), key, key_copy.size());
    RunWorld below;
    ElementWorld world(&memory_);
    const EventWorld::Within within(&world, below.get());
    const ScopedCpu cpu(below.cpu());
    // The run after the last element has the number of that one, as on Linux.
    if (key != nullptr) meta_.number = elements_++;
    context_.key = key == nullptr ? 0 : Address(key_copy.data());
    context_.value = key == nullptr ? 0 : Address(value.data());
    world.AddMemory(&meta_, sizeof meta_);
    world.AddMemory(key_copy.data(), key_copy.size());
    world.AddMemory(value.data(), value.size());
    RunRequest request;
    request.world = &world;
    request.context_points_to_memory = true;
    request.context = std::span<const uint8_t>(
        reinterpret_cast<const uint8_t*>(&context_), sizeof context_);
    const Program& program = program_->program();
    const ProgramResult result =
        RunProgram(program, request, &BpfFdTable::Global());
    if (!result.fault.empty()) {
      std::fprintf(stderr, "bpfmap: %s: %s\n", program.name().c_str(),
                   result.fault.c_str());
      error_ = -EACCES;
    } else if (world.overflowed()) {
      error_ = -E2BIG;
    } else if (result.retval != 0) {
      error_ = -EAGAIN;
    }
    output_ += world.output();
    return error_ == 0;
  }

  const std::shared_ptr<ProgramObject> program_;
  MapObject& map_;
  KernelMemory memory_;
  Meta meta_;
  ElementContext context_;
  uint64_t elements_ = 0;
  std::string output_;
  long error_ = 0;
};

// A descriptor of a file with these bytes, which can only be read; or -errno.
long OpenText(const std::string& text) {
  ScopedFd file(CreateMemfd("bpf_iter"));
  if (file.get() < 0) return -errno;
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written =
        write(file.get(), text.data() + at, text.size() - at);
    if (written <= 0) return written < 0 ? -errno : -ENOSPC;
    at += static_cast<std::size_t>(written);
  }
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", file.get());
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return fd;
  if (errno != ENOENT) return -errno;
  // No /proc to open it through: the file that it was written to, from its
  // start.
  lseek(file.get(), 0, SEEK_SET);
  return file.release();
}

}  // namespace

bool HasIterator(MapType type) {
  switch (type) {
    case MapType::kHash:
    case MapType::kLruHash:
    case MapType::kArray:
    case MapType::kPerCpuHash:
    case MapType::kLruPerCpuHash:
    case MapType::kPerCpuArray:
      return true;
    default:
      return false;
  }
}

long IterCreate(const Attributes& attributes) {
  if (!attributes.TailIsZero(kIterCreateAttrSize)) return -EINVAL;
  if (attributes.WordAt(4) != 0) return -EINVAL;
  std::shared_ptr<LinkObject> link;
  long result = BpfFdTable::Global().FindLink(attributes.WordAt(0), &link);
  if (result != 0) return result;
  if (link->facts().type != LinkType::kIter) return -EINVAL;
  Iteration iteration(*link);
  result = iteration.Run();
  if (result != 0) return result;
  result = OpenText(iteration.output());
  Caller* const caller = Caller::Other();
  return result < 0 || caller == nullptr
             ? result
             : caller->GiveFile(static_cast<int>(result));
}

}  // namespace bpfmap
