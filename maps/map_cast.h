// SPDX-License-Identifier: Apache-2.0

// MapCast: from a map of any type to the class that it is, checked.
//
//   std::shared_ptr<LocalMap> map = ...;
//   if (auto* ring = MapCast<RingBuffer>(map)) ring->Consume(read_record);
//
// MapCast<RingBuffer> asks for RingBuffer<Cloud>, the class of what CreateMap()
// creates. MapCast<RingBuffer<Embedded>> names another profile. The result is
// null if the map is of another type or of another profile, if it is a
// decorator such as those in testing.h, and if `map` is null.
//
// No RTTI: each class answers with an address that is its own (class_tag() in
// local_map.h), so a cast is one virtual call and a comparison.
//
// A program that writes to a ring does not need the class: see AsRingProducer()
// in ring_producer.h.
//
// Thread-safe. The result is the map itself, and good as long as the map lives.

#ifndef BPFMAP_MAPS_MAP_CAST_H_
#define BPFMAP_MAPS_MAP_CAST_H_

#include <memory>

#include "bpfmap/maps/local_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

// The class with its profile: MapCast<HashMap<Embedded>>(map).
template <typename Map>
Map* MapCast(LocalMap* map) {
  if (map == nullptr || map->class_tag() != &internal::kClassTag<Map>) {
    return nullptr;
  }
  return static_cast<Map*>(map);
}
template <typename Map>
Map* MapCast(LocalMap& map) {
  return MapCast<Map>(&map);
}
// `map` must outlive the result, so it may not be a temporary.
template <typename Map>
Map* MapCast(const std::shared_ptr<LocalMap>& map) {
  return MapCast<Map>(map.get());
}
template <typename Map>
Map* MapCast(std::shared_ptr<LocalMap>&& map) = delete;

// The class of the Cloud profile: MapCast<HashMap>(map).
template <template <Profile> class Map, Profile P = Cloud>
Map<P>* MapCast(LocalMap* map) {
  return MapCast<Map<P>>(map);
}
template <template <Profile> class Map, Profile P = Cloud>
Map<P>* MapCast(LocalMap& map) {
  return MapCast<Map<P>>(&map);
}
template <template <Profile> class Map, Profile P = Cloud>
Map<P>* MapCast(const std::shared_ptr<LocalMap>& map) {
  return MapCast<Map<P>>(map.get());
}
template <template <Profile> class Map, Profile P = Cloud>
Map<P>* MapCast(std::shared_ptr<LocalMap>&& map) = delete;

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_MAP_CAST_H_
