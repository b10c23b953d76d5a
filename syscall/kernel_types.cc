// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/kernel_types.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/programs/read_file.h"

namespace bpfmap {

const BtfTypes* KernelTypes() {
  static const std::unique_ptr<const BtfTypes> types = [] {
    auto read = std::make_unique<BtfTypes>();
    std::vector<uint8_t> bytes;
    if (!ReadFile("/sys/kernel/btf/vmlinux", &bytes) ||
        !read->Parse(std::move(bytes))) {
      read.reset();
    }
    return read;
  }();
  return types.get();
}

bool KernelHasTracepoint(std::string_view name) {
  const BtfTypes* const types = KernelTypes();
  if (types == nullptr) return !name.empty();
  return types->Find("btf_trace_" + std::string(name), BtfKind::kTypedef) != 0;
}

}  // namespace bpfmap
