// SPDX-License-Identifier: Apache-2.0
//
// ContextBytes: a Context as the bytes that a program is called with.

#ifndef BPFMAP_PROGRAMS_CONTEXT_BYTES_H_
#define BPFMAP_PROGRAMS_CONTEXT_BYTES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/btf_value.h"
#include "bpfmap/programs/object_file.h"
#include "bpfmap/programs/run_context.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {

// The struct that the program's first parameter points to; 0 if it points to
// none.
uint32_t ContextTypeOf(const BtfTypes& types, const ProgramSpec& program);

class ContextBytes {
 public:
  // All must outlive it.
  ContextBytes(const BtfTypes& types, const ProgramSpec& program, World* world)
      : types_(types), program_(program), world_(*world) {}

  // Returns "" or a sentence.
  std::string Build(const Context& context);

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  // How many arguments there are, without the result.
  uint32_t arguments() const { return arguments_; }

 private:
  std::string BuildArguments(const Context& context);
  std::string BuildStruct(const Context& context);
  std::string SetField(const std::string& name, const ContextValue& value);
  std::string SetText(const BtfPlace& place, const std::string& text);
  std::string SetRegister(int index, const ContextValue& value);
  uint64_t NumberOf(const ContextValue& value);

  const BtfTypes& types_;
  const ProgramSpec& program_;
  World& world_;
  uint32_t type_ = 0;
  uint32_t arguments_ = 0;
  std::vector<uint8_t> bytes_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_CONTEXT_BYTES_H_
