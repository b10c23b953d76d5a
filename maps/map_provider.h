// SPDX-License-Identifier: Apache-2.0

// MapProvider: types of maps that an extension adds, from number 4096 on.
//
// A custom map is a hash map (hash_map.h) with a provider beside it: the map
// keeps the elements, and tells the provider what is about to happen to them.
// The provider may refuse, and decides what is stored: a map of handles may
// keep pointers, for example. To add a type, derive from MapProvider and hand
// an object to MapProviders (map_providers.h); CreateMap() and CustomMap
// (custom_map.h) find it there.
//
// Each stored value enters through exactly one OnUpdate() and leaves through
// exactly one OnDelete(). A provider that counts references in these two is
// never wrong.
//
// Threads. Notifications about different maps may come at once. For one map:
//
//   OnCreate                     first, and alone
//   OnUpdate, OnDelete           one at a time, and no OnFind or OnNextKey
//   OnFind, OnNextKey            many at once
//   OnAssociateProgram           at any time between the first and the last
//   OnDestroy                    last, and alone
//
// OnFind() may use what a stored value refers to: OnDelete() for that value
// cannot run at the same time. No notification comes once
// MapProviders::Remove() has returned kOk.
//
// A notification must not use the map itself, which would wait for the
// notification: ProvidedMap has all that it needs. Other maps are free to use.

#ifndef BPFMAP_MAPS_MAP_PROVIDER_H_
#define BPFMAP_MAPS_MAP_PROVIDER_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
class MapProviders;

// A custom map, for its provider. Thread-safe. It is there from the start of
// OnCreate() to the end of OnDestroy().
class ABSL_LOCKABLE ProvidedMap {
 public:
  // The definition of the map.
  virtual MapDef def() const = 0;

  // Copies the stored value of `key`. Returns false if there is none. For
  // notifications, and for holders of the reader's lock below.
  // REQUIRES: not in OnCreate().
  virtual bool ReadStored(const void* key, void* stored) = 0;

  // Between these two no element is updated or deleted, so that the provider
  // can use what a stored value refers to outside of its notifications (which
  // come with the lock, and must not take it).
  virtual void ReaderLock() ABSL_SHARED_LOCK_FUNCTION() = 0;
  virtual void ReaderUnlock() ABSL_UNLOCK_FUNCTION() = 0;

  // The provider's own word about the map. REQUIRES: set in OnCreate() only.
  void set_context(void* context) { context_ = context; }
  void* context() const { return context_; }

 protected:
  ~ProvidedMap() = default;

 private:
  void* context_ = nullptr;
};

class MapProvider {
 public:
  // How a map keeps its values.
  struct Storage {
    uint32_t value_size;  // bytes; as in the definition, unless changed

    // Whether what is stored is not what is shown, as it must be if it has
    // another size. Then OnFind() makes a value of it, and programs, which
    // would get a pointer to what is stored, have no access.
    bool is_converted = false;
  };

  enum class Leaves { kDeleted, kReplaced, kDestroyed };

  // A provider of maps of `type`.
  explicit constexpr MapProvider(MapType type) : type_(type) {}
  MapProvider(const MapProvider&) = delete;
  MapProvider& operator=(const MapProvider&) = delete;

  MapType type() const { return type_; }

  // A map is created, of a definition that a hash map takes too. The result is
  // the answer of the creation; a reason says what would be right.
  virtual DefError OnCreate(ProvidedMap& map, Storage* storage) = 0;

  // A map that OnCreate() took is destroyed, and its elements have left.
  virtual void OnDestroy(ProvidedMap&) {}

  // A lookup found `stored`. Makes `value` of it if values are converted; else
  // `value` is null. An error is the lookup's answer (null in a program).
  virtual Errno OnFind(ProvidedMap&, const void* /*key*/,
                       const void* /*stored*/, void* /*value*/) {
    return Errno::kOk;
  }

  // `value` is about to be set; flags and room allow it. `stored` is what will
  // be stored, and can be changed: it holds as many bytes of `value` as fit,
  // and then zeros. With kOk the element is set, and an old one, if any, goes
  // to OnDelete(kReplaced). An error is the update's answer.
  virtual Errno OnUpdate(ProvidedMap&, const void* /*key*/,
                         const void* /*value*/, void* /*stored*/) {
    return Errno::kOk;
  }

  // The element leaves the map. If it is kDeleted, an error is the answer, and
  // it stays; for the others, the answer is not looked at.
  virtual Errno OnDelete(ProvidedMap&, const void* /*key*/,
                         const void* /*stored*/, Leaves) {
    return Errno::kOk;
  }

  // A walk, by get_next_key or by a batch, has come to this element.
  virtual void OnNextKey(ProvidedMap&, const void* /*key*/,
                         const void* /*stored*/) {}

  // A program of this type (BPF_PROG_TYPE_*) wants to use the map. An error
  // refuses it.
  virtual Errno OnAssociateProgram(ProvidedMap&, uint32_t /*program_type*/) {
    return Errno::kOk;
  }

 protected:
  ~MapProvider() = default;

 private:
  template <Profile P>
  friend class MapProviders;

  const MapType type_;
  MapProvider* next_ = nullptr;  // these two belong to MapProviders
  uint32_t maps_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_MAP_PROVIDER_H_
