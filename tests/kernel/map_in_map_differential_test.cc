// SPDX-License-Identifier: Apache-2.0

// Random commands on maps whose values are handles, here and in the kernel at
// once: maps of maps, and arrays of programs. See differential.h.
//
// User space puts a descriptor into such a map, or with arrays of programs here
// any number, and reads an id: neither is the same here and there. So both
// sides number the handles, and a map that translates stands in front of each.
//
// Flags: --seed=N (printed by every run), --steps=N, of each test.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/inner_maps.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/kernel/differential.h"
#include "tests/support/backend.h"
#include "tests/support/command_flags.h"
#include "tests/support/descriptor.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

// The handles that can be put into a map on one side, by number.
class Handles {
 public:
  // `id` is what is shown where `handle` was put in.
  void Add(uint32_t handle, uint32_t id) {
    number_of_id_.try_emplace(id, handles_.size());
    handles_.push_back(handle);
  }
  void AddRefused(uint32_t handle) { handles_.push_back(handle); }

  uint32_t HandleOf(uint32_t number) const {
    return handles_[number % handles_.size()];
  }
  // `id` itself if it is none.
  uint32_t NumberOf(uint32_t id) const {
    const auto number = number_of_id_.find(id);
    return number == number_of_id_.end() ? id : number->second;
  }

 private:
  std::vector<uint32_t> handles_;
  std::map<uint32_t, uint32_t> number_of_id_;
};

// A map with numbers in the place of handles and ids.
class TranslatingMap final : public BpfMap {
 public:
  TranslatingMap(TestMap map, const Handles& handles)
      : map_(std::move(map)), handles_(handles) {}

  MapDef DoDef() const override { return map_->def(); }
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = map_->Lookup(key, value, flags);
    if (error == Errno::kOk) ToNumbers(value, 1);
    return error;
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    return map_->Update(key, ToHandles(value, 1).get(), flags);
  }
  Errno DoDelete(const void* key) override { return map_->Delete(key); }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    return map_->GetNextKey(key, next_key);
  }
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override {
    return map_->LookupAndDelete(key, value, flags);
  }
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count,
                      BatchFlags flags) override {
    const uint32_t room = *count;
    const Errno error =
        map_->LookupBatch(in_batch, out_batch, keys, values, count, flags);
    ToNumbers(values, room);
    return error;
  }
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) override {
    const uint32_t room = *count;
    const Errno error = map_->LookupAndDeleteBatch(in_batch, out_batch, keys,
                                                   values, count, flags);
    ToNumbers(values, room);
    return error;
  }
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override {
    return map_->UpdateBatch(keys, ToHandles(values, *count).get(), count,
                             flags);
  }
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) override {
    return map_->DeleteBatch(keys, count, flags);
  }
  Errno DoFreeze() override { return map_->Freeze(); }

 private:
  void ToNumbers(void* values, uint32_t count) const {
    if (values == nullptr || count == 0) return;
    std::vector<uint32_t> numbers(count);
    std::memcpy(numbers.data(), values, count * sizeof(uint32_t));
    for (uint32_t& number : numbers) number = handles_.NumberOf(number);
    std::memcpy(values, numbers.data(), count * sizeof(uint32_t));
  }
  std::unique_ptr<uint32_t[]> ToHandles(const void* values,
                                        uint32_t count) const {
    if (values == nullptr) return nullptr;
    auto handles = std::make_unique<uint32_t[]>(count + 1);  // never null
    std::memcpy(handles.get(), values, count * sizeof(uint32_t));
    for (uint32_t i = 0; i < count; ++i) {
      handles[i] = handles_.HandleOf(handles[i]);
    }
    return handles;
  }

  const TestMap map_;
  const Handles& handles_;
};

// A backend, and what can be put into its maps.
class Side {
 public:
  explicit Side(const Backend& backend) : backend_(backend) {
    if (backend.has(MapType::kArrayOfMaps)) AddMaps();
    if (backend.is_kernel) {
      AddProgramsOfKernel();
    } else {
      for (uint32_t i = 0; i < Differential::kGoodHandles; ++i) {
        programs_.Add(1 + i % 2, 1 + i % 2);
      }
      AddRefusedPrograms(0);
    }
  }

  Errno Create(MapDef def, TestMap* map) const {
    const bool of_maps = IsMapOfMaps(def.type);
    if (of_maps) def.inner_map_fd = maps_.HandleOf(def.inner_map_fd);
    TestMap inside;
    const Errno error = backend_.create(def, &inside);
    if (error != Errno::kOk) return error;
    auto numbered = std::make_shared<TranslatingMap>(
        std::move(inside), of_maps ? maps_ : programs_);
    TranslatingMap* const created = numbered.get();
    *map = TestMap(std::move(numbered), created, nullptr);
    return Errno::kOk;
  }

 private:
  static constexpr uint32_t kNotOpen = 9999;

  // The first one is the template. Those that differ from it in one member
  // only are taken or not.
  void AddMaps() {
    const MapDef like = {.type = MapType::kHash,
                         .key_size = 4,
                         .value_size = 8,
                         .max_entries = 4};
    std::vector<MapDef> defs(8, like);
    defs[2].max_entries = 5;
    defs[3].map_flags = kRdOnly;
    static_assert(Differential::kGoodHandles == 4);
    defs[4].value_size = 4;
    defs[5].map_flags = kNoPrealloc;
    defs[6].type = MapType::kArray;
    defs[7].spin_lock_offset = 4;
    for (const MapDef& def : defs) {
      TestMap map;
      EXPECT_EQ(backend_.create(def, &map), Errno::kOk);
      const uint32_t fd = DescriptorOf(map);
      maps_.Add(fd, IdOf(fd));
    }
    maps_.AddRefused(DescriptorOf(OuterOf(maps_.HandleOf(0))));
    maps_.AddRefused(kNotOpen);
  }

  uint32_t DescriptorOf(const TestMap& map) {
    descriptors_.push_back(std::make_unique<Descriptor>(map));
    return descriptors_.back()->number();
  }
  TestMap OuterOf(uint32_t fd) const {
    TestMap outer;
    EXPECT_EQ(backend_.create({.type = MapType::kArrayOfMaps,
                               .key_size = 4,
                               .value_size = 4,
                               .max_entries = 1,
                               .inner_map_fd = fd},
                              &outer),
              Errno::kOk);
    return outer;
  }
  uint32_t IdOf(uint32_t fd) const {
    const TestMap outer = OuterOf(fd);
    const uint32_t key = 0;
    uint32_t id = 0;
    EXPECT_EQ(outer->Update(&key, &fd), Errno::kOk);
    EXPECT_EQ(outer->Lookup(&key, &id), Errno::kOk);
    return id;
  }

  void AddProgramsOfKernel() {
    TestMap array;
    EXPECT_EQ(backend_.create({.type = MapType::kProgArray,
                               .key_size = 4,
                               .value_size = 4,
                               .max_entries = 1},
                              &array),
              Errno::kOk);
    BpfAssembler nothing;
    nothing.MoveValue(kR0, 0).Exit();
    for (uint32_t i = 0; i < Differential::kGoodHandles; ++i) {
      if (i < 2) {
        loaded_.push_back(std::make_unique<KernelProgram>(nothing));
      }
      const uint32_t fd = loaded_[i % 2]->fd();
      const uint32_t key = 0;
      uint32_t id = 0;
      EXPECT_EQ(array->Update(&key, &fd), Errno::kOk);
      EXPECT_EQ(array->Lookup(&key, &id), Errno::kOk);
      programs_.Add(fd, id);
    }
    AddRefusedPrograms(kNotOpen);
  }
  void AddRefusedPrograms(uint32_t handle) {
    for (uint32_t i = Differential::kGoodHandles; i < Differential::kHandles;
         ++i) {
      programs_.AddRefused(handle);
    }
  }

  const Backend& backend_;
  std::vector<std::unique_ptr<Descriptor>> descriptors_;
  std::vector<std::unique_ptr<KernelProgram>> loaded_;
  Handles maps_, programs_;
};

// Of Backends()[i].
template <int i>
const Side& SideOf() {
  static const Side& side = *new Side(Backends()[i]);
  return side;
}
template <int i>
Backend Numbered() {
  Backend backend = Backends()[i];
  backend.create = [](const MapDef& def, TestMap* map) {
    return SideOf<i>().Create(def, map);
  };
  return backend;
}

// A run that never got far would find no difference either.
void ExpectAllSeen(MapType type, const Differential::Results& results) {
  const bool is_hash = type == MapType::kHashOfMaps;
  const bool has_batches = type != MapType::kProgArray;
  std::map<std::string, std::vector<Errno>> expected = {
      {"create", {Errno::kOk, Errno::kInval}},
      {"lookup",
       {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm, Errno::kFault}},
      {"update",
       {Errno::kOk, Errno::k2Big, Errno::kInval, Errno::kPerm, Errno::kFault,
        Errno::kBadF}},
      {"delete", {Errno::kOk, Errno::kNoEnt, Errno::kPerm, Errno::kFault}},
      {"get_next_key",
       {Errno::kOk, Errno::kNoEnt, Errno::kPerm, Errno::kFault}},
      {"lookup_and_delete",
       {Errno::kNotSupp, Errno::kInval, Errno::kPerm, Errno::kFault}},
      {"freeze", {Errno::kOk, Errno::kPerm}},
  };
  if (IsMapOfMaps(type)) expected["create"].push_back(Errno::kBadF);
  if (is_hash) {
    expected["update"].push_back(Errno::kExist);
    expected["update"].push_back(Errno::kNoEnt);
  } else {
    expected["delete"].push_back(Errno::k2Big);
  }
  if (has_batches) {
    expected["lookup_batch"] = {Errno::kNoEnt, Errno::kInval, Errno::kPerm,
                                Errno::kFault};
    expected["update_batch"] = {Errno::kOk, Errno::kPerm, Errno::kBadF};
  } else {
    expected["lookup_batch"] = expected["update_batch"] =
        expected["delete_batch"] = {Errno::kNotSupp};
  }
  for (const auto& [command, errors] : expected) {
    const auto row =
        results.find(std::string(MapTypeName(type)) + " " + command);
    for (const Errno error : errors) {
      EXPECT_TRUE(row != results.end() && row->second.count(error) == 1)
          << command << " never answered " << ErrnoName(error);
    }
  }
}

class HandlesParityTest
    : public ::testing::TestWithParam<std::tuple<MapType, Backend>> {};

TEST_P(HandlesParityTest, EveryAnswerMatchesKernel) {
  SKIP_WITHOUT_KERNEL();
  const auto& [type, backend] = GetParam();
  const uint64_t seed = absl::GetFlag(FLAGS_seed);
  const uint64_t steps = absl::GetFlag(FLAGS_steps);
  std::cout << MapTypeName(type) << " of " << backend.name
            << " against the kernel: --seed=" << seed << " --steps=" << steps
            << std::endl;
  const Backend kernel = Numbered<2>();
  Differential differential(backend, kernel, seed, {type});
  EXPECT_EQ(differential.Run(steps), "");
  if (steps >= 1000000) ExpectAllSeen(type, differential.results());
}

std::string TestName(
    const ::testing::TestParamInfo<HandlesParityTest::ParamType>& info) {
  const auto& [type, backend] = info.param;
  return std::string(MapTypeName(type)) + "_" + backend.name;
}

INSTANTIATE_TEST_SUITE_P(
    Cloud, HandlesParityTest,
    ::testing::Combine(::testing::Values(MapType::kArrayOfMaps,
                                         MapType::kHashOfMaps,
                                         MapType::kProgArray),
                       ::testing::Values(Numbered<0>())),
    TestName);
INSTANTIATE_TEST_SUITE_P(
    Embedded, HandlesParityTest,
    ::testing::Combine(::testing::Values(MapType::kProgArray),
                       ::testing::Values(Numbered<1>())),
    TestName);

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
