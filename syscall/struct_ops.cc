// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/struct_ops.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/struct_ops_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/kernel_types.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {
namespace {

constexpr std::string_view kPrefix = "bpf_struct_ops_";
constexpr std::string_view kTcp = "tcp_congestion_ops";
constexpr std::string_view kDummy = "bpf_dummy_ops";

// A struct that can be implemented.
struct Implemented {
  uint32_t type = 0;    // 0: there is none
  uint32_t offset = 0;  // in the value, bytes
  std::string_view name;
};

Implemented ImplementedBy(uint32_t value_type) {
  const BtfTypes* const types = KernelTypes();
  if (types == nullptr || types->KindOf(value_type) != BtfKind::kStruct) {
    return {};
  }
  const std::string_view name = types->NameOf(value_type);
  const std::vector<BtfTypes::Member> members = types->MembersOf(value_type);
  if (!name.starts_with(kPrefix) || members.size() != 2 ||
      types->NameOf(members[0].type) != "bpf_struct_ops_common_value" ||
      types->KindOf(members[1].type) != BtfKind::kStruct ||
      types->NameOf(members[1].type) != name.substr(kPrefix.size())) {
    return {};
  }
  return {members[1].type, members[1].offset(), name.substr(kPrefix.size())};
}

bool IsZero(const char* from, std::size_t size) {
  return std::all_of(from, from + size, [](char c) { return c == 0; });
}

bool IsFunction(const BtfTypes& types, uint32_t type) {
  const uint32_t pointer = types.Resolve(type);
  return types.KindOf(pointer) == BtfKind::kPointer &&
         types.ResolvedKind(types.TargetOf(pointer)) == BtfKind::kPrototype;
}

// The maps that are in use, which live until they are deleted, and their names,
// if they have any.
class Registry {
 public:
  static Registry& Global() {
    static Registry& registry = *new Registry;
    return registry;
  }

  //   EEXIST  the name is taken
  long Add(MapObject* map, const std::string& name) {
    WriterLock lock(lock_);
    for (const auto& [other, entry] : entries_) {
      if (!name.empty() && entry.name == name) return -EEXIST;
    }
    entries_[map] = {name, map->shared_from_this()};
    return 0;
  }
  void Remove(MapObject* map) {
    std::shared_ptr<MapObject> gone;  // ends after the lock
    WriterLock lock(lock_);
    const auto at = entries_.find(map);
    if (at == entries_.end()) return;
    gone = std::move(at->second.map);
    entries_.erase(at);
  }

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<MapObject> map;
  };
  Cloud::Lock lock_;
  std::map<MapObject*, Entry> entries_ ABSL_GUARDED_BY(lock_);
};

// Whether the kernel itself has a congestion control of this name.
bool KernelHasCongestionControl(std::string_view name) {
  std::ifstream names("/proc/sys/net/ipv4/tcp_available_congestion_control");
  for (std::string word; names >> word;) {
    if (word == name) return true;
  }
  return false;
}

// One update. Methods return 0 or -errno.
class Update {
 public:
  Update(const Implemented& implemented, char* value)
      : implemented_(implemented), data_(value + implemented.offset) {}

  // Whether bytes that belong to no member are 0.
  bool HolesAreZero(const char* value, std::size_t value_size) const {
    constexpr std::size_t kHeader = sizeof(StructOpsHeader);
    std::size_t end = 0;  // of the members so far
    for (const BtfTypes::Member& member : members_) {
      if (!IsZero(data_ + end, member.offset() - end)) return false;
      end = member.offset() + types_.SizeOf(member.type);
    }
    const std::size_t after = implemented_.offset + end;
    return IsZero(value + kHeader, implemented_.offset - kHeader) &&
           IsZero(value + after, value_size - after);
  }

  // Puts ids in the place of descriptors.
  long Read() {
    if (implemented_.name == kDummy) return -EOPNOTSUPP;
    for (uint32_t i = 0; i < members_.size(); ++i) {
      const long error = ReadMember(members_[i], i);
      if (error != 0) return error;
    }
    return 0;
  }

  // What the owner of the struct asks for.
  long Validate() const {
    if (implemented_.name != kTcp) return 0;
    const bool controls = Has("cong_avoid") || Has("cong_control");
    if (!Has("ssthresh") || !Has("undo_cwnd") || !controls) return -EINVAL;
    return KernelHasCongestionControl(name_) ? -EEXIST : 0;
  }

  const std::string& name() const { return name_; }
  std::vector<std::shared_ptr<const void>>& programs() { return programs_; }

 private:
  long ReadMember(const BtfTypes::Member& member, uint32_t index) {
    char* const at = data_ + member.offset();
    const std::size_t size = types_.SizeOf(member.type);
    if (implemented_.name == kTcp && member.name == "name") {
      const std::size_t length = strnlen(at, size);
      if (length == 0 || length == size) return -EINVAL;
      name_.assign(at, length);
      return 0;
    }
    if (implemented_.name == kTcp && member.name == "flags") {
      constexpr uint32_t kKnown = 0x3;
      uint32_t flags;
      std::memcpy(&flags, at, sizeof flags);
      return (flags & ~kKnown) == 0 ? 0 : -EINVAL;
    }
    if (!IsFunction(types_, member.type)) {
      return IsZero(at, size) ? 0 : -EINVAL;
    }
    return ReadFunction(member, index, at);
  }

  long ReadFunction(const BtfTypes::Member& member, uint32_t index, char* at) {
    uint64_t number;
    std::memcpy(&number, at, sizeof number);
    if (static_cast<uint32_t>(number) == 0) return 0;
    std::shared_ptr<ProgramObject> program;
    const long error = BpfFdTable::Global().FindProgram(
        static_cast<uint32_t>(number), &program);
    if (error != 0) return error;
    if (program->program().type() != ProgramType::kStructOps ||
        program->facts().attach_btf_id != implemented_.type ||
        program->facts().expected_attach_type != index) {
      return -EINVAL;
    }
    const uint64_t id = program->id();
    std::memcpy(at, &id, sizeof id);
    functions_.push_back(member.name);
    programs_.push_back(std::move(program));
    return 0;
  }

  bool Has(std::string_view function) const {
    return std::find(functions_.begin(), functions_.end(), function) !=
           functions_.end();
  }

  const BtfTypes& types_ = *KernelTypes();
  const Implemented implemented_;
  const std::vector<BtfTypes::Member> members_ =
      types_.MembersOf(implemented_.type);
  char* const data_;
  std::string name_;
  std::vector<std::string_view> functions_;
  std::vector<std::shared_ptr<const void>> programs_;
};

}  // namespace

long CheckStructOps(uint32_t kernel_type, uint32_t value_size) {
  if (ImplementedBy(kernel_type).type == 0)
    return -static_cast<long>(Errno::kNotSupp);
  return KernelTypes()->SizeOf(kernel_type) == value_size ? 0 : -EINVAL;
}

long UpdateStructOps(MapObject* map, uint32_t key, char* value,
                     ElemFlags flags) {
  if (flags != kAny) return -EINVAL;
  if (key != 0) return -E2BIG;
  Update update(ImplementedBy(map->types().kernel_value), value);
  const std::size_t size = map->def().value_size;
  constexpr std::size_t kHeader = sizeof(StructOpsHeader);
  if (!update.HolesAreZero(value, size)) return -EINVAL;
  if (!IsZero(value, kHeader)) return -EINVAL;
  // One update at a time, so that the state is the one that was looked at.
  static Cloud::Lock& lock = *new Cloud::Lock;
  WriterLock one(lock);
  std::string now(size, 0);
  static_cast<void>(map->map().Lookup(&key, now.data()));
  if (!IsZero(now.data(), kHeader)) return -EBUSY;
  long error = update.Read();
  if (error == 0) error = update.Validate();
  if (error == 0) error = Registry::Global().Add(map, update.name());
  if (error != 0) return error;
  map->Hold(std::move(update.programs()));
  return -static_cast<long>(map->map().Update(&key, value));
}

long DeleteStructOps(MapObject* map, uint32_t key) {
  const Errno error = map->map().Delete(&key);
  if (error == Errno::kOk) Registry::Global().Remove(map);
  return -static_cast<long>(error);
}

}  // namespace bpfmap
