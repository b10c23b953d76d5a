// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/object_file.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/spin_lock.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/object_assembly.h"

namespace bpfmap {
namespace {

constexpr uint16_t kBpf = 247;  // EM_BPF
constexpr std::string_view kKconfig = ".kconfig";
constexpr uint64_t kLargestSection = 64 << 20;  // bytes

absl::Status Wrong(const std::string& reason) {
  return absl::InvalidArgumentError(reason);
}

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

uint32_t WordAt(std::span<const uint8_t> bytes, std::size_t at) {
  uint32_t word = 0;
  if (at + 4 <= bytes.size()) std::memcpy(&word, bytes.data() + at, 4);
  return word;
}

// The name of an object of bpf(2): its first 15 characters.
void SetName(std::string_view name, MapDef* def) {
  const std::size_t size = std::min<std::size_t>(name.size(), kNameLength - 1);
  std::memcpy(def->name, name.data(), size);
}

// Where a struct of this name and size is in a value; 0xffffffff: nowhere.
uint32_t FindField(const BtfTypes& types, uint32_t value, std::string_view name,
                   uint64_t size) {
  static_assert(kNoSpinLock == 0xffffffff && kNoTimer == 0xffffffff);
  for (const BtfTypes::Member& member : types.MembersOf(types.Resolve(value))) {
    const uint32_t type = types.Resolve(member.type);
    if (types.NameOf(type) == name && types.SizeOf(type) == size) {
      return member.offset();
    }
  }
  return 0xffffffff;
}

}  // namespace

absl::Status ObjectFile::Read(std::string_view name,
                              std::vector<uint8_t> bytes) {
  name_ = name;
  const std::string reason = elf_.Parse(std::move(bytes));
  if (!reason.empty()) return Wrong(reason);
  if (elf_.machine() != kBpf) {
    return Wrong(
        "it is an object file of another processor than BPF: compile "
        "it with clang -target bpf");
  }
  const std::span<const uint8_t> license =
      elf_.sections()[elf_.Find("license")].data;
  license_.assign(license.begin(),
                  std::find(license.begin(), license.end(), 0));
  absl::Status status = ReadTypes();
  if (!status.ok()) return status;
  status = ReadSections();
  if (!status.ok()) return status;
  ReadExterns();
  status = ReadMaps();
  if (!status.ok()) return status;
  return ReadPrograms();
}

absl::Status ObjectFile::ReadTypes() {
  const uint32_t section = elf_.Find(".BTF");
  if (section == 0) {
    return Wrong(
        "it has no BTF, which says what its maps are: compile it with "
        "-g");
  }
  const std::span<const uint8_t> data = elf_.sections()[section].data;
  if (!types_.Parse({data.begin(), data.end()})) return Wrong("bad BTF");
  ReadInfo(8, &functions_);
  ReadInfo(16, &lines_);
  ReadInfo(24, &relocations_);
  return absl::OkStatus();
}

// One of the parts of .BTF.ext, whose place the header has at `part`.
void ObjectFile::ReadInfo(std::size_t part, std::vector<Info>* records) const {
  const std::span<const uint8_t> ext =
      elf_.sections()[elf_.Find(".BTF.ext")].data;
  const uint32_t header = WordAt(ext, 4);
  if (header < part + 8) return;  // from before there was such a part
  const std::size_t start = std::size_t{header} + WordAt(ext, part);
  const std::size_t size = WordAt(ext, part + 4);
  if (start > ext.size() || size > ext.size() - start) return;
  const std::span<const uint8_t> all = ext.subspan(start, size);
  const std::size_t record = WordAt(all, 0);
  if (record < 8 || record > size) return;
  for (std::size_t at = 4; at + 8 <= all.size();) {
    const uint32_t section = elf_.Find(types_.StringAt(WordAt(all, at)));
    const std::size_t count = WordAt(all, at + 4);
    at += 8;
    for (std::size_t i = 0; i < count && at + record <= all.size(); ++i) {
      Info info;
      info.section = section;
      info.instruction = WordAt(all, at) / sizeof(Instruction);
      for (std::size_t word = 0; word < 3 && 4 * word + 8 <= record; ++word) {
        info.words[word] = WordAt(all, at + 4 + 4 * word);
      }
      records->push_back(info);
      at += record;
    }
  }
}

// Variables.

// As libbpf names them: the object's name, cut, before that of the section.
std::string ObjectFile::SectionMapName(std::string_view section) const {
  std::string name(section);
  if (name != ".data" && name != ".bss" && name != ".rodata" &&
      name != kKconfig) {
    return name;
  }
  const std::size_t suffix = std::max<std::size_t>(7, name.size());
  return name_.substr(0, kNameLength - 1 - suffix) + name;
}

absl::Status ObjectFile::ReadSections() {
  for (uint32_t i = 1; i < elf_.sections().size(); ++i) {
    const std::string_view name = elf_.sections()[i].name;
    const bool is_data = StartsWith(name, ".data") ||
                         StartsWith(name, ".bss") ||
                         StartsWith(name, ".rodata");
    if (!is_data || elf_.sections()[i].size == 0) continue;
    if (elf_.sections()[i].size > kLargestSection) {
      return Wrong("section " + std::string(name) + " is larger than 64 MiB");
    }
    ReadSection(i);
  }
  return absl::OkStatus();
}

void ObjectFile::ReadSection(uint32_t section) {
  const ElfFile::Section& from = elf_.sections()[section];
  auto spec = std::make_unique<MapSpec>();
  spec->name = SectionMapName(from.name);
  spec->is_section = true;
  spec->is_constant = StartsWith(from.name, ".rodata");
  spec->def.type = MapType::kArray;
  spec->def.key_size = 4;
  spec->def.value_size = static_cast<uint32_t>(from.size);
  spec->def.max_entries = 1;
  if (spec->is_constant) spec->def.map_flags = kRdOnlyProg;
  SetName(spec->name, &spec->def);
  spec->data.assign(from.data.begin(), from.data.end());
  spec->data.resize(static_cast<std::size_t>(from.size));
  spec->value_type = types_.Find(from.name, BtfKind::kSection);
  // Where a variable lies its symbol says, and its type the BTF.
  for (const auto& in_section : types_.VariablesOf(spec->value_type)) {
    for (const ElfFile::Symbol& symbol : elf_.symbols()) {
      if (symbol.section != section ||
          symbol.name != types_.NameOf(in_section.type)) {
        continue;
      }
      const uint32_t type = types_.TargetOf(in_section.type);
      if (symbol.value > from.size ||
          types_.SizeOf(type) > from.size - symbol.value) {
        continue;  // damaged
      }
      spec->variables.push_back({std::string(symbol.name), type,
                                 static_cast<uint32_t>(symbol.value),
                                 static_cast<uint32_t>(symbol.size)});
    }
  }
  places_.push_back({section, 0, static_cast<int>(maps_.size())});
  maps_.push_back(std::move(spec));
}

// Variables that the kernel's configuration would set: zeros but for those that
// programs ask for most.
void ObjectFile::ReadExterns() {
  const uint32_t section = types_.Find(kKconfig, BtfKind::kSection);
  if (section == 0) return;
  constexpr uint32_t kVersion = 6 << 16 | 18 << 8;
  constexpr uint32_t kHz = 250;
  auto spec = std::make_unique<MapSpec>();
  spec->name = SectionMapName(kKconfig);
  spec->is_section = spec->is_constant = true;
  for (const BtfTypes::Variable& variable : types_.VariablesOf(section)) {
    const uint32_t type = types_.TargetOf(variable.type);
    const auto size = static_cast<uint32_t>(types_.SizeOf(type));
    const uint32_t offset =
        (static_cast<uint32_t>(spec->data.size()) + 7) / 8 * 8;
    if (size == 0 || uint64_t{offset} + size > kLargestSection) {
      continue;  // damaged
    }
    const std::string name(types_.NameOf(variable.type));
    spec->variables.push_back({name, type, offset, size});
    spec->data.resize(std::size_t{offset} + size);
    const uint32_t value = name == "LINUX_KERNEL_VERSION" ? kVersion
                           : name == "CONFIG_HZ"          ? kHz
                                                          : 0;
    std::memcpy(spec->data.data() + offset, &value,
                std::min<std::size_t>(size, sizeof value));
  }
  spec->def.type = MapType::kArray;
  spec->def.key_size = 4;
  spec->def.value_size = static_cast<uint32_t>(spec->data.size());
  spec->def.max_entries = 1;
  spec->def.map_flags = kRdOnlyProg;
  SetName(spec->name, &spec->def);
  externs_ = static_cast<int>(maps_.size());
  maps_.push_back(std::move(spec));
}

// Maps.

absl::Status ObjectFile::ReadMaps() {
  if (elf_.Find("maps") != 0) {
    return Wrong(
        "it has maps of SEC(\"maps\"), which libbpf 1.0 dropped, too: "
        "define them in SEC(\".maps\")");
  }
  const uint32_t section = elf_.Find(".maps");
  if (section == 0) return absl::OkStatus();
  for (const ElfFile::Symbol& symbol : elf_.symbols()) {
    if (symbol.section != section || symbol.type == ElfFile::kSection) continue;
    absl::Status status = ReadMap(symbol);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ObjectFile::ReadMap(const ElfFile::Symbol& symbol) {
  auto spec = std::make_unique<MapSpec>();
  spec->name = symbol.name;
  const uint32_t variable = types_.Find(symbol.name, BtfKind::kVariable);
  absl::Status status = ReadMapDef(types_.Resolve(variable), spec.get());
  if (!status.ok()) return status;
  SetName(spec->name, &spec->def);
  ReadElements(symbol, types_.Resolve(variable), spec.get());
  places_.push_back(
      {symbol.section, symbol.value, static_cast<int>(maps_.size())});
  maps_.push_back(std::move(spec));
  return absl::OkStatus();
}

absl::Status ObjectFile::ReadMapDef(uint32_t type, MapSpec* spec) const {
  if (types_.KindOf(type) != BtfKind::kStruct) {
    return Wrong(
        absl::StrCat("map ", spec->name, ": its definition is no struct"));
  }
  for (const BtfTypes::Member& member : types_.MembersOf(type)) {
    absl::Status status = ReadMember(member, spec);
    if (!status.ok()) return status;
  }
  MapDef& def = spec->def;
  // As libbpf does for those who leave it to it.
  if (def.type == MapType::kPerfEventArray) {
    if (def.max_entries == 0) {
      def.max_entries = static_cast<uint32_t>(PossibleCpus());
    }
    if (def.key_size == 0) def.key_size = 4;
    if (def.value_size == 0) def.value_size = 4;
  }
  if (def.type == MapType::kRingBuf || def.type == MapType::kUserRingBuf) {
    def.max_entries = RoundUpRingSize(def.max_entries);
  }
  def.spin_lock_offset =
      FindField(types_, spec->value_type, "bpf_spin_lock", kSpinLockSize);
  def.timer_offset =
      FindField(types_, spec->value_type, "bpf_timer", kTimerSize);
  if (def.timer_offset == kNoTimer) {
    def.timer_offset =
        FindField(types_, spec->value_type, "bpf_wq", kTimerSize);
  }
  return absl::OkStatus();
}

// One attribute: __uint() makes it a pointer to an array, __type() a pointer to
// the type, __ulong() an enum, __array() an array of pointers.
absl::Status ObjectFile::ReadMember(const BtfTypes::Member& member,
                                    MapSpec* spec) const {
  MapDef& def = spec->def;
  const uint32_t type = types_.Resolve(member.type);
  const uint32_t target = types_.TargetOf(type);
  const auto number = [&]() -> uint64_t {
    const auto values = types_.EnumeratorsOf(type);
    if (!values.empty()) return static_cast<uint64_t>(values[0].value);
    return types_.ArrayOf(types_.Resolve(target)).count;
  };
  const uint32_t word = static_cast<uint32_t>(number());
  if (member.name == "type") {
    def.type = MapType{word};
  } else if (member.name == "key") {
    spec->key_type = target;
    def.key_size = static_cast<uint32_t>(types_.SizeOf(target));
  } else if (member.name == "value") {
    spec->value_type = target;
    def.value_size = static_cast<uint32_t>(types_.SizeOf(target));
  } else if (member.name == "key_size") {
    def.key_size = word;
  } else if (member.name == "value_size") {
    def.value_size = word;
  } else if (member.name == "max_entries") {
    def.max_entries = word;
  } else if (member.name == "map_flags") {
    def.map_flags = MapFlags{word};
  } else if (member.name == "numa_node") {
    def.numa_node = word;
  } else if (member.name == "map_extra") {
    def.map_extra = number();
  } else if (member.name == "values") {
    const uint32_t element =
        types_.Resolve(types_.TargetOf(types_.ArrayOf(type).type));
    if (def.key_size == 0) def.key_size = 4;
    if (def.value_size == 0) def.value_size = 4;
    if (types_.KindOf(element) != BtfKind::kStruct) return absl::OkStatus();
    spec->inner = std::make_shared<MapSpec>();
    spec->inner->name = absl::StrCat(spec->name, ".inner");
    SetName(spec->inner->name, &spec->inner->def);
    return ReadMapDef(element, spec->inner.get());
  } else if (member.name != "pinning") {
    return Wrong(absl::StrCat("map ", spec->name, ": an attribute \"",
                              std::string(member.name),
                              "\", which is not known"));
  }
  return absl::OkStatus();
}

// What `.values = {[2] = &inner}` names.
void ObjectFile::ReadElements(const ElfFile::Symbol& symbol, uint32_t type,
                              MapSpec* spec) const {
  uint64_t first = 0;
  for (const BtfTypes::Member& member : types_.MembersOf(type)) {
    if (member.name == "values") first = symbol.value + member.offset();
  }
  if (first == 0) return;
  for (const auto& relocation : elf_.RelocationsOf(symbol.section)) {
    if (relocation.offset < first ||
        relocation.offset >= symbol.value + symbol.size ||
        relocation.symbol >= elf_.symbols().size()) {
      continue;
    }
    spec->elements.emplace_back(
        static_cast<uint32_t>((relocation.offset - first) / 8),
        elf_.symbols()[relocation.symbol].name);
  }
}

int ObjectFile::MapAt(uint32_t section, uint64_t offset) const {
  for (const MapPlace& place : places_) {
    if (place.section == section &&
        (place.offset == offset ||
         maps_[static_cast<std::size_t>(place.index)]->is_section)) {
      return place.index;
    }
  }
  return -1;
}

// Programs.

bool ObjectFile::IsCode(uint32_t section) const {
  if (section >= elf_.sections().size()) return false;
  const ElfFile::Section& of = elf_.sections()[section];
  return of.type == ElfFile::kProgBits &&
         (of.flags & ElfFile::kExecutable) != 0;
}

absl::Status ObjectFile::ReadPrograms() {
  for (const ElfFile::Symbol& symbol : elf_.symbols()) {
    if (symbol.type != ElfFile::kFunction || !IsCode(symbol.section) ||
        symbol.binding == ElfFile::kLocal) {
      continue;
    }
    const std::string_view section = elf_.sections()[symbol.section].name;
    if (section == ".text") continue;  // functions that programs share
    auto spec = std::make_unique<ProgramSpec>();
    spec->name = symbol.name;
    spec->section = section;
    spec->parsed = ParseSectionName(spec->section);
    spec->type = types_.Find(symbol.name, BtfKind::kFunction);
    const std::string reason = Assembly(*this, spec.get()).Run(symbol);
    if (!reason.empty()) {
      return Wrong(absl::StrCat("program ", spec->name, ": ", reason));
    }
    programs_.push_back(std::move(spec));
  }
  if (programs_.empty()) return Wrong("it holds no program");
  return absl::OkStatus();
}

}  // namespace bpfmap
