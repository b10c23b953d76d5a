// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/misuse.h"

#include <cstdio>
#include <cstdlib>

namespace bpfmap {
namespace {

void End(const std::string& sentence) {
  std::fprintf(stderr, "%s\n", sentence.c_str());
  std::abort();
}

MisuseHandler current_handler = End;

}  // namespace

void SetMisuseHandler(MisuseHandler handler) { current_handler = handler; }

void Misuse(const std::string& sentence) { current_handler(sentence); }

}  // namespace bpfmap
