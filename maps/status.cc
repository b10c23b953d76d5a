// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/maps/status.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bpfmap {
namespace {

struct Row {
  Errno error;
  absl::StatusCode code;
};

// The first row of a code is what a status without an errno stands for.
constexpr Row kTable[] = {
    {Errno::kOk, absl::StatusCode::kOk},
    {Errno::kPerm, absl::StatusCode::kPermissionDenied},
    {Errno::kAcces, absl::StatusCode::kPermissionDenied},
    {Errno::kNoEnt, absl::StatusCode::kNotFound},
    {Errno::k2Big, absl::StatusCode::kResourceExhausted},
    {Errno::kNoMem, absl::StatusCode::kResourceExhausted},
    {Errno::kNoSpc, absl::StatusCode::kResourceExhausted},
    {Errno::kNoDev, absl::StatusCode::kNotFound},
    {Errno::kOverflow, absl::StatusCode::kOutOfRange},
    {Errno::kRange, absl::StatusCode::kOutOfRange},
    {Errno::kInval, absl::StatusCode::kInvalidArgument},
    {Errno::kFault, absl::StatusCode::kInvalidArgument},
    {Errno::kNotSupp, absl::StatusCode::kUnimplemented},
    {Errno::kOpNotSupp, absl::StatusCode::kUnimplemented},
    {Errno::kExist, absl::StatusCode::kAlreadyExists},
    {Errno::kBusy, absl::StatusCode::kFailedPrecondition},
    {Errno::kInProgress, absl::StatusCode::kFailedPrecondition},
    {Errno::kBadF, absl::StatusCode::kFailedPrecondition},
    {Errno::kAgain, absl::StatusCode::kUnavailable},
};

// The name of the array, up to its end or its first 0.
absl::string_view NameOf(const MapDef& def) {
  const char* const end = std::find(def.name, def.name + kNameLength, '\0');
  return {def.name, static_cast<std::size_t>(end - def.name)};
}

std::string DescribeKey(const void* key, uint32_t key_size) {
  if (key == nullptr) return "";
  constexpr uint32_t kShown = 32;
  const absl::string_view bytes(static_cast<const char*>(key),
                                std::min(key_size, kShown));
  return absl::StrCat(" of key 0x", absl::BytesToHexString(bytes),
                      key_size > kShown ? "..." : "");
}

// Whether keys are indices.
bool IsArray(MapType type) {
  return type == MapType::kArray || type == MapType::kPerCpuArray ||
         type == MapType::kProgArray || type == MapType::kCgroupArray ||
         type == MapType::kArrayOfMaps || type == MapType::kDevMap ||
         type == MapType::kCpuMap || type == MapType::kSockMap ||
         type == MapType::kXskMap || type == MapType::kReuseportSockArray;
}

// Says what is wrong with the index at `key`, which may be null: a batch that
// failed at an index which the caller does not know.
std::string DescribeIndex(const void* key, const MapDef& def) {
  uint32_t index = def.max_entries;
  if (key != nullptr) std::memcpy(&index, key, sizeof index);
  const std::string name =
      key != nullptr ? absl::StrCat("index ", index) : "an index";
  return index < def.max_entries
             ? absl::StrCat(name, " is empty")
             : absl::StrCat(name, " is past the end; max_entries is ",
                            def.max_entries);
}

std::string Explain(Errno error, const MapDef& def, const void* key) {
  const bool has_keys = def.key_size != 0;
  switch (error) {
    case Errno::kNoEnt:
      if (!has_keys) return "the map is empty, or has no such value";
      return IsArray(def.type) ? DescribeIndex(key, def)
                               : "there is no such key";
    case Errno::kExist:
      return "the key is there already, and BPF_NOEXIST was given";
    case Errno::k2Big:
      return IsArray(def.type)
                 ? DescribeIndex(key, def)
                 : absl::StrCat("the map is full; max_entries is ",
                                def.max_entries);
    case Errno::kPerm:
      return "the map is frozen, or its flags (BPF_F_RDONLY, BPF_F_WRONLY) "
             "leave no right to do this";
    case Errno::kInval:
      return "the flags are none that this operation takes, or the type has no "
             "such operation";
    case Errno::kFault:
      return "a pointer is null";
    case Errno::kOpNotSupp:
    case Errno::kNotSupp:
      return "this type of map has no such operation";
    case Errno::kNoSpc:
      return def.type == MapType::kLpmTrie
                 ? absl::StrCat("the map is full; max_entries is ",
                                def.max_entries)
                 : "the buffers are too small for the next elements; give more "
                   "room";
    case Errno::kBadF:
      return "the value names nothing that can be put in";
    case Errno::kNoDev:
      return "there is no such CPU";
    case Errno::kOverflow:
      return "the queue is longer than Linux has one";
    case Errno::kInProgress:
      return "the struct was taken back before";
    case Errno::kOk:
    case Errno::kAgain:
    case Errno::kNoMem:
    case Errno::kAcces:
    case Errno::kBusy:
    case Errno::kRange:
      break;
  }
  return "failed";
}

}  // namespace

absl::StatusCode StatusCodeOf(Errno error) {
  for (const Row& row : kTable) {
    if (row.error == error) return row.code;
  }
  return absl::StatusCode::kUnknown;
}

absl::Status ToStatus(Errno error, absl::string_view message) {
  if (error == Errno::kOk) return absl::OkStatus();
  const int number = static_cast<int>(error);
  const bool is_listed = StatusCodeOf(error) != absl::StatusCode::kUnknown;
  absl::Status status(
      StatusCodeOf(error),
      absl::StrCat(message, ": ", ErrnoName(error),
                   is_listed ? "" : absl::StrCat(" (", number, ")")));
  status.SetPayload(kErrnoPayload, absl::Cord(absl::StrCat(number)));
  return status;
}

absl::Status ToStatus(Errno error, const BpfMap& map, absl::string_view op,
                      const void* key) {
  if (error == Errno::kOk) return absl::OkStatus();
  const MapDef def = map.def();
  return ToStatus(error, absl::StrCat(DescribeMap(def), ": ", op,
                                      DescribeKey(key, def.key_size), ": ",
                                      Explain(error, def, key)));
}

Errno StatusToErrno(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrnoPayload);
  int number;
  if (payload.has_value() && absl::SimpleAtoi(std::string(*payload), &number)) {
    return static_cast<Errno>(number);
  }
  for (const Row& row : kTable) {
    if (row.code == status.code()) return row.error;
  }
  return Errno::kInval;
}

std::string DescribeMap(const MapDef& def) {
  const absl::string_view name = NameOf(def);
  return absl::StrCat(
      MapTypeName(def.type), " map",
      name.empty() ? "" : absl::StrCat(" \"", absl::CHexEscape(name), "\""));
}

}  // namespace bpfmap
