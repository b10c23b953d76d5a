// SPDX-License-Identifier: Apache-2.0

// What BPF programs get from per-CPU maps: every test runs on a map here and,
// through small programs on a CPU that the test chooses, on the kernel, and
// expects the same of both. The last ones give both the same random commands.
//
// Flag: --seed=N (printed by every run).

#include <sched.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/cloud_maps.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/lru_per_cpu_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_program.h"
#include "tests/support/kernel_support.h"
#include "tests/support/on_cpu.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"

namespace bpfmap {
namespace {

using Bytes = std::vector<uint8_t>;
constexpr MapType kTypes[] = {MapType::kPerCpuArray, MapType::kPerCpuHash,
                              MapType::kLruPerCpuHash};

// A map as programs on one CPU or another see it.
class ProgramView {
 public:
  virtual ~ProgramView() = default;

  // The CPU of the programs from now on.
  virtual void MoveTo(int cpu) = 0;

  // The bytes that the helper points at; nothing if it returns null.
  virtual std::optional<Bytes> Lookup(uint32_t key) = 0;
  virtual std::optional<Bytes> LookupPerCpu(uint32_t key, uint32_t cpu) = 0;
  virtual Errno Update(uint32_t key, const Bytes& value, ElemFlags flags) = 0;
  virtual Errno Delete(uint32_t key) = 0;

  // The same map from user space.
  virtual BpfMap& user() = 0;
};

template <typename Map>
class LocalView final : public ProgramView {
 public:
  explicit LocalView(const MapDef& def) : map_(def) {
    EXPECT_EQ(map_.Init(), Errno::kOk);
  }

  void MoveTo(int cpu) override {
    cpu_.reset();
    cpu_.emplace(cpu);
  }
  std::optional<Bytes> Lookup(uint32_t key) override {
    return At(map_.LookupElem(&key));
  }
  std::optional<Bytes> LookupPerCpu(uint32_t key, uint32_t cpu) override {
    return At(map_.LookupPerCpuElem(&key, cpu));
  }
  Errno Update(uint32_t key, const Bytes& value, ElemFlags flags) override {
    return map_.UpdateElem(&key, value.data(), flags);
  }
  Errno Delete(uint32_t key) override { return map_.DeleteElem(&key); }
  BpfMap& user() override { return map_; }

 private:
  std::optional<Bytes> At(const void* found) {
    if (found == nullptr) return std::nullopt;
    const auto* bytes = static_cast<const uint8_t*>(found);
    return Bytes(bytes, bytes + map_.def().value_size);
  }

  Map map_;
  std::optional<ScopedCpu> cpu_;
};

class KernelView final : public ProgramView {
 public:
  explicit KernelView(const MapDef& def) {
    EXPECT_EQ(sched_getaffinity(0, sizeof before_, &before_), 0);
    EXPECT_EQ(KernelMap::Create(def, &map_), Errno::kOk);
    helpers_.emplace(*map_);
  }
  ~KernelView() override {
    EXPECT_EQ(sched_setaffinity(0, sizeof before_, &before_), 0);
  }

  // BPF_PROG_TEST_RUN runs on the CPU of its caller.
  void MoveTo(int cpu) override {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ASSERT_EQ(sched_setaffinity(0, sizeof set, &set), 0) << "cpu " << cpu;
  }
  std::optional<Bytes> Lookup(uint32_t key) override {
    Bytes value(map_->def().value_size);
    if (!helpers_->LookupElem(&key, value.data())) return std::nullopt;
    return value;
  }
  std::optional<Bytes> LookupPerCpu(uint32_t key, uint32_t cpu) override {
    Bytes value(map_->def().value_size);
    if (!helpers_->LookupPerCpuElem(&key, cpu, value.data())) {
      return std::nullopt;
    }
    return value;
  }
  Errno Update(uint32_t key, const Bytes& value, ElemFlags flags) override {
    return helpers_->UpdateElem(&key, value.data(), flags);
  }
  Errno Delete(uint32_t key) override { return helpers_->DeleteElem(&key); }
  BpfMap& user() override { return *map_; }

 private:
  cpu_set_t before_;
  std::unique_ptr<KernelMap> map_;
  std::optional<KernelHelpers> helpers_;
};

MapDef Def(MapType type, uint32_t value_size, uint32_t max_entries,
           MapFlags map_flags = {}) {
  return {.type = type,
          .key_size = 4,
          .value_size = value_size,
          .max_entries = max_entries,
          .map_flags = map_flags};
}

std::unique_ptr<ProgramView> NewLocal(const MapDef& def) {
  if (def.type == MapType::kPerCpuHash) {
    return std::make_unique<LocalView<PerCpuHashMap<Cloud>>>(def);
  }
  if (def.type == MapType::kLruPerCpuHash) {
    return std::make_unique<LocalView<LruPerCpuHashMap<Cloud>>>(def);
  }
  return std::make_unique<LocalView<PerCpuArrayMap<Cloud>>>(def);
}

// A value of 8 bytes.
Bytes Value(uint64_t number) {
  Bytes value(sizeof number);
  std::memcpy(value.data(), &number, sizeof number);
  return value;
}

// The value in the user view: one number for each CPU.
std::vector<uint64_t> UserView(BpfMap& map, uint32_t key) {
  std::vector<uint64_t> numbers(PossibleCpus(), 77);
  EXPECT_EQ(map.Lookup(&key, numbers.data()), Errno::kOk);
  return numbers;
}

class PerCpuProgramViewTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!OnKernel()) {
      cpus_.emplace(4);
      return;
    }
    SKIP_WITHOUT_KERNEL();
    if (!CanUseCpu(0) || !CanUseCpu(1)) {
      GTEST_SKIP() << "programs cannot run on CPUs 0 and 1";
    }
  }

  static bool OnKernel() { return GetParam() == "kernel"; }

  // A map of 4 entries of 8 bytes; programs are on CPU 0.
  static std::unique_ptr<ProgramView> NewView(MapType type,
                                              MapFlags map_flags = {}) {
    const MapDef def = Def(type, 8, 4, map_flags);
    auto view = OnKernel() ? std::make_unique<KernelView>(def) : NewLocal(def);
    view->MoveTo(0);
    return view;
  }
  // The same number for each CPU but those that are named.
  static std::vector<uint64_t> Numbers(uint64_t others, uint64_t cpu0,
                                       uint64_t cpu1) {
    std::vector<uint64_t> numbers(PossibleCpus(), others);
    numbers[0] = cpu0;
    numbers[1] = cpu1;
    return numbers;
  }

 private:
  std::optional<ScopedPossibleCpus> cpus_;
};

INSTANTIATE_TEST_SUITE_P(Backends, PerCpuProgramViewTest,
                         testing::Values("local", "kernel"),
                         [](const auto& info) { return info.param; });

constexpr ElemFlags kBit32{uint64_t{1} << 32};

// The answers of an update in each state of a hash map of 4. An LRU map is
// never full.
struct HashRow {
  ElemFlags flags;
  Errno absent, present, full;
};
// clang-format off
constexpr HashRow kHashRows[] = {
    // flags             absent          present         absent, map full
    {kAny,               Errno::kOk,     Errno::kOk,     Errno::k2Big},
    {kNoExist,           Errno::kOk,     Errno::kExist,  Errno::k2Big},
    {kExist,             Errno::kNoEnt,  Errno::kOk,     Errno::kNoEnt},
    {ElemFlags{3},       Errno::kInval,  Errno::kInval,  Errno::kInval},
    {kLock,              Errno::kInval,  Errno::kInval,  Errno::kInval},
    {kLock | kNoExist,   Errno::kInval,  Errno::kInval,  Errno::kInval},
    {ElemFlags{8},       Errno::kInval,  Errno::kInval,  Errno::kInval},
    {ElemFlags{16},      Errno::kInval,  Errno::kInval,  Errno::kInval},
    {kBit32,             Errno::kInval,  Errno::kInval,  Errno::kInval},
    {~ElemFlags{},       Errno::kInval,  Errno::kInval,  Errno::kInval},
};
// The answers of an update for an index of an array.
struct ArrayRow {
  ElemFlags flags;
  Errno in_range, past_end;
};
constexpr ArrayRow kArrayRows[] = {
    // flags             in range        past the end
    {kAny,               Errno::kOk,     Errno::k2Big},
    {kNoExist,           Errno::kExist,  Errno::k2Big},
    {kExist,             Errno::kOk,     Errno::k2Big},
    {ElemFlags{3},       Errno::kInval,  Errno::kInval},
    {kLock,              Errno::kInval,  Errno::k2Big},
    {kLock | kNoExist,   Errno::kExist,  Errno::k2Big},
    {ElemFlags{8},       Errno::kInval,  Errno::kInval},
    {ElemFlags{16},      Errno::kInval,  Errno::kInval},
    {kBit32,             Errno::kInval,  Errno::kInval},
    {~ElemFlags{},       Errno::kInval,  Errno::kInval},
};
// clang-format on

// Updates `key` to 9 and checks the answer and what is then read.
void CheckUpdate(ProgramView& view, uint32_t key, ElemFlags flags,
                 Errno expected) {
  SCOPED_TRACE(testing::Message()
               << "key " << key << ", flags " << ToNumber(flags));
  const std::optional<Bytes> before = view.Lookup(key);
  EXPECT_EQ(view.Update(key, Value(9), flags), expected);
  EXPECT_EQ(view.Lookup(key), expected == Errno::kOk ? Value(9) : before);
}

TEST_P(PerCpuProgramViewTest, HashUpdateAnswersByItsFlags) {
  for (const MapFlags map_flags : {MapFlags{}, kNoPrealloc}) {
    for (const HashRow& row : kHashRows) {
      const auto view = NewView(MapType::kPerCpuHash, map_flags);
      EXPECT_EQ(view->Lookup(1), std::nullopt);
      CheckUpdate(*view, 1, row.flags, row.absent);
      for (uint32_t key : {1, 2, 3, 4}) {
        ASSERT_EQ(view->Update(key, Value(7), kAny), Errno::kOk);
      }
      CheckUpdate(*view, 1, row.flags, row.present);
      CheckUpdate(*view, 5, row.flags, row.full);
    }
  }
}

TEST_P(PerCpuProgramViewTest, LruUpdateAnswersByItsFlags) {
  for (const HashRow& row : kHashRows) {
    const auto view = NewView(MapType::kLruPerCpuHash);
    EXPECT_EQ(view->Lookup(1), std::nullopt);
    CheckUpdate(*view, 1, row.flags, row.absent);
    for (uint32_t key : {1, 2, 3, 4}) {
      ASSERT_EQ(view->Update(key, Value(7), kAny), Errno::kOk);
    }
    CheckUpdate(*view, 4, row.flags, row.present);
    CheckUpdate(*view, 5, row.flags,
                row.full == Errno::k2Big ? Errno::kOk : row.full);
  }
}

// Rows "absent key, map full" and "key 2 (present when full refuses)".
TEST_P(PerCpuProgramViewTest, UpdateOfFullLruMapMakesRoomUnlessItIsExist) {
  for (const ElemFlags flags : {kAny, kNoExist, kExist}) {
    const auto view = NewView(MapType::kLruPerCpuHash);
    for (uint32_t key : {1, 2, 3, 4}) {
      ASSERT_EQ(view->Update(key, Value(key), kAny), Errno::kOk);
    }
    EXPECT_EQ(view->Update(9, Value(9), flags),
              flags == kExist ? Errno::kNoEnt : Errno::kOk);
    EXPECT_EQ(view->LookupPerCpu(1, 0),
              flags == kExist ? std::optional(Value(1)) : std::nullopt);
  }
  // A present key, without BPF_EXIST: the place is taken, and given back.
  const auto view = NewView(MapType::kLruPerCpuHash);
  for (uint32_t key : {1, 2, 3, 4}) {
    ASSERT_EQ(view->Update(key, Value(key), kAny), Errno::kOk);
  }
  ASSERT_EQ(view->Update(4, Value(5), kExist), Errno::kOk);
  EXPECT_EQ(view->Lookup(1), Value(1));
  ASSERT_EQ(view->Update(4, Value(6), kAny), Errno::kOk);
  EXPECT_EQ(view->Lookup(4), Value(6));
  EXPECT_EQ(view->Lookup(2), std::nullopt);  // 1 was used by then
}

// A use by LookupPerCpu keeps a key, as one by Lookup does.
TEST_P(PerCpuProgramViewTest, EachLookupKeepsKeyOfLruMap) {
  for (const bool per_cpu : {false, true}) {
    const auto view = NewView(MapType::kLruPerCpuHash);
    for (uint32_t key : {1, 2, 3, 4, 5, 6, 7, 8}) {
      ASSERT_EQ(view->Update(key, Value(key), kAny), Errno::kOk);
      EXPECT_EQ(per_cpu ? view->LookupPerCpu(1, 1) : view->Lookup(1),
                Value(per_cpu ? 0 : 1));
    }
    EXPECT_EQ(view->Lookup(1), Value(1));
    EXPECT_EQ(view->Lookup(2), std::nullopt);
  }
}

TEST_P(PerCpuProgramViewTest, ArrayUpdateAnswersByItsFlags) {
  for (const ArrayRow& row : kArrayRows) {
    const auto view = NewView(MapType::kPerCpuArray);
    for (uint32_t index : {0U, 3U}) {
      CheckUpdate(*view, index, row.flags, row.in_range);
    }
    for (uint32_t index : {4U, 0xffffffffU}) {
      CheckUpdate(*view, index, row.flags, row.past_end);
      EXPECT_EQ(view->Lookup(index), std::nullopt);
    }
  }
}

TEST_P(PerCpuProgramViewTest, DeleteAnswers) {
  const auto array = NewView(MapType::kPerCpuArray);
  EXPECT_EQ(array->Delete(1), Errno::kInval);
  EXPECT_EQ(array->Delete(9), Errno::kInval);
  for (const MapType type : {MapType::kPerCpuHash, MapType::kLruPerCpuHash}) {
    const auto hash = NewView(type);
    EXPECT_EQ(hash->Delete(2), Errno::kNoEnt);
    EXPECT_EQ(hash->Update(2, Value(1), kAny), Errno::kOk);
    EXPECT_EQ(hash->Delete(2), Errno::kOk);
    EXPECT_EQ(hash->Delete(2), Errno::kNoEnt);
  }
}

TEST_P(PerCpuProgramViewTest, ProgramSeesSliceOfItsCpu) {
  for (const MapType type : kTypes) {
    const auto view = NewView(type);
    const uint32_t key = 1;
    const std::vector<uint64_t> all = Numbers(12, 10, 11);
    ASSERT_EQ(view->user().Update(&key, all.data()), Errno::kOk);
    EXPECT_EQ(view->Lookup(1), Value(10));
    view->MoveTo(1);
    EXPECT_EQ(view->Lookup(1), Value(11));
    EXPECT_EQ(view->LookupPerCpu(1, 0), Value(10));
    EXPECT_EQ(view->LookupPerCpu(1, 1), Value(11));
  }
}

TEST_P(PerCpuProgramViewTest, UpdateWritesSliceOfItsCpuAlone) {
  for (const MapType type : kTypes) {
    const auto view = NewView(type);
    const uint32_t key = 1;
    const std::vector<uint64_t> all = Numbers(12, 10, 11);
    ASSERT_EQ(view->user().Update(&key, all.data()), Errno::kOk);
    ASSERT_EQ(view->Update(1, Value(20), kExist), Errno::kOk);
    EXPECT_EQ(UserView(view->user(), 1), Numbers(12, 20, 11));
    view->MoveTo(1);
    ASSERT_EQ(view->Update(1, Value(21), kAny), Errno::kOk);
    EXPECT_EQ(UserView(view->user(), 1), Numbers(12, 20, 21));
  }
}

TEST_P(PerCpuProgramViewTest, InsertIsZeroOnOtherCpus) {
  for (const auto& [type, map_flags] :
       {std::pair(MapType::kPerCpuHash, MapFlags{}),
        {MapType::kPerCpuHash, kNoPrealloc},
        {MapType::kLruPerCpuHash, MapFlags{}}}) {
    const auto view = NewView(type, map_flags);
    // Into memory that others have used.
    for (uint32_t key : {1, 2, 3, 4}) {
      const std::vector<uint64_t> all(PossibleCpus(), 99);
      ASSERT_EQ(view->user().Update(&key, all.data()), Errno::kOk);
    }
    for (uint32_t key : {1, 2, 3, 4}) ASSERT_EQ(view->Delete(key), Errno::kOk);
    ASSERT_EQ(view->Update(5, Value(7), kAny), Errno::kOk);
    EXPECT_EQ(UserView(view->user(), 5), Numbers(0, 7, 0));
    view->MoveTo(1);
    ASSERT_EQ(view->Update(6, Value(8), kNoExist), Errno::kOk);
    EXPECT_EQ(UserView(view->user(), 6), Numbers(0, 0, 8));
    EXPECT_EQ(view->LookupPerCpu(6, 0), Value(0));
  }
}

TEST_P(PerCpuProgramViewTest, CpuOrKeyThatIsNotThereHasNoSlice) {
  const auto array = NewView(MapType::kPerCpuArray);
  ASSERT_EQ(array->Update(1, Value(33), kAny), Errno::kOk);
  EXPECT_EQ(array->LookupPerCpu(1, 0), Value(33));
  EXPECT_EQ(array->LookupPerCpu(1, 1), Value(0));
  EXPECT_EQ(array->LookupPerCpu(9, 0), std::nullopt);
  const auto hash = NewView(MapType::kPerCpuHash);
  const auto lru = NewView(MapType::kLruPerCpuHash);
  for (const auto* view : {&hash, &lru}) {
    ASSERT_EQ((*view)->Update(1, Value(33), kAny), Errno::kOk);
    EXPECT_EQ((*view)->LookupPerCpu(9, 0), std::nullopt);
  }
  for (const auto* view : {&array, &hash, &lru}) {
    const uint32_t cpus = PossibleCpus();
    EXPECT_NE((*view)->LookupPerCpu(1, cpus - 1), std::nullopt);
    for (uint32_t cpu : {cpus, cpus + 1, 0x7fffffffU, 0x80000000U, ~0U}) {
      EXPECT_EQ((*view)->LookupPerCpu(1, cpu), std::nullopt) << cpu;
    }
  }
}

TEST_P(PerCpuProgramViewTest, RightsOfProgramsAndUsersAreTheirOwn) {
  for (const MapType type : kTypes) {
    const Errno deleted =
        type == MapType::kPerCpuArray ? Errno::kInval : Errno::kOk;
    for (const MapFlags map_flags : {kRdOnly, kWrOnly, kWrOnlyProg}) {
      const auto view = NewView(type, map_flags);
      EXPECT_EQ(view->Update(1, Value(9), kAny), Errno::kOk);
      EXPECT_EQ(view->Delete(1), deleted);
    }
    const auto frozen = NewView(type);
    ASSERT_EQ(frozen->user().Freeze(), Errno::kOk);
    EXPECT_EQ(frozen->Update(1, Value(9), kAny), Errno::kOk);
    EXPECT_EQ(frozen->Lookup(1), Value(9));
    EXPECT_EQ(frozen->Delete(1), deleted);
    const auto read_only = NewView(type, kRdOnlyProg);
    EXPECT_EQ(read_only->Update(1, Value(9), kAny), Errno::kAcces);
    EXPECT_EQ(read_only->Delete(1), Errno::kAcces);
  }
}

// Random commands of programs on all CPUs and of user space.
void CompareRandomCommands(MapType type, int steps) {
  SKIP_WITHOUT_KERNEL();
  std::mt19937_64 random(RandomSeed());
  const std::vector<int> usable = UsableCpus();
  for (int done = 0; done < steps && !testing::Test::HasFailure();) {
    const uint32_t value_size = 8 * (1 + random() % 5);
    const uint32_t max_entries = 1 + random() % 30;
    const MapFlags map_flags = type == MapType::kPerCpuHash && random() % 2 == 0
                                   ? kNoPrealloc
                                   : MapFlags{};
    const MapDef def = Def(type, value_size, max_entries, map_flags);
    const auto local = NewLocal(def);
    KernelView kernel(def);
    const auto bytes = [&](std::size_t size) {
      Bytes value(size);
      for (uint8_t& byte : value) byte = static_cast<uint8_t>(random());
      return value;
    };
    for (int i = 0; i < 2000 && !testing::Test::HasFailure(); ++i, ++done) {
      SCOPED_TRACE(testing::Message()
                   << "value_size " << value_size << ", max_entries "
                   << max_entries << ", step " << i);
      const uint32_t key = random() % (max_entries + max_entries / 2 + 2);
      const ElemFlags flags{random() % 8 == 0 ? random() % 20 : random() % 3};
      const Bytes value = bytes(value_size);
      const Bytes all = bytes(value_size * PossibleCpus());
      if (i == 0 || random() % 16 == 0) {
        const int cpu = usable[random() % usable.size()];
        local->MoveTo(cpu);
        kernel.MoveTo(cpu);
      }
      const uint32_t choice = random() % 100;
      if (choice < 25) {
        ASSERT_EQ(local->Lookup(key), kernel.Lookup(key));
      } else if (choice < 40) {
        const uint32_t cpu = random() % (PossibleCpus() + 1);
        ASSERT_EQ(local->LookupPerCpu(key, cpu), kernel.LookupPerCpu(key, cpu));
      } else if (choice < 65) {
        ASSERT_EQ(local->Update(key, value, flags),
                  kernel.Update(key, value, flags));
      } else if (choice < 80) {
        ASSERT_EQ(local->Delete(key), kernel.Delete(key));
      } else if (choice < 90) {
        ASSERT_EQ(local->user().Update(&key, all.data(), flags),
                  kernel.user().Update(&key, all.data(), flags));
      } else {
        Bytes left(all.size(), 0xa5), right = left;
        ASSERT_EQ(local->user().Lookup(&key, left.data()),
                  kernel.user().Lookup(&key, right.data()));
        ASSERT_EQ(left, right);
      }
    }
  }
}

TEST(PerCpuProgramDifferentialTest, EveryAnswerOfHashMapMatchesKernel) {
  CompareRandomCommands(MapType::kPerCpuHash, 200'000);
}
TEST(PerCpuProgramDifferentialTest, EveryAnswerOfArrayMatchesKernel) {
  CompareRandomCommands(MapType::kPerCpuArray, 200'000);
}

}  // namespace
}  // namespace bpfmap
