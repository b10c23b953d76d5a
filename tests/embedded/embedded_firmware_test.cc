// SPDX-License-Identifier: Apache-2.0
// The firmware of embedded_firmware.cc, run on the host.

#include "gtest/gtest.h"

extern "C" int FirmwareMain();

namespace {

TEST(EmbeddedFirmwareTest, EveryAnswerIsExpectedOne) {
  EXPECT_EQ(FirmwareMain(), 0);
}

}  // namespace
