// SPDX-License-Identifier: Apache-2.0

// Attributes: the `union bpf_attr` of one call, checked as Linux 6.18 does.
//
// A caller may have an older or a newer header than this library: an attribute
// that is shorter than the kernel's is filled up with zeros, and one that is
// longer must have zeros there. Fields that a command does not use must be 0.

#ifndef BPFMAP_SYSCALL_ATTRIBUTES_H_
#define BPFMAP_SYSCALL_ATTRIBUTES_H_

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {

// sizeof(union bpf_attr) in Linux 6.18.
inline constexpr std::size_t kAttributesSize = 168;

class Attributes {
 public:
  // Copies `size` bytes from the caller.
  //   E2BIG   more than a page; bytes beyond those that Linux knows are not 0
  //   EFAULT  they cannot be read
  long CopyFrom(UserAddress attributes, unsigned size);

  // Whether all bytes after the first `used`, which end with the last field of
  // a command, are 0.
  bool TailIsZero(std::size_t used) const;

  const bpf_attr& operator*() const { return fields_; }
  const bpf_attr* operator->() const { return &fields_; }

  // Whether the caller's attribute reaches so far.
  bool Has(std::size_t end) const { return size_ >= end; }

  // A field that older headers lack.
  uint32_t WordAt(std::size_t offset) const { return At<uint32_t>(offset); }
  uint64_t LongAt(std::size_t offset) const { return At<uint64_t>(offset); }

  // Stores a result in the caller's attribute. Returns false if it cannot be
  // written.
  bool Store(std::size_t offset, uint32_t word) const {
    return CopyToUser(user_ + offset, &word, sizeof word);
  }

 private:
  template <typename T>
  T At(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes_ + offset, sizeof value);
    return value;
  }

  UserAddress user_ = 0;
  std::size_t size_ = 0;
  union {
    unsigned char bytes_[kAttributesSize] = {};
    bpf_attr fields_;
  };
  static_assert(sizeof(bpf_attr) <= kAttributesSize);
};

// Bytes up to the end of the last field of each command.
inline constexpr std::size_t kCreateAttrSize = 92;  // excl_prog_hash_size
inline constexpr std::size_t kElementAttrSize = 32;
inline constexpr std::size_t kDeleteAttrSize = 16;
inline constexpr std::size_t kNextKeyAttrSize = 24;
inline constexpr std::size_t kFreezeAttrSize = 4;
inline constexpr std::size_t kBatchAttrSize = 56;
inline constexpr std::size_t kObjectAttrSize = 20;  // path_fd
inline constexpr std::size_t kNextIdAttrSize = 8;
inline constexpr std::size_t kMapByIdAttrSize = 12;
inline constexpr std::size_t kBtfByIdAttrSize = 16;  // fd_by_id_token_fd
inline constexpr std::size_t kInfoAttrSize = 16;
inline constexpr std::size_t kBtfLoadAttrSize = 40;    // btf_token_fd
inline constexpr std::size_t kProgLoadAttrSize = 168;  // keyring_id
inline constexpr std::size_t kTestRunAttrSize = 76;    // batch_size
inline constexpr std::size_t kBindMapAttrSize = 12;
inline constexpr std::size_t kLinkCreateAttrSize = 64;
inline constexpr std::size_t kProgAttachAttrSize = 32;  // expected_revision
inline constexpr std::size_t kProgQueryAttrSize = 64;   // revision
inline constexpr std::size_t kIterCreateAttrSize = 8;
inline constexpr std::size_t kLinkUpdateAttrSize = 16;
inline constexpr std::size_t kLinkDetachAttrSize = 4;
inline constexpr std::size_t kRawTracepointAttrSize = 24;
inline constexpr std::size_t kProgByIdAttrSize = 4;
inline constexpr std::size_t kLinkByIdAttrSize = 4;
inline constexpr std::size_t kEnableStatsAttrSize = 4;

// Fields that older headers lack.
inline constexpr std::size_t kTokenFdAt = 76;  // of BPF_MAP_CREATE
inline constexpr std::size_t kExclusiveHashAt = 80;
inline constexpr std::size_t kExclusiveHashSizeAt = 88;
inline constexpr std::size_t kPathFdAt = 16;  // of BPF_OBJ_PIN and _GET
inline constexpr std::size_t kBtfLogTrueSizeAt = 28;
inline constexpr std::size_t kBtfFlagsAt = 32;
inline constexpr std::size_t kBtfTokenFdAt = 36;
inline constexpr std::size_t kBtfByIdTokenAt = 12;
inline constexpr std::size_t kProgTokenFdAt = 144;  // of BPF_PROG_LOAD
inline constexpr std::size_t kFdArrayCountAt = 148;
inline constexpr std::size_t kSignatureAt = 152;

// Results in the caller's attribute.
inline constexpr std::size_t kNextIdAt = 4;
inline constexpr std::size_t kInfoLengthAt = 4;
inline constexpr std::size_t kBatchCountAt = 32;
inline constexpr std::size_t kFuncInfoSizeAt = 76;
inline constexpr std::size_t kLineInfoSizeAt = 92;
inline constexpr std::size_t kLogTrueSizeAt = 140;
inline constexpr std::size_t kRetvalAt = 4;
inline constexpr std::size_t kDataSizeOutAt = 12;
inline constexpr std::size_t kDurationAt = 36;
inline constexpr std::size_t kCtxSizeOutAt = 44;

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_ATTRIBUTES_H_
