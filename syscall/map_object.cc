// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/map_object.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/mapped_file.h"
#include "bpfmap/syscall/system_timers.h"

namespace bpfmap {
namespace {

constinit std::atomic<bool> ring_was_made{false};

long Result(Errno error) { return -static_cast<long>(error); }

// A ring as an epoll set sees it.
template <Profile P>
PolledRing PolledRingOf(const RingBuffer<P>& ring) {
  return {&ring.event(), RingEventFile::Says::kReadable,
          [](const LocalMap& map) {
            const auto& ring = static_cast<const RingBuffer<P>&>(map);
            return ring.Query(kRbAvailData) != 0;
          }};
}
template <Profile P>
PolledRing PolledRingOf(const UserRingBuffer<P>& ring) {
  return {&ring.event(), RingEventFile::Says::kWritable,
          [](const LocalMap& map) {
            return static_cast<const UserRingBuffer<P>&>(map).HasRoom();
          }};
}

// Whether user space can map the memory of a Map, if its definition says so.
template <typename Map>
concept CanBeMapped = requires(const MapDef& def) {
  Map::MappableSize(def);
};

Errno CreateOnHeap(const MapDef& def, const FdResolver& descriptors,
                   std::shared_ptr<LocalMap>* created) {
  Errno error = Errno::kInval;
  VisitMapType<Cloud>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    std::shared_ptr<Map> map;
    if constexpr (requires { Map(def, nullptr, &descriptors); }) {
      map = std::make_shared<Map>(def, &Cloud::DefaultMemory(), &descriptors);
    } else {
      map = std::make_shared<Map>(def);
    }
    error = map->Init();
    *created = std::move(map);
  });
  return error;
}

}  // namespace

long MapObject::Create(const MapDef& def, Types types,
                       const FdResolver& descriptors,
                       std::shared_ptr<MapObject>* created) {
  const DefError check = CheckDef<Cloud>(def);
  if (check.failed()) return Result(check.error);
  auto object = std::make_shared<MapObject>();
  object->def_ = def;
  object->def_.map_flags &= ~(kRdOnly | kWrOnly);
  object->types_ = std::move(types);

  Errno error = Errno::kOk;
  VisitMappable([&]<Profile P>(std::type_identity<P>) {
    VisitMapType<P>(def.type, [&]<typename Map>(std::type_identity<Map> type) {
      if constexpr (CanBeMapped<Map>) error = object->CreateMappable(type);
    });
  });
  if (error != Errno::kOk && object->memory_->out_of_descriptors()) {
    return -EMFILE;
  }
  if (object->map_ == nullptr) {
    error = CreateOnHeap(object->def_, descriptors, &object->map_);
  }
  if (error != Errno::kOk) return Result(error);
  const MapDef made = object->map_->def();
  object->def_.max_entries = made.max_entries;
  object->def_.map_flags = made.map_flags;
  object->traits_ = object->map_->traits();
  *created = std::move(object);
  return 0;
}

// Creates the map in memory that can be mapped, if its definition asks for
// that; otherwise map_ stays null.
template <typename Map>
Errno MapObject::CreateMappable(std::type_identity<Map>) {
  const uint64_t size = RoundUpToPage(Map::MappableSize(def_));
  if (size == 0) return Errno::kOk;
  memory_ = std::make_unique<MappableMemory>(size);
  auto map = std::make_shared<Map>(def_, memory_.get());
  if constexpr (requires { PolledRingOf(*map); }) {
    ring_ = PolledRingOf(*map);
    ring_was_made.store(true, std::memory_order_relaxed);
  }
  const Errno error = map->Init();
  map_ = std::move(map);
  return error;
}

std::shared_ptr<MapObject> MapObject::AsUser(MapObject& map) {
  ++map.users_;
  // The deleter holds the map until it is called: a weak_ptr to the result may
  // keep the deleter itself for longer.
  return std::shared_ptr<MapObject>(
      &map, [held = map.shared_from_this()](MapObject*) mutable {
        held->DropUser();
        held.reset();
      });
}

void MapObject::DropUser() {
  if (--users_ != 0) return;
  if (def_.timer_offset != kNoTimer) SystemTimers().Forget(map_.get());
  if (!traits_.value_is_program) return;
  std::map<uint32_t, std::shared_ptr<const void>> gone;  // ends after the lock
  WriterLock lock(slots_lock_);
  for (const auto& [index, program] : slots_) {
    static_cast<void>(map_->Delete(&index));
    Retire(program);
  }
  gone.swap(slots_);
}

Errno MapObject::UpdateProgram(const void* key, const void* value,
                               ElemFlags flags,
                               std::shared_ptr<const void> held) {
  WriterLock lock(slots_lock_);
  const Errno error = map_->Update(key, value, flags);
  if (error != Errno::kOk) return error;
  uint32_t slot;
  std::memcpy(&slot, key, sizeof slot);
  if (held == nullptr) {
    const auto at = slots_.find(slot);
    if (at == slots_.end()) return Errno::kOk;
    held = std::move(at->second);
    slots_.erase(at);
    return Errno::kOk;
  }
  slots_[slot].swap(held);
  Retire(std::move(held));
  return Errno::kOk;
}

void MapObject::Retire(std::shared_ptr<const void> held) {
  if (def_.type != MapType::kPerfEventArray || held == nullptr) return;
  retired_.push_back(std::move(held));
}

void MapObject::Hold(std::vector<std::shared_ptr<const void>> held) {
  WriterLock lock(slots_lock_);
  for (auto& one : held) {
    slots_[static_cast<uint32_t>(slots_.size())] = std::move(one);
  }
}

uint64_t MapObject::FindArena() {
  ArenaPages* const arena = map_->arena_pages();
  if (arena->user_start() == 0) {
    struct stat file;
    MappedFile found;
    Caller* const caller = Caller::Other();
    const bool is_mapped =
        fstat(memory_->fd(), &file) == 0 &&
        (caller != nullptr
             ? caller->FindMapping(file.st_dev, file.st_ino, &found)
             : FindOwnMapping(file.st_dev, file.st_ino, arena->start(),
                              &found));
    if (!is_mapped) return 0;
    uint64_t unknown = 0;
    arena_length_.compare_exchange_strong(unknown, found.size);
    arena->SetUserStart(found.start);
  }
  const uint64_t length = arena_length_.load();
  return length != 0 ? length : arena->size();  // map_extra says where
}

bool MapObject::MayHold(uint64_t kind) {
  if (!traits_.value_is_program) return true;
  uint64_t first = 0;
  return kind_.compare_exchange_strong(first, kind) || first == kind;
}

Errno MapObject::DeleteProgram(const void* key) {
  std::shared_ptr<const void> gone;  // ends after the lock
  WriterLock lock(slots_lock_);
  const Errno error = map_->Delete(key);
  if (error != Errno::kOk) return error;
  uint32_t slot;
  std::memcpy(&slot, key, sizeof slot);
  const auto at = slots_.find(slot);
  if (at == slots_.end()) return Errno::kOk;
  gone = std::move(at->second);
  Retire(gone);
  slots_.erase(at);
  return Errno::kOk;
}

long MapObject::Freeze() {
  if (!frozen() && (arena_is_writable_.load() || IsMappedForWriting())) {
    return -EBUSY;
  }
  const Errno error = map_->Freeze();
  // Later mappings cannot write, nor be made to.
  if (error == Errno::kOk && memory_ != nullptr) {
    fcntl(memory_->fd(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
  }
  return Result(error);
}

bool MapObject::IsMappedForWriting() const {
  // A ring's writable page is no writing of the map, for Linux.
  if (memory_ == nullptr ||
      traits_.writable_pages != MapTraits::WritablePages::kAll) {
    return false;
  }
  struct stat file;
  if (fstat(memory_->fd(), &file) != 0) return false;
  if (Caller* const caller = Caller::Other()) {
    return caller->IsMappedForWriting(file.st_dev, file.st_ino);
  }
  const std::unique_ptr<FILE, int (*)(FILE*)> maps(
      std::fopen("/proc/self/maps", "re"), &std::fclose);
  if (maps == nullptr) return false;
  char line[512];
  while (std::fgets(line, sizeof line, maps.get()) != nullptr) {
    uint64_t start, inode;
    unsigned major, minor;
    char rights[5];
    if (std::sscanf(line, "%" SCNx64 "-%*x %4s %*x %x:%x %" SCNu64, &start,
                    rights, &major, &minor, &inode) != 5) {
      continue;
    }
    if (inode == file.st_ino && makedev(major, minor) == file.st_dev &&
        rights[1] == 'w' && !memory_->Contains(start)) {
      return true;
    }
  }
  return false;
}

bool MapObject::some_ring_was_made() {
  return ring_was_made.load(std::memory_order_relaxed);
}

void MapObject::StartRingEvent() const {
  if (IsRingReady()) ring_.event->Set();
}

void MapObject::RefreshRingEvent() const {
  RingEventFile& event = *ring_.event;
  if (!event.is_set() || IsRingReady()) return;
  event.Clear();
  // Pairs with the fence of who makes it ready: either that is seen here, or
  // the event is seen as clear there, and set.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (IsRingReady()) event.Set();
}

}  // namespace bpfmap
