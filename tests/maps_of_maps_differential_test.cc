// Random commands on a map of maps here and in the kernel at once. A descriptor
// on one side stands for the map that was created alike on the other; ids are
// compared by which of these maps they are of.
//
// The kernel waits for all running programs at each change of a map of maps, so
// there are not many steps.
//
// Flag: --seed=N (printed by every run).

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "maps/bpf_map.h"
#include "maps/errno.h"
#include "maps/map_def.h"
#include "tests/backend.h"
#include "tests/descriptor.h"
#include "tests/kernel_support.h"
#include "tests/print_errno.h"
#include "tests/random_seed.h"

namespace bpfmap {
namespace {

constexpr uint32_t kMaxEntries = 4;
constexpr uint32_t kKeys = kMaxEntries + 2;
constexpr uint32_t kNotOpen = 9999;

// Maps that are like the first one, the template, but for one member; some of
// them may be put in.
std::vector<MapDef> InnerDefs() {
  const MapDef like = {
      .type = MapType::kHash, .key_size = 4, .value_size = 8, .max_entries = 4};
  std::vector<MapDef> defs(8, like);
  defs[2].max_entries = 5;
  defs[3].map_flags = kRdOnly;
  defs[4].value_size = 4;
  defs[5].map_flags = kNoPrealloc;
  defs[6].type = MapType::kArray;
  defs[7].spin_lock_offset = 4;
  return defs;
}

// The same maps on one backend.
class Side {
 public:
  Side(const Backend& backend, MapType type) {
    for (const MapDef& def : InnerDefs()) {
      TestMap inner;
      EXPECT_EQ(backend.create(def, &inner), Errno::kOk);
      inner_.push_back(std::make_unique<Descriptor>(inner));
    }
    EXPECT_EQ(backend.create({.type = type,
                              .key_size = 4,
                              .value_size = 4,
                              .max_entries = kMaxEntries,
                              .inner_map_fd = inner_[0]->number()},
                             &outer_),
              Errno::kOk);
    outer_descriptor_ = std::make_unique<Descriptor>(outer_);
  }

  BpfMap& outer() const { return *outer_; }

  // Of inner map `i`; behind the last one, of the outer map; then of none.
  uint32_t DescriptorOf(std::size_t i) const {
    if (i < inner_.size()) return inner_[i]->number();
    return i == inner_.size() ? outer_descriptor_->number() : kNotOpen;
  }
  std::size_t descriptors() const { return inner_.size() + 2; }

  // After an update with inner map `i`: which id that map has.
  void Learn(uint32_t key, std::size_t i) {
    uint32_t id = 0;
    EXPECT_EQ(outer_->Lookup(&key, &id), Errno::kOk);
    EXPECT_EQ(map_of_id_.try_emplace(id, i).first->second, i);
  }

  // The key and its inner map, for all that a batch gives.
  std::map<uint32_t, std::size_t> Contents() const {
    std::vector<uint32_t> keys(kKeys), ids(kKeys);
    uint32_t position = 0, count = kKeys;
    EXPECT_EQ(outer_->LookupBatch(nullptr, &position, keys.data(), ids.data(),
                                  &count),
              Errno::kNoEnt);
    std::map<uint32_t, std::size_t> contents;
    for (uint32_t i = 0; i < count; ++i) {
      const auto known = map_of_id_.find(ids[i]);
      EXPECT_TRUE(known != map_of_id_.end()) << "never an id: " << ids[i];
      if (known != map_of_id_.end()) contents[keys[i]] = known->second;
    }
    return contents;
  }

 private:
  std::vector<std::unique_ptr<Descriptor>> inner_;
  TestMap outer_;
  std::unique_ptr<Descriptor> outer_descriptor_;
  std::map<uint32_t, std::size_t> map_of_id_;
};

class MapsOfMapsParityTest : public ::testing::TestWithParam<MapType> {};

TEST_P(MapsOfMapsParityTest, EveryAnswerIsTheKernels) {
  SKIP_WITHOUT_KERNEL();
  std::mt19937_64 random(RandomSeed());
  Side here(Backends().front(), GetParam());
  Side kernel(Backends().back(), GetParam());
  for (int step = 0; step < 300; ++step) {
    const uint32_t key = random() % kKeys;
    if (random() % 4 == 0) {
      ASSERT_EQ(here.outer().Delete(&key), kernel.outer().Delete(&key))
          << "step " << step << ", delete of " << key;
    } else {
      // Mostly what is taken.
      const std::size_t inner =
          random() % 2 == 0 ? random() % 3 : random() % here.descriptors();
      const uint64_t flags = random() % 4 == 0 ? random() % 9 : kAny;
      const uint32_t left = here.DescriptorOf(inner);
      const uint32_t right = kernel.DescriptorOf(inner);
      const Errno error = here.outer().Update(&key, &left, flags);
      ASSERT_EQ(error, kernel.outer().Update(&key, &right, flags))
          << "step " << step << ", update of " << key << " with map " << inner
          << ", flags " << flags;
      if (error == Errno::kOk) {
        here.Learn(key, inner);
        kernel.Learn(key, inner);
      }
    }
    ASSERT_EQ(here.Contents(), kernel.Contents()) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, MapsOfMapsParityTest,
                         ::testing::Values(MapType::kArrayOfMaps,
                                           MapType::kHashOfMaps),
                         [](const auto& info) {
                           return std::string(MapTypeName(info.param));
                         });

}  // namespace
}  // namespace bpfmap
