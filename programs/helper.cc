// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/helper.h"

#include <array>
#include <string>

#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/machine.h"

namespace bpfmap {
namespace {

using Table = std::array<const Helper*, kHelperCount>;
using FunctionTable = std::array<const Helper*, kKernelFunctionCount>;

Table MakeTable() {
  Table table = {};
  for (std::span<const Helper> part :
       {internal::MapHelpers(), internal::RingHelpers(),
        internal::StorageHelpers(), internal::TaskHelpers(),
        internal::TimerHelpers(), internal::TextHelpers(),
        internal::PacketHelpers(), internal::FlowHelpers(),
        internal::TunnelHelpers(), internal::SyscallHelpers(),
        internal::WorldHelpers()}) {
    for (const Helper& helper : part) table[helper.number] = &helper;
  }
  return table;
}

FunctionTable MakeFunctionTable() {
  FunctionTable table = {};
  for (std::span<const Helper> part :
       {internal::KernelFunctions(), internal::WorkFunctions(),
        internal::ArenaFunctions()}) {
    for (const Helper& function : part) {
      table[function.number - kFirstKernelFunction] = &function;
    }
  }
  return table;
}

const Helper* FindKernelFunction(uint32_t number) {
  static const FunctionTable table = MakeFunctionTable();
  const uint32_t index = number - kFirstKernelFunction;
  return index < table.size() ? table[index] : nullptr;
}

}  // namespace

const Helper* FindHelper(uint32_t number) {
  static const Table table = MakeTable();
  return number < table.size() ? table[number] : FindKernelFunction(number);
}

bool NeedsMap(HelperCall& call, int i, MapType type, const char* helper) {
  Machine& machine = call.machine();
  if (!machine.checked() || call.region(i)->map.type == type) return true;
  machine.Fault("calls bpf_" + std::string(helper) + "() on a map of type " +
                MapTypeName(call.region(i)->map.type) + ", which is no " +
                MapTypeName(type));
  return false;
}

World& HelperCall::world() { return machine_.world(); }

uint64_t HelperCall::ReturnNull(const char* helper) {
  if (!machine_.checked()) return 0;
  Region* const null = machine_.NewRegion(RegionKind::kNull);
  if (null != nullptr) {
    null->reason = helper;
    result_ = null;
  }
  return 0;
}

}  // namespace bpfmap
