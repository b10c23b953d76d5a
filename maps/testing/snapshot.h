// SPDX-License-Identifier: Apache-2.0

// MapSnapshot: what is in a map at one moment, to be shown and compared.
//
//   const MapSnapshot before = Snapshot(*map);
//   RunProgram(*map);
//   EXPECT_EQ(Diff(before, Snapshot(*map)), "");
//   EXPECT_THAT(*map, IsUnchangedSince(before));     // the same
//   EXPECT_THAT(*map, HasSameEntriesAs(*other_map));
//
// A failure shows what differs, by key:
//
//   HASH map "counts": 1 added, 1 removed, 1 changed
//     + 3: 30
//     - 2: 20
//     ~ 1: 10 -> 11
//
// Snapshots are taken through the user view (GetNextKey and Lookup), of any
// BpfMap with keys, a KernelMap too; a lookup there is no use of an element of
// an LRU map. A snapshot of a TypedMap<K, V> or a ProgramMap<K, V> shows keys
// and values as GoogleTest prints a K and a V.
//
// A value type; the map is not needed afterwards. Taking one is thread-safe,
// but while others write it is of no single moment.

#ifndef BPFMAP_MAPS_TESTING_SNAPSHOT_H_
#define BPFMAP_MAPS_TESTING_SNAPSHOT_H_

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/user_values.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/maps/testing/element_format.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/profiles/cpu.h"
#include "gmock/gmock.h"

namespace bpfmap {

class MapSnapshot {
 public:
  // Key and value, as bytes of the user view, sorted by key.
  using Entry = std::pair<std::string, std::string>;

  // The entries of `map`, shown by `format`.
  MapSnapshot(BpfMap& map, internal::ElementFormat format);

  const MapDef& def() const { return def_; }
  const std::vector<Entry>& entries() const { return entries_; }
  // kOk, or why entries are missing: the answer of GetNextKey or Lookup.
  Errno error() const { return error_; }

  // `HASH map "counts" with 2 of 16 entries`, and a line for each.
  std::string ToString() const;

  // "7: 10".
  std::string EntryToString(const Entry& entry) const {
    return absl::StrCat(format_.Key(entry.first), ": ",
                        format_.Value(entry.second));
  }
  const internal::ElementFormat& format() const { return format_; }

  // Whether the entries are the same, whatever types the maps are of.
  friend bool operator==(const MapSnapshot& a, const MapSnapshot& b) {
    return a.error_ == b.error_ && a.entries_ == b.entries_;
  }
  friend void PrintTo(const MapSnapshot& snapshot, std::ostream* out) {
    *out << snapshot.ToString();
  }

 private:
  MapDef def_;
  internal::ElementFormat format_;
  std::vector<Entry> entries_;
  Errno error_ = Errno::kOk;
};

// The differences, a line for each key, after a line that counts them; "" if
// there are none.
std::string Diff(const MapSnapshot& before, const MapSnapshot& after);

// The snapshot of a map: a BpfMap or a view of one, or a pointer to one.
template <typename Map>
MapSnapshot Snapshot(const Map& map);

// Matchers for what Snapshot() takes. They describe a failure by its Diff().
auto IsUnchangedSince(MapSnapshot before);
template <typename Map>
auto HasSameEntriesAs(const Map& map);

// Implementation.

namespace internal {

// The map itself, of a map, a view or a pointer. GoogleTest hands on references
// to const, but reading a map is no const method.
template <typename Map>
BpfMap& BpfMapOf(const Map& map) {
  if constexpr (std::derived_from<Map, BpfMap>) {
    return const_cast<Map&>(map);
  } else if constexpr (requires { map.map(); }) {
    return *map.map();
  } else {
    return BpfMapOf(*map);
  }
}

inline std::size_t UserValueSize(const MapDef& def) {
  if (!IsPerCpu(def.type)) return def.value_size;
  return (std::size_t{def.value_size} + 7) / 8 * 8 *
         static_cast<std::size_t>(PossibleCpus());
}

template <typename Map>
struct FormatOf {
  static ElementFormat Make(const MapDef& def) { return ElementFormat(def); }
};
template <typename K, typename V>
struct FormatOf<TypedMap<K, V>> {
  static ElementFormat Make(const MapDef& def) {
    return ElementFormat::Typed<K, typename UserValues<V>::Part>(def);
  }
};

template <typename K, typename V>
struct FormatOf<ProgramMap<K, V>> {
  static ElementFormat Make(const MapDef& def) {
    return ElementFormat::Typed<K, V>(def);
  }
};

class SameEntriesMatcher {
 public:
  SameEntriesMatcher(MapSnapshot expected, std::string description)
      : expected_(std::move(expected)), description_(std::move(description)) {}

  template <typename Map>
  bool MatchAndExplain(const Map& map,
                       ::testing::MatchResultListener* listener) const {
    const MapSnapshot actual = Snapshot(map);
    if (actual == expected_) return true;
    *listener << "in which:\n" << Diff(expected_, actual);
    return false;
  }
  void DescribeTo(std::ostream* out) const { *out << "has " << description_; }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "does not have " << description_;
  }

 private:
  MapSnapshot expected_;
  std::string description_;
};

}  // namespace internal

inline MapSnapshot::MapSnapshot(BpfMap& map, internal::ElementFormat format)
    : def_(map.def()), format_(std::move(format)) {
  std::string key(def_.key_size, '\0');
  std::string next = key;
  // A map without keys has no next one either, and says so.
  const void* from = nullptr;
  while (true) {
    error_ = map.GetNextKey(from, next.data());
    if (error_ != Errno::kOk) break;
    key = next;
    from = key.data();
    std::string value(internal::UserValueSize(def_), '\0');
    error_ = map.Lookup(key.data(), value.data());
    // An array may have empty places.
    if (error_ == Errno::kNoEnt) continue;
    if (error_ != Errno::kOk) break;
    entries_.emplace_back(key, std::move(value));
  }
  if (error_ == Errno::kNoEnt) error_ = Errno::kOk;  // the end
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) {
              return internal::ElementFormat::IsBefore(a.first, b.first);
            });
}

inline std::string MapSnapshot::ToString() const {
  constexpr std::size_t kShown = 64;
  std::string text = absl::StrCat(DescribeMap(def_), " with ", entries_.size(),
                                  " of ", def_.max_entries, " entries");
  if (error_ != Errno::kOk) {
    absl::StrAppend(&text, " (then ", ErrnoName(error_), ")");
  }
  for (std::size_t i = 0; i < entries_.size() && i < kShown; ++i) {
    absl::StrAppend(&text, "\n  ", EntryToString(entries_[i]));
  }
  if (entries_.size() > kShown) {
    absl::StrAppend(&text, "\n  and ", entries_.size() - kShown, " more");
  }
  return text;
}

inline std::string Diff(const MapSnapshot& before, const MapSnapshot& after) {
  using internal::ElementFormat;
  int added = 0, removed = 0, changed = 0;
  std::string lines;
  auto a = before.entries().begin();
  auto b = after.entries().begin();
  const auto a_end = before.entries().end();
  const auto b_end = after.entries().end();
  while (a != a_end || b != b_end) {
    if (b == b_end ||
        (a != a_end && ElementFormat::IsBefore(a->first, b->first))) {
      absl::StrAppend(&lines, "\n  - ", before.EntryToString(*a++));
      ++removed;
    } else if (a == a_end || ElementFormat::IsBefore(b->first, a->first)) {
      absl::StrAppend(&lines, "\n  + ", after.EntryToString(*b++));
      ++added;
    } else {
      if (a->second != b->second) {
        absl::StrAppend(&lines, "\n  ~ ", before.EntryToString(*a), " -> ",
                        after.format().Value(b->second));
        ++changed;
      }
      ++a;
      ++b;
    }
  }
  if (lines.empty() && before.error() == after.error()) return "";
  std::string text =
      absl::StrCat(DescribeMap(after.def()), ": ", added, " added, ", removed,
                   " removed, ", changed, " changed");
  if (before.error() != after.error()) {
    absl::StrAppend(&text, "; reading ended with ", ErrnoName(before.error()),
                    ", then with ", ErrnoName(after.error()));
  }
  return text + lines;
}

template <typename Map>
MapSnapshot Snapshot(const Map& map) {
  BpfMap& bpf_map = internal::BpfMapOf(map);
  return MapSnapshot(bpf_map, internal::FormatOf<Map>::Make(bpf_map.def()));
}

inline auto IsUnchangedSince(MapSnapshot before) {
  return ::testing::MakePolymorphicMatcher(internal::SameEntriesMatcher(
      std::move(before), "the entries that it had"));
}

template <typename Map>
auto HasSameEntriesAs(const Map& map) {
  MapSnapshot expected = Snapshot(map);
  std::string description =
      absl::StrCat("the entries of the ", expected.ToString());
  return ::testing::MakePolymorphicMatcher(internal::SameEntriesMatcher(
      std::move(expected), std::move(description)));
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TESTING_SNAPSHOT_H_
