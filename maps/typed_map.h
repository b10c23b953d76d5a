// SPDX-License-Identifier: Apache-2.0

// TypedMap: a BpfMap with C++ types for keys and values.
//
//   auto counts = TypedMap<uint32_t, uint64_t>::Create(map.get());
//   if (!counts.ok()) return counts.status();
//   counts->Set(pid, 1).IgnoreError();
//   absl::StatusOr<uint64_t> n = counts->Get(pid);
//   auto entries = counts->Entries();
//   for (const auto& [pid, n] : entries) ...
//   if (!entries.status().ok()) ...
//
// This is the user view, for people: errors are absl::Status with a sentence
// that names the map and the key; StatusToErrno() in status.h gives the errno.
// It works on any BpfMap with keys, a KernelMap too. The values of a per-CPU
// map are PerCpu<V>, one V for each CPU (per_cpu.h).
//
// Types are checked when this compiles, and their sizes when a TypedMap is
// created. A key is compared byte by byte, so a type with padding between its
// members, or with two representations of one value (as 0.0 and -0.0), cannot
// be one: name the padding and set it to 0.
//
// Thread-safe as far as the map is; an EntryRange is for one thread. A TypedMap
// is a pointer: copy it freely, and keep the map alive.

#ifndef BPFMAP_MAPS_TYPED_MAP_H_
#define BPFMAP_MAPS_TYPED_MAP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/user_values.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/status.h"

namespace bpfmap {

template <typename K, typename V>
class TypedMap {
  static_assert(std::is_trivially_copyable_v<K>,
                "a map copies keys byte by byte: K must be trivially copyable");
  static_assert(std::has_unique_object_representations_v<K>,
                "a map compares keys byte by byte: K must have no padding and "
                "no value with two representations");
  using Values = internal::UserValues<V>;
  static_assert(std::is_trivially_copyable_v<typename Values::Part>,
                "a map copies values byte by byte: V must be trivially "
                "copyable");
  static_assert(std::is_default_constructible_v<K> &&
                    std::is_default_constructible_v<V>,
                "K and V must have default constructors");

 public:
  struct Entry {
    K key;
    V value;
  };

  // How far GetBatch has come. A new one starts from the beginning.
  class Cursor {
   public:
    // Whether everything was shown.
    bool done() const { return done_; }

   private:
    friend TypedMap;
    // Large enough for either kind of position, see BpfMap::LookupBatch.
    std::byte position_[std::max(sizeof(K), sizeof(uint32_t))] = {};
    bool started_ = false;
    bool done_ = false;
  };

  class EntryRange;

  // INVALID_ARGUMENT unless the map's key and value sizes are those of K and V,
  // and V is a PerCpu for a per-CPU map and for no other.
  // `map` must outlive the TypedMap and its copies.
  static absl::StatusOr<TypedMap> Create(BpfMap* map) {
    const MapDef def = map->def();
    if (IsPerCpu(def.type) != Values::kPerCpu) {
      return ToStatus(
          Errno::kInval,
          absl::StrCat(DescribeMap(def),
                       Values::kPerCpu
                           ? ": values have no parts: the type given may not "
                             "be a PerCpu"
                           : ": values have a part for each CPU: the type "
                             "given must be a PerCpu"));
    }
    constexpr std::size_t kValueSize = sizeof(typename Values::Part);
    if (def.key_size != sizeof(K) || def.value_size != kValueSize) {
      return ToStatus(
          Errno::kInval,
          absl::StrCat(DescribeMap(def), ": key_size is ", def.key_size,
                       " and value_size ", def.value_size,
                       ", but the types given have ", sizeof(K), " and ",
                       kValueSize, " bytes"));
    }
    return TypedMap(map);
  }

  // The value of `key`. Errors of BpfMap::Lookup, NOT_FOUND among them.
  absl::StatusOr<V> Get(const K& key) const {
    V value;
    const Errno error = map_->Lookup(&key, Values::Bytes(value));
    if (error != Errno::kOk) return ToStatus(error, *map_, "lookup", &key);
    return value;
  }

  // Sets the value of `key`. `flags` and errors of BpfMap::Update;
  // INVALID_ARGUMENT for a PerCpu that is not of PossibleCpus() CPUs.
  absl::Status Set(const K& key, const V& value, ElemFlags flags = kAny) {
    return ToStatus(Put(key, value, flags), *map_, "update", &key);
  }

  // Removes `key`. Errors of BpfMap::Delete, NOT_FOUND among them.
  absl::Status Erase(const K& key) {
    return ToStatus(map_->Delete(&key), *map_, "delete", &key);
  }

  // The value of `key`; where it is absent it is set to `value` first. Of
  // several threads that do this at once one inserts, and all get its value.
  absl::StatusOr<V> GetOrInsert(const K& key, const V& value) {
    while (true) {
      absl::StatusOr<V> present = Get(key);
      if (StatusToErrno(present.status()) != Errno::kNoEnt) return present;
      const Errno error = Put(key, value, kNoExist);
      if (error == Errno::kOk) return value;
      // Another thread inserted it: look again.
      if (error != Errno::kExist) {
        return ToStatus(error, *map_, "update", &key);
      }
    }
  }

  // All entries, one after the other: see EntryRange.
  EntryRange Entries() const { return EntryRange(*this); }

  // The next entries from `cursor` on: about `count` of them, more if they
  // cannot be had apart, none at the end (then cursor->done()). REQUIRES:
  // count > 0. Errors of BpfMap::LookupBatch, but for the end and ENOSPC.
  absl::StatusOr<std::vector<Entry>> GetBatch(Cursor* cursor,
                                              uint32_t count) const;

  // Sets keys[i] to values[i], in this order, up to the first that fails; its
  // error is returned and says how many were set. Errors of
  // BpfMap::UpdateBatch; INVALID_ARGUMENT if the lengths differ, and as Set().
  absl::Status SetBatch(absl::Span<const K> keys, absl::Span<const V> values);

  BpfMap* map() const { return map_; }

 private:
  explicit TypedMap(BpfMap* map) : map_(map) {}

  Errno Put(const K& key, const V& value, ElemFlags flags) {
    if (!Values::Fits(value)) return Errno::kInval;
    return map_->Update(&key, Values::Bytes(value), flags);
  }

  BpfMap* map_;
};

// The entries of a map, fetched in batches as a loop goes through them. Keys
// that are there from the start to the end of the loop are shown once, others
// maybe; a value is as new as its batch. An error ends the loop early:
// look at status() after it. One loop at a time.
template <typename K, typename V>
class TypedMap<K, V>::EntryRange {
 public:
  class Iterator {
   public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    explicit Iterator(EntryRange* range) : range_(range) {}
    const Entry& operator*() const { return range_->batch_[range_->at_]; }
    const Entry* operator->() const { return &**this; }
    Iterator& operator++() {
      range_->Advance();
      return *this;
    }
    void operator++(int) { range_->Advance(); }
    bool operator==(std::default_sentinel_t) const {
      return range_->at_ == range_->batch_.size();
    }

   private:
    EntryRange* range_;
  };

  // Starts from the first entry.
  Iterator begin() {
    cursor_ = {};
    status_ = absl::OkStatus();
    Fetch();
    return Iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

  // OK, or what ended the loop early. Errors of BpfMap::LookupBatch.
  const absl::Status& status() const { return status_; }

 private:
  friend TypedMap;
  static constexpr uint32_t kBatchSize = 256;

  explicit EntryRange(const TypedMap& map) : map_(map) {}

  void Advance() {
    if (++at_ == batch_.size()) Fetch();
  }

  // The next batch that is not empty; an empty one at the end.
  void Fetch() {
    batch_.clear();
    at_ = 0;
    while (batch_.empty() && !cursor_.done()) {
      absl::StatusOr<std::vector<Entry>> batch =
          map_.GetBatch(&cursor_, kBatchSize);
      if (!batch.ok()) {
        status_ = batch.status();
        return;
      }
      batch_ = *std::move(batch);
    }
  }

  TypedMap map_;
  Cursor cursor_;
  std::vector<Entry> batch_;
  std::size_t at_ = 0;
  absl::Status status_;
};

template <typename K, typename V>
absl::StatusOr<std::vector<typename TypedMap<K, V>::Entry>>
TypedMap<K, V>::GetBatch(Cursor* cursor, uint32_t count) const {
  std::vector<K> keys(count);
  Values values(count);
  const void* in = cursor->started_ ? cursor->position_ : nullptr;
  Errno error = map_->LookupBatch(in, cursor->position_, keys.data(),
                                  values.data(), &count);
  while (error == Errno::kNoSpc) {
    keys.resize(keys.size() * 2);
    values = Values(keys.size());
    count = static_cast<uint32_t>(keys.size());
    error = map_->LookupBatch(in, cursor->position_, keys.data(), values.data(),
                              &count);
  }
  if (error != Errno::kOk && error != Errno::kNoEnt) {
    return ToStatus(error, *map_, "lookup batch", nullptr);
  }
  cursor->started_ = true;
  cursor->done_ = error == Errno::kNoEnt;
  std::vector<Entry> entries(count);
  for (uint32_t i = 0; i < count; ++i) entries[i] = {keys[i], values[i]};
  return entries;
}

template <typename K, typename V>
absl::Status TypedMap<K, V>::SetBatch(absl::Span<const K> keys,
                                      absl::Span<const V> values) {
  if (keys.size() != values.size()) {
    return ToStatus(
        Errno::kInval,
        absl::StrCat(DescribeMap(map_->def()), ": update batch: ", keys.size(),
                     " keys, but ", values.size(), " values"));
  }
  for (const V& value : values) {
    if (!Values::Fits(value)) {
      return ToStatus(Errno::kInval, *map_, "update batch", nullptr);
    }
  }
  uint32_t count = static_cast<uint32_t>(keys.size());
  Values joined(Values::kPerCpu ? values.size() : 0);
  const Errno error =
      map_->UpdateBatch(keys.data(), Values::Join(values, &joined), &count);
  if (error == Errno::kOk) return absl::OkStatus();
  const bool at_a_key = count < keys.size();
  return ToStatus(error, *map_,
                  absl::StrCat("update batch, ", count, " of ", keys.size(),
                               " done: update"),
                  at_a_key ? &keys[count] : nullptr);
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TYPED_MAP_H_
