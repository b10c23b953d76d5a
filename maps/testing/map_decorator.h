// SPDX-License-Identifier: Apache-2.0

// MapDecorator: base of maps that hand each call on to another map, and see it
// on its way: FailNth and Trace, and decorators of your own.
//
//   class Count final : public MapDecorator {
//    public:
//     using MapDecorator::MapDecorator;
//     int updates = 0;
//    private:
//     Errno Before(const MapCall& call) override {
//       if (call.operation == "update") ++updates;
//       return Errno::kOk;  // go on
//     }
//   };
//
// A decorator is a LocalMap with both views, and with the ring's calls where
// the map is a ring. MapCast() does not see the map through it.
//
// Thread-safe as far as the map and Before() and After() are: those are called
// on the thread that makes the call, at the same time as others.

#ifndef BPFMAP_MAPS_TESTING_MAP_DECORATOR_H_
#define BPFMAP_MAPS_TESTING_MAP_DECORATOR_H_

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/ring_producer.h"

namespace bpfmap {

// The names of operations. One name stands for the same operation in both
// views: "update" for Update() and for UpdateElem().
inline constexpr absl::string_view kMapOperations[] = {
    "lookup",       "update",       "delete",
    "get_next_key", "freeze",       "lookup_and_delete",
    "lookup_batch", "update_batch", "delete_batch",
    "push",         "pop",          "peek",
    "for_each",     "reserve",      "output",
    "submit",       "discard",      "lookup_and_delete_batch",
};

constexpr bool IsMapOperation(absl::string_view name) {
  return std::find(std::begin(kMapOperations), std::end(kMapOperations),
                   name) != std::end(kMapOperations);
}

// One call. Pointers are the caller's, and good until the call returns.
struct MapCall {
  absl::string_view operation;  // one of kMapOperations
  absl::string_view method;     // "UpdateElem"
  const void* key = nullptr;    // of one element, where there is one
  const void* value = nullptr;  // what goes in
  uint64_t flags = 0;
};

// The answer to one call.
struct MapAnswer {
  // kOk for a call that returns no errno, such as a lookup that gave null.
  Errno error = Errno::kOk;
  // The value that came out: the caller's buffer, or a pointer into the map.
  // Null if nothing did.
  const void* value = nullptr;
  // Whether `value` has a part for each CPU, in a per-CPU map.
  bool is_user_view = false;
};

// A map to be decorated: a LocalMap, a pointer to one, or a shared one. It must
// outlive the decorator, unless it is shared. REQUIRES: it is not null.
class DecoratedMap {
 public:
  DecoratedMap(LocalMap& map)  // NOLINT: stands for the map
      : map_(std::shared_ptr<void>(), &map) {}
  DecoratedMap(LocalMap* map) : DecoratedMap(*map) {}  // NOLINT
  template <std::derived_from<LocalMap> Map>
  DecoratedMap(std::shared_ptr<Map> map) : map_(std::move(map)) {}  // NOLINT

  const std::shared_ptr<LocalMap>& shared() const { return map_; }

 private:
  std::shared_ptr<LocalMap> map_;
};

class MapDecorator : public LocalMap, private RingProducer {
 public:
  explicit MapDecorator(const DecoratedMap& map)
      : map_(map.shared()), ring_(map_->ring_producer()) {}
  MapDecorator(const MapDecorator&) = delete;
  MapDecorator& operator=(const MapDecorator&) = delete;

  // The map that calls are handed on to.
  LocalMap& map() const { return *map_; }

  MapTraits traits() const final { return map_->traits(); }
  bool frozen() const final { return map_->frozen(); }
  void ReclaimRetired() final { map_->ReclaimRetired(); }
  RingProducer* ring_producer() final {
    return ring_ == nullptr ? nullptr : this;
  }

  // The program view.
  void* LookupElem(const void* key) final {
    return Point({.operation = "lookup", .method = "LookupElem", .key = key},
                 [&] { return map_->LookupElem(key); });
  }
  void* LookupPerCpuElem(const void* key, uint32_t cpu) final {
    return Point(
        {.operation = "lookup", .method = "LookupPerCpuElem", .key = key},
        [&] { return map_->LookupPerCpuElem(key, cpu); });
  }
  Errno UpdateElem(const void* key, const void* value, ElemFlags flags) final {
    return Run({"update", "UpdateElem", key, value, ToNumber(flags)},
               [&] { return map_->UpdateElem(key, value, flags); });
  }
  Errno DeleteElem(const void* key) final {
    return Run({"delete", "DeleteElem", key},
               [&] { return map_->DeleteElem(key); });
  }
  Errno Push(const void* value, ElemFlags flags) final {
    return Run({"push", "Push", nullptr, value, ToNumber(flags)},
               [&] { return map_->Push(value, flags); });
  }
  Errno Pop(void* value) final {
    return Run(
        {"pop", "Pop"}, [&] { return map_->Pop(value); }, value);
  }
  Errno Peek(void* value) final {
    return Run(
        {"peek", "Peek"}, [&] { return map_->Peek(value); }, value);
  }

 protected:
  ~MapDecorator() = default;

 private:
  // Called before a call is handed on. An error is the answer in its place
  // (null, where a pointer is returned); nothing is handed on then.
  virtual Errno Before(const MapCall&) { return Errno::kOk; }
  // Called with the answer, whoever gave it.
  virtual void After(const MapCall&, const MapAnswer&) {}

  template <typename F>
  Errno Run(const MapCall& call, F forward, const void* out = nullptr,
            bool is_user_view = false) {
    Errno error = Before(call);
    if (error == Errno::kOk) error = forward();
    After(call, {error, error == Errno::kOk ? out : nullptr, is_user_view});
    return error;
  }
  template <typename F>
  Errno RunUser(const MapCall& call, F forward, const void* out = nullptr) {
    return Run(call, forward, out, /*is_user_view=*/true);
  }
  template <typename F>
  void* Point(const MapCall& call, F forward) {
    const Errno error = Before(call);
    void* const pointer = error == Errno::kOk ? forward() : nullptr;
    After(call, {error, pointer});
    return pointer;
  }

  // The user view.
  MapDef DoDef() const final { return map_->def(); }
  Errno DoLookup(const void* key, void* value, ElemFlags flags) final {
    return RunUser(
        {"lookup", "Lookup", key, nullptr, ToNumber(flags)},
        [&] { return map_->Lookup(key, value, flags); }, value);
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) final {
    return RunUser({"update", "Update", key, value, ToNumber(flags)},
                   [&] { return map_->Update(key, value, flags); });
  }
  Errno DoDelete(const void* key) final {
    return RunUser({"delete", "Delete", key},
                   [&] { return map_->Delete(key); });
  }
  Errno DoGetNextKey(const void* key, void* next_key) final {
    return RunUser({"get_next_key", "GetNextKey", key},
                   [&] { return map_->GetNextKey(key, next_key); });
  }
  Errno DoLookupAndDelete(const void* key, void* value, ElemFlags flags) final {
    return RunUser(
        {"lookup_and_delete", "LookupAndDelete", key, nullptr, ToNumber(flags)},
        [&] { return map_->LookupAndDelete(key, value, flags); }, value);
  }
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count, BatchFlags flags) final {
    return RunUser({"lookup_batch", "LookupBatch"}, [&] {
      return map_->LookupBatch(in_batch, out_batch, keys, values, count, flags);
    });
  }
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) final {
    return RunUser({"lookup_and_delete_batch", "LookupAndDeleteBatch"}, [&] {
      return map_->LookupAndDeleteBatch(in_batch, out_batch, keys, values,
                                        count, flags);
    });
  }
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) final {
    return RunUser({"update_batch", "UpdateBatch"}, [&] {
      return map_->UpdateBatch(keys, values, count, flags);
    });
  }
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) final {
    return RunUser({"delete_batch", "DeleteBatch"},
                   [&] { return map_->DeleteBatch(keys, count, flags); });
  }
  Errno DoFreeze() final {
    return RunUser({"freeze", "Freeze"}, [&] { return map_->Freeze(); });
  }

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) final {
    const MapCall call = {"for_each", "ForEachElem", nullptr, nullptr, flags};
    int64_t result = -static_cast<int64_t>(Before(call));
    if (result == 0) {
      result = map_->ForEachElem(
          [&](const void* key, void* value) { return visitor(key, value); },
          flags);
    }
    After(call, {static_cast<Errno>(result < 0 ? -result : 0)});
    return result;
  }

  // The ring. A record's size is not known to the format of values, so it is
  // not shown.
  void* DoReserve(uint64_t size, RingFlags flags) final {
    return Point({"reserve", "Reserve", nullptr, nullptr, ToNumber(flags)},
                 [&] { return ring_->Reserve(size, flags); });
  }
  void DoSubmit(void* data, RingFlags flags) final {
    Finish({"submit", "Submit", nullptr, nullptr, ToNumber(flags)},
           [&] { ring_->Submit(data, flags); });
  }
  void DoDiscard(void* data, RingFlags flags) final {
    Finish({"discard", "Discard", nullptr, nullptr, ToNumber(flags)},
           [&] { ring_->Discard(data, flags); });
  }
  Errno DoOutput(const void* data, uint64_t size, RingFlags flags) final {
    return Run({"output", "Output", nullptr, nullptr, ToNumber(flags)},
               [&] { return ring_->Output(data, size, flags); });
  }
  uint64_t DoQuery(uint64_t flags) const final { return ring_->Query(flags); }

  // A record must come to its end, so these cannot fail.
  template <typename F>
  void Finish(const MapCall& call, F forward) {
    static_cast<void>(Before(call));
    forward();
    After(call, {});
  }

  const std::shared_ptr<LocalMap> map_;
  RingProducer* const ring_;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TESTING_MAP_DECORATOR_H_
