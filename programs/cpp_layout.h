// SPDX-License-Identifier: Apache-2.0
//
// CppLayout: where the numbers of a C++ type lie, to compare with a BTF.
//
//   struct Rule { uint64_t until_ns; uint32_t burst; };
//   CppLayout::Of<Rule>()  // 16 bytes: 8 at 0, 4 at 8
//
// C++ tells the fields of an aggregate, such as a struct that a header shares
// with BPF C, up to 16 of them, arrays and structs among them. Other classes,
// unions, and arrays of bytes are bytes, which may be anything.

#ifndef BPFMAP_PROGRAMS_CPP_LAYOUT_H_
#define BPFMAP_PROGRAMS_CPP_LAYOUT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace bpfmap {

enum class Scalar : uint8_t { kNumber, kFloat, kPointer, kBytes };

// A number, or bytes of which nothing is known.
struct LayoutField {
  uint32_t offset = 0;
  uint32_t size = 0;
  Scalar scalar = Scalar::kBytes;
};

namespace internal {

// Converts to anything, in an initializer that is never run.
struct AnyValue {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <std::size_t>
using AnyValueAt = AnyValue;

template <typename T, std::size_t... I>
constexpr bool IsMadeOf(std::index_sequence<I...>) {
  return requires { T{AnyValueAt<I>()...}; };
}

// With braces around those in the middle.
template <typename T, std::size_t... A, std::size_t... B, std::size_t... C>
constexpr bool IsMadeOf(std::index_sequence<A...>, std::index_sequence<B...>,
                        std::index_sequence<C...>) {
  return requires {
    T{AnyValueAt<A>()..., {AnyValueAt<B>()...}, AnyValueAt<C>()...};
  };
}

inline constexpr std::size_t kMostValues = 64;

// How many values T takes, where each element of an array is one.
template <typename T, std::size_t N = 0>
constexpr std::size_t CountValues() {
  if constexpr (N == kMostValues ||
                !IsMadeOf<T>(std::make_index_sequence<N + 1>())) {
    return N;
  } else {
    return CountValues<T, N + 1>();
  }
}

// How many of `All` values belong to the field that has value `At`: an array
// of n takes the place of n, which a struct in braces does not.
template <typename T, std::size_t All, std::size_t At, std::size_t N>
constexpr std::size_t ValuesOfField() {
  if constexpr (N <= 1) {
    return 1;
  } else {
    constexpr auto kBefore = std::make_index_sequence<At>();
    constexpr auto kIn = std::make_index_sequence<N>();
    if constexpr (IsMadeOf<T>(kBefore, kIn,
                              std::make_index_sequence<All - At - N>()) &&
                  !IsMadeOf<T>(kBefore, kIn,
                               std::make_index_sequence<All - At - N + 1>())) {
      return N;
    } else {
      return ValuesOfField<T, All, At, N - 1>();
    }
  }
}

template <typename T, std::size_t All, std::size_t At = 0>
constexpr std::size_t CountFields() {
  if constexpr (At >= All) {
    return 0;
  } else {
    return 1 +
           CountFields<T, All, At + ValuesOfField<T, All, At, All - At>()>();
  }
}

template <typename T>
struct IsStdArray : std::false_type {};
template <typename T, std::size_t N>
struct IsStdArray<std::array<T, N>> : std::true_type {};

// Calls visit(field) for each field. Returns false if they cannot be told.
template <std::size_t N, typename T, typename F>
bool VisitFields(const T& value, const F& visit) {
#define BPFMAP_FIELDS(count, ...)                                         \
  if constexpr (N == count) {                                             \
    const auto& [__VA_ARGS__] = value;                                    \
    const auto all = [&visit](auto&... fields) { (visit(fields), ...); }; \
    all(__VA_ARGS__);                                                     \
    return true;                                                          \
  }
  BPFMAP_FIELDS(1, a)
  BPFMAP_FIELDS(2, a, b)
  BPFMAP_FIELDS(3, a, b, c)
  BPFMAP_FIELDS(4, a, b, c, d)
  BPFMAP_FIELDS(5, a, b, c, d, e)
  BPFMAP_FIELDS(6, a, b, c, d, e, f)
  BPFMAP_FIELDS(7, a, b, c, d, e, f, g)
  BPFMAP_FIELDS(8, a, b, c, d, e, f, g, h)
  BPFMAP_FIELDS(9, a, b, c, d, e, f, g, h, i)
  BPFMAP_FIELDS(10, a, b, c, d, e, f, g, h, i, j)
  BPFMAP_FIELDS(11, a, b, c, d, e, f, g, h, i, j, k)
  BPFMAP_FIELDS(12, a, b, c, d, e, f, g, h, i, j, k, l)
  BPFMAP_FIELDS(13, a, b, c, d, e, f, g, h, i, j, k, l, m)
  BPFMAP_FIELDS(14, a, b, c, d, e, f, g, h, i, j, k, l, m, n)
  BPFMAP_FIELDS(15, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
  BPFMAP_FIELDS(16, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
#undef BPFMAP_FIELDS
  return false;
}

template <typename T>
constexpr bool HasFields() {
  return std::is_class_v<T> && std::is_aggregate_v<T> && !IsStdArray<T>() &&
         std::is_default_constructible_v<T>;
}

}  // namespace internal

struct CppLayout {
  uint32_t size = 0;
  std::vector<LayoutField> fields;  // in order

  template <typename T>
  static CppLayout Of() {
    CppLayout layout;
    layout.size = sizeof(T);
    layout.Append<T>(0);
    return layout;
  }

 private:
  void Add(uint32_t offset, std::size_t size, Scalar scalar) {
    fields.push_back({offset, static_cast<uint32_t>(size), scalar});
  }

  template <typename T>
  void Append(uint32_t offset) {
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      Add(offset, sizeof(T), Scalar::kNumber);
    } else if constexpr (std::is_floating_point_v<T>) {
      Add(offset, sizeof(T), Scalar::kFloat);
    } else if constexpr (std::is_pointer_v<T>) {
      Add(offset, sizeof(T), Scalar::kPointer);
    } else if constexpr (std::is_array_v<T>) {
      using Element = std::remove_cv_t<std::remove_extent_t<T>>;
      if constexpr (sizeof(Element) == 1) {
        Add(offset, sizeof(T), Scalar::kBytes);
      } else {
        for (std::size_t i = 0; i < std::extent_v<T>; ++i) {
          Append<Element>(offset + static_cast<uint32_t>(i * sizeof(Element)));
        }
      }
    } else if constexpr (internal::HasFields<T>()) {
      AppendFields<T>(offset);
    } else {
      Add(offset, sizeof(T), Scalar::kBytes);
    }
  }

  template <typename T>
  void AppendFields(uint32_t offset) {
    constexpr std::size_t kFields =
        internal::CountFields<T, internal::CountValues<T>()>();
    const std::size_t before = fields.size();
    bool is_told = kFields > 0 && kFields <= 16 && !std::is_empty_v<T>;
    if constexpr (kFields > 0 && kFields <= 16 && !std::is_empty_v<T>) {
      const T value{};
      internal::VisitFields<kFields>(value, [&](const auto& field) {
        using Field = std::remove_cvref_t<decltype(field)>;
        const uintptr_t place = reinterpret_cast<uintptr_t>(&field) -
                                reinterpret_cast<uintptr_t>(&value);
        // A bit-field is given as a copy.
        if (place >= sizeof(T)) is_told = false;
        Append<Field>(offset + static_cast<uint32_t>(place));
      });
    }
    if (is_told) return;
    fields.resize(before);
    Add(offset, sizeof(T), Scalar::kBytes);
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_CPP_LAYOUT_H_
