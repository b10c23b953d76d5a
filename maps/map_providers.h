// SPDX-License-Identifier: Apache-2.0

// MapProviders: which MapProvider has which type.
//
//   MapProviders<Cloud>& providers = MapProviders<Cloud>::Global();
//   if (providers.Add(&my_provider) != Errno::kOk) ...
//   auto map = CreateMap({.type = my_provider.type(), ...});
//   ...
//   if (providers.Remove(&my_provider) == Errno::kBusy) ...  // map is alive
//
// A provider is in use from before the first notification about a map until
// after the last. Both are counted, and Remove() looks, under the lock: once it
// has said kOk there is no notification under way and none can come, and
// everything that one did has happened before. No lock is held during a
// notification, so that they may use the registry, and create maps.
//
// Takes no memory: providers are linked to each other.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_MAP_PROVIDERS_H_
#define BPFMAP_MAPS_MAP_PROVIDERS_H_

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_provider.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class MapProviders {
 public:
  // The one of the process. Maps use it if they are given no other.
  static MapProviders& Global() {
    static constinit MapProviders providers;
    return providers;
  }

  constexpr MapProviders() = default;
  MapProviders(const MapProviders&) = delete;
  MapProviders& operator=(const MapProviders&) = delete;

  // From now on maps of the provider's type can be created.
  // REQUIRES: the provider is in no registry, and lives until it was removed.
  //   EINVAL  its type is below kFirstCustomType
  //   EEXIST  its type has a provider
  Errno Add(MapProvider* provider) {
    if (!IsCustom(provider->type())) return Errno::kInval;
    WriterLock lock(lock_);
    if (*LinkTo(provider->type()) != nullptr) return Errno::kExist;
    provider->next_ = first_;
    first_ = provider;
    return Errno::kOk;
  }

  // From now on there are no maps of its type, and it may be destroyed.
  //   ENOENT  it was not added, or has been removed
  //   EBUSY   there are maps of its type; nothing has changed
  Errno Remove(MapProvider* provider) {
    WriterLock lock(lock_);
    MapProvider** const link = LinkTo(provider->type());
    if (*link != provider) return Errno::kNoEnt;
    if (provider->maps_ > 0) return Errno::kBusy;
    *link = provider->next_;
    return Errno::kOk;
  }

  // For CustomMap: the provider of `type`, which then has one more map; null if
  // there is none.
  MapProvider* Acquire(MapType type) {
    WriterLock lock(lock_);
    MapProvider* const provider = *LinkTo(type);
    if (provider != nullptr) ++provider->maps_;
    return provider;
  }
  void Release(MapProvider* provider) {
    WriterLock lock(lock_);
    --provider->maps_;
  }

 private:
  // The link to the provider of `type`, or the null link after the last one.
  MapProvider** LinkTo(MapType type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    MapProvider** link = &first_;
    while (*link != nullptr && (*link)->type() != type) link = &(*link)->next_;
    return link;
  }

  typename P::Mutex lock_;
  MapProvider* first_ ABSL_GUARDED_BY(lock_) = nullptr;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_MAP_PROVIDERS_H_
