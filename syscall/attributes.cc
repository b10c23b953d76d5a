// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/attributes.h"

#include <algorithm>
#include <cerrno>

namespace bpfmap {

long Attributes::CopyFrom(UserAddress attributes, unsigned size) {
  constexpr unsigned kPage = 4096;
  if (size > kPage) return -E2BIG;
  if (size > kAttributesSize) {
    const long error =
        CheckZeroInUser(attributes + kAttributesSize, size - kAttributesSize);
    if (error != 0) return error;
  }
  user_ = attributes;
  size_ = size;
  const std::size_t known = std::min<std::size_t>(size, kAttributesSize);
  return CopyFromUser(bytes_, attributes, known) ? 0 : -EFAULT;
}

bool Attributes::TailIsZero(std::size_t used) const {
  // All that the caller did not give is 0.
  const std::size_t end = std::min(size_, kAttributesSize);
  return used >= end ||
         std::all_of(bytes_ + used, bytes_ + end,
                     [](unsigned char byte) { return byte == 0; });
}

}  // namespace bpfmap
