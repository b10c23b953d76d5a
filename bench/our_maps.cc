// SPDX-License-Identifier: Apache-2.0

#include "bench/our_maps.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/contender.h"
#include "bench/program_view.h"
#include "bench/user_view.h"
#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/bloom_filter_map.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/lpm_trie_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/maps/queue_stack_map.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::bench {
namespace {

// The same by the only producer: it has the ring's lock all the time.
class SoleProducerView : public RingProgramView<RingBuffer<Cloud>> {
 public:
  SoleProducerView(Map& map, const MapDef& def)
      : RingProgramView(map, def), map_(map) {}

  void* Reserve() {
    if (!producer_) producer_.emplace(map_);
    return producer_->Reserve(sizeof(uint64_t));
  }
  void Submit(void* record) { producer_->Submit(record, kRbNoWakeup); }

 private:
  Map& map_;
  std::optional<RingBuffer<Cloud>::SoleProducer> producer_;
};

// A lookup finds the inner map, and its only value.
class MapOfMapsProgramView {
 public:
  using Map = LocalMap;
  static constexpr MapKind kKind = MapKind::kMapOfMaps;

  MapOfMapsProgramView(Map& map, const MapDef&) : map_(map) {}

  const void* Lookup(const void* key) {
    auto* const inner = static_cast<LocalMap*>(map_.LookupElem(key));
    return inner == nullptr ? nullptr : inner->LookupElem(&kZero);
  }
  // The inner map is new, and begins with `value`.
  Errno Update(const void* key, const void* value) {
    std::byte whole[kInnerDef.value_size] = {};
    std::memcpy(whole, value, map_.def().value_size);
    auto inner = CreateMap(kInnerDef);
    if (!inner.ok()) return Errno::kNoMem;
    const Errno error = (*inner)->Update(&kZero, whole);
    if (error != Errno::kOk) return error;
    const OpenFile file(*std::move(inner));
    return map_.Update(key, &file.fd);
  }

  // As CreateMap(), with a template.
  static absl::StatusOr<std::shared_ptr<LocalMap>> Create(MapDef def) {
    auto inner = CreateMap(kInnerDef);
    if (!inner.ok()) return inner.status();
    const OpenFile file(*std::move(inner));
    def.inner_map_fd = file.fd;
    return CreateMap(def);
  }

 private:
  struct OpenFile {
    explicit OpenFile(std::shared_ptr<LocalMap> map)
        : fd(MapFdTable::Global().Open(std::move(map))) {}
    ~OpenFile() { (void)MapFdTable::Global().Close(fd); }
    const uint32_t fd;
  };

  static constexpr uint32_t kZero = 0;

  Map& map_;
};

// Whether a profile has such maps, and memory for one.
template <Profile P>
bool Fits([[maybe_unused]] const MapDef& def) {
  if constexpr (requires { P::Memory::kTotalSize; }) {
    return !CheckDef<P>(def).failed() &&
           MemoryNeeded<P>(def) <= P::Memory::kTotalSize;
  }
  return true;
}

// Creates a map in memory of its own. Map is its class, Seen what to make of
// it.
template <typename Seen, typename Map, Profile P>
absl::StatusOr<std::shared_ptr<Seen>> CreateOne(const MapDef& def) {
  struct MapAndMemory {
    explicit MapAndMemory(const MapDef& def) : map(def, &memory) {}
    typename P::Memory memory;
    Map map;
  };
  auto owner = std::make_shared<MapAndMemory>(def);
  const Errno error = owner->map.Init();
  if (error == Errno::kOk) return std::shared_ptr<Seen>(owner, &owner->map);
  return ToStatus(error, absl::StrCat(DescribeMap(def), " of the profile ",
                                      P::kName, " was not created"));
}

template <typename Interface, Profile P>
absl::StatusOr<std::shared_ptr<Interface>> Create(const MapDef& def) {
  absl::StatusOr<std::shared_ptr<Interface>> created;
  VisitMapType<P>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    created = CreateOne<Interface, Map, P>(def);
  });
  return created;
}

template <typename View, MapType type>
Contender Direct(const char* name = "cloud_direct/program") {
  using Map = typename View::Map;
  return MakeContender<type>(Implementation<View>{
      name, [](const MapDef& def) { return def.type == type; },
      CreateOne<Map, Map, Cloud>});
}

template <Profile P>
Contender ByProgram() {
  return MakeContender(Implementation<ProgramView<LocalMap>>{
      absl::StrCat(P::kName, "/program"), Fits<P>, Create<LocalMap, P>});
}

template <Profile P>
Contender PushPopByProgram() {
  return MakeContender(Implementation<PushPopProgramView<LocalMap>>{
      absl::StrCat(P::kName, "/program"), Fits<P>, Create<LocalMap, P>});
}

template <Profile P, typename View = UserView>
Contender ByUser() {
  return MakeContender(Implementation<View>{absl::StrCat(P::kName, "/user"),
                                            Fits<P>, Create<BpfMap, P>});
}

}  // namespace

std::vector<Contender> OurMaps() {
  return {
      ByProgram<Cloud>(),
      PushPopByProgram<Cloud>(),
      Direct<ProgramView<HashMap<Cloud>>, MapType::kHash>(),
      Direct<ProgramView<ArrayMap<Cloud>>, MapType::kArray>(),
      Direct<ProgramView<PerCpuHashMap<Cloud>>, MapType::kPerCpuHash>(),
      Direct<ProgramView<PerCpuArrayMap<Cloud>>, MapType::kPerCpuArray>(),
      Direct<ProgramView<LruHashMap<Cloud>>, MapType::kLruHash>(),
      Direct<ProgramView<LpmTrieMap<Cloud>>, MapType::kLpmTrie>(),
      Direct<BloomProgramView<BloomFilterMap<Cloud>>, MapType::kBloomFilter>(),
      Direct<RingProgramView<RingBuffer<Cloud>>, MapType::kRingBuf>(),
      Direct<SoleProducerView, MapType::kRingBuf>("cloud_sole/program"),
      MakeContender(Implementation<MapOfMapsProgramView>{
          "cloud/program", Fits<Cloud>, MapOfMapsProgramView::Create}),
      Direct<PushPopProgramView<QueueMap<Cloud>>, MapType::kQueue>(),
      Direct<PushPopProgramView<StackMap<Cloud>>, MapType::kStack>(),
      ByUser<Cloud>(),
      ByUser<Cloud, PushPopUserView>(),
      ByUser<Cloud, BloomUserView>(),
      ByProgram<Embedded>(),
      PushPopByProgram<Embedded>(),
      ByUser<Embedded>(),
      ByUser<Embedded, PushPopUserView>()};
}

}  // namespace bpfmap::bench
