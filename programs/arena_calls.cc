// SPDX-License-Identifier: Apache-2.0
//
// The functions of the kernel (kfuncs) that programs call on an arena. Source:
// the declarations in the kernel's BTF; answers of Linux 6.18 in
// tests/objects/arena.out.

#include <cstdint>
#include <string>

#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"

namespace bpfmap {
namespace {

// The arena of argument 1; ends the run where it is none.
ArenaPages* ArenaOf(HelperCall& call, const std::string& function) {
  const Region* const region = call.region(1);
  const bool is_map = region == nullptr || region->kind == RegionKind::kMap;
  ArenaPages* const arena = is_map ? AsArenaPages(call.map(1)) : nullptr;
  if (arena == nullptr) {
    call.machine().Fault("calls " + function + "() with what is no arena");
  }
  return arena;
}

// void *bpf_arena_alloc_pages(map, address, pages, node, flags)
uint64_t AllocatePages(HelperCall& call, ArenaPages* arena) {
  const int node = static_cast<int>(call.word(4));
  // One node, as on most machines; -1 is Linux's "no node".
  if (call.number(5) != 0 || (node != -1 && node != 0)) return 0;
  return arena->AllocatePages(call.number(2), call.word(3));
}

// void bpf_arena_free_pages(map, address, pages)
uint64_t FreePages(HelperCall& call, ArenaPages* arena) {
  if (call.number(2) != 0) arena->FreePages(call.number(2), call.word(3));
  return 0;
}

}  // namespace

bool Machine::CallArenaFunction(HelperCall& call, uint64_t* result) {
  const Program& program = *frames_[depth_].program;
  const std::string& name = program.KernelFunctionAt(
      static_cast<uint32_t>(at_ - program.operations()));
  uint64_t (*function)(HelperCall&, ArenaPages*) = nullptr;
  if (name == "bpf_arena_alloc_pages") function = AllocatePages;
  if (name == "bpf_arena_free_pages") function = FreePages;
  if (function == nullptr) return false;
  ArenaPages* const arena = ArenaOf(call, name);
  *result = arena != nullptr ? function(call, arena) : 0;
  return true;
}

}  // namespace bpfmap
