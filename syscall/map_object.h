// SPDX-License-Identifier: Apache-2.0

// MapObject: a map as bpf(2) knows it, which descriptors, pins, outer maps
// and programs share.
//
// It is the map, its id, and what user space may ask about it. Descriptors,
// pins, outer maps and programs share it; it ends with the last of them.

#ifndef BPFMAP_SYSCALL_MAP_OBJECT_H_
#define BPFMAP_SYSCALL_MAP_OBJECT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <type_traits>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/syscall/btf.h"
#include "bpfmap/syscall/mappable.h"
#include "bpfmap/syscall/ring_event.h"

namespace bpfmap {

// A ring as an epoll set sees it: the event, which stays set until the
// ring is found empty (that of user space: full), and whether the ring is
// ready.
struct PolledRing {
  RingEventFile* event = nullptr;  // null: the map is no ring
  RingEventFile::Says says{};
  bool (*is_ready)(const LocalMap& map) = nullptr;
};

class MapObject : public std::enable_shared_from_this<MapObject> {
 public:
  // The types of a map's key and value, where it has them.
  struct Types {
    std::shared_ptr<const Btf> btf;
    uint32_t key = 0;
    uint32_t value = 0;
    uint32_t kernel_value = 0;  // of the kernel's types; 0: none
  };

  // A map from `def`, which says what descriptors may do, too: kRdOnly and
  // kWrOnly are checked, and are not the map's. Inner maps are found by
  // `descriptors`, which must outlive it. Errors are those of CreateMap(), and
  // -EMFILE or -ENFILE where memory needs a descriptor.
  static long Create(const MapDef& def, Types types,
                     const FdResolver& descriptors,
                     std::shared_ptr<MapObject>* created);

  MapObject() = default;
  MapObject(const MapObject&) = delete;
  MapObject& operator=(const MapObject&) = delete;

  LocalMap& map() const { return *map_; }
  const MapDef& def() const { return def_; }
  const Types& types() const { return types_; }

  // 0 until BpfFdTable gives it one.
  uint32_t id() const { return id_; }
  void set_id(uint32_t id) { id_ = id; }

  // The memory that can be mapped; null if the map has none.
  const MappableMemory* memory() const { return memory_.get(); }

  const MapTraits& traits() const { return traits_; }
  std::size_t user_value_size() const {
    return static_cast<std::size_t>(traits_.user_value_size);
  }

  bool frozen() const { return map_->frozen(); }

  // A reference on behalf of user space, a descriptor or a pin. As the last of
  // them goes, an array of programs lets its programs go, which may refer to
  // the array, and the map's timers end.
  static std::shared_ptr<MapObject> AsUser(MapObject& map);
  bool has_user() const { return users_.load(std::memory_order_relaxed) != 0; }

  // A command on a map of which values hold programs, or on an array of perf
  // events: Update() of the value with the id of `held`, which may be null, at
  // *`key`, 4 bytes; or Delete(). The map refers to what it holds.
  Errno UpdateProgram(const void* key, const void* value, ElemFlags flags,
                      std::shared_ptr<const void> held);
  Errno DeleteProgram(const void* key);
  // Refers to what a value holds, for as long as the map lives.
  void Hold(std::vector<std::shared_ptr<const void>> held);
  // Finds where user space has mapped an arena, if that is not known, and how
  // many bytes; 0: nowhere yet.
  uint64_t FindArena();
  // User space maps an arena for writing: from now on it cannot be frozen, not
  // even once it is unmapped.
  void SetArenaWritable() { arena_is_writable_.store(true); }
  // Whether a program of this kind may use the map, or be put into it: an array
  // of programs is for the kind that came first. True for any other map.
  bool MayHold(uint64_t kind);

  // BPF_MAP_FREEZE.
  //   EBUSY  the memory is mapped for writing
  long Freeze();

  // Whether this process has had a ring.
  static bool some_ring_was_made();
  // The ring as an epoll set sees it; no event if the map is no ring.
  const PolledRing& ring() const { return ring_; }
  // As the ring is added to a set: sets the event if the ring is ready.
  void StartRingEvent() const;
  // As a set is waited for: clears it if the ring is not ready any more. (What
  // came without a wake-up sets nothing.)
  void RefreshRingEvent() const;

 private:
  template <typename Map>
  Errno CreateMappable(std::type_identity<Map>);
  void Retire(std::shared_ptr<const void> held)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(slots_lock_);
  bool IsMappedForWriting() const;
  bool IsRingReady() const { return ring_.is_ready(*map_); }
  void DropUser();

  MapDef def_;
  Types types_;
  uint32_t id_ = 0;
  MapTraits traits_;
  PolledRing ring_;
  // In this order: the map goes first.
  std::unique_ptr<MappableMemory> memory_;
  std::shared_ptr<LocalMap> map_;

  std::atomic<uint64_t> arena_length_{0};  // bytes that user space has mapped
  std::atomic<bool> arena_is_writable_{false};
  std::atomic<int> users_{0};
  std::atomic<uint64_t> kind_{0};  // 0: no program came yet
  Cloud::Lock slots_lock_;
  // The programs or perf events that the map refers to, by key.
  std::map<uint32_t, std::shared_ptr<const void>> slots_
      ABSL_GUARDED_BY(slots_lock_);
  // Perf events that were in it: a program may just be writing to one.
  std::vector<std::shared_ptr<const void>> retired_
      ABSL_GUARDED_BY(slots_lock_);
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_MAP_OBJECT_H_
