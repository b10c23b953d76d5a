// SPDX-License-Identifier: Apache-2.0
//
// Runs of an object's programs, and what they are given and give.

#include <algorithm>
#include <cstring>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/programs/btf_value.h"
#include "bpfmap/programs/context_bytes.h"
#include "bpfmap/programs/misuse.h"
#include "bpfmap/programs/object_state.h"

namespace bpfmap {
namespace {

std::string Text(std::string_view text) { return std::string(text); }

// The current one of no thread: the object may end in another one.
class OwnWorld final : public World {
 public:
  OwnWorld() : World(NotCurrent{}) {}
};

}  // namespace

ProgramResult ObjectState::Run(std::string_view program,
                               const RunRequest& request) {
  return RunIn(world(), program, request);
}

ProgramResult ObjectState::RunIn(World* world, std::string_view program,
                                 const RunRequest& request) {
  ProgramResult result;
  result.error = Errno::kInval;
  if (!IsLoaded("Run()")) return result;
  const int index = ProgramIndex(program);
  if (index < 0) return result;
  const int number = loaded_[static_cast<std::size_t>(index)];
  if (number < 0) {
    Misuse(absl::StrCat("program ", Text(program),
                        " is not loaded: its section starts with '?'"));
    return result;
  }
  RunRequest with_path = request;
  with_path.world = world;
  with_path.keeps_path = keeps_paths_;
  world->FireTimers();
  result = backend_->Run(static_cast<std::size_t>(number), with_path);
  world->FireTimers();
  return result;
}

World* ObjectState::world() {
  if (world_ != nullptr) return world_;
  if (World::Current() != nullptr) return World::Current();
  WriterLock lock(lock_);
  std::unique_ptr<World>& own = own_worlds_[std::this_thread::get_id()];
  if (own == nullptr) own = std::make_unique<OwnWorld>();
  return own.get();
}

ProgramResult ObjectState::RunOn(std::string_view program,
                                 std::optional<std::span<const uint8_t>> packet,
                                 const Context& context) {
  return RunOnIn(world(), program, packet, context);
}

ProgramResult ObjectState::RunOnIn(
    World* world, std::string_view program,
    std::optional<std::span<const uint8_t>> packet, const Context& context) {
  ProgramResult result;
  result.error = Errno::kInval;
  const int index = ProgramIndex(program);
  if (index < 0) return result;
  const ProgramSpec& spec = *file_.programs()[static_cast<std::size_t>(index)];
  const BtfTypes& types = file_.types();
  ContextBytes bytes(types, ContextTypeOf(types, spec), spec.parsed.type,
                     world);
  const std::string reason = bytes.Build(context);
  if (!reason.empty()) {
    Misuse(absl::StrCat("the context of program ", spec.name, ": ", reason));
    return result;
  }
  RunRequest request;
  request.packet = packet;
  request.context = bytes.bytes();
  request.arguments = bytes.arguments();
  return RunIn(world, program, request);
}

uint64_t ObjectState::ContextMember(std::string_view program,
                                    const ProgramResult& result,
                                    std::string_view path) const {
  const int index = ProgramIndex(program);
  if (index < 0) return 0;
  const BtfTypes& types = file_.types();
  const uint32_t type =
      ContextTypeOf(types, *file_.programs()[static_cast<std::size_t>(index)]);
  BtfPlace place;
  const std::string reason = FindPlace(types, type, path, &place);
  if (reason.empty() && EndOf(types, place) <= result.context.size()) {
    return GetNumber(types, place, result.context);
  }
  Misuse(absl::StrCat("the context of program ", Text(program), ": ",
                      reason.empty() ? "it is too short" : reason));
  return 0;
}

uint64_t ObjectState::AddStruct(std::string_view name, uint32_t* type) {
  *type = kernel_types().Find(name, BtfKind::kStruct);
  if (*type == 0) {
    Misuse(absl::StrCat("the object has no struct ", Text(name)));
    return 0;
  }
  const std::vector<uint8_t> zeros(
      static_cast<std::size_t>(kernel_types().SizeOf(*type)));
  return world()->AddBytes(zeros);
}

void ObjectState::SetMember(uint32_t type, uint64_t address,
                            std::string_view path, const ContextValue& value) {
  if (address == 0) return;  // said already
  const BtfTypes& types = kernel_types();
  BtfPlace place;
  const std::string reason = FindPlace(types, type, path, &place);
  if (!reason.empty()) {
    Misuse(reason);
    return;
  }
  const std::span<uint8_t> bytes(
      reinterpret_cast<uint8_t*>(static_cast<uintptr_t>(address)),
      static_cast<std::size_t>(types.SizeOf(type)));
  const auto size = static_cast<std::size_t>(types.SizeOf(place.type));
  if (EndOf(types, place) > bytes.size()) {
    Misuse(absl::StrCat(types.Spell(type), " ends before ", Text(path)));
    return;
  }
  if (value.text() == nullptr) {
    PutNumber(types, place, *value.number(), bytes);
  } else if (types.KindOf(place.type) == BtfKind::kArray) {
    std::memcpy(&bytes[place.offset], value.text()->c_str(),
                std::min(value.text()->size() + 1, size));
  } else {
    PutNumber(types, place, world()->AddText(*value.text()), bytes);
  }
}

uint64_t ObjectState::MemberAddress(uint32_t type, uint64_t address,
                                    std::string_view path) const {
  if (address == 0) return 0;  // said already
  BtfPlace place;
  const std::string reason = FindPlace(kernel_types(), type, path, &place);
  if (!reason.empty()) {
    Misuse(reason);
    return 0;
  }
  return address + place.offset;
}

std::vector<std::string> ObjectState::TakeRecords(std::string_view map) {
  if (!IsLoaded("Take()")) return {};
  const int index = MapIndex(map);
  if (index < 0) return {};
  const MapType type = specs_[static_cast<std::size_t>(index)].def.type;
  if (type != MapType::kRingBuf && type != MapType::kPerfEventArray) {
    Misuse(absl::StrCat("map ", Text(map), " is no ring: its type is ",
                        MapTypeName(type)));
    return {};
  }
  return backend_->TakeRecords(static_cast<std::size_t>(index));
}

bool ObjectState::FitsRecord(const std::string& map, std::size_t size,
                             std::size_t wanted) const {
  const int index = MapIndex(map);
  if (index < 0) return false;
  const bool is_perf = specs_[static_cast<std::size_t>(index)].def.type ==
                       MapType::kPerfEventArray;
  if (size == wanted || (is_perf && size > wanted && size - wanted < 8)) {
    return true;
  }
  Misuse(absl::StrCat("a record of ", map, " has ", size,
                      " bytes, and the type given has ", wanted));
  return false;
}

}  // namespace bpfmap
