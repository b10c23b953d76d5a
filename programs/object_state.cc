// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/object_state.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/programs/core_relocation.h"
#include "bpfmap/programs/elf.h"
#include "bpfmap/programs/misuse.h"
#include "bpfmap/programs/read_file.h"
#include "bpfmap/programs/type_check.h"

namespace bpfmap {
namespace {

// "rules, events", for sentences about a name that there is not.
template <typename Specs>
std::string Names(const Specs& specs) {
  std::string names;
  for (const auto& spec : specs) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", spec->name);
  }
  return names.empty() ? "none" : names;
}

std::string Text(std::string_view text) { return std::string(text); }

}  // namespace

ObjectState::~ObjectState() {
  World* const world = world_ != nullptr ? world_ : World::Current();
  if (world != nullptr && world->timers().any()) backend_->EndTimers(world);
}

void ObjectState::Start() {
  for (const auto& spec : file_.maps()) specs_.push_back(*spec);
  backend_->Start(file_);
}

bool ObjectState::IsLoaded(const char* what) const {
  if (is_loaded_) return true;
  Misuse(absl::StrCat(what, " before Load()"));
  return false;
}

int ObjectState::MapIndex(std::string_view name) const {
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    if (specs_[i].name == name) return static_cast<int>(i);
  }
  Misuse(absl::StrCat("the object has no map \"", Text(name),
                      "\"; it has: ", Names(file_.maps())));
  return -1;
}

int ObjectState::ProgramIndex(std::string_view name) const {
  const auto& programs = file_.programs();
  for (std::size_t i = 0; i < programs.size(); ++i) {
    if (programs[i]->name == name) return static_cast<int>(i);
  }
  Misuse(absl::StrCat("the object has no program \"", Text(name),
                      "\"; it has: ", Names(programs)));
  return -1;
}

// Variables.

bool ObjectState::FindVariable(std::string_view name, const CppLayout& layout,
                               Place* place) const {
  std::string names;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    for (const VariableSpec& variable : specs_[i].variables) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", variable.name);
      if (variable.name != name) continue;
      *place = {i, &variable};
      const std::string difference =
          CompareTypes(file_.types(), variable.type, layout);
      if (difference.empty()) return true;
      Misuse(absl::StrCat("the type given for variable ", Text(name),
                          " is not its own:", difference));
      return false;
    }
  }
  Misuse(absl::StrCat("the object has no variable \"", Text(name),
                      "\"; it has: ", names.empty() ? "none" : names));
  return false;
}

void ObjectState::SetVariable(std::string_view name, const CppLayout& layout,
                              const void* value) {
  Place place;
  if (!FindVariable(name, layout, &place)) return;
  MapSpec& spec = specs_[place.map];
  if (!is_loaded_) {
    std::memcpy(&spec.data[place.variable->offset], value, layout.size);
    return;
  }
  if (spec.is_constant) {
    Misuse(absl::StrCat("variable ", Text(name),
                        " is const: set it before Load()"));
    return;
  }
  const uint32_t zero = 0;
  std::vector<uint8_t> section(spec.def.value_size);
  Errno error = maps_[place.map]->Lookup(&zero, section.data());
  std::memcpy(&section[place.variable->offset], value, layout.size);
  if (error == Errno::kOk) {
    error = maps_[place.map]->Update(&zero, section.data(), kAny);
  }
  if (error != Errno::kOk) {
    Misuse(absl::StrCat("variable ", Text(name), ": ", ErrnoName(error)));
  }
}

void ObjectState::GetVariable(std::string_view name, const CppLayout& layout,
                              void* value) {
  Place place;
  if (!FindVariable(name, layout, &place)) return;
  std::vector<uint8_t> section = specs_[place.map].data;
  if (is_loaded_) {
    const uint32_t zero = 0;
    const Errno error = maps_[place.map]->Lookup(&zero, section.data());
    if (error != Errno::kOk) {
      Misuse(absl::StrCat("variable ", Text(name), ": ", ErrnoName(error)));
      return;
    }
  }
  std::memcpy(value, &section[place.variable->offset], layout.size);
}

absl::Status ObjectState::SetKernelTypes(const std::string& path) {
  if (is_loaded_) return absl::FailedPreconditionError("it is loaded already");
  std::vector<uint8_t> bytes;
  if (!ReadFile(path, &bytes)) {
    return absl::NotFoundError(absl::StrCat(path, ": there is no such file"));
  }
  ElfFile elf;
  auto types = std::make_unique<BtfTypes>();
  if (types->Parse(bytes)) {
    kernel_types_ = std::move(types);
    return absl::OkStatus();
  }
  if (elf.Parse(std::move(bytes)).empty()) {
    const auto& data = elf.sections()[elf.Find(".BTF")].data;
    if (types->Parse({data.begin(), data.end()})) {
      kernel_types_ = std::move(types);
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ": it holds no BTF"));
}

void ObjectState::SetMaxEntries(std::string_view map, uint32_t max_entries) {
  if (is_loaded_) {
    Misuse("SetMaxEntries() after Load()");
    return;
  }
  const int index = MapIndex(map);
  if (index >= 0) {
    specs_[static_cast<std::size_t>(index)].def.max_entries = max_entries;
  }
}

// Loading.

absl::Status ObjectState::Load() {
  if (load_was_called_) {
    return absl::FailedPreconditionError(
        "Load() was called before: open the object anew");
  }
  load_was_called_ = true;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    auto map = backend_->CreateMap(specs_[i]);
    if (!map.ok()) {
      return absl::Status(
          map.status().code(),
          absl::StrCat("map ", specs_[i].name, ": ", map.status().message()));
    }
    maps_.push_back(*std::move(map));
    absl::Status status = Fill(i);
    if (!status.ok()) return status;
  }
  int number = 0;
  for (const auto& program : file_.programs()) {
    loaded_.push_back(program->parsed.autoload ? number++ : -1);
    if (!program->parsed.autoload) continue;
    ProgramSpec spec = *program;
    const std::string reason =
        kernel_types_ != nullptr
            ? RelocateTo(*kernel_types_, file_.types(), spec.relocations,
                         &spec.instructions)
            : RelocateToOwn(file_.types(), spec.relocations,
                            &spec.instructions);
    if (!reason.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("program ", spec.name, ": ", reason));
    }
    absl::Status status = backend_->LoadProgram(spec, file_.license());
    if (!status.ok()) return status;
  }
  is_loaded_ = true;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    for (const auto& [index, element] : specs_[i].elements) {
      absl::Status status = PutElement(i, index, element);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ObjectState::Fill(std::size_t map) {
  const MapSpec& spec = specs_[map];
  if (!spec.is_section) return absl::OkStatus();
  const uint32_t zero = 0;
  Errno error = maps_[map]->Update(&zero, spec.data.data(), kAny);
  if (error == Errno::kOk && spec.is_constant) error = maps_[map]->Freeze();
  return ToStatus(error, spec.name);
}

absl::Status ObjectState::PutElement(std::size_t map, uint32_t index,
                                     const std::string& element) {
  uint32_t handle = 0;
  if (specs_[map].def.type == MapType::kProgArray) {
    const int program = ProgramIndex(element);
    if (program < 0) return absl::NotFoundError(element);
    const int number = loaded_[static_cast<std::size_t>(program)];
    if (number < 0) return absl::FailedPreconditionError(element);
    handle = backend_->HandleOfProgram(static_cast<std::size_t>(number));
  } else {
    const int inner = MapIndex(element);
    if (inner < 0) return absl::NotFoundError(element);
    auto number = backend_->HandleOfMap(static_cast<std::size_t>(inner));
    if (!number.ok()) return number.status();
    handle = *number;
  }
  return ToStatus(maps_[map]->Update(&index, &handle, kAny),
                  absl::StrCat(element, " in map ", specs_[map].name));
}

// Use.

BpfMap* ObjectState::BpfMapOf(std::string_view name) {
  for (std::size_t i = 0; i < maps_.size(); ++i) {
    if (specs_[i].name == name) return maps_[i].get();
  }
  return nullptr;
}

BpfMap* ObjectState::FindMap(std::string_view name, const CppLayout& key,
                             const CppLayout& value) {
  if (!IsLoaded("map()")) return nullptr;
  const int index = MapIndex(name);
  if (index < 0) return nullptr;
  const MapSpec& spec = specs_[static_cast<std::size_t>(index)];
  const auto check = [&](const char* what, uint32_t type,
                         const CppLayout& layout) {
    if (type == 0) return true;
    const std::string difference = CompareTypes(file_.types(), type, layout);
    if (difference.empty()) return true;
    Misuse(absl::StrCat("the type given for the ", what, " of map ", spec.name,
                        " is not its own:", difference));
    return false;
  };
  if (!check("key", spec.key_type, key) ||
      !check("value", spec.value_type, value)) {
    return nullptr;
  }
  return maps_[static_cast<std::size_t>(index)].get();
}

void ObjectState::SetElement(std::string_view map, uint32_t index,
                             std::string_view element) {
  if (!IsLoaded("SetElement()")) return;
  const int at = MapIndex(map);
  if (at < 0) return;
  const absl::Status status =
      PutElement(static_cast<std::size_t>(at), index, std::string(element));
  if (!status.ok()) Misuse(std::string(status.message()));
}

}  // namespace bpfmap
