// SPDX-License-Identifier: Apache-2.0
//
// CO-RE: makes a program that was compiled against one kernel's types fit those
// of another: where a member is, how large, and whether it is there at all.
//
// A struct is looked for by its name up to "___" in the other BTF, a member by
// its name, also in structs and unions without a name. Where a member is
// missing, the instruction becomes a call that ends the run with a sentence, as
// libbpf leaves it for the verifier.
//
// Source: Documentation/bpf/libbpf/ and llvm_reloc.rst of the kernel.

#ifndef BPFMAP_PROGRAMS_CORE_RELOCATION_H_
#define BPFMAP_PROGRAMS_CORE_RELOCATION_H_

#include <string>
#include <vector>

#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/object_file.h"

namespace bpfmap {

// Applies the relocations of a program of the object with types `local` to its
// instructions. Returns "" or a sentence.
std::string RelocateTo(const BtfTypes& target, const BtfTypes& local,
                       const std::vector<CoreRelocation>& relocations,
                       std::vector<Instruction>* instructions);

// The same where no other kernel is given: the object's types are the kernel's.
// Only a struct of several flavors ("task_struct___old") is looked for, under
// the name that all have.
std::string RelocateToOwn(const BtfTypes& local,
                          const std::vector<CoreRelocation>& relocations,
                          std::vector<Instruction>* instructions);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_CORE_RELOCATION_H_
