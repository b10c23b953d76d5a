// SPDX-License-Identifier: Apache-2.0

// LRU maps against the kernel's, with values for each CPU and without: the same
// random commands of both views, flags that fail included, on the emulator and
// on the running kernel. Every answer must be the same, and the same keys must
// be left; so the same keys were evicted.
//
//   OneCpu    The thread stays on one CPU.
//   TwoCpus   Now and then it goes from one to the other, so the lists of
//             one CPU are emptied by the other.
//   AnyMap    On one CPU again, maps and arguments of all kinds, of the user
//             view alone: see differential.h.
//
// Flags: --seed=N (printed by every run), --steps=N.

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/kernel/differential.h"
#include "tests/support/backend.h"
#include "tests/support/command_flags.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/on_cpu.h"
#include "tests/support/print_errno.h"
#include "tests/support/user_value_size.h"

namespace bpfmap {
namespace {

// The answer to a command.
struct Answer {
  Errno error = Errno::kOk;
  // The output: the value; or elements, each with its key in front, in the
  // order of keys.
  std::vector<uint64_t> read;

  friend bool operator==(const Answer&, const Answer&) = default;
};
Answer Only(Errno error) { return {.error = error, .read = {}}; }

// One of the two maps, with both views.
class Side {
 public:
  virtual ~Side() = default;
  virtual BpfMap& map() = 0;
  virtual bool LookupElem(uint32_t key, uint64_t* value) = 0;
  // REQUIRES: values for each CPU.
  virtual bool LookupPerCpuElem(uint32_t key, uint32_t cpu,
                                uint64_t* value) = 0;
  virtual Errno UpdateElem(uint32_t key, uint64_t value, ElemFlags flags) = 0;
  virtual Errno DeleteElem(uint32_t key) = 0;
};

template <typename Map>
class LocalSide final : public Side {
 public:
  explicit LocalSide(const MapDef& def) : map_(def) {
    EXPECT_EQ(map_.Init(), Errno::kOk);
  }
  BpfMap& map() override { return map_; }
  bool LookupElem(uint32_t key, uint64_t* value) override {
    const void* const found = map_.LookupElem(&key);
    if (found != nullptr) *value = *static_cast<const uint64_t*>(found);
    return found != nullptr;
  }
  bool LookupPerCpuElem(uint32_t key, uint32_t cpu, uint64_t* value) override {
    const void* found = nullptr;
    if constexpr (requires { map_.LookupPerCpuElem(&key, cpu); }) {
      found = map_.LookupPerCpuElem(&key, cpu);
    }
    if (found != nullptr) *value = *static_cast<const uint64_t*>(found);
    return found != nullptr;
  }
  Errno UpdateElem(uint32_t key, uint64_t value, ElemFlags flags) override {
    return map_.UpdateElem(&key, &value, flags);
  }
  Errno DeleteElem(uint32_t key) override { return map_.DeleteElem(&key); }

 private:
  Map map_;
};

class KernelSide final : public Side {
 public:
  explicit KernelSide(std::unique_ptr<KernelMap> map)
      : map_(std::move(map)), helpers_(*map_) {}
  BpfMap& map() override { return *map_; }
  bool LookupElem(uint32_t key, uint64_t* value) override {
    return helpers_.LookupElem(&key, value);
  }
  bool LookupPerCpuElem(uint32_t key, uint32_t cpu, uint64_t* value) override {
    return helpers_.LookupPerCpuElem(&key, cpu, value);
  }
  Errno UpdateElem(uint32_t key, uint64_t value, ElemFlags flags) override {
    return helpers_.UpdateElem(&key, &value, flags);
  }
  Errno DeleteElem(uint32_t key) override { return helpers_.DeleteElem(&key); }

 private:
  const std::unique_ptr<KernelMap> map_;
  KernelHelpers helpers_;
};

class LruDifferential {
 public:
  LruDifferential(MapType type, uint64_t seed, int cpus)
      : type_(type), seed_(seed), cpus_(cpus), random_(seed) {}

  // Returns the first difference, or "".
  std::string Run(uint64_t steps) {
    while (step_ < steps && difference_.empty()) {
      NewMaps();
      // Now and then so many that the rings of the lists go round.
      const uint64_t planned = Below(20 * def_.max_entries + 200);
      const uint64_t end =
          std::min(steps, step_ + 1 + planned * (Below(8) == 0 ? 20 : 1));
      while (step_ < end && difference_.empty()) {
        ++step_;
        if (cpus_ > 1 && Below(40) == 0) GoToCpu(Below(cpus_));
        Step();
        if (step_ % 64 == 0 || step_ == end) CompareContents();
      }
      left_.reset();
      right_.reset();
    }
    return difference_;
  }

 private:
  uint64_t Below(uint64_t end) { return random_() % end; }

  void GoToCpu(uint64_t number) {
    on_cpu_.reset();
    on_cpu_.emplace(UsableCpus()[number]);
  }

  void NewMaps() {
    constexpr uint32_t kSizes[] = {1,   2,   3,   4,   7,   8,    16,
                                   100, 128, 255, 256, 600, 1024, 2000};
    def_ = {.type = type_,
            .key_size = 4,
            .value_size = 8,
            .max_entries = Below(2) == 0 ? kSizes[Below(std::size(kSizes))]
                                         : 1 + static_cast<uint32_t>(Below(40)),
            .map_flags = Below(3) == 0 ? kNoCommonLru : MapFlags{}};
    // More keys than fit, or a few more, or fewer.
    keys_ = 1 + Below(3 * def_.max_entries);
    reads_ = Below(100);
    GoToCpu(cpus_ > 1 ? Below(cpus_) : 0);
    if (IsPerCpu(type_)) {
      left_ = std::make_unique<LocalSide<LruPerCpuHashMap<Cloud>>>(def_);
    } else {
      left_ = std::make_unique<LocalSide<LruHashMap<Cloud>>>(def_);
    }
    std::unique_ptr<KernelMap> kernel;
    ASSERT_EQ(KernelMap::Create(def_, &kernel), Errno::kOk);
    right_ = std::make_unique<KernelSide>(std::move(kernel));
  }

  // How many numbers a user's value has.
  std::size_t Width() const { return UserValueSize(def_) / sizeof(uint64_t); }
  std::vector<uint64_t> RandomNumbers(std::size_t count) {
    std::vector<uint64_t> numbers(count);
    for (uint64_t& number : numbers) number = random_();
    return numbers;
  }
  // Room for a user's value.
  uint64_t* NewValue(Answer& answer) const {
    answer.read.resize(Width());
    return answer.read.data();
  }

  template <typename Command>
  void Compare(const std::string& name, Command command) {
    if (!difference_.empty()) return;
    const Answer left = command(*left_);
    const Answer right = command(*right_);
    if (left == right) return;
    difference_ = absl::StrCat(
        "--seed=", seed_, " step ", step_, ", max_entries ", def_.max_entries,
        ", map_flags ", ToNumber(def_.map_flags), ", ", keys_, " keys, ", name,
        ": ", ErrnoName(left.error), " and ", ErrnoName(right.error), ", ",
        left.read.size(), " and ", right.read.size(), " numbers read");
  }

  void Step() {
    const uint32_t key = Below(keys_);
    const uint64_t value = random_();
    const ElemFlags flags = Below(8) == 0 ? ElemFlags{Below(5)} : kAny;
    if (Below(100) < reads_) return Read(key);
    const uint64_t choice = Below(100);
    if (choice < 40) return Update(key, flags);
    if (choice < 80) {
      return Compare("program update", [&](Side& side) {
        return Only(side.UpdateElem(key, value, flags));
      });
    }
    if (choice < 85) {
      return Compare("delete",
                     [&](Side& side) { return Only(side.map().Delete(&key)); });
    }
    if (choice < 90) {
      return Compare("program delete",
                     [&](Side& side) { return Only(side.DeleteElem(key)); });
    }
    if (choice < 95) {
      return Compare("lookup and delete", [&](Side& side) {
        Answer answer;
        answer.error = side.map().LookupAndDelete(&key, NewValue(answer));
        return answer;
      });
    }
    if (choice < 99 || Below(20) != 0) return UpdateBatch();
    DeleteAll();
  }

  void Read(uint32_t key) {
    const bool per_cpu = IsPerCpu(type_) && Below(3) == 0;
    const uint32_t cpu = Below(PossibleCpus() + 1);
    if (Below(4) != 0) {
      return Compare("program lookup", [&](Side& side) {
        Answer answer;
        uint64_t* const value = NewValue(answer);
        const bool found = per_cpu ? side.LookupPerCpuElem(key, cpu, value)
                                   : side.LookupElem(key, value);
        answer.error = found ? Errno::kOk : Errno::kNoEnt;
        return answer;
      });
    }
    Compare("lookup", [&](Side& side) {
      Answer answer;
      answer.error = side.map().Lookup(&key, NewValue(answer));
      return answer;
    });
  }

  void Update(uint32_t key, ElemFlags flags) {
    const std::vector<uint64_t> value = RandomNumbers(Width());
    Compare("update", [&](Side& side) {
      return Only(side.map().Update(&key, value.data(), flags));
    });
  }

  void UpdateBatch() {
    std::array<uint32_t, 16> keys;
    for (uint32_t& key : keys) key = Below(keys_);
    const std::vector<uint64_t> values = RandomNumbers(keys.size() * Width());
    Compare("update batch", [&](Side& side) {
      uint32_t count = 16;
      return Only(side.map().UpdateBatch(keys.data(), values.data(), &count));
    });
  }

  void DeleteAll() {
    Compare("lookup and delete batch",
            [&](Side& side) { return AllElements(side.map(), true); });
  }

  // One call: a walk key by key would be most of the test's time.
  void CompareContents() {
    Compare("contents",
            [&](Side& side) { return AllElements(side.map(), false); });
  }

  Answer AllElements(BpfMap& map, bool deletes) const {
    const std::size_t width = Width();
    // With BPF_F_NO_COMMON_LRU there may be a few more than max_entries.
    uint32_t count = def_.max_entries + PossibleCpus();
    std::vector<uint32_t> keys(count);
    std::vector<uint64_t> values(count * width);
    uint32_t position;
    Answer answer;
    answer.error =
        deletes ? map.LookupAndDeleteBatch(nullptr, &position, keys.data(),
                                           values.data(), &count)
                : map.LookupBatch(nullptr, &position, keys.data(),
                                  values.data(), &count);
    std::vector<uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
    for (const uint32_t i : order) {
      const auto value = values.begin() + i * width;
      answer.read.push_back(keys[i]);
      answer.read.insert(answer.read.end(), value, value + width);
    }
    return answer;
  }

  const MapType type_;
  const uint64_t seed_;
  const int cpus_;
  std::mt19937_64 random_;
  uint64_t step_ = 0;
  MapDef def_;
  uint64_t keys_ = 0;
  uint64_t reads_ = 0;  // percent
  std::optional<OnCpu> on_cpu_;
  std::unique_ptr<Side> left_;
  std::unique_ptr<Side> right_;
  std::string difference_;
};

class LruDifferentialTest : public testing::TestWithParam<MapType> {
 protected:
  void SetUp() override { SKIP_WITHOUT_KERNEL(); }

  static void Run(int cpus) {
    const uint64_t seed = absl::GetFlag(FLAGS_seed);
    const uint64_t steps = absl::GetFlag(FLAGS_steps);
    std::cout << "--seed=" << seed << " --steps=" << steps << std::endl;
    EXPECT_EQ(LruDifferential(GetParam(), seed, cpus).Run(steps), "");
  }
};

TEST_P(LruDifferentialTest, OneCpu) { Run(1); }
TEST_P(LruDifferentialTest, TwoCpus) {
  if (UsableCpus().size() < 2) GTEST_SKIP() << "there is one CPU";
  Run(2);
}

TEST_P(LruDifferentialTest, AnyMap) {
  const uint64_t seed = absl::GetFlag(FLAGS_seed);
  const uint64_t steps = absl::GetFlag(FLAGS_steps);
  std::cout << "--seed=" << seed << " --steps=" << steps << std::endl;
  const OnCpu on_cpu;
  Differential differential(LocalBackends().front(), Backends().back(), seed,
                            {GetParam()});
  EXPECT_EQ(differential.Run(steps), "");
  if (steps < 1000000) return;
  const auto& results = differential.results();
  const std::string type = MapTypeName(GetParam());
  for (const Errno error : {Errno::kOk, Errno::kInval, Errno::k2Big,
                            Errno::kNotSupp, Errno::kOpNotSupp}) {
    EXPECT_EQ(results.at(type + " create").count(error), 1u)
        << ErrnoName(error);
  }
  for (const Errno error : {Errno::kOk, Errno::kInval, Errno::kExist,
                            Errno::kNoEnt, Errno::kPerm, Errno::kFault}) {
    EXPECT_EQ(results.at(type + " update").count(error), 1u)
        << ErrnoName(error);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, LruDifferentialTest,
                         testing::Values(MapType::kLruHash,
                                         MapType::kLruPerCpuHash),
                         [](const auto& info) {
                           return std::string(MapTypeName(info.param));
                         });

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
