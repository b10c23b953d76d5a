// SPDX-License-Identifier: Apache-2.0

// Descriptor: the number that user space has for a test's map, whichever
// backend it is of, for maps of maps.

#ifndef BPFMAP_TESTS_SUPPORT_DESCRIPTOR_H_
#define BPFMAP_TESTS_SUPPORT_DESCRIPTOR_H_

#include <cstdint>
#include <memory>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_fd_table.h"
#include "gtest/gtest.h"
#include "tests/support/backend.h"

namespace bpfmap {

// Open while this lives.
class Descriptor {
 public:
  explicit Descriptor(const TestMap& map) : map_(map) {
    if (map.local() == nullptr) {  // the kernel's
      number_ = static_cast<uint32_t>(map.kernel_fd());
    } else {
      number_ = MapFdTable::Global().Open(map.shared_local());
    }
  }
  ~Descriptor() {
    if (map_.local() == nullptr) return;  // the map closes it
    EXPECT_TRUE(MapFdTable::Global().Close(number_) == Errno::kOk);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  uint32_t number() const { return number_; }

 private:
  const TestMap map_;
  uint32_t number_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_DESCRIPTOR_H_
