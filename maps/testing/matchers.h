// SPDX-License-Identifier: Apache-2.0

// Matchers for maps and for what their methods answer.
//
//   EXPECT_THAT(map->Update(&key, &value), IsOk());
//   EXPECT_THAT(counts.Get(7), IsErrno(Errno::kNoEnt));
//   EXPECT_THAT(counts, HasEntry(7, Gt(2)));
//   EXPECT_THAT(counts, Entries(UnorderedElementsAre(Pair(7, 3), Pair(8, 1))));
//
// Here `counts` is a TypedMap<K, V>, whose user view is read, or a
// ProgramMap<K, V>, whose program view is: on a per-CPU map it has the value of
// the calling thread's CPU, and HasEntry() is a use of an LRU map's element.
// A raw map has no types: see Snapshot() in snapshot.h for those.
//
// Each failure says what was there instead. A matcher copies what it is given;
// it reads the map when it is applied.

#ifndef BPFMAP_MAPS_TESTING_MATCHERS_H_
#define BPFMAP_MAPS_TESTING_MATCHERS_H_

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/maps/testing/print_errno.h"
#include "bpfmap/maps/typed_map.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpfmap {

namespace internal {

inline Errno ErrnoOf(Errno error) { return error; }
inline Errno ErrnoOf(const absl::Status& status) {
  return StatusToErrno(status);
}
template <typename T>
Errno ErrnoOf(const absl::StatusOr<T>& result) {
  return StatusToErrno(result.status());
}

inline void Explain(Errno, ::testing::MatchResultListener*) {}
inline void Explain(const absl::Status& status,
                    ::testing::MatchResultListener* listener) {
  *listener << "whose errno is "
            << ::testing::PrintToString(StatusToErrno(status));
  if (!status.ok()) *listener << ", \"" << status.message() << "\"";
}
template <typename T>
void Explain(const absl::StatusOr<T>& result,
             ::testing::MatchResultListener* listener) {
  Explain(result.status(), listener);
}

class ErrnoMatcher {
 public:
  explicit ErrnoMatcher(Errno expected) : expected_(expected) {}

  template <typename T>
  bool MatchAndExplain(const T& result,
                       ::testing::MatchResultListener* listener) const {
    Explain(result, listener);
    return ErrnoOf(result) == expected_;
  }
  void DescribeTo(std::ostream* out) const {
    *out << "is " << ::testing::PrintToString(expected_);
  }
  void DescribeNegationTo(std::ostream* out) const {
    *out << "is not " << ::testing::PrintToString(expected_);
  }

 private:
  Errno expected_;
};

// Applies `matcher`, and adds its explanation to the one there is.
template <typename T>
bool Apply(const ::testing::Matcher<const T&>& matcher, const T& value,
           ::testing::MatchResultListener* listener) {
  ::testing::StringMatchResultListener inner;
  const bool matches = matcher.MatchAndExplain(value, &inner);
  if (!inner.str().empty()) *listener << ", " << inner.str();
  return matches;
}

// How the matchers read a view.
template <typename View>
struct ViewReader;

template <typename K, typename V>
struct ViewReader<TypedMap<K, V>> {
  using Key = K;
  using Value = V;
  using All = std::vector<std::pair<K, V>>;

  static absl::StatusOr<V> Get(const TypedMap<K, V>& view, const K& key) {
    return view.Get(key);
  }
  static absl::Status GetAll(const TypedMap<K, V>& view, All* all) {
    auto entries = view.Entries();
    for (const auto& [key, value] : entries) all->emplace_back(key, value);
    return entries.status();
  }
};

template <typename K, typename V>
struct ViewReader<ProgramMap<K, V>> {
  using Key = K;
  using Value = V;
  using All = std::vector<std::pair<K, V>>;

  static absl::StatusOr<V> Get(const ProgramMap<K, V>& view, const K& key) {
    const V* const value = view.Lookup(key);
    if (value == nullptr) {
      return ToStatus(Errno::kNoEnt, *view.map(), "lookup", &key);
    }
    return *value;
  }
  static absl::Status GetAll(const ProgramMap<K, V>& view, All* all) {
    const int64_t result = view.ForEach(
        [all](const K& key, const V& value) { all->emplace_back(key, value); });
    if (result >= 0) return absl::OkStatus();
    return ToStatus(static_cast<Errno>(-result), *view.map(), "for each",
                    nullptr);
  }
};

template <typename K, typename ValueMatcher>
class HasEntryMatcher {
 public:
  HasEntryMatcher(K key, ValueMatcher value)
      : key_(std::move(key)), value_(std::move(value)) {}

  template <typename View>
  operator ::testing::Matcher<View>() const {  // NOLINT: as gmock's matchers
    return ::testing::Matcher<View>(new Impl<View>(key_, value_));
  }

 private:
  template <typename View>
  class Impl : public ::testing::MatcherInterface<View> {
    using Reader = ViewReader<std::remove_cvref_t<View>>;
    using Key = typename Reader::Key;
    using Value = typename Reader::Value;

   public:
    Impl(const K& key, const ValueMatcher& value)
        : key_(static_cast<Key>(key)),
          value_(::testing::SafeMatcherCast<const Value&>(value)) {}

    bool MatchAndExplain(
        View view, ::testing::MatchResultListener* listener) const override {
      const absl::StatusOr<Value> value = Reader::Get(view, key_);
      if (!value.ok()) {
        *listener << "which has none: " << value.status().message();
        return false;
      }
      *listener << "whose value there is " << ::testing::PrintToString(*value);
      return Apply(value_, *value, listener);
    }
    void DescribeTo(std::ostream* out) const override {
      Describe("has an", out);
    }
    void DescribeNegationTo(std::ostream* out) const override {
      Describe("has no", out);
    }

   private:
    void Describe(const char* has, std::ostream* out) const {
      *out << has << " entry " << ::testing::PrintToString(key_)
           << " with a value that ";
      value_.DescribeTo(out);
    }

    const Key key_;
    const ::testing::Matcher<const Value&> value_;
  };

  const K key_;
  const ValueMatcher value_;
};

template <typename AllMatcher>
class EntriesMatcher {
 public:
  explicit EntriesMatcher(AllMatcher all) : all_(std::move(all)) {}

  template <typename View>
  operator ::testing::Matcher<View>() const {  // NOLINT: as gmock's matchers
    return ::testing::Matcher<View>(new Impl<View>(all_));
  }

 private:
  template <typename View>
  class Impl : public ::testing::MatcherInterface<View> {
    using Reader = ViewReader<std::remove_cvref_t<View>>;
    using All = typename Reader::All;

   public:
    explicit Impl(const AllMatcher& all)
        : all_(::testing::SafeMatcherCast<const All&>(all)) {}

    bool MatchAndExplain(
        View view, ::testing::MatchResultListener* listener) const override {
      All all;
      const absl::Status status = Reader::GetAll(view, &all);
      if (!status.ok()) {
        *listener << "which cannot be read: " << status.message();
        return false;
      }
      if constexpr (std::totally_ordered<typename Reader::Key>) {
        std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
          return a.first < b.first;
        });
      }
      *listener << "whose entries are " << ::testing::PrintToString(all);
      return Apply(all_, all, listener);
    }
    void DescribeTo(std::ostream* out) const override {
      *out << "has entries, as pairs, that ";
      all_.DescribeTo(out);
    }
    void DescribeNegationTo(std::ostream* out) const override {
      *out << "has entries, as pairs, of which it is not true: ";
      all_.DescribeTo(out);
    }

   private:
    const ::testing::Matcher<const All&> all_;
  };

  const AllMatcher all_;
};

}  // namespace internal

// Matches an Errno, an absl::Status or an absl::StatusOr<T> that is `error`.
inline auto IsErrno(Errno error) {
  return ::testing::MakePolymorphicMatcher(internal::ErrnoMatcher(error));
}

// The same that is no error.
inline auto IsOk() { return IsErrno(Errno::kOk); }

// Matches a view in which `key` has a value that `value` matches: a V, or a
// matcher of one.
template <typename K, typename ValueMatcher>
internal::HasEntryMatcher<K, ValueMatcher> HasEntry(K key, ValueMatcher value) {
  return {std::move(key), std::move(value)};
}

// Matches a view whose entries `all` matches as a container of pairs. They are
// sorted by key where keys can be compared.
template <typename AllMatcher>
internal::EntriesMatcher<AllMatcher> Entries(AllMatcher all) {
  return internal::EntriesMatcher<AllMatcher>(std::move(all));
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TESTING_MATCHERS_H_
