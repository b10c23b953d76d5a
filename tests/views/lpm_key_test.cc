// SPDX-License-Identifier: Apache-2.0

// LpmKey: text to key and back, and as the key of a trie. The C library's
// inet_pton() and inet_ntop() are asked whether an address is one.

#include "bpfmap/maps/lpm_key.h"

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/print_errno.h"
#include "tests/support/random_seed.h"

namespace bpfmap {
namespace {

using ::testing::HasSubstr;

template <uint32_t kBytes>
std::string AsPrinted(const std::string& text) {
  const auto key = LpmKey<kBytes>::Parse(text);
  return key.ok() ? key->ToString() : std::string(key.status().message());
}

TEST(LpmKeyTest, Ipv4IsParsedAndPrinted) {
  const LpmKey<4> key = LpmKey<4>::Parse("10.1.2.0/24").value();
  EXPECT_EQ(key, (LpmKey<4>{24, {10, 1, 2, 0}}));
  EXPECT_EQ(key.ToString(), "10.1.2.0/24");
  EXPECT_EQ(AsPrinted<4>("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(AsPrinted<4>("255.255.255.255"), "255.255.255.255/32");
}

TEST(LpmKeyTest, BitsAfterPrefixAreKept) {
  EXPECT_EQ(AsPrinted<4>("10.1.2.3/8"), "10.1.2.3/8");
}

TEST(LpmKeyTest, Ipv6IsPrintedAsRfc5952Says) {
  EXPECT_EQ(AsPrinted<16>("2001:DB8::/32"), "2001:db8::/32");
  EXPECT_EQ(AsPrinted<16>("::/0"), "::/0");
  EXPECT_EQ(AsPrinted<16>("::1"), "::1/128");
  EXPECT_EQ(AsPrinted<16>("0:0:1:0:0:0:0:1"), "0:0:1::1/128");
  EXPECT_EQ(AsPrinted<16>("1:0:0:2:0:0:3:4"), "1::2:0:0:3:4/128");
  EXPECT_EQ(AsPrinted<16>("1:2:3:0:5:6:7:8"), "1:2:3:0:5:6:7:8/128");
  EXPECT_EQ(AsPrinted<16>("::ffff:10.0.0.1/120"), "::ffff:10.0.0.1/120");
  EXPECT_EQ(AsPrinted<16>("64:ff9b::1.2.3.4"), "64:ff9b::102:304/128");
}

TEST(LpmKeyTest, TextThatIsNoAddressIsRefused) {
  for (const char* text :
       {"", "/", "10.0.0/8", "10.0.0.0.0/8", "256.0.0.0/8", "010.0.0.0/8",
        " 10.0.0.0/8", "10.0.0.0 /8", "a.0.0.0/8", "10..0.0", "::1"}) {
    EXPECT_EQ(
        AsPrinted<4>(text),
        absl::StrCat("\"", text, "\" is no prefix such as 10.0.0.0/8: EINVAL"));
  }
  for (const char* text : {":", ":::", "1::2::3", "1:2:3:4:5:6:7", "12345::",
                           "1:2:3:4:5:6:7:8:9", "1.2.3.4", "::1.2.3.4:5", "::g",
                           "::+1", "::0x1", "fe80::1%eth0", "1:"}) {
    EXPECT_EQ(AsPrinted<16>(text),
              absl::StrCat("\"", text,
                           "\" is no prefix such as 2001:db8::/32: EINVAL"));
  }
}

TEST(LpmKeyTest, LengthThatIsNoneIsRefused) {
  for (const char* text : {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                           "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8"}) {
    EXPECT_THAT(AsPrinted<4>(text), HasSubstr("a number from 0 to 32"));
  }
  EXPECT_THAT(AsPrinted<16>("::/129"), HasSubstr("a number from 0 to 128"));
}

TEST(LpmKeyTest, AgreesWithCLibrary) {
  const uint64_t seed = RandomSeed();
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    // Mostly zeros, for the gap.
    LpmKey<16> key = {128, {}};
    for (int group = 0; group < 8; ++group) {
      if (random() % 2 == 0) continue;
      key.data[2 * group] = random() % 4 == 0 ? random() % 256 : 0;
      key.data[2 * group + 1] = random() % 256;
    }
    char text[INET6_ADDRSTRLEN];
    ASSERT_NE(inet_ntop(AF_INET6, key.data, text, sizeof text), nullptr);
    EXPECT_EQ(LpmKey<16>::Parse(text).value(), key) << text;
    EXPECT_EQ(LpmKey<16>::Parse(key.ToString()).value(), key);

    // Another character somewhere: both take it, or neither does.
    std::string broken = text;
    broken[random() % broken.size()] = "0123:.fg%"[random() % 9];
    uint8_t expected[16];
    const bool is_address = inet_pton(AF_INET6, broken.c_str(), expected) == 1;
    const auto parsed = LpmKey<16>::Parse(broken);
    ASSERT_EQ(parsed.ok(), is_address) << broken;
    if (is_address) {
      EXPECT_EQ(std::memcmp(parsed->data, expected, sizeof expected), 0);
    }
  }
}

TEST(LpmKeyTest, IsKeyOfTrie) {
  const auto trie = *CreateMap({.type = MapType::kLpmTrie,
                                .key_size = sizeof(LpmKey<4>),
                                .value_size = sizeof(uint32_t),
                                .max_entries = 8,
                                .map_flags = kNoPrealloc});
  const auto routes = *ProgramMap<LpmKey<4>, uint32_t>::Create(trie.get());
  ASSERT_EQ(routes.Update(LpmKey<4>::Parse("10.0.0.0/8").value(), 1),
            Errno::kOk);
  ASSERT_EQ(routes.Update(LpmKey<4>::Parse("10.1.0.0/16").value(), 2),
            Errno::kOk);
  EXPECT_EQ(*routes.Lookup({32, {10, 1, 2, 3}}), 2u);
  EXPECT_EQ(*routes.Lookup({32, {10, 2, 2, 3}}), 1u);
  EXPECT_EQ(routes.Lookup({32, {11, 1, 2, 3}}), nullptr);
}

}  // namespace
}  // namespace bpfmap
