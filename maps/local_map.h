// SPDX-License-Identifier: Apache-2.0

// LocalMap: a map in this process, with the view that a BPF program has.
//
// The methods added to BpfMap are the helpers that a program calls
// (bpf_map_lookup_elem() and so on, see bpf-helpers(7)). LookupElem returns a
// pointer into the map instead of copying; the program reads and writes the
// value through it, with atomics where several CPUs do.
//
// Pointer lifetime: a pointer stays valid memory, aligned to 8, until the map
// is destroyed: through updates, deletes and resizes. The element that it shows
// after one of these depends on the type, as on Linux; each type's header names
// it.
//
// Frozen maps and kRdOnly/kWrOnly do not concern this view. kRdOnlyProg does:
// UpdateElem and DeleteElem answer EACCES, which is what the verifier says
// when such a program is loaded. (It also refuses stores through a pointer
// into a kRdOnlyProg map and loads from a kWrOnlyProg map; those are the
// caller's to keep here.)
//
// Thread-safe: any method may be called from any thread at any time. The
// caller orders accesses through pointers, as a BPF program does.

#ifndef BPFMAP_MAPS_LOCAL_MAP_H_
#define BPFMAP_MAPS_LOCAL_MAP_H_

#include <cstdint>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"

namespace bpfmap {

// What ForEachElem() calls with each element, and with what.
struct ElemVisitor {
  int (*function)(void* callback, const void* key, void* value);
  void* callback;

  int operator()(const void* key, void* value) const {
    return function(callback, key, value);
  }
};

// The same for the records of a ring: data and size, in bytes.
struct RecordVisitor {
  int (*function)(void* context, void* data, uint32_t size);
  void* context;
  int operator()(void* data, uint32_t size) const {
    return function(context, data, size);
  }
};

class ArenaPages;
class RingProducer;
enum class RingFlags : uint64_t;

namespace internal {

// One object for each class: its address tells the classes apart.
template <typename Map>
inline constexpr char kClassTag = 0;

}  // namespace internal

class LocalMap : public BpfMap {
 public:
  // The class of this map, for MapCast() (map_cast.h): the address of its
  // kClassTag, or null for a class that nothing is cast to.
  virtual const void* class_tag() const { return nullptr; }

  // The facts about the map that a caller of bpf(2) needs, see map_traits.h.
  virtual MapTraits traits() const {
    return {.user_value_size = def().value_size};
  }

  // Whether Freeze() has succeeded.
  virtual bool frozen() const { return false; }

  // A map of maps: drops its references to inner maps that were replaced or
  // deleted. REQUIRES: no thread uses a pointer that a lookup returned before
  // that.
  virtual void ReclaimRetired() {}

  // The program's side of a ring, for AsRingProducer() (ring_producer.h); null
  // for other types.
  virtual RingProducer* ring_producer() { return nullptr; }

  // The pages of an arena, for AsArenaPages() (arena_pages.h); null for other
  // types.
  virtual ArenaPages* arena_pages() { return nullptr; }

  // bpf_user_ringbuf_drain(), whatever profile the ring is of:
  // UserRingBuffer::Drain(), which says more.
  //   EINVAL  the map is no USER_RINGBUF
  virtual int64_t DrainRecords(RecordVisitor, RingFlags) {
    return -static_cast<int64_t>(Errno::kInval);
  }

  // The value of `key`, or null where Linux gives NULL: no such key, or an
  // index past the end.
  virtual void* LookupElem(const void* key) = 0;

  // bpf_map_lookup_percpu_elem(): the value of `key` on CPU `cpu`. Null if
  // there is no such key or no such CPU; also if the type is not a per-CPU one,
  // of which the verifier says EINVAL.
  virtual void* LookupPerCpuElem(const void* /*key*/, uint32_t /*cpu*/) {
    return nullptr;
  }

  // Sets the value of `key`. `flags` and errors as BpfMap::Update, but in the
  // order in which the helper checks: each type's header has it.
  //   EACCES  the map is kRdOnlyProg
  virtual Errno UpdateElem(const void* key, const void* value,
                           ElemFlags flags) = 0;

  // Removes `key`. Errors as BpfMap::Delete, without the rights.
  //   EACCES  the map is kRdOnlyProg
  virtual Errno DeleteElem(const void* key) = 0;

  // bpf_map_push_elem(), bpf_map_pop_elem() and bpf_map_peek_elem(), for maps
  // without keys: queue_stack_map.h and bloom_filter_map.h say what they do. Of
  // other maps the verifier says:
  //   EACCES  Push, Pop: the map is kRdOnlyProg; all: it has no values (rings)
  //   EINVAL  else: it is no such map
  virtual Errno Push(const void* /*value*/, ElemFlags /*flags*/) {
    return RefuseValue(/*writes=*/true);
  }
  virtual Errno Pop(void* /*value*/) { return RefuseValue(/*writes=*/true); }
  virtual Errno Peek(void* /*value*/) { return RefuseValue(/*writes=*/false); }

  // bpf_for_each_map_elem(): calls callback(key, value), which returns an int,
  // for one element after the other, until it returns another number than 0.
  // `value` is what LookupElem gives, but it counts as no use of an LRU map's
  // element. Returns the number of calls, or minus an errno. The callback may
  // call any method of the map, and delete the element that it is given.
  //   EINVAL   flags is not 0
  //   ENOTSUPP the type has no such walk: the verifier refuses the program.
  //            Arrays, hash maps and LRU hash maps have it, per CPU or not
  template <typename F>
  int64_t ForEachElem(F callback, uint64_t flags) {
    const auto call = [](void* context, const void* key, void* value) -> int {
      return (*static_cast<F*>(context))(key, value);
    };
    return VisitElems({call, &callback}, flags);
  }

 protected:
  ~LocalMap() = default;

 private:
  Errno RefuseValue(bool writes) const {
    const MapDef def = this->def();
    const bool may = !writes || !HasAny(def.map_flags, kRdOnlyProg);
    return may && def.value_size != 0 ? Errno::kInval : Errno::kAcces;
  }

  virtual int64_t VisitElems(ElemVisitor, uint64_t) {
    return -static_cast<int64_t>(Errno::kNotSupp);
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_LOCAL_MAP_H_
