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
// The same of a program of this type, which is this function of the BTF.
uint32_t ContextTypeOf(const BtfTypes& types, uint32_t function,
                       ProgramType type);

class ContextBytes {
 public:
  // For a program of this type, whose context is a struct of `types`; 0: of
  // none. `types` and `world` must outlive it.
  ContextBytes(const BtfTypes& types, uint32_t context, ProgramType type,
               World* world)
      : types_(types), world_(*world), program_type_(type), type_(context) {}

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
  World& world_;
  const ProgramType program_type_;
  const uint32_t type_;  // BTF
  uint32_t arguments_ = 0;
  std::vector<uint8_t> bytes_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_CONTEXT_BYTES_H_
