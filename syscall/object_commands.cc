// SPDX-License-Identifier: Apache-2.0

// Pins, ids, and what may be asked of maps and BTF.

#include <fcntl.h>
#include <limits.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/info_copy.h"
#include "bpfmap/syscall/pins.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

constexpr MapFlags kPathFd{1U << 14};  // BPF_F_PATH_FD
constexpr uint32_t kLastId = 0x7fffffff;

// struct bpf_map_info of Linux 6.18.
struct MapInfo {
  uint32_t type;
  uint32_t id;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  uint32_t map_flags;
  char name[kNameLength];
  uint32_t ifindex;
  uint32_t btf_vmlinux_value_type_id;
  uint64_t netns_dev;
  uint64_t netns_ino;
  uint32_t btf_id;
  uint32_t btf_key_type_id;
  uint32_t btf_value_type_id;
  uint32_t btf_vmlinux_id;
  uint64_t map_extra;
  uint64_t hash;
  uint32_t hash_size;
  uint32_t unused;
};
static_assert(sizeof(MapInfo) == 104);

struct BtfInfo {
  uint64_t btf;
  uint32_t btf_size;
  uint32_t id;
  uint64_t name;
  uint32_t name_len;
  uint32_t kernel_btf;
};
static_assert(sizeof(BtfInfo) == 32);

// The path of a pin.
long CopyPath(const Attributes& attributes, std::string* path) {
  char text[PATH_MAX];
  const long length =
      CopyStringFromUser(text, attributes->pathname, sizeof text);
  if (length < 0) return length;
  if (length == 0) return -ENOENT;
  path->assign(text, static_cast<std::size_t>(length));
  return 0;
}

PinTable& Pins() {
  Caller* const caller = Caller::Other();
  return caller != nullptr ? caller->Pins() : ProcessPins::Global();
}

// Where a relative path starts, with BPF_F_PATH_FD.
int DirectoryOf(const Attributes& attributes) {
  if (!HasAny(MapFlags{attributes->file_flags}, kPathFd)) return AT_FDCWD;
  return static_cast<int>(attributes.WordAt(kPathFdAt));
}

long InfoOfMap(const Attributes& attributes, const MapObject& map) {
  MapInfo info = {};
  std::size_t length;
  const long error = CopyInfoFromUser(attributes, &info, &length);
  if (error != 0) return error;
  // The digest of a map for signed programs.
  if (info.hash != 0 || info.hash_size != 0) return -EINVAL;
  const MapDef& def = map.def();
  info = {};
  info.type = static_cast<uint32_t>(def.type);
  info.id = map.id();
  info.key_size = def.key_size;
  info.value_size = def.value_size;
  info.max_entries = def.max_entries;
  info.map_flags = ToNumber(def.map_flags);
  info.map_extra = def.map_extra;
  info.btf_key_type_id = map.types().key;
  info.btf_value_type_id = map.types().value;
  info.btf_vmlinux_value_type_id = map.types().kernel_value;
  std::memcpy(info.name, def.name, sizeof info.name);
  if (map.types().btf != nullptr) info.btf_id = map.types().btf->id();
  return CopyInfoToUser(attributes, info, length);
}

long InfoOfBtf(const Attributes& attributes, const Btf& btf) {
  BtfInfo info = {};
  std::size_t length;
  long error = CopyInfoFromUser(attributes, &info, &length);
  if (error != 0) return error;
  const std::string& data = btf.data();
  const std::size_t copied = std::min<std::size_t>(data.size(), info.btf_size);
  if (!CopyToUser(info.btf, data.data(), copied)) return -EFAULT;
  info.id = btf.id();
  info.btf_size = static_cast<uint32_t>(data.size());
  info.kernel_btf = 0;
  // Only the kernel's own has a name.
  if ((info.name != 0) != (info.name_len != 0)) return -EINVAL;
  if (info.name != 0 && !CopyToUser(info.name, "", 1)) return -EFAULT;
  info.name_len = 0;
  return CopyInfoToUser(attributes, info, length);
}

long NextId(const Attributes& attributes,
            uint32_t (BpfFdTable::*next_id)(uint32_t)) {
  if (!attributes.TailIsZero(kNextIdAttrSize)) return -EINVAL;
  if (attributes->start_id >= kLastId) return -EINVAL;
  const uint32_t next = (BpfFdTable::Global().*next_id)(attributes->start_id);
  if (next == 0) return -ENOENT;
  return attributes.Store(kNextIdAt, next) ? 0 : -EFAULT;
}

}  // namespace

long WhyNoToken(uint32_t fd) {
  OpenFile file;
  const long error = BpfFdTable::Global().Find(static_cast<int>(fd), &file);
  return error == -EBADF ? error : -EINVAL;
}

long ObjectPin(const Attributes& attributes) {
  if (!attributes.TailIsZero(kObjectAttrSize)) return -EINVAL;
  if (HasAny(MapFlags{attributes->file_flags}, ~kPathFd)) return -EINVAL;
  if (attributes->file_flags == 0 && attributes.WordAt(kPathFdAt) != 0) {
    return -EINVAL;
  }
  OpenFile file;
  BpfFdTable::Global().Find(static_cast<int>(attributes->bpf_fd), &file);
  if (file.map == nullptr && file.program == nullptr && file.link == nullptr) {
    return -EINVAL;
  }
  std::string path;
  const long error = CopyPath(attributes, &path);
  if (error != 0) return error;
  return Pins().Pin(
      DirectoryOf(attributes), path,
      {std::move(file.map), std::move(file.program), std::move(file.link)});
}

long ObjectGet(const Attributes& attributes) {
  constexpr MapFlags kRights = kRdOnly | kWrOnly;
  if (!attributes.TailIsZero(kObjectAttrSize)) return -EINVAL;
  const MapFlags flags{attributes->file_flags};
  if (attributes->bpf_fd != 0 || HasAny(flags, ~(kRights | kPathFd))) {
    return -EINVAL;
  }
  if (!HasAny(flags, kPathFd) && attributes.WordAt(kPathFdAt) != 0) {
    return -EINVAL;
  }
  if (HasAll(flags, kRights)) return -EINVAL;
  std::string path;
  long error = CopyPath(attributes, &path);
  if (error != 0) return error;
  const int rights = HasAny(flags, kRdOnly)   ? O_RDONLY
                     : HasAny(flags, kWrOnly) ? O_WRONLY
                                              : O_RDWR;
  PinnedObject object;
  error = Pins().Find(DirectoryOf(attributes), path, rights, &object);
  if (error != 0) return error;
  BpfFdTable& files = BpfFdTable::Global();
  if (object.program != nullptr) return files.Open(std::move(object.program));
  if (object.link != nullptr) {
    // A link has no rights of reading or writing alone.
    return rights == O_RDWR ? files.Open(std::move(object.link)) : -EINVAL;
  }
  return files.Open(object.map, flags & kRights);
}

long ObjectInfo(const Attributes& attributes) {
  if (!attributes.TailIsZero(kInfoAttrSize)) return -EINVAL;
  OpenFile file;
  const long error = BpfFdTable::Global().Find(
      static_cast<int>(attributes->info.bpf_fd), &file);
  if (error != 0) return error == -EBADF ? -EBADFD : error;
  if (file.map != nullptr) return InfoOfMap(attributes, *file.map);
  if (file.btf != nullptr) return InfoOfBtf(attributes, *file.btf);
  if (file.program != nullptr) return ProgInfo(attributes, *file.program);
  if (file.link != nullptr) return LinkInfo(attributes, *file.link);
  return -EINVAL;
}

long MapGetNextId(const Attributes& attributes) {
  return NextId(attributes, &BpfFdTable::NextMapId);
}

long BtfGetNextId(const Attributes& attributes) {
  return NextId(attributes, &BpfFdTable::NextBtfId);
}

long ProgGetNextId(const Attributes& attributes) {
  return NextId(attributes, &BpfFdTable::NextProgramId);
}

long ProgGetFdById(const Attributes& attributes) {
  if (!attributes.TailIsZero(kProgByIdAttrSize)) return -EINVAL;
  BpfFdTable& files = BpfFdTable::Global();
  std::shared_ptr<ProgramObject> program =
      files.ProgramOfId(attributes->prog_id);
  return program != nullptr ? files.Open(std::move(program)) : -ENOENT;
}

long MapGetFdById(const Attributes& attributes) {
  constexpr MapFlags kRights = kRdOnly | kWrOnly;
  if (!attributes.TailIsZero(kMapByIdAttrSize)) return -EINVAL;
  const MapFlags flags{attributes->open_flags};
  if (HasAny(flags, ~kRights) || flags == kRights) return -EINVAL;
  BpfFdTable& files = BpfFdTable::Global();
  std::shared_ptr<MapObject> map = files.MapOfId(attributes->map_id);
  return map != nullptr ? files.Open(map, flags) : -ENOENT;
}

long BtfGetFdById(const Attributes& attributes) {
  if (!attributes.TailIsZero(kBtfByIdAttrSize)) return -EINVAL;
  const MapFlags flags{attributes->open_flags};
  if (HasAny(flags, ~kTokenFd)) return -EINVAL;
  if (HasAny(flags, kTokenFd)) {
    return WhyNoToken(attributes.WordAt(kBtfByIdTokenAt));
  }
  BpfFdTable& files = BpfFdTable::Global();
  std::shared_ptr<Btf> btf = files.BtfOfId(attributes->btf_id);
  return btf != nullptr ? files.Open(std::move(btf)) : -ENOENT;
}

long LinkGetNextId(const Attributes& attributes) {
  return NextId(attributes, &BpfFdTable::NextLinkId);
}

long LinkGetFdById(const Attributes& attributes) {
  if (!attributes.TailIsZero(kLinkByIdAttrSize)) return -EINVAL;
  BpfFdTable& files = BpfFdTable::Global();
  std::shared_ptr<LinkObject> link = files.LinkOfId(attributes.WordAt(0));
  return link != nullptr ? files.Open(std::move(link)) : -ENOENT;
}

}  // namespace bpfmap
