// SPDX-License-Identifier: Apache-2.0
//
// For unit tests of BPF objects with GoogleTest: the classes of object.h,
// packet.h and world.h, and matchers. Depend on //programs:testing.
//
//   ASSERT_OK(object.Load());
//   EXPECT_THAT(object.program("p").Run(packet), Returns(XDP_DROP));
//   EXPECT_THAT(object.program("p").Run(packet), Returns(Ge(0)));
//   EXPECT_THAT(object.program("p").Run(packet), Faults(HasSubstr("past")));
//   EXPECT_THAT(result.data, IsPacket(packet));
//   EXPECT_THAT(rules.view(), HasEntry(Ipv4("10.0.0.7"), _));
//
// A result that does not match is printed with what the program did. A Misuse
// of an object (misuse.h) fails the test.

#ifndef BPFMAP_PROGRAMS_TESTING_H_
#define BPFMAP_PROGRAMS_TESTING_H_

#include <cstdint>
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

#include "bpfmap/maps/testing.h"
#include "bpfmap/programs/address.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/misuse.h"
#include "bpfmap/programs/object.h"
#include "bpfmap/programs/packet.h"
#include "bpfmap/programs/world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#ifndef ASSERT_OK
#define ASSERT_OK(expression) ASSERT_THAT(expression, ::bpfmap::IsOk())
#endif
#ifndef EXPECT_OK
#define EXPECT_OK(expression) EXPECT_THAT(expression, ::bpfmap::IsOk())
#endif

namespace bpfmap {

// How GoogleTest shows a result.
inline void PrintTo(const ProgramResult& result, std::ostream* out) {
  if (!result.fault.empty()) {
    *out << "a run that ended early: " << result.fault;
  } else if (!result.ok()) {
    *out << "a run that did not start: " << ErrnoName(result.error) << " ("
         << static_cast<int>(result.error) << ")";
  } else {
    *out << "a run that returned " << static_cast<int32_t>(result.retval);
  }
  if (!result.path.empty()) *out << "\n" << result.path;
}

inline void PrintTo(const Packet& packet, std::ostream* out) {
  for (std::size_t i = 0; i < packet.size(); ++i) {
    char text[8];
    std::snprintf(text, sizeof text, "%s%02x",
                  i == 0        ? ""
                  : i % 16 == 0 ? "\n"
                                : " ",
                  packet.bytes()[i]);
    *out << text;
  }
}

inline void PrintTo(const Ipv4& address, std::ostream* out) {
  const char* dot = "";
  for (uint8_t byte : address.bytes) {
    *out << dot << int{byte};
    dot = ".";
  }
}

namespace internal {

class ReturnsMatcher {
 public:
  using is_gtest_matcher = void;

  explicit ReturnsMatcher(::testing::Matcher<int64_t> value)
      : value_(std::move(value)) {}

  bool MatchAndExplain(const ProgramResult& result, std::ostream*) const {
    return result.ok() &&
           value_.Matches(int64_t{static_cast<int32_t>(result.retval)});
  }
  void DescribeTo(std::ostream* out) const {
    *out << "a run that returns a number that ";
    value_.DescribeTo(out);
  }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "no run that returns a number that ";
    value_.DescribeTo(out);
  }

 private:
  ::testing::Matcher<int64_t> value_;
};

}  // namespace internal

// Matches the result of a run that reached its exit, and returned a number that
// `value` matches, as an int.
template <typename M>
auto Returns(const M& value) {
  return internal::ReturnsMatcher(::testing::SafeMatcherCast<int64_t>(value));
}

// Matches a run that ended early with a sentence that `sentence` matches.
MATCHER_P(Faults, sentence, "a run whose fault matches") {
  return ::testing::ExplainMatchResult(::testing::Not(::testing::IsEmpty()),
                                       arg.fault, result_listener) &&
         ::testing::ExplainMatchResult(sentence, arg.fault, result_listener);
}

// Matches the bytes of a packet.
MATCHER_P(IsPacket, packet,
          "is the packet " + ::testing::PrintToString(packet)) {
  if (std::vector<uint8_t>(arg.begin(), arg.end()) == packet.bytes()) {
    return true;
  }
  *result_listener << "which is\n"
                   << ::testing::PrintToString(
                          Packet(std::vector<uint8_t>(arg.begin(), arg.end())));
  return false;
}

namespace internal {

inline void FailTest(const std::string& sentence) { ADD_FAILURE() << sentence; }

// Where this header is, a Misuse fails the test.
inline const bool kMisuseFailsTest = (SetMisuseHandler(FailTest), true);

}  // namespace internal
}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_TESTING_H_
