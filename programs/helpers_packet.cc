// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/helper.h"
namespace bpfmap {
std::span<const Helper> internal::PacketHelpers() { return {}; }
}  // namespace bpfmap
