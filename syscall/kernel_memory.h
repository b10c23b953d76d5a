// SPDX-License-Identifier: Apache-2.0
//
// KernelMemory: structs of the kernel that events tell of (fire.h), laid out as
// its BTF says.
//
// Not thread-safe.

#ifndef BPFMAP_SYSCALL_KERNEL_MEMORY_H_
#define BPFMAP_SYSCALL_KERNEL_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "bpfmap/maps/errno.h"
#include "bpfmap/programs/event_line.h"
#include "bpfmap/programs/run_context.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {

class KernelMemory final : public World {
 public:
  KernelMemory() : World(NotCurrent()) {}

  // Those that events refer to by '@' and a name, from their line on.
  static KernelMemory& Named();

  // A struct of zeros; 0: the kernel tells of none of this name. *type is its
  // type in KernelTypes().
  uint64_t AddStruct(const std::string& name, uint32_t* type);
  // The array of pointers to texts, or the named object, of a value; 0: there
  // is none of this name.
  uint64_t Place(const EventLine::Placed& placed);

  // Sets a member by its path. Pointers on the way that are null get structs of
  // their own. Returns "", or a sentence.
  std::string Set(uint32_t type, uint64_t address, std::string_view path,
                  const ContextValue& value);

  // Makes, at Named(), the object of a line "object NAME STRUCT member=value
  // ...".
  std::string Make(const EventLine& line);

 private:
  uint64_t AddZeros(uint32_t type);

  std::map<std::string, uint64_t> named_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_KERNEL_MEMORY_H_
