// SPDX-License-Identifier: Apache-2.0

// Queues and stacks under many threads: no value is lost, given twice, torn or
// out of order.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <tuple>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"
#include "tests/support/push_pop_view.h"
#include "tests/support/thread_team.h"

namespace bpfmap {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

constexpr uint32_t kPushers = 3;
constexpr uint32_t kPoppers = 3;
constexpr uint32_t kMaxEntries = 7;  // small, so that it is full and empty

// Too large for one load or store.
struct Value {
  uint32_t pusher = 0;
  uint32_t number = 0;  // counts the values of one pusher
  uint64_t check[3] = {};

  static Value Of(uint32_t pusher, uint32_t number) {
    Value value{pusher, number};
    for (uint64_t i = 0; i < 3; ++i) value.check[i] = value.Mixed(i);
    return value;
  }
  bool IsWhole() const {
    for (uint64_t i = 0; i < 3; ++i) {
      if (check[i] != Mixed(i)) return false;
    }
    return pusher < kPushers;
  }

 private:
  uint64_t Mixed(uint64_t i) const {
    return ((uint64_t{pusher} << 32 | number) + i + 1) * 0x9e3779b97f4a7c15;
  }
};

class QueueStackConcurrencyTest
    : public testing::TestWithParam<TypeAndBackend> {
 protected:
  static bool is_queue() { return std::get<0>(GetParam()) == MapType::kQueue; }

  void SetUp() override {
    ASSERT_EQ(std::get<1>(GetParam())
                  .create({.type = std::get<0>(GetParam()),
                           .value_size = sizeof(Value),
                           .max_entries = kMaxEntries},
                          &view_),
              Errno::kOk);
  }

  // Alternates between the views.
  Errno Push(const Value& value, ElemFlags flags = kAny) {
    return value.number % 2 == 0 ? view_->Push(&value, flags)
                                 : view_->user().Update(nullptr, &value, flags);
  }
  Errno Pop(Value* value, bool program) {
    return program ? view_->Pop(value)
                   : view_->user().LookupAndDelete(nullptr, value);
  }

  std::unique_ptr<PushPopView> view_;
  ThreadTeam team_;
};

INSTANTIATE_TEST_SUITE_P(
    Backends, QueueStackConcurrencyTest,
    testing::Combine(testing::Values(MapType::kQueue, MapType::kStack),
                     testing::ValuesIn(LocalPushPopBackends())),
    TypeAndBackendName);

TEST_P(QueueStackConcurrencyTest, EveryValueIsGivenOnceAndWhole) {
  std::vector<uint32_t> pushed(kPushers);
  // The values that each popper got from each pusher, in its order.
  std::vector<std::vector<std::vector<uint32_t>>> popped(
      kPoppers, std::vector<std::vector<uint32_t>>(kPushers));
  std::atomic<uint32_t> pushing{kPushers};

  for (uint32_t pusher = 0; pusher < kPushers; ++pusher) {
    team_.AddWorker([&, pusher]() -> AssertionResult {
      AssertionResult result = AssertionSuccess();
      for (Steps steps(100'000); steps.Next();) {
        const Value value = Value::Of(pusher, pushed[pusher]);
        Errno error = Push(value);
        while (error == Errno::k2Big && !team_.failed()) {
          std::this_thread::yield();
          error = Push(value);
        }
        if (error != Errno::kOk) {
          result = AssertionFailure() << "push: " << ErrnoName(error);
          break;
        }
        ++pushed[pusher];
      }
      // Release pairs with the acquire of the poppers: who sees that no one
      // pushes any more, and then finds the map empty, has missed nothing.
      pushing.fetch_sub(1, std::memory_order_release);
      return result;
    });
  }
  for (uint32_t popper = 0; popper < kPoppers; ++popper) {
    team_.AddWorker([&, popper]() -> AssertionResult {
      while (true) {
        const bool last = pushing.load(std::memory_order_acquire) == 0;
        Value value;
        const Errno error = Pop(&value, popper % 2 == 0);
        if (error == Errno::kNoEnt) {
          if (last) return AssertionSuccess();
          continue;
        }
        if (error != Errno::kOk) {
          return AssertionFailure() << "pop: " << ErrnoName(error);
        }
        if (!value.IsWhole()) return AssertionFailure() << "a torn value";
        popped[popper][value.pusher].push_back(value.number);
      }
    });
  }
  team_.Run();

  for (uint32_t pusher = 0; pusher < kPushers; ++pusher) {
    std::vector<uint32_t> all;
    for (uint32_t popper = 0; popper < kPoppers; ++popper) {
      const std::vector<uint32_t>& some = popped[popper][pusher];
      if (is_queue()) {
        EXPECT_TRUE(std::is_sorted(some.begin(), some.end()))
            << "popper " << popper << " saw pusher " << pusher
            << " out of order";
      }
      all.insert(all.end(), some.begin(), some.end());
    }
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), pushed[pusher]) << "of pusher " << pusher;
    for (uint32_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i);
    EXPECT_GT(all.size(), 0u);
  }
}

// Pushes that drop the oldest value, peeks and pops all at once.
TEST_P(QueueStackConcurrencyTest, DroppedOrSeenValueIsWholeToo) {
  for (uint32_t pusher = 0; pusher < kPushers; ++pusher) {
    team_.AddWorker([&, pusher]() -> AssertionResult {
      uint32_t number = 0;
      for (Steps steps(50'000); steps.Next(); ++number) {
        const Errno error = Push(Value::Of(pusher, number), kExist);
        if (error != Errno::kOk) {
          return AssertionFailure() << "push: " << ErrnoName(error);
        }
      }
      return AssertionSuccess();
    });
  }
  const auto check = [](Errno error, const Value& value) -> AssertionResult {
    if (error == Errno::kNoEnt) return AssertionSuccess();
    if (error != Errno::kOk) return AssertionFailure() << ErrnoName(error);
    if (!value.IsWhole()) return AssertionFailure() << "a torn value";
    return AssertionSuccess();
  };
  for (const bool program : {false, true}) {
    team_.AddWatcher([&, program] {
      Value value;
      const Errno error =
          program ? view_->Peek(&value) : view_->user().Lookup(nullptr, &value);
      return check(error, value);
    });
    team_.AddWatcher([&, program] {
      Value value;
      const Errno error = Pop(&value, program);
      return check(error, value);
    });
  }
  team_.Run();
}

// A frozen map is what it was when Freeze() returned.
TEST_P(QueueStackConcurrencyTest, NothingIsPushedBehindFreeze) {
  for (int round = 0; round < 50; ++round) {
    SetUp();
    ThreadTeam team;
    std::atomic<bool> started{false};
    team.AddWorker([&]() -> AssertionResult {
      for (uint32_t number = 1;; ++number) {
        const Value value = Value::Of(0, number);
        const Errno error = view_->user().Update(nullptr, &value, kExist);
        started.store(true, std::memory_order_relaxed);
        if (error == Errno::kPerm) return AssertionSuccess();
        if (error != Errno::kOk) {
          return AssertionFailure() << ErrnoName(error);
        }
      }
    });
    team.AddWorker([&]() -> AssertionResult {
      while (!started.load(std::memory_order_relaxed)) {
      }
      if (view_->user().Freeze() != Errno::kOk) {
        return AssertionFailure() << "freeze";
      }
      Value before, after;
      for (int i = 0; i < 100; ++i) {
        if (view_->Peek(i == 0 ? &before : &after) != Errno::kOk) {
          return AssertionFailure() << "peek";
        }
        if (i > 0 && after.number != before.number) {
          return AssertionFailure() << "changed after the freeze";
        }
      }
      return AssertionSuccess();
    });
    team.Run();
  }
}

}  // namespace
}  // namespace bpfmap
