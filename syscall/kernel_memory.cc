// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/kernel_memory.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/btf_value.h"
#include "bpfmap/syscall/kernel_types.h"

namespace bpfmap {
namespace {

uint8_t* Bytes(uint64_t address) {
  return reinterpret_cast<uint8_t*>(static_cast<uintptr_t>(address));
}

}  // namespace

KernelMemory& KernelMemory::Named() {
  static auto& memory = *new KernelMemory;
  return memory;
}

uint64_t KernelMemory::AddZeros(uint32_t type) {
  const std::vector<uint8_t> zeros(
      static_cast<std::size_t>(KernelTypes()->SizeOf(type)));
  return AddBytes(zeros);
}

uint64_t KernelMemory::AddStruct(const std::string& name, uint32_t* type) {
  const BtfTypes* const types = KernelTypes();
  *type = types == nullptr ? 0 : types->Find(name, BtfKind::kStruct);
  return *type == 0 ? 0 : AddZeros(*type);
}

uint64_t KernelMemory::Place(const EventLine::Placed& placed) {
  if (!placed.object.empty()) {
    const auto& named = Named().named_;
    const auto found = named.find(placed.object);
    return found == named.end() ? 0 : found->second;
  }
  std::vector<uint64_t> texts;
  for (const std::string& text : placed.texts) texts.push_back(AddText(text));
  texts.push_back(0);
  return AddBytes({reinterpret_cast<const uint8_t*>(texts.data()),
                   texts.size() * sizeof texts[0]});
}

std::string KernelMemory::Set(uint32_t type, uint64_t address,
                              std::string_view path,
                              const ContextValue& value) {
  const BtfTypes& types = *KernelTypes();
  // Up to the first member that is a pointer.
  for (std::size_t end = path.find('.');; end = path.find('.', end + 1)) {
    BtfPlace place;
    std::string reason = FindPlace(types, type, path.substr(0, end), &place);
    if (!reason.empty()) return reason;
    const std::span<uint8_t> bytes(
        Bytes(address), static_cast<std::size_t>(types.SizeOf(type)));
    if (EndOf(types, place) > bytes.size()) return std::string(path);
    const bool is_pointer = types.ResolvedKind(place.type) == BtfKind::kPointer;
    if (end == std::string_view::npos) {
      if (value.number() != nullptr) {
        PutNumber(types, place, *value.number(), bytes);
      } else if (is_pointer) {
        PutNumber(types, place, AddText(*value.text()), bytes);
      } else {
        const std::string& text = *value.text();
        std::memcpy(&bytes[place.offset], text.c_str(),
                    std::min<std::size_t>(
                        text.size() + 1,
                        static_cast<std::size_t>(types.SizeOf(place.type))));
      }
      return "";
    }
    if (!is_pointer) continue;
    const uint32_t target =
        types.Resolve(types.TargetOf(types.Resolve(place.type)));
    uint64_t next = GetNumber(types, place, bytes);
    if (next == 0) {
      next = AddZeros(target);
      PutNumber(types, place, next, bytes);
    }
    return Set(target, next, path.substr(end + 1), value);
  }
}

std::string KernelMemory::Make(const EventLine& line) {
  if (line.words.size() != 2) return "an object has a name and a struct";
  uint32_t type = 0;
  const uint64_t address = AddStruct(line.words[1], &type);
  if (address == 0) return "the kernel tells no struct " + line.words[1];
  for (const Context::Field& field : line.context.fields()) {
    std::string reason = Set(type, address, field.name, field.value);
    if (!reason.empty()) return reason;
  }
  for (const EventLine::Placed& placed : line.placed) {
    const uint64_t value = Place(placed);
    if (value == 0) return "there is no object " + placed.object;
    std::string reason = Set(type, address, placed.name, value);
    if (!reason.empty()) return reason;
  }
  named_[line.words[0]] = address;
  return "";
}

}  // namespace bpfmap
