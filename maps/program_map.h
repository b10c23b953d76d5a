// SPDX-License-Identifier: Apache-2.0

// ProgramMap: a LocalMap as a BPF program sees it, with C++ types for keys and
// values.
//
//   auto counts = ProgramMap<uint32_t, uint64_t>::Create(map.get());
//   if (!counts.ok()) return counts.status();
//
//   uint64_t* count = counts->GetOrInsert(pid, 0);
//   if (count != nullptr) __sync_fetch_and_add(count, 1);
//
// The methods are the helpers that a program calls, with Linux's errors: a
// pointer into the map, or null; an Errno. For the side of user space, which
// copies, see typed_map.h.
//
// Types are checked when this compiles, and their sizes when a ProgramMap is
// created. A key is compared byte by byte, so a type with padding between its
// members, or with two representations of one value (as 0.0 and -0.0), cannot
// be one: name the padding and set it to 0. A value of a per-CPU map is the
// part of one CPU, as in a program. A map of maps is a ProgramMap<K, LocalMap>.
//
// Pointer lifetime: a pointer stays valid memory until the map is destroyed.
// The element that it shows after an update or a delete depends on the type:
// see local_map.h.
//
// Thread-safe as far as the map is. The caller orders accesses through
// pointers, as a BPF program does. A ProgramMap is a pointer: copy it freely,
// and keep the map alive.

#ifndef BPFMAP_MAPS_PROGRAM_MAP_H_
#define BPFMAP_MAPS_PROGRAM_MAP_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/maps/status.h"

namespace bpfmap {

namespace internal {

inline bool HasInnerMaps(const MapDef& def) {
  return def.type == MapType::kArrayOfMaps || def.type == MapType::kHashOfMaps;
}

}  // namespace internal

template <typename K, typename V>
class ProgramMap {
  static_assert(std::is_trivially_copyable_v<K>,
                "a map copies keys byte by byte: K must be trivially copyable");
  static_assert(std::has_unique_object_representations_v<K>,
                "a map compares keys byte by byte: K must have no padding and "
                "no value with two representations");
  static_assert(std::is_trivially_copyable_v<V>,
                "a map copies values byte by byte: V must be trivially "
                "copyable");
  static_assert(alignof(V) <= 8, "values in a map are aligned to 8 bytes");

 public:
  // INVALID_ARGUMENT unless the map's key and value sizes are those of K and V;
  // for a map of maps, always: see ProgramMap<K, LocalMap>.
  // `map` must outlive the ProgramMap and its copies.
  static absl::StatusOr<ProgramMap> Create(LocalMap* map) {
    const MapDef def = map->def();
    if (internal::HasInnerMaps(def)) {
      return ToStatus(Errno::kInval,
                      absl::StrCat(DescribeMap(def),
                                   ": a program finds maps in it, not values: "
                                   "the type given must be LocalMap"));
    }
    if (def.key_size != sizeof(K) || def.value_size != sizeof(V)) {
      return ToStatus(
          Errno::kInval,
          absl::StrCat(DescribeMap(def), ": key_size is ", def.key_size,
                       " and value_size ", def.value_size,
                       ", but the types given have ", sizeof(K), " and ",
                       sizeof(V), " bytes"));
    }
    return ProgramMap(map);
  }

  // bpf_map_lookup_elem(): the value of `key`; null where Linux gives NULL: no
  // such key, or an index past the end.
  V* Lookup(const K& key) const {
    return static_cast<V*>(map_->LookupElem(&key));
  }

  // bpf_map_lookup_percpu_elem(): the value of `key` on CPU `cpu`; null if
  // there is no such key or no such CPU, and if the map is not a per-CPU one.
  V* LookupPerCpu(const K& key, uint32_t cpu) const {
    return static_cast<V*>(map_->LookupPerCpuElem(&key, cpu));
  }

  // The values of `key` on all CPUs as they are now, each copied by itself:
  // what programs do with bpf_map_lookup_percpu_elem(). It ends before the
  // first CPU that has none, so its size() is 0 if there is no such key.
  PerCpu<V> LookupAllCpus(const K& key) const {
    PerCpu<V> all;
    for (int cpu = 0; cpu < all.size(); ++cpu) {
      const V* const part = LookupPerCpu(key, static_cast<uint32_t>(cpu));
      if (part == nullptr) {
        all.resize(cpu);
        break;
      }
      // Another CPU's program may write to it now.
      internal::LoadBytes(&all[cpu], reinterpret_cast<const std::byte*>(part),
                          sizeof(V));
    }
    return all;
  }

  // bpf_map_update_elem(): sets the value of `key`. `flags` and errors of
  // LocalMap::UpdateElem.
  Errno Update(const K& key, const V& value, ElemFlags flags = kAny) const {
    return map_->UpdateElem(&key, &value, flags);
  }

  // bpf_map_delete_elem(): removes `key`. Errors of LocalMap::DeleteElem.
  Errno Delete(const K& key) const { return map_->DeleteElem(&key); }

  // The value of `key`; where it is absent, `value` is inserted first. Of
  // several threads that do this at once one inserts, and all get its element.
  // It is what programs write out: a lookup, an update with BPF_NOEXIST, a
  // lookup. Null if the key is absent and cannot be inserted (the map is full,
  // the index is past the end, kRdOnlyProg), or if the element left again
  // before the second lookup.
  V* GetOrInsert(const K& key, const V& value) const {
    if (V* const present = Lookup(key)) return present;
    const Errno error = Update(key, value, kNoExist);
    // EEXIST: another thread was faster.
    if (error != Errno::kOk && error != Errno::kExist) return nullptr;
    return Lookup(key);
  }

  // bpf_for_each_map_elem(): calls f(const K&, V&) for one element after the
  // other. If f returns an int, another number than 0 ends the walk. The value
  // is the one in the map; f may call any method, and delete the element that
  // it is given. Returns the number of calls, or minus an errno.
  //   ENOTSUPP  the type has no such walk, see LocalMap::ForEachElem
  template <typename F>
  int64_t ForEach(F f) const {
    static_assert(std::is_default_constructible_v<K>,
                  "ForEach copies keys: K must have a default constructor");
    return map_->ForEachElem(
        [&f](const void* bytes, void* value) -> int {
          K key;  // in the map it has no alignment
          std::memcpy(&key, bytes, sizeof key);
          if constexpr (std::is_void_v<decltype(f(key,
                                                  *static_cast<V*>(value)))>) {
            f(key, *static_cast<V*>(value));
            return 0;
          } else {
            return f(key, *static_cast<V*>(value));
          }
        },
        0);
  }

  LocalMap* map() const { return map_; }

 private:
  explicit ProgramMap(LocalMap* map) : map_(map) {}

  LocalMap* map_;
};

// A map of maps, whose values a program finds as maps:
//
//   auto by_tenant = ProgramMap<uint32_t, LocalMap>::Create(outer.get());
//   LocalMap* counts = by_tenant->Lookup(tenant);
//
// A program can neither update nor delete. The pointer may be used until the
// outer map is destroyed, or its ReclaimRetired() is called after the inner map
// was replaced.
template <typename K>
class ProgramMap<K, LocalMap> {
  static_assert(std::has_unique_object_representations_v<K>,
                "a map compares keys byte by byte: K must have no padding and "
                "no value with two representations");

 public:
  // INVALID_ARGUMENT unless the map is a map of maps, and its key size that of
  // K. `map` must outlive the ProgramMap and its copies.
  static absl::StatusOr<ProgramMap> Create(LocalMap* map) {
    const MapDef def = map->def();
    if (!internal::HasInnerMaps(def)) {
      return ToStatus(Errno::kInval,
                      absl::StrCat(DescribeMap(def), ": is no map of maps"));
    }
    if (def.key_size != sizeof(K)) {
      return ToStatus(
          Errno::kInval,
          absl::StrCat(DescribeMap(def), ": key_size is ", def.key_size,
                       ", but the type given has ", sizeof(K), " bytes"));
    }
    return ProgramMap(map);
  }

  // bpf_map_lookup_elem(): the inner map of `key`; null if there is none.
  LocalMap* Lookup(const K& key) const {
    return static_cast<LocalMap*>(map_->LookupElem(&key));
  }

  LocalMap* map() const { return map_; }

 private:
  explicit ProgramMap(LocalMap* map) : map_(map) {}

  LocalMap* map_;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PROGRAM_MAP_H_
