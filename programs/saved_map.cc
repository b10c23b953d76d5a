// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/saved_map.h"

#include <algorithm>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"

namespace bpfmap {
namespace {

std::size_t UserValueSize(const MapDef& def) {
  if (!IsPerCpu(def.type)) return def.value_size;
  return (std::size_t{def.value_size} + 7) / 8 * 8 *
         static_cast<std::size_t>(PossibleCpus());
}

}  // namespace

SavedMap::SavedMap(BpfMap* map)
    : map_(*map),
      key_size_(map->def().key_size),
      value_size_(UserValueSize(map->def())) {
  if (key_size_ != 0) {
    elements_ = Elements();
    return;
  }
  values_ = PopAll();
  PushAll(values_);
}

bool SavedMap::Restore() {
  if (key_size_ == 0) {
    PopAll();
    return PushAll(values_);
  }
  const std::map<Bytes, Bytes> now = Elements();
  bool restored = true;
  for (const auto& [key, value] : now) {
    if (elements_.contains(key)) continue;
    restored &= map_.Delete(key.data()) == Errno::kOk;
  }
  for (const auto& [key, value] : elements_) {
    const auto found = now.find(key);
    if (found != now.end() && found->second == value) continue;
    restored &= map_.Update(key.data(), value.data()) == Errno::kOk;
  }
  return restored;
}

std::map<SavedMap::Bytes, SavedMap::Bytes> SavedMap::Elements() const {
  std::map<Bytes, Bytes> elements;
  Bytes key(key_size_), value(value_size_);
  const void* previous = nullptr;
  Bytes last;
  while (map_.GetNextKey(previous, key.data()) == Errno::kOk) {
    if (map_.Lookup(key.data(), value.data()) == Errno::kOk) {
      elements[key] = value;
    }
    last = key;
    previous = last.data();
  }
  return elements;
}

std::vector<SavedMap::Bytes> SavedMap::PopAll() {
  std::vector<Bytes> values;
  Bytes value(value_size_);
  while (map_.LookupAndDelete(nullptr, value.data()) == Errno::kOk) {
    values.push_back(value);
  }
  return values;
}

// Pushed last, a stack pops first.
bool SavedMap::PushAll(const std::vector<Bytes>& values) {
  std::vector<Bytes> order = values;
  if (map_.def().type == MapType::kStack) {
    std::reverse(order.begin(), order.end());
  }
  const bool is_list =
      map_.def().type == MapType::kQueue || map_.def().type == MapType::kStack;
  return is_list && std::all_of(order.begin(), order.end(), [&](auto& value) {
           return map_.Update(nullptr, value.data()) == Errno::kOk;
         });
}

}  // namespace bpfmap
