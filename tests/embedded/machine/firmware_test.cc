// SPDX-License-Identifier: Apache-2.0

// Every method of every map of the embedded profile, on the machine itself.

#include "tests/embedded/machine/machine.h"

extern "C" int FirmwareMain();  // embedded_firmware.cc: 0 if all is well

int main() {
  EXPECT(FirmwareMain() == 0);
  bpfmap::machine::Print(bpfmap::machine::failures == 0 ? "PASSED\n"
                                                        : "FAILED\n");
  return bpfmap::machine::failures;
}
