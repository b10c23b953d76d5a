// SPDX-License-Identifier: Apache-2.0

// UserValues: values of a C++ type in the form that the bpf(2) commands copy
// them, for TypedMap. There are two forms, that of a V, and that of a
// PerCpu<V>, whose parts stand one after the other.
//
// Not thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_USER_VALUES_H_
#define BPFMAP_MAPS_INTERNAL_USER_VALUES_H_

#include <cstddef>
#include <cstring>
#include <vector>

#include "absl/types/span.h"
#include "bpfmap/maps/per_cpu.h"
#include "bpfmap/profiles/cpu.h"

namespace bpfmap::internal {

template <typename V>
class UserValues {
 public:
  using Part = V;
  static constexpr bool kPerCpu = false;

  static void* Bytes(V& value) { return &value; }
  static const void* Bytes(const V& value) { return &value; }
  // Whether `value` has the size that the map copies.
  static bool Fits(const V&) { return true; }

  explicit UserValues(std::size_t count) : values_(count) {}
  static const void* Join(absl::Span<const V> values, UserValues*) {
    return values.data();
  }
  void* data() { return values_.data(); }
  V operator[](std::size_t i) const { return values_[i]; }

 private:
  std::vector<V> values_;
};

template <typename V>
class UserValues<PerCpu<V>> {
 public:
  using Part = V;
  static constexpr bool kPerCpu = true;

  static void* Bytes(PerCpu<V>& value) { return value.data(); }
  static const void* Bytes(const PerCpu<V>& value) { return value.data(); }
  static bool Fits(const PerCpu<V>& value) {
    return value.size() == PossibleCpus();
  }

  explicit UserValues(std::size_t count)
      : size_(PerCpu<V>().size_bytes()), bytes_(count * size_) {}
  // Copies `values` one after the other. REQUIRES: Fits() each of them.
  static const void* Join(absl::Span<const PerCpu<V>> values,
                          UserValues* joined) {
    std::byte* at = joined->bytes_.data();
    for (const PerCpu<V>& value : values) {
      std::memcpy(at, value.data(), value.size_bytes());
      at += value.size_bytes();
    }
    return joined->bytes_.data();
  }
  void* data() { return bytes_.data(); }
  PerCpu<V> operator[](std::size_t i) const {
    PerCpu<V> value;
    std::memcpy(value.data(), bytes_.data() + i * size_, size_);
    return value;
  }

 private:
  std::size_t size_;
  std::vector<std::byte> bytes_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_USER_VALUES_H_
