// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/run_context.h"

#include <string>
#include <utility>

namespace bpfmap {

Context& Context::Set(std::string name, ContextValue value) {
  fields_.push_back({std::move(name), std::move(value)});
  return *this;
}

Context& Context::Arg(int index, ContextValue value) {
  arguments_.push_back({index, std::move(value)});
  return *this;
}

Context& Context::Return(ContextValue value) {
  result_ = {std::move(value)};
  return *this;
}

}  // namespace bpfmap
