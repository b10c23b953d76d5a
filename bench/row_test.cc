// SPDX-License-Identifier: Apache-2.0

// A row of a map that does not do what is timed must show an error, not a time.

#include "bench/row.h"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/check.h"
#include "bench/check_push_pop.h"
#include "bench/implementation.h"
#include "bench/operations.h"
#include "bench/session.h"
#include "bench/workload.h"
#include "benchmark/benchmark.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"

namespace bpfmap::bench {
namespace {

constexpr MapDef kDef = {
    .type = MapType::kHash, .key_size = 4, .value_size = 8, .max_entries = 100};

enum class Flaw {
  kNone,
  kHasNoRoom,         // E2BIG at half its size
  kLosesAnInsert,     // says OK
  kGarblesAValue,     // says OK
  kLosesEveryUpdate,  // says OK
  kKeepsTheDeleted,   // says OK
  kFindsEverything,
  kFailsWhileTimed,  // once it was checked
};

// Only lookups may come from several threads at once, and what fails.
struct FlawedMap {
  explicit FlawedMap(Flaw flaw) : flaw(flaw) {}

  const Flaw flaw;
  std::map<std::string, std::string> values;
  std::atomic<int> updates{0};
};

class FlawedView {
 public:
  using Map = FlawedMap;

  FlawedView(Map& map, const MapDef&) : map_(map) {}

  const void* Lookup(const void* key) {
    const auto found = map_.values.find(Bytes(key, kDef.key_size));
    if (found != map_.values.end()) return found->second.data();
    return map_.flaw == Flaw::kFindsEverything ? "anything" : nullptr;
  }

  Errno Update(const void* key, const void* value) {
    // 75 to fill the map, 75 to check an operation.
    if (map_.flaw == Flaw::kFailsWhileTimed && ++map_.updates > 150) {
      return Errno::kNoMem;
    }
    if (map_.flaw == Flaw::kHasNoRoom && map_.values.size() == 50) {
      return Errno::k2Big;
    }
    std::string bytes = Bytes(value, kDef.value_size);
    const size_t size = map_.values.size();
    if (size == 40 && map_.flaw == Flaw::kGarblesAValue) ++bytes[7];
    const auto [place, inserted] =
        map_.values.try_emplace(Bytes(key, kDef.key_size), bytes);
    if (inserted && size == 40 && map_.flaw == Flaw::kLosesAnInsert) {
      lost_ = Bytes(key, kDef.key_size);
    }
    if (!inserted && map_.flaw != Flaw::kLosesEveryUpdate) {
      place->second = bytes;
    }
    if (size == 74) map_.values.erase(lost_);
    return Errno::kOk;
  }

  Errno Delete(const void* key) {
    if (map_.flaw == Flaw::kKeepsTheDeleted) return Errno::kOk;
    return map_.values.erase(Bytes(key, kDef.key_size)) == 1 ? Errno::kOk
                                                             : Errno::kNoEnt;
  }

 private:
  static std::string Bytes(const void* bytes, size_t size) {
    return std::string(static_cast<const char*>(bytes), size);
  }

  Map& map_;
  std::string lost_;
};

template <typename Operation>
std::string WhatCheckSays(Flaw flaw) {
  FlawedMap map(flaw);
  FlawedView view(map, kDef);
  const Workload workload(kDef, 1);
  absl::Status status = Fill(view, workload);
  if (status.ok()) status = bench::Check<Operation>(view, workload);
  return std::string(status.message());
}

TEST(CheckTest, AMapWithoutAFlawPasses) {
  EXPECT_EQ(WhatCheckSays<LookupHit>(Flaw::kNone), "");
  EXPECT_EQ(WhatCheckSays<LookupMiss>(Flaw::kNone), "");
  EXPECT_EQ(WhatCheckSays<Update>(Flaw::kNone), "");
  EXPECT_EQ(WhatCheckSays<InsertDelete>(Flaw::kNone), "");
  EXPECT_EQ(WhatCheckSays<Mix50And50>(Flaw::kNone), "");
}

TEST(CheckTest, AMapThatCannotBeFilledIsFound) {
  EXPECT_EQ(WhatCheckSays<LookupHit>(Flaw::kHasNoRoom),
            "the map cannot be filled: E2BIG with 50 of 75 elements in it");
}

TEST(CheckTest, AHitThatMissesIsFound) {
  EXPECT_EQ(WhatCheckSays<LookupHit>(Flaw::kLosesAnInsert),
            "lookup_hit failed with ENOENT before it was timed");
}

TEST(CheckTest, AMissThatHitsIsFound) {
  EXPECT_EQ(WhatCheckSays<LookupMiss>(Flaw::kFindsEverything),
            "lookup_miss failed with EEXIST before it was timed");
}

TEST(CheckTest, AWrongValueIsFound) {
  EXPECT_EQ(WhatCheckSays<LookupHit>(Flaw::kGarblesAValue),
            "after lookup_hit, before it was timed, a key has another value "
            "than it should have");
}

TEST(CheckTest, AnUpdateWithoutEffectIsFound) {
  EXPECT_EQ(WhatCheckSays<Update>(Flaw::kLosesEveryUpdate),
            "after update, before it was timed, a key has another value than "
            "it should have");
}

TEST(CheckTest, ADeleteWithoutEffectIsFound) {
  EXPECT_EQ(WhatCheckSays<InsertDelete>(Flaw::kKeepsTheDeleted),
            "after insert_delete, before it was timed, a key is found that "
            "should be absent");
}

// Mistakes of a queue or a stack.
enum class PushPopFlaw {
  kNone,
  kHasNoRoom,     // E2BIG at half its size
  kIsTheOther,    // a queue is a stack, a stack a queue
  kLosesAPush,    // says OK
  kGarblesAPush,  // says OK
  kPopsTwice,     // gives a value, and keeps it
  kPopsNothing,
};

struct FlawedQueue {
  FlawedQueue(PushPopFlaw flaw, bool oldest_first)
      : flaw(flaw), oldest_first(oldest_first) {}

  const PushPopFlaw flaw;
  const bool oldest_first;
  std::deque<std::string> values;
  int pushes = 0;
};

class FlawedPushPopView {
 public:
  using Map = FlawedQueue;

  FlawedPushPopView(Map& map, const MapDef&) : map_(map) {}

  Errno Push(const void* value) {
    if (map_.flaw == PushPopFlaw::kHasNoRoom && map_.values.size() == 25) {
      return Errno::k2Big;
    }
    std::string bytes(static_cast<const char*>(value), 8);
    const bool is_it = ++map_.pushes == 40;
    if (is_it && map_.flaw == PushPopFlaw::kLosesAPush) return Errno::kOk;
    if (is_it && map_.flaw == PushPopFlaw::kGarblesAPush) ++bytes[7];
    map_.values.push_back(bytes);
    return Errno::kOk;
  }

  const void* Pop() {
    if (map_.values.empty() || map_.flaw == PushPopFlaw::kPopsNothing) {
      return nullptr;
    }
    const bool first =
        map_.oldest_first != (map_.flaw == PushPopFlaw::kIsTheOther);
    popped_ = first ? map_.values.front() : map_.values.back();
    if (map_.flaw == PushPopFlaw::kPopsTwice && ++pops_ == 60) {
      return popped_.data();
    }
    first ? map_.values.pop_front() : map_.values.pop_back();
    return popped_.data();
  }

 private:
  Map& map_;
  std::string popped_;
  int pops_ = 0;
};

// 50 values, and 25 turns.
std::string WhatCheckSaysOf(MapType type, PushPopFlaw flaw) {
  const MapDef def = {.type = type, .value_size = 8, .max_entries = 100};
  FlawedQueue map(flaw, type == MapType::kQueue);
  FlawedPushPopView view(map, def);
  const Workload workload(def, 1);
  absl::Status status = Fill(view, workload);
  if (status.ok()) status = bench::Check<PushPop>(view, workload);
  if (status.ok()) {
    EXPECT_EQ(map.values.size(), 50u);
  }
  return std::string(status.message());
}

constexpr char kAfter[] = "after push_pop, before it was timed, ";

TEST(CheckPushPopTest, QueuesAndStacksWithoutAFlawPass) {
  EXPECT_EQ(WhatCheckSaysOf(MapType::kQueue, PushPopFlaw::kNone), "");
  EXPECT_EQ(WhatCheckSaysOf(MapType::kStack, PushPopFlaw::kNone), "");
}

TEST(CheckPushPopTest, FlawsAreFound) {
  for (const MapType type : {MapType::kQueue, MapType::kStack}) {
    EXPECT_EQ(WhatCheckSaysOf(type, PushPopFlaw::kHasNoRoom),
              "the map cannot be filled: E2BIG with 25 of 50 elements in it");
    EXPECT_EQ(WhatCheckSaysOf(type, PushPopFlaw::kIsTheOther),
              absl::StrCat(kAfter, "a value comes that is not the next one"));
    EXPECT_EQ(WhatCheckSaysOf(type, PushPopFlaw::kGarblesAPush),
              absl::StrCat(kAfter, "a value comes that is not the next one"));
    EXPECT_EQ(WhatCheckSaysOf(type, PushPopFlaw::kLosesAPush),
              absl::StrCat(kAfter, "a value comes that is not the next one"));
    EXPECT_EQ(WhatCheckSaysOf(type, PushPopFlaw::kPopsTwice),
              absl::StrCat(kAfter, "a value comes that is not the next one"));
    EXPECT_EQ(WhatCheckSaysOf(type, PushPopFlaw::kPopsNothing),
              "push_pop failed with ENOENT before it was timed");
  }
}

// Runs a row and returns what is printed for it.
template <typename Operation>
std::string RunRow(Flaw flaw, int threads, Session& session) {
  const Implementation<FlawedView> implementation = {
      "flawed", [](const MapDef&) { return true; },
      [flaw](const MapDef&) -> absl::StatusOr<std::shared_ptr<FlawedMap>> {
        return std::make_shared<FlawedMap>(flaw);
      }};
  AddRow<Operation>(
      implementation,
      {.operation = Operation::kName, .def = kDef, .threads = threads},
      session);
  std::ostringstream printed;
  benchmark::ConsoleReporter reporter(benchmark::ConsoleReporter::OO_None);
  reporter.SetOutputStream(&printed);
  reporter.SetErrorStream(&printed);
  EXPECT_EQ(benchmark::RunSpecifiedBenchmarks(&reporter, "flawed"), 1u);
  benchmark::ClearRegisteredBenchmarks();
  return printed.str();
}

TEST(RowTest, ARowWithoutAnErrorShowsATime) {
  Session session(1);
  const std::string printed = RunRow<LookupHit>(Flaw::kNone, 2, session);
  EXPECT_NE(printed.find("hash/lookup_hit/flawed/k4v8/n100/uniform/"),
            std::string::npos)
      << printed;
  EXPECT_NE(printed.find("time_per_op="), std::string::npos) << printed;
  EXPECT_FALSE(session.failed());
}

TEST(RowTest, ACheckThatFailsIsShown) {
  for (const int threads : {1, 2}) {
    Session session(1);
    const std::string printed =
        RunRow<InsertDelete>(Flaw::kKeepsTheDeleted, threads, session);
    EXPECT_NE(printed.find("a key is found that should be absent"),
              std::string::npos)
        << printed;
    EXPECT_EQ(printed.find("time_per_op="), std::string::npos) << printed;
    EXPECT_TRUE(session.failed());
  }
}

TEST(RowTest, AnErrorWhileTimedIsShown) {
  for (const int threads : {1, 2}) {
    Session session(1);
    const std::string printed =
        RunRow<Update>(Flaw::kFailsWhileTimed, threads, session);
    EXPECT_NE(printed.find("update failed with ENOMEM while it was timed"),
              std::string::npos)
        << printed;
    EXPECT_EQ(printed.find("time_per_op="), std::string::npos) << printed;
    EXPECT_TRUE(session.failed());
  }
}

}  // namespace
}  // namespace bpfmap::bench
