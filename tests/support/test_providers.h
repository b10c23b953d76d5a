// SPDX-License-Identifier: Apache-2.0

// Two providers of custom maps, for tests.

#ifndef BPFMAP_TESTS_SUPPORT_TEST_PROVIDERS_H_
#define BPFMAP_TESTS_SUPPORT_TEST_PROVIDERS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_provider.h"

namespace bpfmap {

// Keeps objects: user space puts in a handle of 4 bytes and is shown it again,
// and what is stored is a pointer to the object, which is referred to once.
// NOLINTBEGIN(bugprone-sizeof-expression): the size of a pointer is meant.
class ObjectProvider final : public MapProvider {
 public:
  static constexpr MapType kType{4100};
  static constexpr uint32_t kObjects = 8;

  struct Object {
    uint32_t handle;
    int references = 0;  // a plain number: see the promises of MapProvider
    bool is_alive() const { return references > 0; }
  };
  using Objects = std::array<Object, kObjects>;

  ObjectProvider() : MapProvider(kType) {}

  DefError OnCreate(ProvidedMap& map, Storage* storage) override {
    ++creations;
    if (map.def().value_size != sizeof(uint32_t)) {
      return {Errno::kInval, "value_size must be 4: the value is a handle"};
    }
    if (map.def().max_entries > kObjects) {
      return {Errno::k2Big, "max_entries must be 8 or less"};
    }
    auto* const objects = new Objects;
    for (uint32_t i = 0; i < kObjects; ++i) (*objects)[i].handle = HandleOf(i);
    map.set_context(objects);
    this->map = &map;
    *storage = {.value_size = sizeof(Object*), .is_converted = true};
    return {};
  }
  void OnDestroy(ProvidedMap& map) override {
    for (const Object& object : ObjectsOf(map)) {
      if (object.is_alive()) leaked = true;
    }
    delete &ObjectsOf(map);
    ++destructions;
  }
  Errno OnFind(ProvidedMap&, const void*, const void* stored,
               void* value) override {
    const Object* const object = ObjectAt(stored);
    if (!object->is_alive()) leaked = true;
    std::memcpy(value, &object->handle, sizeof object->handle);
    return Errno::kOk;
  }
  Errno OnUpdate(ProvidedMap& map, const void*, const void* value,
                 void* stored) override {
    uint32_t handle;
    std::memcpy(&handle, value, sizeof handle);
    for (Object& object : ObjectsOf(map)) {
      if (object.handle != handle) continue;
      ++object.references;
      Object* const pointer = &object;
      std::memcpy(stored, &pointer, sizeof pointer);
      return Errno::kOk;
    }
    return Errno::kBadF;
  }
  Errno OnDelete(ProvidedMap&, const void*, const void* stored,
                 Leaves) override {
    --ObjectAt(stored)->references;
    return Errno::kOk;
  }

  static uint32_t HandleOf(uint32_t i) { return 1000 + i; }
  static Objects& ObjectsOf(ProvidedMap& map) {
    return *static_cast<Objects*>(map.context());
  }
  static Object* ObjectAt(const void* stored) {
    Object* object;
    std::memcpy(&object, stored, sizeof object);
    return object;
  }

  std::atomic<ProvidedMap*> map{nullptr};  // the last one
  std::atomic<int> creations{0};           // asked for
  std::atomic<int> destructions{0};
  std::atomic<bool> leaked{false};  // an element came or left twice, or never
};
// NOLINTEND(bugprone-sizeof-expression)

// Watches a map whose values are numbers of 4 bytes, up to 100, and of which
// the key kPinned stays.
class WatchProvider final : public MapProvider {
 public:
  static constexpr MapType kType = kFirstCustomType;
  static constexpr uint32_t kLargest = 100;
  static constexpr uint32_t kPinned = 7;
  static constexpr uint32_t kHidden = 9;
  static constexpr uint32_t kProgramType = 1;  // BPF_PROG_TYPE_SOCKET_FILTER

  explicit WatchProvider(MapType type = kType) : MapProvider(type) {}

  DefError OnCreate(ProvidedMap& map, Storage* storage) override {
    this->map = &map;
    storage->value_size += extra_bytes;
    return {};
  }
  Errno OnFind(ProvidedMap&, const void* key, const void*,
               void* value) override {
    found_a_buffer = found_a_buffer || value != nullptr;
    return NumberAt(key) == kHidden ? Errno::kAgain : Errno::kOk;
  }
  Errno OnUpdate(ProvidedMap&, const void*, const void*,
                 void* stored) override {
    const uint32_t number = std::min(NumberAt(stored), kLargest);
    std::memcpy(stored, &number, sizeof number);
    ++updates;
    return Errno::kOk;
  }
  Errno OnDelete(ProvidedMap&, const void* key, const void*,
                 Leaves why) override {
    if (NumberAt(key) == kPinned && why == Leaves::kDeleted) {
      return Errno::kBusy;
    }
    ++left[static_cast<int>(why)];
    return Errno::kOk;
  }
  void OnNextKey(ProvidedMap&, const void* key, const void* stored) override {
    ++walked;
    sum += NumberAt(key) * 1000 + NumberAt(stored);
  }
  Errno OnAssociateProgram(ProvidedMap&, uint32_t program_type) override {
    return program_type == kProgramType ? Errno::kOk : Errno::kInval;
  }

  static uint32_t NumberAt(const void* bytes) {
    uint32_t number;
    std::memcpy(&number, bytes, sizeof number);
    return number;
  }

  uint32_t extra_bytes = 0;
  ProvidedMap* map = nullptr;
  bool found_a_buffer = false;
  int updates = 0;
  int left[3] = {};  // by Leaves
  std::atomic<int> walked{0};
  std::atomic<uint32_t> sum{0};
};

// Takes everything: its maps are hash maps.
class PlainProvider final : public MapProvider {
 public:
  static constexpr MapType kType{4200};
  explicit PlainProvider(MapType type = kType) : MapProvider(type) {}
  DefError OnCreate(ProvidedMap&, Storage*) override { return {}; }
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_TEST_PROVIDERS_H_
