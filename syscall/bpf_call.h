// SPDX-License-Identifier: Apache-2.0

// BpfCall: for tests, the commands of bpf(2) as functions.
//
// A function returns what the kernel returns: a result, or -errno.

#ifndef BPFMAP_SYSCALL_BPF_CALL_H_
#define BPFMAP_SYSCALL_BPF_CALL_H_

#include <linux/bpf.h>

#include <cstdint>
#include <cstring>
#include <thread>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_syscall.h"

namespace bpfmap {

// A map of each kind of memory: of its own, that may be mapped, and a ring.
inline constexpr MapDef kHash = {.type = MapType::kHash,
                                 .key_size = 4,
                                 .value_size = 8,
                                 .max_entries = 16,
                                 .name = "hash"};
inline constexpr MapDef kMapped = {.type = MapType::kArray,
                                   .key_size = 4,
                                   .value_size = 8,
                                   .max_entries = 16,
                                   .map_flags = kMmapable};
inline constexpr MapDef kRing = {.type = MapType::kRingBuf,
                                 .max_entries = 4096};

inline uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

inline bpf_attr ZeroedAttr() {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

inline long Call(int command, bpf_attr* attr) {
  return BpfSyscall(command, attr, sizeof *attr);
}

inline bpf_attr CreateAttr(const MapDef& def) {
  bpf_attr attr = ZeroedAttr();
  attr.map_type = static_cast<uint32_t>(def.type);
  attr.key_size = def.key_size;
  attr.value_size = def.value_size;
  attr.max_entries = def.max_entries;
  attr.map_flags = ToNumber(def.map_flags);
  attr.inner_map_fd = def.inner_map_fd;
  static_assert(sizeof attr.map_name == sizeof def.name);
  std::memcpy(attr.map_name, def.name, sizeof def.name);
  return attr;
}

// A descriptor.
inline int CreateFd(const MapDef& def) {
  bpf_attr attr = CreateAttr(def);
  return static_cast<int>(Call(BPF_MAP_CREATE, &attr));
}

inline long Element(int command, int fd, const void* key, const void* value,
                    ElemFlags flags = kAny) {
  bpf_attr attr = ZeroedAttr();
  attr.map_fd = static_cast<uint32_t>(fd);
  attr.key = Address(key);
  attr.value = Address(value);
  attr.flags = ToNumber(flags);
  return Call(command, &attr);
}
inline long Lookup(int fd, const void* key, void* value) {
  return Element(BPF_MAP_LOOKUP_ELEM, fd, key, value);
}
inline long Update(int fd, const void* key, const void* value,
                   ElemFlags flags = kAny) {
  return Element(BPF_MAP_UPDATE_ELEM, fd, key, value, flags);
}
inline long Delete(int fd, const void* key) {
  return Element(BPF_MAP_DELETE_ELEM, fd, key, nullptr);
}
inline long Freeze(int fd) {
  bpf_attr attr = ZeroedAttr();
  attr.map_fd = static_cast<uint32_t>(fd);
  return Call(BPF_MAP_FREEZE, &attr);
}

inline long Pin(int fd, const char* path) {
  bpf_attr attr = ZeroedAttr();
  attr.pathname = Address(path);
  attr.bpf_fd = static_cast<uint32_t>(fd);
  return Call(BPF_OBJ_PIN, &attr);
}
inline long Get(const char* path, MapFlags file_flags = {}) {
  bpf_attr attr = ZeroedAttr();
  attr.pathname = Address(path);
  attr.file_flags = ToNumber(file_flags);
  return Call(BPF_OBJ_GET, &attr);
}

// The id of a map; 0 if there is none.
inline uint32_t IdOf(int fd) {
  bpf_map_info info = {};
  bpf_attr attr = ZeroedAttr();
  attr.info.bpf_fd = static_cast<uint32_t>(fd);
  attr.info.info_len = sizeof info;
  attr.info.info = Address(&info);
  return Call(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 ? info.id : 0;
}
inline long FdById(uint32_t id) {
  bpf_attr attr = ZeroedAttr();
  attr.map_id = id;
  return Call(BPF_MAP_GET_FD_BY_ID, &attr);
}
// The next id, or -errno.
inline long NextId(uint32_t id) {
  bpf_attr attr = ZeroedAttr();
  attr.start_id = id;
  const long error = Call(BPF_MAP_GET_NEXT_ID, &attr);
  return error != 0 ? error : static_cast<long>(attr.next_id);
}

// Whether a map is let go, sooner or later: whoever looks through /proc, maybe
// another process, has its file for a moment, too.
inline bool IsLetGo(uint32_t id) {
  for (int i = 0; i < 100'000; ++i) {
    if (NextId(id - 1) != static_cast<long>(id)) return true;
    std::this_thread::yield();
  }
  return false;
}

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_BPF_CALL_H_
