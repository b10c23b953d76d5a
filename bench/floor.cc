// SPDX-License-Identifier: Apache-2.0

#include "bench/floor.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/contender.h"
#include "bench/floor_maps.h"
#include "bench/floor_queue.h"
#include "bench/floor_table.h"
#include "bench/workload.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap::bench {
namespace {

enum class FloorView { kProgram, kUser };

// The kind of the maps of a class.
template <typename M>
constexpr MapKind FloorKind() {
  if constexpr (requires { M::kKind; }) {
    return M::kKind;
  } else {
    return MapKind::kKeyed;
  }
}

template <typename M, FloorView kView>
class FloorKeyedView {
 public:
  using Map = M;
  static constexpr MapKind kKind = FloorKind<M>();

  FloorKeyedView(Map& map, const MapDef& def) : map_(map) {
    if (kView == FloorView::kUser) {
      value_.resize(def.value_size * (IsPerCpu(def.type) ? PossibleCpus() : 1));
    }
  }

  const void* Lookup(const void* key) {
    void* const found = map_.Lookup(key);
    if constexpr (kView == FloorView::kUser) {
      if (found == nullptr) return nullptr;
      map_.Copy(found, value_.data());
      return kKind == MapKind::kBloom ? key : value_.data();
    }
    return found;
  }
  Errno Update(const void* key, const void* value) {
    return Put(key, value) ? Errno::kOk : Errno::k2Big;
  }
  Errno Delete(const void* key) requires
      requires(M& map, typename M::Freed& freed) {
    map.Delete(key, freed);
  }
  { return map_.Delete(key, freed_) ? Errno::kOk : Errno::kNoEnt; }

 private:
  bool Put(const void* key, const void* value) {
    if constexpr (kView == FloorView::kUser &&
                  requires { map_.UpdateAll(key, value, freed_); }) {
      return map_.UpdateAll(key, value, freed_);
    } else {
      return map_.Update(key, value, freed_);
    }
  }

  Map& map_;
  typename Map::Freed freed_;
  std::vector<std::byte> value_;
};

template <typename M>
class FloorPushPopView {
 public:
  using Map = M;

  FloorPushPopView(Map& map, const MapDef& def)
      : map_(map), value_(def.value_size) {}

  Errno Push(const void* value) {
    return map_.Push(value) ? Errno::kOk : Errno::k2Big;
  }
  const void* Pop() {
    return map_.Pop(value_.data()) ? value_.data() : nullptr;
  }

 private:
  Map& map_;
  std::vector<std::byte> value_;
};

class FloorRingView {
 public:
  using Map = FloorRing;

  FloorRingView(Map& map, const MapDef&) : map_(map) {}

  void* Reserve() { return map_.Reserve(); }
  void Submit(void* record) { FloorRing::Submit(record); }
  uint64_t Consume() {
    return map_.Consume([this](uint64_t bytes) { last_ = bytes; });
  }
  uint64_t last() const { return last_; }

 private:
  Map& map_;
  uint64_t last_ = 0;  // record that was read
};

template <typename View, MapType kType, typename Make>
Contender MakeFloor(const std::string& view, size_t key_size, size_t value_size,
                    Make make) {
  return MakeContender<kType>(Implementation<View>{
      "floor/" + view,
      [=](const MapDef& def) {
        return def.type == kType && def.key_size == key_size &&
               def.value_size == value_size;
      },
      [=](const MapDef& def)
          -> absl::StatusOr<std::shared_ptr<typename View::Map>> {
        return make(def);
      }});
}

template <typename Map, MapType kType, size_t kKeySize, size_t kValueSize>
void AddKeyed(std::vector<Contender>& all) {
  const auto make = [](const MapDef& def) {
    return std::make_shared<Map>(def);
  };
  all.push_back(MakeFloor<FloorKeyedView<Map, FloorView::kProgram>, kType>(
      "program", kKeySize, kValueSize, make));
  if constexpr (FloorKind<Map>() != MapKind::kMapOfMaps) {
    all.push_back(MakeFloor<FloorKeyedView<Map, FloorView::kUser>, kType>(
        "user", kKeySize, kValueSize, make));
  }
}

template <MapType kType, size_t kValueSize>
void AddPushPop(std::vector<Contender>& all) {
  using Map = FloorPushPop<FloorBytes<kValueSize>, kType>;
  const auto make = [](const MapDef& def) {
    return std::make_shared<Map>(def.max_entries);
  };
  // Both views copy.
  for (const char* view : {"program", "user"}) {
    all.push_back(
        MakeFloor<FloorPushPopView<Map>, kType>(view, 0, kValueSize, make));
  }
}

}  // namespace

std::vector<Contender> FloorMaps() {
  std::vector<Contender> all;
  AddKeyed<FloorHash<4, 8>, MapType::kHash, 4, 8>(all);
  AddKeyed<FloorHash<16, 64>, MapType::kHash, 16, 64>(all);
  AddKeyed<FloorIndexed<8>, MapType::kArray, 4, 8>(all);
  AddKeyed<FloorIndexed<64>, MapType::kArray, 4, 64>(all);
  AddKeyed<FloorLruHash<4, 8>, MapType::kLruHash, 4, 8>(all);
  AddKeyed<FloorLruHash<16, 64>, MapType::kLruHash, 16, 64>(all);
  AddKeyed<FloorPerCpuHash<4, 8>, MapType::kPerCpuHash, 4, 8>(all);
  AddKeyed<FloorPerCpuHash<16, 64>, MapType::kPerCpuHash, 16, 64>(all);
  AddKeyed<FloorPerCpuIndexed<8>, MapType::kPerCpuArray, 4, 8>(all);
  AddKeyed<FloorPerCpuIndexed<64>, MapType::kPerCpuArray, 4, 64>(all);
  AddKeyed<FloorHash<8, 8>, MapType::kLpmTrie, 8, 8>(all);
  AddKeyed<FloorBloom, MapType::kBloomFilter, 0, 8>(all);
  AddKeyed<FloorMapOfMaps<FloorIndexed<8>>, MapType::kArrayOfMaps, 4, 4>(all);
  AddKeyed<FloorMapOfMaps<FloorHash<4, 8>>, MapType::kHashOfMaps, 4, 4>(all);
  AddPushPop<MapType::kQueue, 8>(all);
  AddPushPop<MapType::kQueue, 64>(all);
  AddPushPop<MapType::kStack, 8>(all);
  AddPushPop<MapType::kStack, 64>(all);
  all.push_back(MakeFloor<FloorRingView, MapType::kRingBuf>(
      "program", 0, 0, [](const MapDef& def) {
        return std::make_shared<FloorRing>(def.max_entries);
      }));
  return all;
}

}  // namespace bpfmap::bench
