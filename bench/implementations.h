// The implementations that are compared, and how the benchmark talks to each.
//
// A view is what the operations call. Every thread has one of its own, and all
// of them are on the same map:
//
//   using Map = ...;                     what create() makes
//   View(Map& map, const MapDef& def);
//   const void* Lookup(key);             the value, until the next call; or
//   null Errno Update(key, value);            inserts or replaces Errno
//   Delete(key);
//
// A further implementation is an entry in the list at the end; and before it a
// view, unless it is a BpfMap.

#ifndef BPFMAP_BENCH_IMPLEMENTATIONS_H_
#define BPFMAP_BENCH_IMPLEMENTATIONS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "maps/bpf_map.h"
#include "maps/errno.h"
#include "maps/local_map.h"
#include "maps/map_def.h"
#include "maps/map_types.h"
#include "maps/status.h"
#include "profiles/cloud.h"
#include "profiles/embedded.h"
#include "profiles/profile.h"

namespace bpfmap::bench {

// A map as a BPF program uses it: a lookup copies nothing.
class ProgramView {
 public:
  using Map = LocalMap;

  ProgramView(Map& map, const MapDef&) : map_(map) {}

  const void* Lookup(const void* key) { return map_.LookupElem(key); }
  Errno Update(const void* key, const void* value) {
    return map_.UpdateElem(key, value, kAny);
  }
  Errno Delete(const void* key) { return map_.DeleteElem(key); }

 private:
  Map& map_;
};

// A map as user space uses it: a lookup copies the value.
class UserView {
 public:
  using Map = BpfMap;

  UserView(Map& map, const MapDef& def) : map_(map), value_(def.value_size) {}

  const void* Lookup(const void* key) {
    const Errno error = map_.Lookup(key, value_.data());
    return error == Errno::kOk ? value_.data() : nullptr;
  }
  Errno Update(const void* key, const void* value) {
    return map_.Update(key, value);
  }
  Errno Delete(const void* key) { return map_.Delete(key); }

 private:
  Map& map_;
  std::vector<std::byte> value_;
};

template <typename V>
struct Implementation {
  using View = V;

  // As it stands in the names of rows.
  std::string name;

  // Whether it can have such a map. Where it cannot, there is no row.
  std::function<bool(const MapDef&)> fits;

  std::function<absl::StatusOr<std::shared_ptr<typename V::Map>>(const MapDef&)>
      create;
};

// Whether a map takes no more than the memory of a profile has.
template <Profile P>
bool Fits([[maybe_unused]] const MapDef& def) {
  if constexpr (requires { P::Memory::kTotalSize; }) {
    return MemoryNeeded<P>(def) <= P::Memory::kTotalSize;
  }
  return true;
}

// Creates a map of ours, in memory of its own.
template <Profile P>
absl::StatusOr<std::shared_ptr<LocalMap>> Create(const MapDef& def) {
  std::shared_ptr<LocalMap> created;
  Errno error = Errno::kInval;
  VisitMapType<P>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    struct MapAndMemory {
      explicit MapAndMemory(const MapDef& def) : map(def, &memory) {}
      typename P::Memory memory;
      Map map;
    };
    auto owner = std::make_shared<MapAndMemory>(def);
    error = owner->map.Init();
    created = std::shared_ptr<LocalMap>(owner, &owner->map);
  });
  if (error == Errno::kOk) return created;
  return ToStatus(error, absl::StrCat(DescribeMap(def), " of the profile ",
                                      P::kName, " was not created"));
}

// Whether bpf(2) may be used here. Says so on stderr, once, where it may not.
bool KernelFits(const MapDef& def);

absl::StatusOr<std::shared_ptr<BpfMap>> CreateInKernel(const MapDef& def);

inline auto Implementations() {
  return std::tuple{
      Implementation<ProgramView>{"cloud/program", Fits<Cloud>, Create<Cloud>},
      Implementation<UserView>{"cloud/user", Fits<Cloud>, Create<Cloud>},
      Implementation<ProgramView>{"embedded/program", Fits<Embedded>,
                                  Create<Embedded>},
      Implementation<UserView>{"embedded/user", Fits<Embedded>,
                               Create<Embedded>},
      Implementation<UserView>{"kernel/user", KernelFits, CreateInKernel},
  };
}

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_IMPLEMENTATIONS_H_
