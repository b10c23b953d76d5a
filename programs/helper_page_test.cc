// SPDX-License-Identifier: Apache-2.0
//
// docs/helpers.md says of each helper what the tables in helpers_*.cc say.
//
//   helper_page_test --print > docs/helpers.md

#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/program_type.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

constexpr std::string_view kIntroduction =
    R"(<!-- SPDX-License-Identifier: Apache-2.0 -->

# Helpers of BPF programs

This page says of each helper of Linux 6.18 what it is here. The numbers and
names are those of bpf-helpers(7).

- **real**: it does what it does on Linux, with the maps of this library, the
  packet of the run or the program's own memory.
- **simulated**: the `World` of the run answers (`bpfmap/programs/world.h`), so
  that a test says what time it is, which task runs and what a redirect does.
- **absent**: a program that calls it loads. It ends with a fault that names the
  helper when it comes to the call.

A helper that a type of program may not call ends the run, too; bpf(2) refuses
to load such a program, as Linux does, where its verifier would come to the
call. Functions of the kernel (kfuncs) are absent, but for those of an arena,
`bpf_arena_alloc_pages()` and `bpf_arena_free_pages()`. A test can supply what
is absent: `OnHelper()` and `OnKernelFunction()` of the `World`.

| number | helper | here | types of programs |
|---:|---|---|---|
)";

std::string TypesOf(ProgramTypes types) {
  std::string names;
  uint32_t count = 0;
  for (uint32_t type = 1; type < kProgramTypes; ++type) {
    if (!types.Has(ProgramType{type})) continue;
    ++count;
    if (!names.empty()) names += ", ";
    names += ProgramTypeName(ProgramType{type});
  }
  return count == kProgramTypes - 1 ? "all" : names;
}

std::string Page() {
  std::ostringstream page;
  page << kIntroduction;
  uint32_t counts[3] = {};
  for (uint32_t number = 1; number < kHelperCount; ++number) {
    // Tail calls are an operation of the engine.
    const Helper* const helper = FindHelper(number);
    const bool is_tail_call = number == 12;
    const bool is_real = is_tail_call || (helper != nullptr &&
                                          helper->kind == HelperKind::kReal);
    const char* const here = is_real             ? "real"
                             : helper == nullptr ? "absent"
                                                 : "simulated";
    ++counts[is_real ? 0 : helper == nullptr ? 2 : 1];
    page << "| " << number << " | " << HelperName(number) << " | " << here
         << " | "
         << (is_tail_call        ? "all"
             : helper != nullptr ? TypesOf(helper->types)
                                 : "")
         << " |\n";
  }
  page << "\n"
       << counts[0] << " are real, " << counts[1] << " simulated, " << counts[2]
       << " absent.\n";
  return page.str();
}

TEST(HelperPageTest, SaysWhatTheTablesSay) {
  std::ifstream file("docs/helpers.md");
  ASSERT_TRUE(file) << "no docs/helpers.md";
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(page, Page()) << "write it anew with --print";
}

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--print") {
    std::cout << bpfmap::Page();
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
