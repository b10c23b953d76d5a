// SPDX-License-Identifier: Apache-2.0

// The functions of the kernel (kfuncs) that programs call on an arena. Source:
// the declarations in the kernel's BTF; answers of Linux 6.18 in
// tests/objects/arena.out.

#include <cstdint>
#include <span>
#include <string>

#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/machine.h"

namespace bpfmap {
namespace {

// The arena of argument 1; ends the run where it is none.
ArenaPages* ArenaOf(HelperCall& call, const char* function) {
  const Region* const region = call.region(1);
  const bool is_map = region == nullptr || region->kind == RegionKind::kMap;
  ArenaPages* const arena = is_map ? AsArenaPages(call.map(1)) : nullptr;
  if (arena == nullptr) {
    call.machine().Fault("calls " + std::string(function) +
                         "() with what is no arena");
  }
  return arena;
}

// void *bpf_arena_alloc_pages(map, address, pages, node, flags)
uint64_t AllocatePages(HelperCall& call) {
  ArenaPages* const arena = ArenaOf(call, "bpf_arena_alloc_pages");
  const int node = static_cast<int>(call.word(4));
  // One node, as on most machines; -1 is Linux's "no node".
  if (arena == nullptr || call.number(5) != 0 || (node != -1 && node != 0)) {
    return 0;
  }
  return arena->AllocatePages(call.number(2), call.word(3));
}

// void bpf_arena_free_pages(map, address, pages)
uint64_t FreePages(HelperCall& call) {
  ArenaPages* const arena = ArenaOf(call, "bpf_arena_free_pages");
  if (arena != nullptr && call.number(2) != 0) {
    arena->FreePages(call.number(2), call.word(3));
  }
  return 0;
}

constexpr Helper kFunctions[] = {
    {KernelFunctionNumber("bpf_arena_alloc_pages"),
     HelperKind::kReal,
     true,
     {Arg::kNumber, Arg::kNumber, Arg::kNumber, Arg::kNumber, Arg::kNumber},
     AllocatePages},
    {KernelFunctionNumber("bpf_arena_free_pages"),
     HelperKind::kReal,
     true,
     {Arg::kNumber, Arg::kNumber, Arg::kNumber},
     FreePages},
};

}  // namespace

std::span<const Helper> internal::ArenaFunctions() { return kFunctions; }

}  // namespace bpfmap
