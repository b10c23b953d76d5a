// SPDX-License-Identifier: Apache-2.0

// How GoogleTest shows an Errno: "ENOENT (2)".
//
// Every test that compares one includes this (testing.h does), for GoogleTest
// chooses a printer once for a whole program.

#ifndef BPFMAP_MAPS_TESTING_PRINT_ERRNO_H_
#define BPFMAP_MAPS_TESTING_PRINT_ERRNO_H_

#include <ostream>

#include "bpfmap/maps/errno.h"

namespace bpfmap {

inline void PrintTo(Errno error, std::ostream* out) {
  *out << ErrnoName(error) << " (" << static_cast<int>(error) << ")";
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TESTING_PRINT_ERRNO_H_
