// SPDX-License-Identifier: Apache-2.0

// CheckMmap and MmapDescriptor of bpf_syscall.h.

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <memory>

#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/perf_event.h"

namespace bpfmap {
namespace {

using WritablePages = MapTraits::WritablePages;

// Whether user space may map these pages for writing.
bool MayWrite(WritablePages pages, uint64_t offset, uint64_t length) {
  switch (pages) {
    case WritablePages::kNotMappable:
      return false;
    case WritablePages::kAll:
      return true;
    case WritablePages::kFirst:
      return offset == 0 && length == PageSize();
    case WritablePages::kAllButFirst:
      return offset != 0;
  }
  return false;
}

// An arena has one address in user space, and one length.
long CheckArena(MapObject* object, uint64_t length, uint64_t offset,
                const void* address) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 32;
  if (offset != 0) return -EINVAL;
  if (length > kMostBytes) return -E2BIG;
  const uint64_t mapped = object->FindArena();
  if (mapped == 0) return 0;
  const uint64_t start = AsArenaPages(object->map())->user_start();
  if (RoundUpToPage(length) > mapped) return -E2BIG;
  return RoundUpToPage(length) == mapped &&
                 reinterpret_cast<uintptr_t>(address) == start
             ? 0
             : -EINVAL;
}

long CheckMapping(const OpenFile& file, uint64_t length, int protection,
                  int flags, uint64_t offset, const void* address) {
  const bool is_arena = AsArenaPages(file.map->map()) != nullptr;
  if (is_arena) {
    const long error = CheckArena(file.map.get(), length, offset, address);
    if (error != 0) return error;
  }
  const bool writes = (protection & PROT_WRITE) != 0;
  const int type = flags & MAP_TYPE;
  const bool shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
  const MapObject& object = *file.map;
  const MapDef& def = object.def();
  if (!file.may_read || (writes && shared && !file.may_write)) return -EACCES;
  const WritablePages pages = object.traits().writable_pages;
  if (pages == WritablePages::kNotMappable ||
      def.spin_lock_offset != kNoSpinLock || def.timer_offset != kNoTimer) {
    return Result(Errno::kNotSupp);
  }
  // To the kernel, a file that cannot be written is not shared.
  if (!shared || !file.may_write) return -EINVAL;
  if (writes && object.frozen()) return -EPERM;
  if (writes && HasAny(def.map_flags, kRdOnlyProg)) return -EACCES;
  if (object.memory() == nullptr) return -EINVAL;
  if (writes && !MayWrite(pages, offset, length)) return -EPERM;
  const uint64_t size = object.memory()->file_size();
  if (!is_arena && (offset > size || RoundUpToPage(length) > size - offset)) {
    return -EINVAL;
  }
  if ((protection & PROT_EXEC) != 0) return -EPERM;
  if (is_arena && writes) file.map->SetArenaWritable();
  return 0;
}

// The buffer of a perf event is made as it is mapped.
long MapEvent(std::size_t length, int protection, int flags, int fd,
              off_t offset) {
  std::shared_ptr<PerfEventObject> event;
  if (PerfEventTable::Global().Find(fd, &event) != 0) return 0;
  return event->PrepareMap(length, protection, flags, offset);
}

}  // namespace

long CheckMmap(std::size_t length, int protection, int flags, int fd,
               off_t offset, const void* address) {
  const ForkGate::Inside inside;
  OpenFile file;
  if (BpfFdTable::Global().Find(fd, &file) != 0 || file.map == nullptr) {
    return PerfEventTable::some_was_opened()
               ? MapEvent(length, protection, flags, fd, offset)
               : 0;
  }
  return CheckMapping(file, length, protection, flags,
                      static_cast<uint64_t>(offset), address);
}

int MmapDescriptor(int fd, int protection) {
  if (!MappableMemory::some_was_made() || (protection & PROT_WRITE) != 0) {
    return fd;
  }
  const ForkGate::Inside inside;
  OpenFile file;
  if (BpfFdTable::Global().Find(fd, &file) != 0 || file.map == nullptr ||
      file.map->memory() == nullptr) {
    return fd;
  }
  const int saved_errno = errno;
  const int read_only =
      BpfFdTable::OpenMemory(*file.map->memory(), O_RDONLY | O_CLOEXEC);
  errno = saved_errno;
  return read_only < 0 ? fd : read_only;  // without /proc there is none
}

}  // namespace bpfmap
