// SPDX-License-Identifier: Apache-2.0

#include "tests/kernel/model_map.h"

#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {
namespace {

Errno CreateModel(const MapDef& def, TestMap* map) {
  const DefError check = CheckDef<Cloud>(def);
  if (check.failed()) return check.error;
  auto model = std::make_shared<ModelMap>(def);
  ModelMap* const created = model.get();
  *map = TestMap(std::move(model), created, created);
  return Errno::kOk;
}

char* At(void* elements, uint32_t i, uint32_t size) {
  return static_cast<char*>(elements) + std::size_t{i} * size;
}
const char* At(const void* elements, uint32_t i, uint32_t size) {
  return static_cast<const char*>(elements) + std::size_t{i} * size;
}

}  // namespace

const Backend& ModelBackend() {
  static const auto& backend =
      *new Backend{.name = "model",
                   .is_kernel = false,
                   .is_too_large = [](const MapDef&) { return false; },
                   .create = CreateModel,
                   .open_perf_event = nullptr};
  return backend;
}

ModelMap::ModelMap(const MapDef& def) : def_(def) {
  if (!is_array()) return;
  for (uint32_t i = 0; i < def.max_entries; ++i) {
    elements_[KeyAt(&i)] = std::string(def.value_size, '\0');
  }
}

// Indices as strings that sort as numbers.
std::string ModelMap::KeyAt(const void* key) const {
  std::string bytes(static_cast<const char*>(key), def_.key_size);
  if (is_array() && std::endian::native == std::endian::little) {
    bytes = std::string(bytes.rbegin(), bytes.rend());
  }
  return bytes;
}

std::string ModelMap::ValueAt(const void* value) const {
  std::string bytes(static_cast<const char*>(value), def_.value_size);
  if (has_lock()) bytes.replace(def_.spin_lock_offset, 4, 4, '\0');
  return bytes;
}

Errno ModelMap::Put(const void* key, const void* value, ElemFlags flags) {
  if ((flags & ~kLock) > kExist) return Errno::kInval;
  const auto found = elements_.find(KeyAt(key));
  if (is_array()) {
    if (found == elements_.end()) return Errno::k2Big;
    if (HasAny(flags, kNoExist)) return Errno::kExist;
    if (HasAny(flags, kLock) && !has_lock()) return Errno::kInval;
    found->second = ValueAt(value);
    return Errno::kOk;
  }
  if (HasAny(flags, kLock) && !has_lock()) return Errno::kInval;
  if (found != elements_.end()) {
    if (HasAny(flags, kNoExist)) return Errno::kExist;
    found->second = ValueAt(value);
    return Errno::kOk;
  }
  if (HasAny(flags, kExist)) return Errno::kNoEnt;
  if (elements_.size() == def_.max_entries) return Errno::k2Big;
  elements_[KeyAt(key)] = ValueAt(value);
  return Errno::kOk;
}

Errno ModelMap::Erase(const void* key) {
  if (is_array()) return Errno::kInval;
  return elements_.erase(KeyAt(key)) == 1 ? Errno::kOk : Errno::kNoEnt;
}

void* ModelMap::LookupElem(const void* key) {
  const auto found = elements_.find(KeyAt(key));
  return found == elements_.end() ? nullptr : found->second.data();
}

Errno ModelMap::UpdateElem(const void* key, const void* value,
                           ElemFlags flags) {
  if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
  return Put(key, value, flags);
}

Errno ModelMap::DeleteElem(const void* key) {
  if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
  return Erase(key);
}

Errno ModelMap::DoLookup(const void* key, void* value, ElemFlags flags) {
  if (HasAny(flags, ~kLock)) return Errno::kInval;
  if (!may_read()) return Errno::kPerm;
  if (flags != kAny && !has_lock()) return Errno::kInval;
  if (key == nullptr) return Errno::kFault;
  const auto found = elements_.find(KeyAt(key));
  if (found == elements_.end()) return Errno::kNoEnt;
  if (value == nullptr) return Errno::kFault;
  std::memcpy(value, found->second.data(), def_.value_size);
  return Errno::kOk;
}

Errno ModelMap::DoUpdate(const void* key, const void* value, ElemFlags flags) {
  if (!may_write()) return Errno::kPerm;
  if (HasAny(flags, kLock) && !has_lock()) return Errno::kInval;
  if (key == nullptr || value == nullptr) return Errno::kFault;
  return Put(key, value, flags);
}

Errno ModelMap::DoDelete(const void* key) {
  if (!may_write()) return Errno::kPerm;
  if (key == nullptr) return Errno::kFault;
  return Erase(key);
}

Errno ModelMap::DoGetNextKey(const void* key, void* next_key) {
  if (!may_read()) return Errno::kPerm;
  auto next = key == nullptr ? elements_.end() : elements_.find(KeyAt(key));
  next = next == elements_.end() ? elements_.begin() : std::next(next);
  if (next == elements_.end()) return Errno::kNoEnt;
  if (next_key == nullptr) return Errno::kFault;
  const std::string bytes = KeyAt(next->first.data());  // its own inverse
  std::memcpy(next_key, bytes.data(), bytes.size());
  return Errno::kOk;
}

Errno ModelMap::DoLookupAndDelete(const void* key, void* value,
                                  ElemFlags flags) {
  if (HasAny(flags, ~kLock)) return Errno::kInval;
  if (!may_read() || !may_write()) return Errno::kPerm;
  if (flags != kAny && !has_lock()) return Errno::kInval;
  if (key == nullptr) return Errno::kFault;
  if (is_array()) return Errno::kNotSupp;
  const Errno error = Lookup(key, value, flags);
  return Erase(key) == Errno::kOk ? error : Errno::kNoEnt;
}

Errno ModelMap::CheckBatch(bool reads, bool writes, bool supported,
                           const uint32_t* count, BatchFlags flags) const {
  if (count == nullptr) return Errno::kFault;
  if (reads && !may_read()) return Errno::kPerm;
  if (writes && !may_write()) return Errno::kPerm;
  if (!supported) return Errno::kNotSupp;
  if (HasAny(flags.elem_flags, ~kLock)) return Errno::kInval;
  if (flags.elem_flags != kAny && !has_lock()) return Errno::kInval;
  if (reads && !is_array() && flags.flags != 0) return Errno::kInval;
  return Errno::kOk;
}

Errno ModelMap::DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                              void* values, uint32_t* count, BatchFlags flags) {
  const Errno error = CheckBatch(true, false, true, count, flags);
  if (error != Errno::kOk || *count == 0) return error;
  return is_array()
             ? ArrayBatch(in_batch, out_batch, keys, values, count)
             : HashBatch(in_batch, out_batch, keys, values, count, false);
}

Errno ModelMap::DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                                       void* keys, void* values,
                                       uint32_t* count, BatchFlags flags) {
  const Errno error = CheckBatch(true, true, !is_array(), count, flags);
  if (error != Errno::kOk || *count == 0) return error;
  return HashBatch(in_batch, out_batch, keys, values, count, true);
}

// The position is the index shown last.
Errno ModelMap::ArrayBatch(const void* in_batch, void* out_batch, void* keys,
                           void* values, uint32_t* count) {
  const uint32_t room = *count;
  *count = 0;
  uint32_t last = 0;
  const void* previous = in_batch;
  uint32_t done = 0;
  Errno error = Errno::kOk;
  while (done < room) {
    uint32_t next = 0;
    error = GetNextKey(previous, &next);
    if (error != Errno::kOk) break;
    if (keys == nullptr || values == nullptr) return Errno::kFault;
    std::memcpy(At(keys, done, 4), &next, 4);
    std::memcpy(At(values, done, def_.value_size), LookupElem(&next),
                def_.value_size);
    ++done;
    last = next;
    previous = &last;
  }
  *count = done;
  if (done == 0) return error;
  if (out_batch == nullptr) return Errno::kFault;
  std::memcpy(out_batch, &last, 4);
  return error;
}

// As if all keys shared bucket 0 of as many as Linux has.
Errno ModelMap::HashBatch(const void* in_batch, void* out_batch, void* keys,
                          void* values, uint32_t* count, bool deletes) {
  const uint32_t room = *count;
  const uint32_t buckets = std::bit_ceil(def_.max_entries);
  *count = 0;
  uint32_t bucket = 0;
  if (in_batch != nullptr) std::memcpy(&bucket, in_batch, 4);
  if (bucket >= buckets) return Errno::kNoEnt;
  const bool fits = bucket > 0 || elements_.size() <= room;
  uint32_t done = 0;
  if (bucket == 0 && fits) {
    for (const auto& [key, value] : elements_) {
      if (keys == nullptr || values == nullptr) continue;
      std::memcpy(At(keys, done, def_.key_size), key.data(), key.size());
      std::memcpy(At(values, done, def_.value_size), value.data(),
                  value.size());
      ++done;
    }
    const bool lost = done < elements_.size();
    if (deletes) elements_.clear();
    if (lost) return Errno::kFault;
  }
  if (out_batch == nullptr) return Errno::kFault;
  bucket = fits ? buckets : 0;
  std::memcpy(out_batch, &bucket, 4);
  *count = done;
  return fits ? Errno::kNoEnt : Errno::kNoSpc;
}

Errno ModelMap::DoUpdateBatch(const void* keys, const void* values,
                              uint32_t* count, BatchFlags flags) {
  Errno error = CheckBatch(false, true, true, count, flags);
  if (error != Errno::kOk) return error;
  const uint32_t room = std::exchange(*count, 0);
  for (; *count < room; ++*count) {
    if (keys == nullptr || values == nullptr) return Errno::kFault;
    error = Put(At(keys, *count, def_.key_size),
                At(values, *count, def_.value_size), flags.elem_flags);
    if (error != Errno::kOk) return error;
  }
  return Errno::kOk;
}

Errno ModelMap::DoDeleteBatch(const void* keys, uint32_t* count,
                              BatchFlags flags) {
  Errno error = CheckBatch(false, true, !is_array(), count, flags);
  if (error != Errno::kOk) return error;
  const uint32_t room = std::exchange(*count, 0);
  for (; *count < room; ++*count) {
    if (keys == nullptr) return Errno::kFault;
    error = Erase(At(keys, *count, def_.key_size));
    if (error != Errno::kOk) return error;
  }
  return Errno::kOk;
}

Errno ModelMap::DoFreeze() {
  if (has_lock()) return Errno::kNotSupp;
  if (!may_write()) return Errno::kPerm;
  frozen_ = true;
  return Errno::kOk;
}

}  // namespace bpfmap
