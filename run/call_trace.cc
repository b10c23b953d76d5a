// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/call_trace.h"

#include <limits.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

constexpr std::size_t kMostBytes = 64;

bool IsWritten(FieldKind kind) {
  return kind == FieldKind::kValueOut || kind == FieldKind::kNextKey ||
         kind == FieldKind::kNumberOut;
}

std::string Hex(uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx",
                static_cast<unsigned long long>(number));
  return text;
}

std::string Quoted(const char* text) {
  std::string result = "\"";
  for (; *text != 0; ++text) {
    const auto c = static_cast<unsigned char>(*text);
    if (c < ' ' || c == '"' || c == '\\' || c > '~') {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", c);
      result += escaped;
    } else {
      result += *text;
    }
  }
  return result + "\"";
}

std::string ElemFlagsName(uint64_t flags) {
  constexpr uint64_t kLock = 4;
  const char* const names[] = {"BPF_ANY", "BPF_NOEXIST", "BPF_EXIST"};
  const uint64_t rest = flags & ~kLock;
  std::string name = rest < 3 ? names[rest] : Hex(rest);
  if ((flags & kLock) != 0) name += "|BPF_F_LOCK";
  return name;
}

std::string ResultName(long result) {
  if (result >= 0) return std::to_string(result);
  const auto error = static_cast<int>(-result);
  const char* const known = ErrnoName(static_cast<Errno>(error));
  if (std::strcmp(known, "E?") != 0) return std::string("-1 ") + known;
  const char* const name = strerrorname_np(error);
  return "-1 " + (name != nullptr ? name : std::to_string(error));
}

}  // namespace

void CallTrace::Print(const std::string& line) {
  const std::string text = line + "\n";
  std::fwrite(text.data(), 1, text.size(), file_);  // in one piece
  std::fflush(file_);
}

void TracedCall::Start(int command, uint64_t attributes, unsigned size) {
  if (trace_ == nullptr) return;
  fields_ = FieldsOf(command);
  address_ = attributes;
  size_ = std::min<std::size_t>(size, kMostAttributes);
  line_ = "[" + std::to_string(thread_) + "] bpf(" +
          (fields_ != nullptr ? fields_->name : std::to_string(command)) +
          ", {";
  ReadAttributes();
  Append(/*written=*/false);
}

void TracedCall::Finish(long result) {
  if (trace_ == nullptr) return;
  if (result == 0) {
    ReadAttributes();
    Append(/*written=*/true);
  }
  Print(ResultName(result));
}

void TracedCall::FinishUnknown() {
  if (trace_ != nullptr) Print("? (the kernel's)");
}

void TracedCall::Print(const std::string& result) {
  trace_->Print(line_ + "}) = " + result);
}

void TracedCall::ReadAttributes() {
  if (!caller_->ReadMemory(attributes_, address_, size_)) size_ = 0;
}

uint32_t TracedCall::WordAt(std::size_t offset) const {
  uint32_t word;
  std::memcpy(&word, attributes_ + offset, sizeof word);
  return word;
}

uint64_t TracedCall::LongAt(std::size_t offset) const {
  uint64_t word;
  std::memcpy(&word, attributes_ + offset, sizeof word);
  return word;
}

void TracedCall::Append(bool written) {
  if (fields_ == nullptr) return;
  const ScopedCaller scope(caller_);
  for (const Field& field : fields_->fields) {
    if (IsWritten(field.kind) != written || field.offset >= size_) continue;
    if (field.kind == FieldKind::kFd && field.offset != 48) {
      OpenFile file;
      if (BpfFdTable::Global().FindMap(WordAt(field.offset), &file) == 0) {
        key_size_ = file.map->def().key_size;
        value_size_ = file.map->user_value_size();
      }
    }
    if (!field.shows_zero && WordAt(field.offset) == 0) continue;
    line_ += (first_ ? "" : ", ") + std::string(field.name) + "=" + Show(field);
    first_ = false;
  }
}

std::string TracedCall::Show(const Field& field) const {
  const uint32_t word = WordAt(field.offset);
  switch (field.kind) {
    case FieldKind::kNumber:
    case FieldKind::kNumberOut:
      return std::to_string(word);
    case FieldKind::kHex:
      return Hex(word);
    case FieldKind::kAddress:
      return Hex(LongAt(field.offset));
    case FieldKind::kFd:
      return ShowFd(word);
    case FieldKind::kMapType:
      return MapTypeName(static_cast<MapType>(word));
    case FieldKind::kProgramType:
      return ProgramTypeName(static_cast<ProgramType>(word));
    case FieldKind::kElemFlags:
      return ElemFlagsName(LongAt(field.offset));
    case FieldKind::kName: {
      char name[kNameLength + 1] = {};
      std::memcpy(name, attributes_ + field.offset, kNameLength);
      return Quoted(name);
    }
    case FieldKind::kPath: {
      char path[PATH_MAX];
      const uint64_t address = LongAt(field.offset);
      return CopyStringFromUser(path, address, sizeof path) < 0 ? Hex(address)
                                                                : Quoted(path);
    }
    case FieldKind::kKey:
    case FieldKind::kNextKey:
      return ShowBytes(LongAt(field.offset), key_size_);
    case FieldKind::kValue:
    case FieldKind::kValueOut:
      return ShowBytes(LongAt(field.offset), value_size_);
  }
  return "";
}

// "5<counts>"
std::string TracedCall::ShowFd(uint32_t fd) const {
  std::string text = std::to_string(static_cast<int32_t>(fd));
  OpenFile file;
  if (BpfFdTable::Global().Find(static_cast<int>(fd), &file) != 0) return text;
  if (file.map != nullptr) return text + "<" + file.map->def().name + ">";
  if (file.program != nullptr) {
    return text + "<" + file.program->program().name() + ">";
  }
  return text + "<btf>";
}

std::string TracedCall::ShowBytes(uint64_t address, std::size_t size) const {
  if (address == 0) return "NULL";
  const std::size_t shown = std::min(size, kMostBytes);
  unsigned char bytes[kMostBytes];
  if (shown == 0 || !caller_->ReadMemory(bytes, address, shown)) {
    return Hex(address);
  }
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    char byte[4];
    std::snprintf(byte, sizeof byte, i == 0 ? "%02x" : " %02x", bytes[i]);
    text += byte;
  }
  return shown < size ? text + " ..." : text;
}

}  // namespace bpfmap
