// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/btf.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/spin_lock.h"
#include "bpfmap/syscall/btf_check.h"

namespace bpfmap {
namespace {

constexpr long kNotSupported = -524;  // ENOTSUPP
constexpr int kDeepest = 32;          // types that lead to types

// Kinds newer than the header at hand may be.
constexpr uint32_t kLastKind = 19;  // BTF_KIND_ENUM64
constexpr uint32_t kInfoBits = 0x9f00ffff;

template <typename T>
T Read(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

bool IsStruct(uint32_t kind) {
  return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

uint32_t BitOffset(const btf_type& type, const btf_member& member) {
  return BTF_INFO_KFLAG(type.info) != 0 ? BTF_MEMBER_BIT_OFFSET(member.offset)
                                        : member.offset;
}

}  // namespace

long Btf::Load(std::string data, std::shared_ptr<Btf>* loaded) {
  auto btf = std::make_shared<Btf>();
  btf->data_ = std::move(data);
  long error = btf->CheckHeader();
  if (error == 0) error = btf->FindTypes();
  if (error == 0) error = BtfCheck(*btf).Run();
  if (error == 0) *loaded = std::move(btf);
  return error;
}

long Btf::CheckHeader() {
  if (data_.size() < sizeof header_) return -EINVAL;
  std::memcpy(&header_, data_.data(), sizeof header_);
  if (header_.magic != BTF_MAGIC) return -EINVAL;
  if (header_.hdr_len < sizeof header_ || header_.hdr_len > data_.size()) {
    return -EINVAL;
  }
  // A longer header must have nothing in what is not known.
  if (std::any_of(data_.begin() + sizeof header_,
                  data_.begin() + header_.hdr_len,
                  [](char c) { return c != 0; })) {
    return -E2BIG;
  }
  if (header_.version != BTF_VERSION || header_.flags != 0) {
    return kNotSupported;
  }
  const uint64_t rest = data_.size() - header_.hdr_len;
  // Types, then strings, and nothing between, before or after them.
  if (header_.type_len == 0 || header_.type_off != 0 ||
      header_.type_len % sizeof(uint32_t) != 0 ||
      header_.str_off != header_.type_len ||
      uint64_t{header_.str_off} + header_.str_len != rest) {
    return -EINVAL;
  }
  strings_ = std::string_view(data_).substr(
      std::size_t{header_.hdr_len} + header_.str_off, header_.str_len);
  if (strings_.empty() || strings_.size() > BTF_MAX_NAME_OFFSET + 1 ||
      strings_.front() != 0 || strings_.back() != 0) {
    return -EINVAL;
  }
  return 0;
}

Btf::Shape Btf::ShapeOf(uint32_t kind) {
  switch (kind) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case BTF_KIND_DECL_TAG:
      return {.once = 4};
    case BTF_KIND_ARRAY:
      return {.once = sizeof(btf_array)};
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return {.each = sizeof(btf_member)};
    case BTF_KIND_ENUM:
      return {.each = sizeof(btf_enum)};
    case BTF_KIND_FUNC_PROTO:
      return {.each = sizeof(btf_param)};
    case BTF_KIND_DATASEC:
      return {.each = sizeof(btf_var_secinfo)};
    case kLastKind:
      return {.each = 12};
  }
  return {};
}

long Btf::FindTypes() {
  const std::size_t start = header_.hdr_len;
  const std::size_t end = start + header_.type_len;
  std::size_t at = start;
  while (at < end) {
    if (end - at < sizeof(btf_type)) return -EINVAL;
    const auto type = Read<btf_type>(data_.data() + at);
    const uint32_t kind = BTF_INFO_KIND(type.info);
    if ((type.info & ~kInfoBits) != 0 || kind == 0 || kind > kLastKind) {
      return -EINVAL;
    }
    const Shape shape = ShapeOf(kind);
    const std::size_t extra =
        shape.once + std::size_t{shape.each} * BTF_INFO_VLEN(type.info);
    if (end - at - sizeof type < extra) return -EINVAL;
    if (types_.size() == BTF_MAX_TYPE) return -E2BIG;
    types_.push_back(static_cast<uint32_t>(at));
    at += sizeof type + extra;
  }
  return 0;
}

btf_type Btf::TypeAt(uint32_t id) const {
  if (id == 0 || !IsType(id)) return {};
  return Read<btf_type>(data_.data() + types_[id - 1]);
}

uint32_t Btf::KindOf(uint32_t type) const {
  return BTF_INFO_KIND(TypeAt(type).info);
}

uint32_t Btf::KindOfResolved(uint32_t type) const {
  return KindOf(Resolve(type));
}

uint32_t Btf::Resolve(uint32_t id) const {
  for (int depth = 0; depth < kDeepest; ++depth) {
    const btf_type type = TypeAt(id);
    switch (BTF_INFO_KIND(type.info)) {
      case BTF_KIND_TYPEDEF:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_CONST:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_VAR:
      case BTF_KIND_TYPE_TAG:
        id = type.type;
        break;
      default:
        return id;
    }
  }
  return 0;
}

bool Btf::SizeOf(uint32_t type, uint64_t* size) const {
  uint64_t count = 1;
  for (int depth = 0; depth < kDeepest; ++depth) {
    const uint32_t id = Resolve(type);
    const btf_type resolved = TypeAt(id);
    switch (BTF_INFO_KIND(resolved.info)) {
      case BTF_KIND_INT:
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
      case BTF_KIND_ENUM:
      case BTF_KIND_DATASEC:
      case BTF_KIND_FLOAT:
      case kLastKind:
        *size = count * resolved.size;
        return *size <= 0xffffffff;
      case BTF_KIND_PTR:
        *size = count * sizeof(void*);
        return *size <= 0xffffffff;
      case BTF_KIND_ARRAY: {
        const auto array = Extra<btf_array>(id);
        count *= array.nelems;
        if (count > 0xffffffff) return false;
        type = array.type;
        break;
      }
      default:
        return false;
    }
  }
  return false;
}

long Btf::FindSpinLock(uint32_t type, uint32_t* offset) const {
  return FindField(type, "bpf_spin_lock", kSpinLockSize, offset);
}

uint32_t Btf::FindTimer(uint32_t type) const {
  uint32_t offset = kNoTimer;
  long error = FindField(type, "bpf_timer", kTimerSize, &offset);
  if (error == 0 && offset == kNoTimer) {
    error = FindField(type, "bpf_wq", kTimerSize, &offset);
  }
  constexpr uint32_t kAlignment = 8;
  return error != 0 || offset % kAlignment != 0 ? kNoTimer : offset;
}

long Btf::FindField(uint32_t type, const char* name, uint32_t size,
                    uint32_t* offset) const {
  const uint32_t id = Resolve(type);
  const btf_type value = TypeAt(id);
  if (!IsStruct(BTF_INFO_KIND(value.info))) return 0;
  bool found = false;
  for (uint32_t i = 0; i < BTF_INFO_VLEN(value.info); ++i) {
    const auto member = Extra<btf_member>(id, i);
    const btf_type inner = TypeAt(Resolve(member.type));
    if (BTF_INFO_KIND(inner.info) != BTF_KIND_STRUCT || inner.size != size ||
        std::strcmp(strings_.data() + inner.name_off, name) != 0) {
      continue;
    }
    if (found) return -E2BIG;
    found = true;
    *offset = BitOffset(value, member) / 8;
  }
  return 0;
}

bool Btf::IsWord(uint32_t type) const {
  const uint32_t id = Resolve(type);
  if (KindOf(id) != BTF_KIND_INT) return false;
  const auto word = Extra<uint32_t>(id);
  return TypeAt(id).size == 4 && BTF_INT_BITS(word) == 32 &&
         BTF_INT_OFFSET(word) == 0;
}

}  // namespace bpfmap
