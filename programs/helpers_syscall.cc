// SPDX-License-Identifier: Apache-2.0
//
// Helpers of programs of type syscall, which call the system: bpf(2) and
// close(2). The loaders of light skeletons do.

#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr ProgramTypes kSyscallType{ProgramType::kSyscall};

uint64_t SysBpf(HelperCall& call) {
  return static_cast<uint64_t>(call.world().SystemBpf(
      static_cast<int>(call.word(1)), call.pointer(2), call.word(3)));
}

uint64_t SysClose(HelperCall& call) {
  return static_cast<uint64_t>(
      call.world().SystemClose(static_cast<int>(call.word(1))));
}

constexpr Helper kHelpers[] = {
    {166,
     HelperKind::kSimulated,
     false,
     {Arg::kNumber, Arg::kMemory, Arg::kSize},
     SysBpf,
     kSyscallType},
    {168,
     HelperKind::kSimulated,
     false,
     {Arg::kNumber},
     SysClose,
     kSyscallType},
};

}  // namespace

std::span<const Helper> internal::SyscallHelpers() { return kHelpers; }

}  // namespace bpfmap
