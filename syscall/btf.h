// SPDX-License-Identifier: Apache-2.0

// Btf: type information that user space loaded, checked and kept as it is.
//
// It is checked as BPF_BTF_LOAD of Linux checks it (btf_check.h), but for the
// special fields of values, such as timers and lists, and for depth.
//
// Source: Documentation/bpf/btf.rst of the kernel. Immutable, so thread-safe.

#ifndef BPFMAP_SYSCALL_BTF_H_
#define BPFMAP_SYSCALL_BTF_H_

#include <linux/btf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bpfmap {

class Btf {
 public:
  // Checks `data` and keeps it.
  //   EINVAL    it is no BTF, or a type is wrong
  //   EEXIST    a type contains itself
  //   ENOTSUPP  another version, or flags; an encoding of integers
  static long Load(std::string data, std::shared_ptr<Btf>* loaded);

  const std::string& data() const { return data_; }

  // 0 until BpfFdTable gives it one.
  uint32_t id() const { return id_; }
  void set_id(uint32_t id) { id_ = id; }

  // BTF_KIND_* of a type; BTF_KIND_UNKN for 0 (void) and for no type.
  uint32_t KindOf(uint32_t type) const;
  // The same for the type that typedefs, const and their like lead to.
  uint32_t KindOfResolved(uint32_t type) const;

  // The bytes that a value of the type has. Returns false if it has no size.
  bool SizeOf(uint32_t type, uint64_t* size) const;

  // Looks for a `struct bpf_spin_lock` among the members of a struct; *offset
  // is not touched if there is none.
  //   E2BIG  there is more than one
  long FindSpinLock(uint32_t type, uint32_t* offset) const;
  // Where a `struct bpf_timer` is, or else a `struct bpf_wq`; kNoTimer if there
  // is none. Two timers, and one that is not aligned, are none: Linux makes the
  // map, and refuses programs that use them.
  uint32_t FindTimer(uint32_t type) const;

  // Whether the type is an integer of 4 bytes, as the key of an array is.
  bool IsWord(uint32_t type) const;

 private:
  friend class BtfCheck;

  long FindField(uint32_t type, const char* name, uint32_t size,
                 uint32_t* offset) const;

  // The bytes after a btf_type: `vlen` times `each`, or `once`.
  struct Shape {
    uint32_t each = 0;
    uint32_t once = 0;
  };
  static Shape ShapeOf(uint32_t kind);

  long CheckHeader();
  long FindTypes();
  bool IsName(uint32_t offset) const { return offset < strings_.size(); }
  bool IsType(uint32_t id) const { return id <= types_.size(); }

  btf_type TypeAt(uint32_t id) const;
  // The data after the btf_type, as an array of T.
  template <typename T>
  T Extra(uint32_t id, uint32_t index = 0) const {
    T value;
    std::memcpy(
        &value,
        data_.data() + types_[id - 1] + sizeof(btf_type) + index * sizeof(T),
        sizeof value);
    return value;
  }
  // The type that is not a typedef, a qualifier or a variable; 0 if there is
  // none.
  uint32_t Resolve(uint32_t id) const;

  // Constant after Load().
  std::string data_;
  btf_header header_ = {};
  std::string_view strings_;
  std::vector<uint32_t> types_;  // where type i + 1 starts in data_
  uint32_t id_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_BTF_H_
