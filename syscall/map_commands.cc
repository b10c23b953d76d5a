// SPDX-License-Identifier: Apache-2.0

// The commands on one element, and BPF_MAP_FREEZE.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "bpfmap/maps/internal/rules/socket_array.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/maps/redirect_target.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/cgroup.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/network_device.h"
#include "bpfmap/syscall/perf_event.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/scratch.h"
#include "bpfmap/syscall/socket_value.h"
#include "bpfmap/syscall/storage_owner.h"
#include "bpfmap/syscall/struct_ops.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

ElemFlags FlagsOf(const Attributes& attributes) {
  return ElemFlags{attributes->flags};
}

// The key of a command. If the caller's key cannot be read, get() is null and
// the map returns EFAULT where Linux would. Maps without keys get any pointer
// that is not null, so that they return EINVAL. Where `null_is_first`, address
// 0 is not read: it stands for the key in front of the first.
class Key {
 public:
  Key(const MapDef& def, UserAddress address, bool null_is_first = false)
      : bytes_(def.key_size) {
    if (def.key_size == 0) {
      key_ = address != 0 ? bytes_.bytes() : nullptr;
    } else if (bytes_.bytes() == nullptr) {
      has_memory_ = false;
    } else if (null_is_first && address == 0) {
      key_ = nullptr;
    } else if (CopyFromUser(bytes_.bytes(), address, def.key_size)) {
      key_ = bytes_.bytes();
    }
  }

  bool has_memory() const { return has_memory_; }
  const void* get() const { return key_; }
  // A key of 4 bytes. REQUIRES: get() is not null.
  uint32_t Index() const {
    uint32_t index;
    std::memcpy(&index, key_, sizeof index);
    return index;
  }

  // If values belong to objects, puts the number of the object in the place of
  // the descriptor. No object is 0, which the map refuses when it is due.
  void FindOwner(const MapObject& object) {
    const MapTraits::Owners owners = object.traits().owners;
    if (owners == MapTraits::Owners::kNone || key_ == nullptr) return;
    int fd;
    uint32_t number = 0;
    std::memcpy(&fd, key_, sizeof fd);
    owner_error_ = FindStorageOwner(owners, fd, &number);
    if (owner_error_ != 0) number = 0;
    std::memcpy(bytes_.bytes(), &number, sizeof number);
  }
  // The answer to the caller for that of the map.
  long ResultOf(Errno result) const {
    return result == Errno::kBadF && owner_error_ != 0 ? owner_error_
                                                       : Result(result);
  }

 private:
  Scratch bytes_;
  long owner_error_ = 0;
  bool has_memory_ = true;
  const void* key_ = nullptr;
};

// An array of programs is given a descriptor, and keeps the program's id. What
// is no program is 0, which the map refuses when it is due.
Errno UpdateProgram(MapObject* array, const void* key, char* value,
                    ElemFlags flags) {
  uint32_t fd;
  std::memcpy(&fd, value, sizeof fd);
  std::shared_ptr<ProgramObject> program;
  const long error = BpfFdTable::Global().FindProgram(fd, &program);
  if (program != nullptr && !array->MayHold(program->kind())) program.reset();
  const uint32_t id = program != nullptr ? program->id() : 0;
  const Errno result =
      array->UpdateProgram(key, &id, flags, std::move(program));
  if (result != Errno::kBadF) return result;
  return error == -EBADF ? Errno::kBadF : Errno::kInval;
}

// A value that says where packets are sent to has the descriptor of a program,
// and the map keeps the program's id. A device or a program that is none goes
// to the map as what it refuses when it is due.
Errno UpdateTarget(MapObject* map, const void* key, const char* value,
                   ElemFlags flags) {
  const bool of_devices = map->traits().targets == MapTraits::Targets::kDevices;
  RedirectTarget target;
  std::memcpy(&target, value, map->user_value_size());
  std::shared_ptr<ProgramObject> program;
  if (HasProgram(target)) {
    BpfFdTable::Global().FindProgram(target.program, &program);
    const uint32_t attach_type = of_devices ? BPF_XDP_DEVMAP : BPF_XDP_CPUMAP;
    if (program != nullptr &&
        (program->program().type() != ProgramType::kXdp ||
         program->facts().expected_attach_type != attach_type)) {
      program.reset();
    }
    target.program = program != nullptr ? program->id() : kNoSuchProgram;
  }
  if (of_devices && target.number != 0 && !HasNetworkDevice(target.number)) {
    target.number = ~uint32_t{0};
  }
  return map->UpdateProgram(key, &target, flags, std::move(program));
}

// An array of perf events is given a descriptor, too.
Errno UpdateEvent(MapObject* array, const void* key, const char* value,
                  ElemFlags flags) {
  int fd;
  std::memcpy(&fd, value, sizeof fd);
  std::shared_ptr<PerfEventObject> event;
  static_cast<void>(PerfEventTable::Global().Find(fd, &event));
  const bool is_inherited = event != nullptr && event->facts().is_inherited;
  if (is_inherited) event.reset();
  const uint32_t number = event != nullptr ? event->number() : 0;
  const Errno result =
      array->UpdateProgram(key, &number, flags, std::move(event));
  return result == Errno::kBadF && is_inherited ? Errno::kOpNotSupp : result;
}

bool HoldsObjects(const MapObject& object) {
  return object.traits().holds_programs() ||
         object.def().type == MapType::kPerfEventArray;
}

// A value that is a socket has its descriptor, and the map keeps its cookie.
long UpdateSocket(const MapObject& object, const void* key, const char* value,
                  ElemFlags flags) {
  const std::size_t size = object.user_value_size();
  uint64_t cookie;
  const long error = FindSocket(object.traits().sockets, value, size, &cookie);
  // The lower half, where values have 4 bytes.
  const auto half = static_cast<uint32_t>(cookie);
  const void* const kept =
      size == sizeof cookie ? static_cast<const void*>(&cookie) : &half;
  const Errno result = object.map().Update(key, kept, flags);
  const bool is_due = result == (cookie == 0 ? Errno::kBadF : Errno::kInval) &&
                      (cookie == 0 || IsSocketFlags(flags));
  return error != 0 && is_due ? error : Result(result);
}

}  // namespace

long MapLookup(const Attributes& attributes) {
  if (!attributes.TailIsZero(kElementAttrSize)) return -EINVAL;
  if (!UserRights::IsLookupFlags(FlagsOf(attributes))) return -EINVAL;
  OpenFile file;
  const long error = BpfFdTable::Global().FindMap(attributes->map_fd, &file);
  if (error != 0) return error;
  if (!file.may_read) return -EPERM;
  const MapObject& object = *file.map;
  Key key(object.def(), attributes->key);
  const Scratch value(object.user_value_size());
  if (!key.has_memory() || value.bytes() == nullptr) return -ENOMEM;
  key.FindOwner(object);
  // A bloom filter is asked for a value.
  if (object.traits().lookup_reads_value &&
      !CopyFromUser(value.bytes(), attributes->value,
                    object.user_value_size())) {
    return Result(object.map().Lookup(key.get(), nullptr, FlagsOf(attributes)));
  }
  const Errno result =
      object.map().Lookup(key.get(), value.bytes(), FlagsOf(attributes));
  if (result != Errno::kOk) return key.ResultOf(result);
  if (object.traits().lookup_reads_value) return 0;
  return CopyToUser(attributes->value, value.bytes(), object.user_value_size())
             ? 0
             : -EFAULT;
}

long MapUpdate(const Attributes& attributes) {
  if (!attributes.TailIsZero(kElementAttrSize)) return -EINVAL;
  OpenFile file;
  const long error = BpfFdTable::Global().FindMap(attributes->map_fd, &file);
  if (error != 0) return error;
  if (!file.may_write) return -EPERM;
  MapObject& object = *file.map;
  Key key(object.def(), attributes->key);
  const Scratch value(object.user_value_size());
  if (!key.has_memory() || value.bytes() == nullptr) return -ENOMEM;
  const bool copied =
      CopyFromUser(value.bytes(), attributes->value, object.user_value_size());
  if (copied) key.FindOwner(object);
  if (copied && key.get() != nullptr &&
      object.traits().sockets != MapTraits::Sockets::kNone) {
    return UpdateSocket(object, key.get(), value.bytes(), FlagsOf(attributes));
  }
  if (copied && key.get() != nullptr && object.traits().value_is_struct_ops) {
    return UpdateStructOps(&object, key.Index(), value.bytes(),
                           FlagsOf(attributes));
  }
  if (copied && key.get() != nullptr && object.traits().value_is_program) {
    return Result(
        UpdateProgram(&object, key.get(), value.bytes(), FlagsOf(attributes)));
  }
  if (copied && key.get() != nullptr &&
      object.traits().targets != MapTraits::Targets::kNone) {
    return Result(
        UpdateTarget(&object, key.get(), value.bytes(), FlagsOf(attributes)));
  }
  if (copied && key.get() != nullptr &&
      object.def().type == MapType::kPerfEventArray) {
    return Result(
        UpdateEvent(&object, key.get(), value.bytes(), FlagsOf(attributes)));
  }
  if (copied && object.traits().value_is_cgroup) {
    // 0 is EBADF, after the other checks.
    int32_t fd;
    std::memcpy(&fd, value.bytes(), sizeof fd);
    const uint32_t cgroup = CgroupOfFd(fd);
    std::memcpy(value.bytes(), &cgroup, sizeof cgroup);
  }
  const Errno result = object.map().Update(
      key.get(), copied ? value.bytes() : nullptr, FlagsOf(attributes));
  // No command that came before uses what the map took out, and programs do not
  // keep it.
  object.map().ReclaimRetired();
  return key.ResultOf(result);
}

long MapDelete(const Attributes& attributes) {
  if (!attributes.TailIsZero(kDeleteAttrSize)) return -EINVAL;
  OpenFile file;
  const long error = BpfFdTable::Global().FindMap(attributes->map_fd, &file);
  if (error != 0) return error;
  if (!file.may_write) return -EPERM;
  MapObject& object = *file.map;
  Key key(object.def(), attributes->key);
  if (!key.has_memory()) return -ENOMEM;
  if (key.get() != nullptr && object.traits().value_is_struct_ops) {
    return DeleteStructOps(&object, key.Index());
  }
  key.FindOwner(object);
  const Errno result = key.get() != nullptr && HoldsObjects(object)
                           ? object.DeleteProgram(key.get())
                           : object.map().Delete(key.get());
  object.map().ReclaimRetired();
  return key.ResultOf(result);
}

long MapGetNextKey(const Attributes& attributes) {
  if (!attributes.TailIsZero(kNextKeyAttrSize)) return -EINVAL;
  OpenFile file;
  const long error = BpfFdTable::Global().FindMap(attributes->map_fd, &file);
  if (error != 0) return error;
  if (!file.may_read) return -EPERM;
  const MapObject& object = *file.map;
  const std::size_t size = object.def().key_size;
  const Key key(object.def(), attributes->key, /*null_is_first=*/true);
  const Scratch next(size);
  if (!key.has_memory() || next.bytes() == nullptr) return -ENOMEM;
  // To the map null is the key in front of the first.
  if (size != 0 && attributes->key != 0 && key.get() == nullptr) {
    return -EFAULT;
  }
  const Errno result = object.map().GetNextKey(key.get(), next.bytes());
  if (result != Errno::kOk) return Result(result);
  return CopyToUser(attributes->next_key, next.bytes(), size) ? 0 : -EFAULT;
}

long MapLookupAndDelete(const Attributes& attributes) {
  if (!attributes.TailIsZero(kElementAttrSize)) return -EINVAL;
  if (!UserRights::IsLookupFlags(FlagsOf(attributes))) return -EINVAL;
  OpenFile file;
  const long error = BpfFdTable::Global().FindMap(attributes->map_fd, &file);
  if (error != 0) return error;
  if (!file.may_read || !file.may_write) return -EPERM;
  const MapObject& object = *file.map;
  const Key key(object.def(), attributes->key);
  const Scratch value(object.user_value_size());
  if (!key.has_memory() || value.bytes() == nullptr) return -ENOMEM;
  const Errno result = object.map().LookupAndDelete(key.get(), value.bytes(),
                                                    FlagsOf(attributes));
  if (result != Errno::kOk) return Result(result);
  return CopyToUser(attributes->value, value.bytes(), object.user_value_size())
             ? 0
             : -EFAULT;
}

long MapFreeze(const Attributes& attributes) {
  if (!attributes.TailIsZero(kFreezeAttrSize)) return -EINVAL;
  OpenFile file;
  const long error = BpfFdTable::Global().FindMap(attributes->map_fd, &file);
  if (error != 0) return error;
  const MapDef& def = file.map->def();
  if (file.map->traits().value_is_struct_ops ||
      def.spin_lock_offset != kNoSpinLock || def.timer_offset != kNoTimer) {
    return Result(Errno::kNotSupp);
  }
  if (!file.may_write) return -EPERM;
  return file.map->Freeze();
}

}  // namespace bpfmap
