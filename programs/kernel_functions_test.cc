// SPDX-License-Identifier: Apache-2.0
//
// Functions of the kernel (kfuncs), here and in the kernel.

#include <cstdint>
#include <optional>
#include <string>

#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/judged_test.h"

namespace bpfmap {
namespace {

using testing::HasSubstr;

struct Range {
  int32_t start, end;
};

class KernelFunctionsTest : public JudgedTest {
 protected:
  void SetUp() override {
    JudgedTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    object_.emplace(Open("programs/kernel_functions_test.bpf.o"));
    ASSERT_OK(object_->Load());
  }

  ProgramResult Run(const char* program, Range range, uint32_t mark = 0) {
    object_->Set("range", range);
    const auto packet = Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1");
    return object_->program(program).Run(packet, Context().Set("mark", mark));
  }

  World world_;
  std::optional<Object> object_;
};

TEST_P(KernelFunctionsTest, IteratorGivesEachNumberOnce) {
  EXPECT_THAT(Run("add", {1, 11}), Returns(0));
  EXPECT_EQ(object_->Get<uint64_t>("sum"), 55u);
  EXPECT_THAT(Run("add", {-3, 1}), Returns(0));
  EXPECT_EQ(object_->Get<uint64_t>("sum"), uint64_t{0} - 6);
  EXPECT_THAT(Run("add", {5, 5}), Returns(0));
  EXPECT_EQ(object_->Get<uint32_t>("turns"), 0u);
  EXPECT_THAT(Run("nested", {0, 10}), Returns(31));
}

TEST_P(KernelFunctionsTest, LongLoopsOfIteratorsEnd) {
  // Of more instructions than a program may run without one.
  object_->KeepPaths(false);
  EXPECT_THAT(Run("add", {0, 200'000}), Returns(0));
  EXPECT_EQ(object_->Get<uint32_t>("turns"), 200'000u);
}

TEST_P(KernelFunctionsTest, RangeThatIsWrongHasNoNumbers) {
  constexpr int32_t kMost = 8 << 20, kLowest = INT32_MIN, kHighest = INT32_MAX;
  EXPECT_THAT(Run("result_of_new", {0, 1}), Returns(0));
  EXPECT_THAT(Run("result_of_new", {1, 0}), Returns(-22 + 1000));
  EXPECT_THAT(Run("result_of_new", {0, 0}), Returns(1000));
  EXPECT_THAT(Run("result_of_new", {-1, kMost - 1}), Returns(0));
  EXPECT_THAT(Run("result_of_new", {-1, kMost}), Returns(-7 + 1000));
  EXPECT_THAT(Run("result_of_new", {kLowest, kHighest}), Returns(-7 + 1000));
  EXPECT_THAT(Run("result_of_new", {kLowest, kLowest + 1}), Returns(0));
  EXPECT_THAT(Run("result_of_new", {kHighest - 1, kHighest}), Returns(0));
}

TEST_P(KernelFunctionsTest, SectionsEnd) {
  EXPECT_THAT(Run("sections", {}), Returns(3));
}

TEST_P(KernelFunctionsTest, ExceptionEndsTheProgramOfItsCaller) {
  EXPECT_THAT(Run("thrown", {}, 2), Returns(1));
  EXPECT_THAT(Run("thrown", {}, 6), Returns(44));
  EXPECT_THAT(Run("thrown", {}, 2), Returns(1));
}

TEST_P(KernelFunctionsTest, LoopThatMayGoOnIsLong) {
  object_->KeepPaths(false);
  EXPECT_THAT(Run("may_goto", {}), Returns(1));
}

INSTANTIATE_TEST_SUITE_P(, KernelFunctionsTest, kJudges, NameOfJudge);

// Programs that the verifier refuses.
class WrongKernelFunctionsTest : public testing::Test {
 protected:
  std::string Fault(const char* program) {
    const auto packet = Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1");
    return object_.program(program).Run(packet).fault;
  }

  World world_;
  Object object_ =
      Object::Open("programs/kernel_functions_wrong.bpf.o").value();
};

TEST_F(WrongKernelFunctionsTest, EndWithTheirSentence) {
  ASSERT_OK(object_.Load());
  EXPECT_THAT(Fault("kept"), HasSubstr("iterator that was not destroyed"));
  EXPECT_THAT(Fault("none"),
              HasSubstr("bpf_iter_num_next() with argument 1, which is no "
                        "iterator that was made"));
  EXPECT_THAT(Fault("overwritten"), HasSubstr("no iterator that was made"));
  EXPECT_THAT(Fault("written"), HasSubstr("the number of an iterator"));
  EXPECT_THAT(Fault("late"), HasSubstr("from before bpf_iter_num_destroy()"));
  EXPECT_THAT(Fault("unchecked"), HasSubstr("iter_num_next() of instruction"));
  EXPECT_THAT(Fault("locked"), HasSubstr("bpf_rcu_read_lock() and its unlock"));
  EXPECT_THAT(Fault("unlocked"), HasSubstr("without a lock before it"));
  EXPECT_THAT(Fault("absent"),
              HasSubstr("bpf_obj_drop_impl(), which is absent"));
}

TEST_F(WrongKernelFunctionsTest, TestAnswersForOne) {
  ASSERT_OK(object_.Load());
  world_.OnKernelFunction("bpf_obj_drop_impl",
                          [](HelperCall&) -> uint64_t { return 0; });
  world_.OnKernelFunction("bpf_rcu_read_lock",
                          [](HelperCall&) -> uint64_t { return 0; });
  EXPECT_EQ(Fault("absent"), "");
  EXPECT_EQ(Fault("locked"), "");
}

}  // namespace
}  // namespace bpfmap
