// SPDX-License-Identifier: Apache-2.0

// The rows of maps of maps, which inner maps they take, and of arrays of
// programs and of perf events.

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/contract/golden_probe.h"
#include "tests/support/backend.h"
#include "tests/support/descriptor.h"

namespace bpfmap {
namespace {

// A map of maps, programs or targets for tests that know no descriptors: every
// value that is given is one and the same.
class OfOneValue final : public BpfMap {
 public:
  OfOneValue(TestMap outer, uint32_t value)
      : outer_(std::move(outer)), value_{value, 0} {}

  MapDef DoDef() const override { return outer_->def(); }
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    return outer_->Lookup(key, value, flags);
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    return outer_->Update(key, value == nullptr ? nullptr : value_, flags);
  }
  Errno DoDelete(const void* key) override { return outer_->Delete(key); }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    return outer_->GetNextKey(key, next_key);
  }
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override {
    return outer_->LookupAndDelete(key, value, flags);
  }
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count,
                      BatchFlags flags) override {
    return outer_->LookupBatch(in_batch, out_batch, keys, values, count, flags);
  }
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) override {
    return outer_->LookupAndDeleteBatch(in_batch, out_batch, keys, values,
                                        count, flags);
  }
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override {
    const std::vector<uint32_t> values_of_one(*count * 2 + 1, value_[0]);
    return outer_->UpdateBatch(
        keys, values == nullptr ? nullptr : values_of_one.data(), count, flags);
  }
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) override {
    return outer_->DeleteBatch(keys, count, flags);
  }
  Errno DoFreeze() override { return outer_->Freeze(); }

 private:
  const TestMap outer_;
  const uint32_t value_[2];  // the second one where values are 8 bytes
};

constexpr MapDef kTemplate = {
    .type = MapType::kArray, .key_size = 4, .value_size = 8, .max_entries = 4};

MapDef InnerDef(MapType type) {
  MapDef def = kTemplate;
  def.type = type;
  switch (type) {
    case MapType::kLpmTrie:
      def.key_size = 8;
      def.map_flags = kNoPrealloc;
      break;
    case MapType::kQueue:
    case MapType::kStack:
    case MapType::kBloomFilter:
      def.key_size = 0;
      break;
    case MapType::kPerfEventArray:
    case MapType::kCgroupArray:
      def.value_size = 4;
      break;
    case MapType::kRingBuf:
    case MapType::kUserRingBuf:
      return {.type = type, .max_entries = 4096};
    default:
      break;
  }
  return def;
}

}  // namespace

uint32_t GoldenProbe::OpenInner(const MapDef& def) {
  TestMap map;
  EXPECT_EQ(backend_.create(def, &map), Errno::kOk);
  inner_.push_back(std::make_unique<Descriptor>(map));
  return inner_.back()->number();
}

uint32_t GoldenProbe::OpenTemplate() {
  // Where there are no such maps, or no kernel, all of that is left out.
  TestMap map;
  if (backend_.create(kTemplate, &map) != Errno::kOk) return 0;
  return OpenInner(kTemplate);
}

Errno GoldenProbe::CreateOfOneValue(const MapDef& def, TestMap* map) {
  TestMap outer;
  const Errno error = backend_.create(def, &outer);
  if (error != Errno::kOk) return error;
  auto created = std::make_shared<OfOneValue>(std::move(outer), one_value_);
  OfOneValue* const seen = created.get();
  *map = TestMap(std::move(created), seen, nullptr);
  return error;
}

uint32_t GoldenProbe::OpenProgram() {
  uint32_t number = 0;
  program_ = backend_.open_program(&number);
  return number;
}

void GoldenProbe::Programs() {
  if (!is_prog_array()) return;
  TestMap map;
  ASSERT_EQ(backend_.create(base_, &map), Errno::kOk);
  const Descriptor itself(map);
  const uint32_t full = 0, empty = 1, not_open = 9999;
  const uint32_t of_map = itself.number();
  uint32_t value;
  Row("update", "fd not open", map->Update(&full, &not_open));
  Row("update", "fd of a map", map->Update(&full, &of_map));
  Row("update", "fd of a program", map->Update(&full, &one_value_));
  Row("lookup", "set slot", map->Lookup(&full, &value));
  Row("lookup", "empty slot", map->Lookup(&empty, &value));
  Row("delete", "empty slot", map->Delete(&empty));
  Row("delete", "set slot", map->Delete(&full));
}

void GoldenProbe::PerfEvents() {
  if (!is_perf_event_array()) return;
  for (const MapFlags map_flags : {MapFlags{}, kPreserveElems}) {
    const char* const name =
        map_flags == MapFlags{} ? "no PRESERVE_ELEMS" : "PRESERVE_ELEMS";
    MapDef def = base_;
    def.map_flags = map_flags;
    TestMap map;
    ASSERT_EQ(backend_.create(def, &map), Errno::kOk);
    const Descriptor itself(map);
    const uint32_t key = 1, not_open = 9999;
    const uint32_t of_map = itself.number();
    uint32_t value;
    const auto row = [&](const char* op, const char* condition, Errno error) {
      Row(op, absl::StrCat(condition, ", ", name), error);
    };
    row("update", "fd not open", map->Update(&key, &not_open));
    row("update", "fd of a map", map->Update(&key, &of_map));
    row("update", "fd of a perf event", map->Update(&key, &one_value_));
    row("lookup", "set slot", map->Lookup(&key, &value));
    row("delete", "set slot", map->Delete(&key));
    row("delete", "slot just emptied", map->Delete(&key));
  }
}

void GoldenProbe::Cgroups() {
  if (!is_cgroup_array()) return;
  TestMap map;
  ASSERT_EQ(backend_.create(base_, &map), Errno::kOk);
  const Descriptor itself(map);
  const uint32_t key = 0, not_open = 9999;
  const uint32_t of_map = itself.number();
  uint32_t value;
  Row("update", "fd not open", map->Update(&key, &not_open));
  Row("update", "fd of a map", map->Update(&key, &of_map));
  Row("update", "fd of a cgroup", map->Update(&key, &one_value_));
  Row("lookup", "set slot", map->Lookup(&key, &value));
  Row("delete", "set slot", map->Delete(&key));
  Row("delete", "slot just emptied", map->Delete(&key));
}

void GoldenProbe::InnerMaps() {
  if (!is_map_of_maps()) return;
  TestMap outer;
  ASSERT_EQ(backend_.create(base_, &outer), Errno::kOk);
  const uint32_t key = 1;
  const auto put = [&](uint32_t fd) { return outer->Update(&key, &fd); };
  const auto vary = [&]<typename T>(const char* what, T MapDef::*member,
                                    std::type_identity_t<T> value) {
    MapDef def = kTemplate;
    def.*member = value;
    Row("update",
        absl::StrCat("inner map with ", what, " (template ARRAY 4/8/4)"),
        put(OpenInner(def)));
  };
  vary("same attributes", &MapDef::key_size, 4);
  vary("ARRAY, other max_entries", &MapDef::max_entries, 8);
  vary("other value_size", &MapDef::value_size, 4);
  vary("other flags (MMAPABLE)", &MapDef::map_flags, kMmapable);
  vary("other flags (INNER_MAP)", &MapDef::map_flags, kInnerMap);
  vary("other flags (RDONLY fd flag)", &MapDef::map_flags, kRdOnly);
  vary("other flags (RDONLY_PROG)", &MapDef::map_flags, kRdOnlyProg);
  MapDef hash = kTemplate;
  hash.type = MapType::kHash;
  Row("update", "inner map with other type (HASH) (template ARRAY 4/8/4)",
      put(OpenInner(hash)));
  Row("update", "value is a descriptor that is not open", put(9999));
  {
    const Descriptor itself(outer);
    Row("update", "value is the outer map itself", put(itself.number()));
  }
  Row("update", "good inner map", put(base_.inner_map_fd));

  for (const MapType type :
       {MapType::kHash, MapType::kArray, MapType::kPerCpuHash,
        MapType::kPerCpuArray, MapType::kPerfEventArray, MapType::kLruHash,
        MapType::kLruPerCpuHash, MapType::kLpmTrie, MapType::kQueue,
        MapType::kStack, MapType::kRingBuf, MapType::kBloomFilter,
        MapType::kUserRingBuf, MapType::kStackTrace, MapType::kCgroupArray,
        MapType::kDevMap, MapType::kDevMapHash, MapType::kCpuMap}) {
    const MapDef inner = InnerDef(type);
    MapDef def = base_;
    def.inner_map_fd = OpenInner(inner);
    const std::string name = MapTypeName(type);
    Row("create", absl::StrCat("inner map type ", name),
        backend_.create(def, &outer));
    MapDef larger_inner = inner;
    larger_inner.max_entries *= 2;
    const uint32_t larger = OpenInner(larger_inner);
    Row("update",
        absl::StrCat("inner ", name,
                     " with twice the max_entries of the template"),
        put(larger));
    if (base_.type != MapType::kArrayOfMaps) continue;
    const uint32_t past_end = 9;
    Row("update", absl::StrCat("inner ", name, " at index 9 of 4"),
        outer->Update(&past_end, &larger));
  }
  for (const MapType type :
       {MapType::kArrayOfMaps, MapType::kHashOfMaps, MapType::kProgArray}) {
    MapDef inner = base_;
    inner.type = type;
    MapDef def = base_;
    def.inner_map_fd = OpenInner(inner);
    Row("create", absl::StrCat("inner map type ", MapTypeName(type)),
        backend_.create(def, &outer));
  }
  MapDef inner = kTemplate;
  inner.map_flags = kInnerMap;
  MapDef def = base_;
  def.inner_map_fd = OpenInner(inner);
  ASSERT_EQ(backend_.create(def, &outer), Errno::kOk);
  inner.max_entries = 9;
  Row("update", "template ARRAY with INNER_MAP, other max_entries",
      put(OpenInner(inner)));
  Row("update", "template ARRAY with INNER_MAP, map without it",
      put(base_.inner_map_fd));
}

}  // namespace bpfmap
