// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/core_relocation.h"

#include <cstdint>

#include "bpfmap/programs/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

using testing::HasSubstr;

class CoreRelocationTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(object_.SetKernelTypes("programs/core_test_kernel.bpf.o"));
    ASSERT_OK(object_.Load());
  }

  ProgramResult Run(const char* program) {
    const auto inner = object_.New("inner").Set("value", 30);
    const auto task = object_.New("task")
                          .Set("inner", inner)
                          .Set("slots[2]", 12)
                          .Set("nice", 5)
                          .Set("pid", 9);
    return object_.program(program).Run(Context().Arg(0, task));
  }

  World world_;
  Object object_ = Object::Open("programs/core_test.bpf.o").value();
};

TEST_F(CoreRelocationTest, MembersAreReadWhereTheKernelHasThem) {
  EXPECT_THAT(Run("read_value"), Returns(42));
}

TEST_F(CoreRelocationTest, BitFieldIsReadWhereTheKernelHasIt) {
  EXPECT_THAT(Run("read_state"), Returns(5));
}

TEST_F(CoreRelocationTest, WhatTheKernelLacksDoesNotExist) {
  EXPECT_THAT(Run("which_exist"),
              Returns(1 | 0 << 1 | 0 << 2 | 1 << 3 | 1 << 4));
}

TEST_F(CoreRelocationTest, SizesAndValuesAreTheKernels) {
  EXPECT_THAT(Run("sizes"), Returns(24 + 100 * 8 + 1000 * 7));
}

TEST_F(CoreRelocationTest, ReadOfMissingMemberFaults) {
  EXPECT_THAT(Run("read_missing"), Faults(HasSubstr("CO-RE")));
}

TEST(CoreOwnTypes, OwnTypesAreTheKernelsButForFlavors) {
  World world;
  Object object = Object::Open("programs/core_test.bpf.o").value();
  ASSERT_OK(object.Load());
  const auto inner = object.New("inner").Set("value", 30);
  const auto task = object.New("task")
                        .Set("inner", inner)
                        .Set("slots[2]", 12)
                        .Set("missing", 8);
  const Context context = Context().Arg(0, task);
  EXPECT_THAT(object.program("read_value").Run(context), Returns(42));
  EXPECT_THAT(object.program("read_missing").Run(context), Returns(8));
  EXPECT_THAT(object.program("which_exist").Run(context),
              Returns(1 | 1 << 1 | 0 << 2 | 1 << 3 | 1 << 4));
}

TEST(CoreOwnTypes, FileWithoutBtfIsRefused) {
  Object object = Object::Open("programs/core_test.bpf.o").value();
  EXPECT_FALSE(object.SetKernelTypes("programs/core_test.cc").ok());
  EXPECT_FALSE(object.SetKernelTypes("/proc/self/exe").ok());
}

}  // namespace
}  // namespace bpfmap
