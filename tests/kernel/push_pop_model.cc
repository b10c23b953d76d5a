// SPDX-License-Identifier: Apache-2.0

#include "tests/kernel/push_pop_model.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {

const PushPopBackend& PushPopModelBackend() {
  static const auto& backend = *new PushPopBackend{
      "model", false, [](const MapDef&) { return false; },
      [](const MapDef& def, std::unique_ptr<PushPopView>* view) {
        const DefError check = CheckDef<Cloud>(def);
        if (!check.failed()) *view = std::make_unique<PushPopModel>(def);
        return check.error;
      }};
  return backend;
}

Errno PushPopModel::Put(const void* value, ElemFlags flags) {
  if (is_bloom()) {
    if (flags != kAny) return Errno::kInval;
    set_.emplace(static_cast<const char*>(value), def_.value_size);
    return Errno::kOk;
  }
  if (flags != kAny && flags != kExist) return Errno::kInval;
  if (values_.size() == def_.max_entries) {
    if (flags == kAny) return Errno::k2Big;
    values_.pop_front();
  }
  values_.emplace_back(static_cast<const char*>(value), def_.value_size);
  return Errno::kOk;
}

Errno PushPopModel::Take(void* value, bool removes) {
  if (is_bloom()) {
    if (value == nullptr) return Errno::kFault;
    return set_.contains({static_cast<const char*>(value), def_.value_size})
               ? Errno::kOk
               : Errno::kNoEnt;
  }
  if (values_.empty()) return Errno::kNoEnt;
  const bool oldest = def_.type == MapType::kQueue;
  const std::string taken = oldest ? values_.front() : values_.back();
  if (removes && oldest) values_.pop_front();
  if (removes && !oldest) values_.pop_back();
  if (value == nullptr) return Errno::kFault;
  std::memcpy(value, taken.data(), taken.size());
  return Errno::kOk;
}

Errno PushPopModel::Push(const void* value, ElemFlags flags) {
  if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
  return Put(value, flags);
}

Errno PushPopModel::Pop(void* value) {
  if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
  if (is_bloom()) return Errno::kInval;
  const Errno error = Take(value, true);
  if (error != Errno::kOk) std::memset(value, 0, def_.value_size);
  return error;
}

Errno PushPopModel::Peek(void* value) {
  const Errno error = Take(value, false);
  if (error != Errno::kOk && !is_bloom())
    std::memset(value, 0, def_.value_size);
  return error;
}

Errno PushPopModel::DoLookup(const void* key, void* value, ElemFlags flags) {
  if (HasAny(flags, ~kLock)) return Errno::kInval;
  if (!may_read()) return Errno::kPerm;
  if (flags != kAny || key != nullptr) return Errno::kInval;
  return Take(value, false);
}

Errno PushPopModel::DoUpdate(const void* key, const void* value,
                             ElemFlags flags) {
  if (!may_write()) return Errno::kPerm;
  if (HasAny(flags, kLock) || key != nullptr) return Errno::kInval;
  if (value == nullptr) return Errno::kFault;
  return Put(value, flags);
}

Errno PushPopModel::DoDelete(const void* key) {
  if (!may_write()) return Errno::kPerm;
  return is_bloom() && key == nullptr ? Errno::kOpNotSupp : Errno::kInval;
}

Errno PushPopModel::DoGetNextKey(const void* key, void*) {
  if (!may_read()) return Errno::kPerm;
  return is_bloom() && key == nullptr ? Errno::kOpNotSupp : Errno::kInval;
}

Errno PushPopModel::DoLookupAndDelete(const void* key, void* value,
                                      ElemFlags flags) {
  if (HasAny(flags, ~kLock)) return Errno::kInval;
  if (!may_read() || !may_write()) return Errno::kPerm;
  if (flags != kAny || key != nullptr) return Errno::kInval;
  if (is_bloom()) return Errno::kNotSupp;
  return Take(value, true);
}

Errno PushPopModel::RefuseBatch(const uint32_t* count, bool reads,
                                bool writes) const {
  if (count == nullptr) return Errno::kFault;
  if (reads && !may_read()) return Errno::kPerm;
  if (writes && !may_write()) return Errno::kPerm;
  return Errno::kNotSupp;
}

Errno PushPopModel::DoFreeze() {
  if (!may_write()) return Errno::kPerm;
  frozen_ = true;
  return Errno::kOk;
}

}  // namespace bpfmap
