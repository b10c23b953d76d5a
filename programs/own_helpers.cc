// SPDX-License-Identifier: Apache-2.0
//
// Helpers that a World answers itself: World::OnHelper() and World::Fail().

#include <cstdint>
#include <string>

#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr uint32_t kMapLookupElem = 1;
constexpr uint32_t kRingbufReserve = 131;
constexpr uint32_t kMapLookupPerCpuElem = 195;

bool ReturnsPointer(uint32_t number) {
  return number == kMapLookupElem || number == kRingbufReserve ||
         number == kMapLookupPerCpuElem;
}

bool TakesMap(uint32_t number) {
  const Helper* const helper = FindHelper(number);
  return helper != nullptr && helper->arguments[0] == Arg::kMap;
}

// Maps have the first characters of longer names.
bool HasName(const LocalMap& map, const std::string& name) {
  return name.compare(0, kNameLength - 1, map.def().name) == 0;
}

}  // namespace

bool World::CallOwn(uint32_t number, HelperCall& call, uint64_t* result) {
  if (helpers_of_ != nullptr) {
    return helpers_of_->CallOwn(number, call, result);
  }
  if (Fails(number, call, result)) return true;
  if (number >= kFirstKernelFunction) {
    return CallOwnFunction(std::string("bpf_") + HelperName(number), call,
                           result);
  }
  const auto own = functions_.find(number);
  if (own == functions_.end()) return false;
  *result = own->second(call);
  return true;
}

bool World::Fails(uint32_t number, HelperCall& call, uint64_t* result) {
  bool fails = false;
  for (Failure& failure : failures_) {
    if (failure.number != number) continue;
    if (!failure.map.empty() &&
        (!TakesMap(number) || !HasName(call.map(1), failure.map))) {
      continue;
    }
    if (failure.left == 0 || --failure.left != 0) continue;
    fails = true;
    *result = ReturnsPointer(number) ? call.ReturnNull(HelperName(number))
                                     : Minus(failure.error);
  }
  return fails;
}

}  // namespace bpfmap
