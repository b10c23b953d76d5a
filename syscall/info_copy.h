// SPDX-License-Identifier: Apache-2.0
//
// The structure that BPF_OBJ_GET_INFO_BY_FD fills in: of the caller's length,
// which may be longer or shorter than the one known here. Thread-safe:
// functions.

#ifndef BPFMAP_SYSCALL_INFO_COPY_H_
#define BPFMAP_SYSCALL_INFO_COPY_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "bpfmap/syscall/attributes.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {

// Copies what the caller has in its structure, which may be longer or shorter
// than `*info`, whose length is then in `*length`.
template <typename Info>
long CopyInfoFromUser(const Attributes& attributes, Info* info,
                      std::size_t* length) {
  constexpr std::size_t kPage = 4096;
  const std::size_t size = attributes->info.info_len;
  if (size > kPage) return -E2BIG;
  if (size > sizeof *info) {
    const long error = CheckZeroInUser(attributes->info.info + sizeof *info,
                                       size - sizeof *info);
    if (error != 0) return error;
  }
  *length = std::min(size, sizeof *info);
  return CopyFromUser(info, attributes->info.info, *length) ? 0 : -EFAULT;
}

template <typename Info>
long CopyInfoToUser(const Attributes& attributes, const Info& info,
                    std::size_t length) {
  return CopyToUser(attributes->info.info, &info, length) &&
                 attributes.Store(kInfoLengthAt, static_cast<uint32_t>(length))
             ? 0
             : -EFAULT;
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_INFO_COPY_H_
