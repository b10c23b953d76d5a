// SPDX-License-Identifier: Apache-2.0
//
// Flags: enum classes whose values are sets of bits.
//
// An enum opts in with kIsFlags, and then has |, &, ^ and ~ and what compares
// and assigns with them. So flags of two kinds do not mix, and no number is a
// flag by accident: what a caller outside C++ sends is ElemFlags{number}.

#ifndef BPFMAP_MAPS_FLAGS_H_
#define BPFMAP_MAPS_FLAGS_H_

#include <type_traits>

namespace bpfmap {

template <typename E>
inline constexpr bool kIsFlags = false;

template <typename E>
concept Flags = std::is_enum_v<E> && kIsFlags<E>;

// The number that Linux knows the flags by.
template <Flags E>
constexpr auto ToNumber(E flags) {
  return static_cast<std::underlying_type_t<E>>(flags);
}

template <Flags E>
constexpr E operator|(E a, E b) {
  return static_cast<E>(ToNumber(a) | ToNumber(b));
}
template <Flags E>
constexpr E operator&(E a, E b) {
  return static_cast<E>(ToNumber(a) & ToNumber(b));
}
template <Flags E>
constexpr E operator^(E a, E b) {
  return static_cast<E>(ToNumber(a) ^ ToNumber(b));
}
template <Flags E>
constexpr E operator~(E flags) {
  return static_cast<E>(~ToNumber(flags));
}
template <Flags E>
constexpr E& operator|=(E& a, E b) {
  return a = a | b;
}
template <Flags E>
constexpr E& operator&=(E& a, E b) {
  return a = a & b;
}
template <Flags E>
constexpr E& operator^=(E& a, E b) {
  return a = a ^ b;
}

// Whether `flags` has any of `bits`.
template <Flags E>
constexpr bool HasAny(E flags, E bits) {
  return (flags & bits) != E{};
}

// Whether `flags` has all of `bits`.
template <Flags E>
constexpr bool HasAll(E flags, E bits) {
  return (flags & bits) == bits;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_FLAGS_H_
