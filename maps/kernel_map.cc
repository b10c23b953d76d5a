// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/maps/kernel_map.h"

#include <linux/bpf.h>
#include <linux/btf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/status.h"

namespace bpfmap {
namespace {

// All of the union is zeroed, not only its first member: the kernel refuses
// what it does not know with E2BIG, and bytes after a command's last field with
// EINVAL.
bpf_attr ZeroedAttr() {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof(attr));
  return attr;
}

// How the kernel takes pointers on every machine.
uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

Errno Bpf(bpf_cmd command, bpf_attr* attr) {
  const long result = syscall(SYS_bpf, command, attr, sizeof(*attr));
  return result < 0 ? static_cast<Errno>(errno) : Errno::kOk;
}

// A command that returns a file descriptor. Such a descriptor is close-on-exec.
Errno BpfOpen(bpf_cmd command, bpf_attr* attr, int* fd) {
  const long result = syscall(SYS_bpf, command, attr, sizeof(*attr));
  if (result < 0) return static_cast<Errno>(errno);
  *fd = static_cast<int>(result);
  return Errno::kOk;
}

bpf_attr ElementAttr(int fd, const void* key, const void* value,
                     ElemFlags flags) {
  bpf_attr attr = ZeroedAttr();
  attr.map_fd = fd;
  attr.key = Address(key);
  attr.value = Address(value);
  attr.flags = ToNumber(flags);
  return attr;
}

Errno BpfBatch(bpf_cmd command, int fd, const void* in_batch, void* out_batch,
               const void* keys, const void* values, uint32_t* count,
               BatchFlags flags) {
  if (count == nullptr) return Errno::kFault;
  bpf_attr attr = ZeroedAttr();
  attr.batch.map_fd = fd;
  attr.batch.in_batch = Address(in_batch);
  attr.batch.out_batch = Address(out_batch);
  attr.batch.keys = Address(keys);
  attr.batch.values = Address(values);
  attr.batch.count = *count;
  attr.batch.elem_flags = ToNumber(flags.elem_flags);
  attr.batch.flags = flags.flags;
  const Errno error = Bpf(command, &attr);
  *count = attr.batch.count;
  return error;
}

// The least BTF that puts a lock into a value: a type for the key, and
//   struct { struct bpf_spin_lock <no name>; }
// of value_size bytes with the lock at its offset and nothing around it. See
// Documentation/bpf/btf.rst of the kernel.
struct SpinLockBtf {
  // Types are numbered from 1 in the order in which they stand.
  static constexpr uint32_t kByte = 1;       // u8
  static constexpr uint32_t kWord = 2;       // u32
  static constexpr uint32_t kByteArray = 3;  // u8[key_size]
  static constexpr uint32_t kSpinLock = 4;   // struct bpf_spin_lock
  static constexpr uint32_t kValue = 5;

  btf_header header;
  btf_type byte;
  uint32_t byte_encoding;
  btf_type word;
  uint32_t word_encoding;
  btf_type byte_array;
  btf_array byte_array_shape;
  btf_type spin_lock;
  btf_member spin_lock_word;
  btf_type value;
  btf_member value_spin_lock;
  char strings[24];
};
static_assert(sizeof(SpinLockBtf) == sizeof(btf_header) + 5 * sizeof(btf_type) +
                                         2 * sizeof(uint32_t) +
                                         sizeof(btf_array) +
                                         2 * sizeof(btf_member) + 24,
              "the kernel takes no gaps");

SpinLockBtf MakeSpinLockBtf(const MapDef& def) {
  constexpr auto kind = [](uint32_t kind, uint32_t members = 0) {
    return kind << 24 | members;
  };
  constexpr uint32_t kTypesEnd = offsetof(SpinLockBtf, strings);
  // Offsets are in bits, in 32 of them: one that does not fit becomes one
  // that no lock can have.
  const uint32_t lock_bit = static_cast<uint32_t>(
      std::min<uint64_t>(uint64_t{def.spin_lock_offset} * 8, 0xffffffff));

  SpinLockBtf btf = {};
  btf.header.magic = BTF_MAGIC;
  btf.header.version = BTF_VERSION;
  btf.header.hdr_len = sizeof(btf.header);
  btf.header.type_len = kTypesEnd - sizeof(btf.header);
  btf.header.str_off = btf.header.type_len;
  btf.header.str_len = sizeof(btf.strings);
  constexpr char kNames[sizeof(btf.strings)] = "\0u8\0u32\0bpf_spin_lock";
  constexpr uint32_t kByteName = 1, kWordName = 4, kSpinLockName = 8;
  std::memcpy(btf.strings, kNames, sizeof(kNames));

  btf.byte = {kByteName, kind(BTF_KIND_INT), {1}};
  btf.byte_encoding = 8;  // bits
  btf.word = {kWordName, kind(BTF_KIND_INT), {4}};
  btf.word_encoding = 32;
  btf.byte_array = {0, kind(BTF_KIND_ARRAY), {0}};
  btf.byte_array_shape = {SpinLockBtf::kByte, SpinLockBtf::kWord, def.key_size};
  btf.spin_lock = {kSpinLockName, kind(BTF_KIND_STRUCT, 1), {4}};
  btf.spin_lock_word = {0, SpinLockBtf::kWord, 0};
  btf.value = {0, kind(BTF_KIND_STRUCT, 1), {def.value_size}};
  btf.value_spin_lock = {0, SpinLockBtf::kSpinLock, lock_bit};
  return btf;
}

// Loads the BTF of a value with a lock and names it in `attr`.
Errno DescribeSpinLock(const MapDef& def, bpf_attr* attr, int* btf_fd) {
  const SpinLockBtf btf = MakeSpinLockBtf(def);
  bpf_attr load = ZeroedAttr();
  load.btf = Address(&btf);
  load.btf_size = sizeof(btf);
  const Errno error = BpfOpen(BPF_BTF_LOAD, &load, btf_fd);
  if (error != Errno::kOk) return error;
  attr->btf_fd = *btf_fd;
  // The key of an array must be an integer, and no keys are no type.
  if (def.key_size != 0) {
    attr->btf_key_type_id =
        def.key_size == 4 ? SpinLockBtf::kWord : SpinLockBtf::kByteArray;
  }
  attr->btf_value_type_id = SpinLockBtf::kValue;
  return Errno::kOk;
}

std::string WhyNotCreated(Errno error, const MapDef& def) {
  std::string text = absl::StrCat(DescribeMap(def), " of the kernel: create");
  if (error == Errno::kPerm) {
    return absl::StrCat(text,
                        ": this process may not use bpf(2); it needs root or "
                        "CAP_BPF (as long as kernel.unprivileged_bpf_disabled "
                        "is set), and no sandbox around it");
  }
  absl::StrAppend(&text, " with type ", static_cast<uint32_t>(def.type),
                  ", key_size ", def.key_size, ", value_size ", def.value_size,
                  ", max_entries ", def.max_entries, ", map_flags 0x",
                  absl::Hex(ToNumber(def.map_flags)));
  absl::StrAppend(&text, ", numa_node ", def.numa_node, ", map_extra ",
                  def.map_extra);
  if (def.spin_lock_offset != kNoSpinLock) {
    absl::StrAppend(&text, ", spin_lock_offset ", def.spin_lock_offset);
  }
  return absl::StrCat(text, ": bpf(2) refused");
}

}  // namespace

Errno KernelMap::Create(const MapDef& def, std::unique_ptr<KernelMap>* map) {
  bpf_attr attr = ZeroedAttr();
  attr.map_type = static_cast<uint32_t>(def.type);
  attr.key_size = def.key_size;
  attr.value_size = def.value_size;
  attr.max_entries = def.max_entries;
  attr.map_flags = ToNumber(def.map_flags);
  attr.numa_node = def.numa_node;
  attr.map_extra = def.map_extra;
  attr.inner_map_fd = def.inner_map_fd;
  static_assert(sizeof(attr.map_name) == sizeof(def.name));
  std::memcpy(attr.map_name, def.name, sizeof(def.name));

  int btf_fd = -1;
  Errno error = Errno::kOk;
  if (def.spin_lock_offset != kNoSpinLock) {
    error = DescribeSpinLock(def, &attr, &btf_fd);
    if (error != Errno::kOk) return error;
  }
  int fd = -1;
  error = BpfOpen(BPF_MAP_CREATE, &attr, &fd);
  if (btf_fd >= 0) close(btf_fd);  // the map holds what it needs of it
  if (error == Errno::kOk) map->reset(new KernelMap(def, fd));
  return error;
}

absl::StatusOr<std::unique_ptr<KernelMap>> KernelMap::Create(
    const MapDef& def) {
  std::unique_ptr<KernelMap> map;
  const Errno error = Create(def, &map);
  if (error == Errno::kOk) return map;
  return ToStatus(error, WhyNotCreated(error, def));
}

KernelMap::~KernelMap() { close(fd_); }

Errno KernelMap::DoLookup(const void* key, void* value, ElemFlags flags) {
  bpf_attr attr = ElementAttr(fd_, key, value, flags);
  return Bpf(BPF_MAP_LOOKUP_ELEM, &attr);
}

Errno KernelMap::DoUpdate(const void* key, const void* value, ElemFlags flags) {
  bpf_attr attr = ElementAttr(fd_, key, value, flags);
  return Bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

Errno KernelMap::DoDelete(const void* key) {
  bpf_attr attr = ElementAttr(fd_, key, nullptr, kAny);
  return Bpf(BPF_MAP_DELETE_ELEM, &attr);
}

Errno KernelMap::DoGetNextKey(const void* key, void* next_key) {
  // next_key lies where the others have their value.
  bpf_attr attr = ElementAttr(fd_, key, next_key, kAny);
  return Bpf(BPF_MAP_GET_NEXT_KEY, &attr);
}

Errno KernelMap::DoLookupAndDelete(const void* key, void* value,
                                   ElemFlags flags) {
  bpf_attr attr = ElementAttr(fd_, key, value, flags);
  return Bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM, &attr);
}

Errno KernelMap::DoLookupBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) {
  return BpfBatch(BPF_MAP_LOOKUP_BATCH, fd_, in_batch, out_batch, keys, values,
                  count, flags);
}

Errno KernelMap::DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                                        void* keys, void* values,
                                        uint32_t* count, BatchFlags flags) {
  return BpfBatch(BPF_MAP_LOOKUP_AND_DELETE_BATCH, fd_, in_batch, out_batch,
                  keys, values, count, flags);
}

Errno KernelMap::DoUpdateBatch(const void* keys, const void* values,
                               uint32_t* count, BatchFlags flags) {
  return BpfBatch(BPF_MAP_UPDATE_BATCH, fd_, nullptr, nullptr, keys, values,
                  count, flags);
}

Errno KernelMap::DoDeleteBatch(const void* keys, uint32_t* count,
                               BatchFlags flags) {
  return BpfBatch(BPF_MAP_DELETE_BATCH, fd_, nullptr, nullptr, keys, nullptr,
                  count, flags);
}

Errno KernelMap::DoFreeze() {
  bpf_attr attr = ElementAttr(fd_, nullptr, nullptr, kAny);
  return Bpf(BPF_MAP_FREEZE, &attr);
}

}  // namespace bpfmap
