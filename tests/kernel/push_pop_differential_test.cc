// SPDX-License-Identifier: Apache-2.0

// The same random commands on two maps without keys, in both views, until they
// differ: each local backend against the kernel, and against a model.
//
// Maps have random definitions, odd ones included. After each command the
// result and every byte of the buffer must agree.
//
// Flags: --seed=N (printed by every run), --steps=N for each type.

#include <cstdint>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/profiles/cloud.h"
#include "gtest/gtest.h"
#include "tests/kernel/push_pop_model.h"
#include "tests/support/command_flags.h"
#include "tests/support/kernel_support.h"
#include "tests/support/push_pop_view.h"

namespace bpfmap {
namespace {

// Buffers start with this, so that untouched bytes are seen.
constexpr uint8_t kUntouched = 0xa5;

class PushPopDifferential {
 public:
  PushPopDifferential(const PushPopBackend& left, const PushPopBackend& right,
                      MapType type, uint64_t seed)
      : left_backend_(left), right_backend_(right), type_(type), random_(seed) {
    def_.type = type;
  }

  // Runs `steps` commands. Returns what the first difference is; "" if there is
  // none.
  std::string Run(uint64_t steps) {
    while (step_ < steps && difference_.empty()) {
      for (int i = 0; i < 2; ++i) CreateMaps(OddDef());
      if (!CreateMaps(RandomDef())) continue;
      const uint64_t end = step_ + 1 + Below(OneIn(4) ? 20000 : 2000);
      while (step_ < end && difference_.empty()) {
        if (step_ % 100 == 0) pushes_percent_ = 20 + Below(61);
        ++step_;
        Step();
      }
    }
    return difference_;
  }

  // How often each result was seen of each command.
  using Results = std::map<std::string, std::map<Errno, uint64_t>>;
  const Results& results() const { return results_; }

 private:
  using Bytes = std::vector<uint8_t>;

  bool is_bloom() const { return type_ == MapType::kBloomFilter; }
  uint64_t Below(uint64_t end) { return random_() % end; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  MapDef RandomDef() {
    MapDef def = {
        .type = type_,
        .value_size = static_cast<uint32_t>(1 + Below(OneIn(3) ? 300 : 17)),
        .max_entries = static_cast<uint32_t>(1 + Below(OneIn(3) ? 60 : 6)),
        .name = "random.map_1"};
    for (const MapFlags flag :
         {kNumaNode, kRdOnly, kWrOnly, kRdOnlyProg, kWrOnlyProg}) {
      if (OneIn(10)) def.map_flags |= flag;
    }
    if (is_bloom()) {
      def.map_extra = Below(16);
      if (OneIn(2)) def.map_flags |= kZeroSeed;
    }
    return def;
  }

  // A definition with one or two members that are often wrong.
  MapDef OddDef() {
    constexpr uint32_t kSizes[] = {
        0,        1,          4,          8,          0x400000,
        0x400001, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
    MapDef def = RandomDef();
    for (uint64_t changes = 1 + Below(2); changes > 0; --changes) {
      switch (Below(7)) {
        case 0:
          def.key_size = kSizes[Below(std::size(kSizes))];
          break;
        case 1:
          def.value_size = kSizes[Below(std::size(kSizes))];
          def.spin_lock_offset = kNoSpinLock;
          break;
        case 2:
          def.max_entries = kSizes[Below(std::size(kSizes))];
          break;
        case 3:
          def.map_flags |= MapFlags{1U << Below(32)};
          break;
        case 4:
          def.name[Below(sizeof def.name)] = static_cast<char>(Below(256));
          break;
        case 5:
          def.map_extra = OneIn(2) ? Below(20) : random_();
          break;
        case 6:
          def.spin_lock_offset =
              static_cast<uint32_t>(Below(def.value_size + uint64_t{8}));
          if (OneIn(2)) def.spin_lock_offset &= ~3U;
          break;
      }
    }
    return def;
  }

  // A map of `def` on either side; whether both exist.
  bool CreateMaps(const MapDef& def) {
    ++step_;
    def_ = def;
    // Linux allocates a map even if its name or the lock is wrong.
    MapDef allocated = def;
    allocated.map_flags &= ~kTokenFd;
    std::memset(allocated.name, 0, sizeof allocated.name);
    allocated.spin_lock_offset = kNoSpinLock;
    if (MemoryNeeded<Cloud>(allocated) > (8 << 20) ||
        left_backend_.is_too_large(def) || right_backend_.is_too_large(def)) {
      return false;
    }
    pushed_.clear();
    left_.reset();
    right_.reset();
    command_ = "create";
    const Errno left = left_backend_.create(def, &left_);
    const Errno right = right_backend_.create(def, &right_);
    Compare(left, right);
    return left == Errno::kOk && right == Errno::kOk;
  }

  void Step() {
    const bool push = Below(100) < pushes_percent_;
    const bool program = OneIn(2);
    const uint64_t choice = Below(100);
    if (choice < 60 && push) return program ? Push() : Update();
    if (choice < 60) return program ? Pop() : Take("lookup_and_delete", true);
    if (choice < 90) return program ? Peek() : Take("lookup", false);
    if (choice < 96) return Refused();
    if (OneIn(32)) {
      command_ = "freeze";
      Compare(left_->user().Freeze(), right_->user().Freeze());
    }
  }

  Bytes RandomValue() {
    Bytes value(def_.value_size);
    // Few different ones, so that a bloom filter is asked for what it has.
    std::mt19937_64 bytes(Below(64));
    for (uint8_t& byte : value) byte = static_cast<uint8_t>(bytes());
    return value;
  }

  uint64_t RandomNumber() {
    constexpr uint64_t kFlags[] = {
        1,           3, 4, 5, 6, 8, uint64_t{1} << 32, (uint64_t{1} << 32) | 2,
        ~uint64_t{0}};
    if (!OneIn(6)) return OneIn(3) ? 2 : 0;
    return OneIn(8) ? random_() : kFlags[Below(std::size(kFlags))];
  }
  ElemFlags RandomFlags() { return ElemFlags{RandomNumber()}; }

  const void* RandomKey() { return OneIn(32) ? &step_ : nullptr; }

  void Push() {
    const Bytes value = RandomValue();
    const ElemFlags flags = RandomFlags();
    command_ = absl::StrCat("push flags ", ToNumber(flags));
    const Errno left = left_->Push(value.data(), flags);
    Compare(left, right_->Push(value.data(), flags));
    if (left == Errno::kOk) pushed_.insert(value);
  }

  void Update() {
    const Bytes value = RandomValue();
    const ElemFlags flags = RandomFlags();
    const void* const key = RandomKey();
    const void* const v = OneIn(32) ? nullptr : value.data();
    command_ = absl::StrCat("update flags ", ToNumber(flags),
                            key ? " with key" : "", v ? "" : " value null");
    const Errno left = left_->user().Update(key, v, flags);
    Compare(left, right_->user().Update(key, v, flags));
    if (left == Errno::kOk) pushed_.insert(value);
  }

  void Pop() {
    Bytes left = OneIn(2) ? RandomValue() : Bytes(def_.value_size, kUntouched);
    Bytes right = left;
    command_ = "pop";
    Compare(left_->Pop(left.data()), right_->Pop(right.data()));
    CompareBytes(left, right);
  }

  void Peek() {
    Bytes left = OneIn(2) ? RandomValue() : Bytes(def_.value_size, kUntouched);
    Bytes right = left;
    command_ = "peek";
    const bool may_differ = MayDiffer(left);
    const Errno left_result = left_->Peek(left.data());
    Compare(left_result, right_->Peek(right.data()), may_differ);
    CompareBytes(left, right);
  }

  void Take(const std::string& command, bool removes) {
    Bytes left = OneIn(2) ? RandomValue() : Bytes(def_.value_size, kUntouched);
    Bytes right = left;
    const ElemFlags flags = OneIn(8) ? RandomFlags() : kAny;
    const void* const key = RandomKey();
    const bool no_value = OneIn(32);
    command_ =
        absl::StrCat(command, " flags ", ToNumber(flags),
                     key ? " with key" : "", no_value ? " value null" : "");
    const auto run = [&](BpfMap& map, Bytes& value) {
      void* const v = no_value ? nullptr : value.data();
      return removes ? map.LookupAndDelete(key, v, flags)
                     : map.Lookup(key, v, flags);
    };
    const bool may_differ = MayDiffer(left);
    const Errno left_result = run(left_->user(), left);
    Compare(left_result, run(right_->user(), right), may_differ);
    CompareBytes(left, right);
  }

  // Commands that these types do not have.
  void Refused() {
    const uint64_t choice = Below(8);
    const void* const key = RandomKey();
    const Bytes value = RandomValue();
    const BatchFlags flags = {OneIn(2) ? RandomFlags() : kAny,
                              OneIn(2) ? RandomNumber() : 0};
    const uint32_t count = Below(3);
    Bytes left(def_.value_size * 2 + 8, kUntouched), right = left;
    constexpr const char* kCommands[] = {
        "delete",       "get_next_key", "lookup_batch", "take_batch",
        "update_batch", "delete_batch", "update_elem",  "delete_elem"};
    command_ = absl::StrCat(kCommands[choice], key ? " with key" : "");
    const auto run = [&](PushPopView& view, Bytes& out) {
      BpfMap& map = view.user();
      uint32_t n = count;
      void* const buffer = out.data();
      Errno error = Errno::kOk;
      switch (choice) {
        case 0:
          return map.Delete(key);
        case 1:
          return map.GetNextKey(key, buffer);
        case 2:
          error = map.LookupBatch(nullptr, buffer, buffer, buffer, &n, flags);
          break;
        case 3:
          error = map.LookupAndDeleteBatch(nullptr, buffer, buffer, buffer, &n,
                                           flags);
          break;
        case 4:
          error = map.UpdateBatch(nullptr, value.data(), &n, flags);
          break;
        case 5:
          error = map.DeleteBatch(nullptr, &n, flags);
          break;
        case 6:
          return view.UpdateElem(value.data());
        case 7:
          return view.DeleteElem();
      }
      EXPECT_EQ(n, count) << command_;
      return error;
    };
    const Errno left_result = run(*left_, left);
    Compare(left_result, run(*right_, right));
    CompareBytes(left, right);
  }

  // Whether one of the maps may find `value`, which was never pushed, and the
  // other not: two bloom filters, unless both compute what Linux computes.
  bool MayDiffer(const Bytes& value) const {
    const bool same_hashes =
        right_backend_.is_kernel && HasAny(def_.map_flags, kZeroSeed);
    return is_bloom() && !same_hashes && !pushed_.contains(value);
  }

  void Compare(Errno left, Errno right, bool may_differ = false) {
    ++results_[command_.substr(0, command_.find(' '))][left];
    const auto is_answer = [](Errno error) {
      return error == Errno::kOk || error == Errno::kNoEnt;
    };
    if (may_differ && is_answer(left) && is_answer(right)) return;
    if (left != right) {
      Differ(
          absl::StrCat("result ", ErrnoName(left), " and ", ErrnoName(right)));
    }
  }
  void CompareBytes(const Bytes& left, const Bytes& right) {
    if (left != right) Differ("buffers");
  }
  void Differ(const std::string& what) {
    if (!difference_.empty()) return;
    difference_ = absl::StrCat(
        left_backend_.name, " and ", right_backend_.name, " differ at step ",
        step_, ": ", MapTypeName(def_.type), ", key_size ", def_.key_size,
        ", value_size ", def_.value_size, ", max_entries ", def_.max_entries,
        ", map_flags 0x", absl::Hex(ToNumber(def_.map_flags)), ", map_extra ",
        def_.map_extra, ", spin_lock_offset ",
        static_cast<int32_t>(def_.spin_lock_offset), "; ", command_, "; ",
        what);
  }

  const PushPopBackend& left_backend_;
  const PushPopBackend& right_backend_;
  const MapType type_;
  std::mt19937_64 random_;

  MapDef def_;
  std::unique_ptr<PushPopView> left_;
  std::unique_ptr<PushPopView> right_;
  std::set<Bytes> pushed_;
  uint64_t step_ = 0;
  uint64_t pushes_percent_ = 50;
  std::string command_;  // its first word is what results_ goes by
  Results results_;
  std::string difference_;
};

class PushPopDifferentialTest : public testing::TestWithParam<TypeAndBackend> {
 protected:
  static void Run(const PushPopBackend& judge) {
    const auto& [type, backend] = GetParam();
    const uint64_t seed = absl::GetFlag(FLAGS_seed);
    const uint64_t steps = absl::GetFlag(FLAGS_steps);
    std::cout << MapTypeName(type) << ", " << backend.name << " against "
              << judge.name << ": --seed=" << seed << " --steps=" << steps
              << std::endl;
    PushPopDifferential differential(backend, judge, type, seed);
    EXPECT_EQ(differential.Run(steps), "");
    if (steps >= 1000000) {
      ExpectAllSeen(differential.results(), type == MapType::kBloomFilter);
    }
  }

  // A run that never got far would find no difference either.
  static void ExpectAllSeen(const PushPopDifferential::Results& results,
                            bool is_bloom) {
    const Errno refused = is_bloom ? Errno::kOpNotSupp : Errno::kInval;
    std::map<std::string, std::vector<Errno>> expected = {
        {"create", {Errno::kOk, Errno::kInval, Errno::k2Big, Errno::kFault}},
        {"push", {Errno::kOk, Errno::kInval, Errno::kAcces}},
        {"peek", {Errno::kOk, Errno::kNoEnt}},
        {"update", {Errno::kOk, Errno::kInval, Errno::kPerm, Errno::kFault}},
        {"lookup",
         {Errno::kOk, Errno::kNoEnt, Errno::kInval, Errno::kPerm,
          Errno::kFault}},
        {"delete", {refused, Errno::kInval, Errno::kPerm}},
        {"get_next_key", {refused, Errno::kInval, Errno::kPerm}},
        {"lookup_batch", {Errno::kNotSupp, Errno::kPerm}},
        {"take_batch", {Errno::kNotSupp, Errno::kPerm}},
        {"update_batch", {Errno::kNotSupp, Errno::kPerm}},
        {"delete_batch", {Errno::kNotSupp, Errno::kPerm}},
        {"update_elem", {Errno::kAcces}},
        {"delete_elem", {Errno::kAcces}},
        {"freeze", {Errno::kOk, Errno::kPerm}},
    };
    if (is_bloom) {
      expected["create"].push_back(Errno::kOpNotSupp);
      expected["create"].push_back(Errno::kAcces);
      expected["pop"] = {Errno::kInval, Errno::kAcces};
      expected["lookup_and_delete"] = {Errno::kNotSupp, Errno::kInval,
                                       Errno::kPerm};
    } else {
      expected["push"].push_back(Errno::k2Big);
      expected["update"].push_back(Errno::k2Big);
      expected["pop"] = {Errno::kOk, Errno::kNoEnt, Errno::kAcces};
      expected["lookup_and_delete"] = {Errno::kOk, Errno::kNoEnt, Errno::kInval,
                                       Errno::kPerm, Errno::kFault};
    }
    for (const auto& [command, errors] : expected) {
      for (const Errno error : errors) {
        const auto row = results.find(command);
        EXPECT_TRUE(row != results.end() && row->second.count(error) == 1)
            << command << " never answered " << ErrnoName(error);
      }
    }
  }
};

class PushPopParityTest : public PushPopDifferentialTest {};
class PushPopModelTest : public PushPopDifferentialTest {};

TEST_P(PushPopParityTest, EveryAnswerMatchesKernel) {
  SKIP_WITHOUT_KERNEL();
  Run(PushPopBackends().back());
}

TEST_P(PushPopModelTest, EveryAnswerMatchesModel) {
  Run(PushPopModelBackend());
}

INSTANTIATE_TEST_SUITE_P(
    Backends, PushPopParityTest,
    testing::Combine(testing::Values(MapType::kQueue, MapType::kStack,
                                     MapType::kBloomFilter),
                     testing::ValuesIn(LocalPushPopBackends())),
    TypeAndBackendName);
INSTANTIATE_TEST_SUITE_P(
    Backends, PushPopModelTest,
    testing::Combine(testing::Values(MapType::kQueue, MapType::kStack,
                                     MapType::kBloomFilter),
                     testing::ValuesIn(LocalPushPopBackends())),
    TypeAndBackendName);

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
