// SPDX-License-Identifier: Apache-2.0
//
// race_test: finds the races of race.bpf.c, and none where they are repaired.
//
//   race_test OBJECT
//
// Each test runs two programs on two CPUs, in every order of their accesses to
// maps that two preemptions make. It prints the schedule that a race needs, by
// lines of race.bpf.c.
//
// Programs are loaded with libbpf, whose calls //syscall:override answers in
// this process.

#include "examples/race.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/programs/interleave.h"
#include "gtest/gtest.h"

namespace {

using bpfmap::Interleave;
using bpfmap::InterleaveResult;

// An account as it lies in the map, behind its lock.
struct LockedAccount {
  uint32_t lock = 0;
  uint32_t padding = 0;
  account value = {};
};

const char* object_path = nullptr;

// The object, loaded.
class RaceTest : public testing::Test {
 protected:
  void SetUp() override {
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    object_ = bpf_object__open_file(object_path, nullptr);
    ASSERT_NE(object_, nullptr);
    ASSERT_EQ(bpf_object__load(object_), 0);
  }
  void TearDown() override { bpf_object__close(object_); }

  int Map(const char* name) const {
    return bpf_object__find_map_fd_by_name(object_, name);
  }

  template <typename T>
  void Set(const char* map, const T& value) const {
    const uint32_t zero = 0;
    ASSERT_EQ(bpf_map_update_elem(Map(map), &zero, &value, BPF_ANY), 0);
  }
  template <typename T>
  T Get(const char* map, uint32_t key) const {
    T value = {};
    bpf_map_lookup_elem(Map(map), &key, &value);
    return value;
  }

  // What the program returned goes to *returned.
  std::function<void()> RunOf(const std::string& name, uint32_t* returned) {
    const bpf_program* const program =
        bpf_object__find_program_by_name(object_, name.c_str());
    EXPECT_NE(program, nullptr) << name;
    return [fd = bpf_program__fd(program), returned] {
      uint8_t packet[64] = {};
      LIBBPF_OPTS(bpf_test_run_opts, test);
      test.data_in = packet;
      test.data_size_in = sizeof packet;
      ASSERT_EQ(bpf_prog_test_run_opts(fd, &test), 0);
      *returned = test.retval;
    };
  }

  // Two runs of `name`, or of what it is repaired to.
  void Check(const std::string& name, const std::function<void()>& reset,
             const std::function<bool()>& holds) {
    Check(name, name, reset, holds);
  }
  void Check(const std::string& one, const std::string& two,
             const std::function<void()>& reset,
             const std::function<bool()>& holds) {
    const InterleaveResult race =
        Interleave({RunOf(one, &returned_[0]), RunOf(two, &returned_[1])},
                   {.reset = reset, .holds = holds});
    EXPECT_TRUE(race.broken) << race;
    std::cout << race;
    const InterleaveResult repaired =
        Interleave({RunOf(one + "_repaired", &returned_[0]),
                    RunOf(two + "_repaired", &returned_[1])},
                   {.reset = reset, .holds = holds});
    EXPECT_FALSE(repaired.broken) << repaired;
    EXPECT_TRUE(repaired.complete);
    std::cout << "Repaired: " << repaired;
  }

  bpf_object* object_ = nullptr;
  uint32_t returned_[2] = {};
};

TEST_F(RaceTest, LostUpdate) {
  Check(
      "lost_update", [&] { Set<uint64_t>("total", 0); },
      [&] { return Get<uint64_t>("total", 0) == 2; });
}

TEST_F(RaceTest, CheckThenInsert) {
  const uint32_t flow = 7;
  Check(
      "check_then_insert", [&] { bpf_map_delete_elem(Map("flows"), &flow); },
      [&] { return Get<uint64_t>("flows", flow) == 2; });
}

TEST_F(RaceTest, CheckOfOneMapForAnother) {
  Check(
      "two_maps",
      [&] {
        Set<uint64_t>("total", 0);
        Set<uint64_t>("tokens", 1);
      },
      [&] { return Get<uint64_t>("total", 0) <= 1; });
}

TEST_F(RaceTest, TornRead) {
  Check(
      "torn_write", "torn_read", [&] { Set("accounts", LockedAccount()); },
      [&] { return returned_[1] == XDP_PASS; });
}

TEST_F(RaceTest, TwoEventsOfOneNumber) {
  const auto pop = [&] {
    uint64_t number = UINT64_MAX;
    bpf_map_lookup_and_delete_elem(Map("events"), nullptr, &number);
    return number;
  };
  Check(
      "same_number",
      [&] {
        Set<uint64_t>("race.bss", 0);
        while (pop() != UINT64_MAX) continue;
      },
      [&] { return pop() != pop(); });
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::cerr << "usage: race_test OBJECT\n";
    return 2;
  }
  object_path = argv[1];
  return RUN_ALL_TESTS();
}
