// SPDX-License-Identifier: Apache-2.0

// How GoogleTest shows an Errno. Every test that compares one includes this,
// for the printer is chosen once for a whole program.

#ifndef BPFMAP_TESTS_SUPPORT_PRINT_ERRNO_H_
#define BPFMAP_TESTS_SUPPORT_PRINT_ERRNO_H_

#include "bpfmap/maps/testing/print_errno.h"  // IWYU pragma: export

#endif  // BPFMAP_TESTS_SUPPORT_PRINT_ERRNO_H_
