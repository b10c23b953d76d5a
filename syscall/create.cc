// SPDX-License-Identifier: Apache-2.0

// BPF_MAP_CREATE and BPF_BTF_LOAD.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/btf.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/mappable.h"
#include "bpfmap/syscall/struct_ops.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

MapDef DefOf(const Attributes& attributes) {
  MapDef def{.type = static_cast<MapType>(attributes->map_type),
             .key_size = attributes->key_size,
             .value_size = attributes->value_size,
             .max_entries = attributes->max_entries,
             .map_flags = MapFlags{attributes->map_flags} & ~kTokenFd,
             .numa_node = attributes->numa_node,
             .map_extra = attributes->map_extra,
             .inner_map_fd = attributes->inner_map_fd};
  static_assert(sizeof def.name == sizeof attributes->map_name);
  std::memcpy(def.name, attributes->map_name, sizeof def.name);
  // Bytes after the end of the name count for nothing.
  const std::size_t length = strnlen(def.name, sizeof def.name);
  std::memset(def.name + length, 0, sizeof def.name - length);
  return def;
}

// The types of keys and values that maps of the type take, which Linux leaves
// to each type.
long CheckTypes(const MapDef& def, const MapObject::Types& types) {
  const Btf& btf = *types.btf;
  const bool no_key = types.key == 0;
  switch (TraitsOf<Cloud>(def.type).key_types) {
    case MapTraits::KeyTypes::kIndexOrSection:
      if (no_key) {  // of a program's variables
        return def.max_entries == 1 &&
                       btf.KindOf(types.value) == BTF_KIND_DATASEC
                   ? 0
                   : -EINVAL;
      }
      [[fallthrough]];
    case MapTraits::KeyTypes::kIndex:
      return !no_key && btf.IsWord(types.key) ? 0 : -EINVAL;
    case MapTraits::KeyTypes::kStruct:
      return btf.KindOfResolved(types.key) == BTF_KIND_STRUCT ? 0 : -EINVAL;
    case MapTraits::KeyTypes::kNone:
      return no_key ? 0 : -EINVAL;
    case MapTraits::KeyTypes::kNotSupported:
      return Result(Errno::kNotSupp);
    case MapTraits::KeyTypes::kAny:
      break;
  }
  return 0;
}

// Sets the types of the attribute, and the lock and the timer that are in the
// value.
//   EBADF   btf_fd is not open
//   EINVAL  it is no BTF; there are no such types; they have other sizes
long FindTypes(const Attributes& attributes, MapDef* def,
               MapObject::Types* types) {
  if (attributes->btf_value_type_id == 0 &&
      attributes->btf_vmlinux_value_type_id == 0) {
    return 0;
  }
  OpenFile file;
  long error =
      BpfFdTable::Global().Find(static_cast<int>(attributes->btf_fd), &file);
  if (error != 0) return error;
  if (file.btf == nullptr) return -EINVAL;
  *types = {.btf = file.btf,
            .key = attributes->btf_key_type_id,
            .value = attributes->btf_value_type_id,
            .kernel_value = attributes->btf_vmlinux_value_type_id};
  if (types->kernel_value != 0) return 0;
  uint64_t size;
  if (types->key != 0 &&
      (!types->btf->SizeOf(types->key, &size) || size != def->key_size)) {
    return -EINVAL;
  }
  if (!types->btf->SizeOf(types->value, &size) || size != def->value_size) {
    return -EINVAL;
  }
  if (types->key == 0 &&
      TraitsOf<Cloud>(def->type).key_types == MapTraits::KeyTypes::kAny) {
    return -EINVAL;
  }
  // A lock that the type does not take comes before types that it does not.
  error = types->btf->FindSpinLock(types->value, &def->spin_lock_offset);
  if (error != 0) return error;
  def->timer_offset = types->btf->FindTimer(types->value);
  if (def->spin_lock_offset != kNoSpinLock || def->timer_offset != kNoTimer) {
    const DefError check = CheckDef<Cloud>(*def);
    if (check.failed()) return Result(check.error);
  }
  return CheckTypes(*def, *types);
}

}  // namespace

long MapCreate(const Attributes& attributes) {
  if (!attributes.TailIsZero(kCreateAttrSize)) return -EINVAL;
  const uint32_t kernel_type = attributes->btf_vmlinux_value_type_id;
  if (kernel_type != 0 && (attributes->map_type != BPF_MAP_TYPE_STRUCT_OPS ||
                           attributes->btf_key_type_id != 0 ||
                           attributes->btf_value_type_id != 0)) {
    return -EINVAL;
  }
  if (attributes->btf_key_type_id != 0 && attributes->btf_value_type_id == 0) {
    return -EINVAL;
  }
  MapDef def = DefOf(attributes);
  // The definition comes first; what is found in the types, last.
  const DefError check = CheckDef<Cloud>(def);
  const bool lacks_types =
      TraitsOf<Cloud>(def.type).needs_types &&
      (attributes->btf_key_type_id == 0 || attributes->btf_value_type_id == 0);
  if (check.failed()) return lacks_types ? -EINVAL : Result(check.error);
  if (lacks_types) return -EINVAL;
  if (TraitsOf<Cloud>(def.type).value_is_struct_ops) {
    if (kernel_type == 0) return -EINVAL;
    const long error = CheckStructOps(kernel_type, def.value_size);
    if (error != 0) return error;
  }
  // CheckDef() asks for whole pages of 4 KiB: these may be larger.
  const bool is_ring =
      def.type == MapType::kRingBuf || def.type == MapType::kUserRingBuf;
  if (is_ring && def.max_entries % PageSize() != 0) return -EINVAL;
  if (attributes->map_ifindex != 0) return -EINVAL;  // no such device
  if (HasAny(MapFlags{attributes->map_flags}, kTokenFd)) {
    return WhyNoToken(attributes.WordAt(kTokenFdAt));
  }
  MapObject::Types types;
  long result = FindTypes(attributes, &def, &types);
  if (result != 0) return result;
  // The digest of the only program that may use it: not supported.
  if (attributes.LongAt(kExclusiveHashAt) != 0 ||
      attributes.WordAt(kExclusiveHashSizeAt) != 0) {
    return -EINVAL;
  }
  BpfFdTable& files = BpfFdTable::Global();
  std::shared_ptr<MapObject> map;
  result = MapObject::Create(def, std::move(types), files, &map);
  if (result != 0) return result;
  return files.Open(map, MapFlags{attributes->map_flags});
}

long BtfLoad(const Attributes& attributes) {
  constexpr uint32_t kMostBytes = 16 << 20;
  if (!attributes.TailIsZero(kBtfLoadAttrSize)) return -EINVAL;
  const MapFlags flags{attributes.WordAt(kBtfFlagsAt)};
  if (HasAny(flags, ~kTokenFd)) return -EINVAL;
  if (HasAny(flags, kTokenFd)) {
    return WhyNoToken(attributes.WordAt(kBtfTokenFdAt));
  }
  if (attributes->btf_size > kMostBytes) return -E2BIG;
  // A log is asked for with all that it takes, or not at all.
  const bool log = attributes->btf_log_buf != 0;
  if (log != (attributes->btf_log_size != 0) ||
      (log && attributes->btf_log_level == 0)) {
    return -EINVAL;
  }
  std::string data(attributes->btf_size, 0);
  if (!CopyFromUser(data.data(), attributes->btf, data.size())) return -EFAULT;
  std::shared_ptr<Btf> btf;
  const long error = Btf::Load(std::move(data), &btf);
  if (log) {
    constexpr char kRefused[] = "this is no BTF\n";
    const char* const text = error != 0 ? kRefused : "";
    const std::size_t length =
        std::min<std::size_t>(std::strlen(text), attributes->btf_log_size - 1);
    if (!CopyToUser(attributes->btf_log_buf, text, length) ||
        !CopyToUser(attributes->btf_log_buf + length, "", 1)) {
      return -EFAULT;
    }
  }
  if (error != 0) return error;
  return BpfFdTable::Global().Open(std::move(btf));
}

}  // namespace bpfmap
