#include "bpfmap/syscall/map_object.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <type_traits>
#include <utility>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {
namespace {

long Result(Errno error) { return -static_cast<long>(error); }

bool IsRing(MapType type) {
  return type == MapType::kRingBuf || type == MapType::kUserRingBuf;
}

// Bytes that Linux lets user space map; 0 if none. REQUIRES: `def` was checked.
uint64_t MappableSize(const MapDef& def) {
  if (IsRing(def.type)) return 2 * kPageSize + uint64_t{2} * def.max_entries;
  if (def.type == MapType::kArray && HasAny(def.map_flags, kMmapable)) {
    return RoundUpToPage(internal::RoundUp8(def.value_size) * def.max_entries);
  }
  return 0;
}

template <typename Map>
Errno CreateIn(const MapDef& def, MappableMemory* memory,
               std::shared_ptr<LocalMap>* created) {
  auto map = std::make_shared<Map>(def, memory);
  const Errno error = map->Init();
  *created = std::move(map);
  return error;
}

Errno CreateMappable(const MapDef& def, MappableMemory* memory,
                     std::shared_ptr<LocalMap>* created) {
  if (def.type == MapType::kArray) {
    return CreateIn<ArrayMap<Mappable>>(def, memory, created);
  }
  if (def.type == MapType::kRingBuf) {
    return CreateIn<RingBuffer<Mappable>>(def, memory, created);
  }
  return CreateIn<UserRingBuffer<Mappable>>(def, memory, created);
}

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

const RingBuffer<Mappable>* AsRingBuffer(const MapObject& object) {
  if (object.def().type != MapType::kRingBuf) return nullptr;
  return static_cast<const RingBuffer<Mappable>*>(&object.map());
}

const UserRingBuffer<Mappable>* AsUserRingBuffer(const MapObject& object) {
  if (object.def().type != MapType::kUserRingBuf) return nullptr;
  return static_cast<const UserRingBuffer<Mappable>*>(&object.map());
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

  const uint64_t mappable = MappableSize(def);
  Errno error;
  if (mappable != 0) {
    object->memory_ = std::make_unique<MappableMemory>(mappable);
    error = CreateMappable(object->def_, object->memory_.get(), &object->map_);
    if (error != Errno::kOk && object->memory_->out_of_descriptors()) {
      return -EMFILE;
    }
  } else {
    error = CreateOnHeap(object->def_, descriptors, &object->map_);
  }
  if (error != Errno::kOk) return Result(error);
  object->def_.max_entries = object->map_->def().max_entries;
  *created = std::move(object);
  return 0;
}

std::size_t MapObject::user_value_size() const {
  if (!IsPerCpu(def_.type)) return def_.value_size;
  return static_cast<std::size_t>(internal::RoundUp8(def_.value_size)) *
         static_cast<std::size_t>(PossibleCpus());
}

long MapObject::Freeze() {
  if (!frozen_ && IsMappedForWriting()) return -EBUSY;
  const Errno error = map_->Freeze();
  if (error == Errno::kOk) {
    frozen_ = true;
    // Later mappings cannot write, nor be made to.
    if (memory_ != nullptr) {
      fcntl(memory_->fd(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
    }
  }
  return Result(error);
}

bool MapObject::IsMappedForWriting() const {
  // A ring's writable page is no writing of the map, for Linux.
  if (memory_ == nullptr || def_.type != MapType::kArray) return false;
  struct stat file;
  if (fstat(memory_->fd(), &file) != 0) return false;
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

RingEventFile* MapObject::ring_event() const {
  if (auto* ring = AsRingBuffer(*this)) return &ring->event();
  if (auto* ring = AsUserRingBuffer(*this)) return &ring->event();
  return nullptr;
}

RingEventFile::Says MapObject::ring_event_says() const {
  return def_.type == MapType::kRingBuf ? RingEventFile::Says::kReadable
                                        : RingEventFile::Says::kWritable;
}

bool MapObject::IsRingReady() const {
  if (auto* ring = AsRingBuffer(*this)) return ring->Query(kRbAvailData) != 0;
  return AsUserRingBuffer(*this)->HasRoom();
}

void MapObject::StartRingEvent() const {
  if (IsRingReady()) ring_event()->Set();
}

void MapObject::RefreshRingEvent() const {
  RingEventFile& event = *ring_event();
  if (!event.is_set() || IsRingReady()) return;
  event.Clear();
  // Pairs with the fence of who makes it ready: either that is seen here, or
  // the event is seen as clear there, and set.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (IsRingReady()) event.Set();
}

}  // namespace bpfmap
