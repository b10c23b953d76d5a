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
call. A test can supply what is absent: `OnHelper()` and `OnKernelFunction()` of
the `World`.

| number | helper | here | types of programs |
|---:|---|---|---|
)";

constexpr std::string_view kOfFunctions = R"(
## Functions of the kernel (kfuncs)

These are here, for programs of all types. Others are absent, and end a run
that calls them: objects of a program's own (`bpf_obj_new()`, lists and trees),
dynptrs of packets, iterators over tasks and the like, functions of modules.

A loop of an iterator, or one with `may_goto`, may run as many instructions as
it likes: it is bounded. On x86 Linux bounds the latter by a quarter of a
second, here it is 8,388,608 turns. A throw ends the program; an exception
callback is not called.

| function | here |
|---|---|
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
       << " absent.\n"
       << kOfFunctions;
  for (uint32_t i = 0; i < kKernelFunctionCount; ++i) {
    const Helper* const function = FindHelper(kFirstKernelFunction + i);
    const bool is_real =
        function != nullptr && function->kind == HelperKind::kReal;
    page << "| bpf_" << kKernelFunctionNames[i] << " | "
         << (function == nullptr ? "absent"
             : is_real           ? "real"
                                 : "simulated")
         << " |\n";
  }
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
