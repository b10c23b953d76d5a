// SPDX-License-Identifier: Apache-2.0

#include "bench/workload.h"

#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "bench/random.h"
#include "bench/zipf.h"
#include "bpfmap/maps/internal/hash/hash_function.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap::bench {
namespace {

// 32 bits that look random, and are others for every other x: each step can be
// undone. (The end of MurmurHash3.)
uint32_t Scramble(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85ebca6b;
  x = (x ^ (x >> 13)) * 0xc2b2ae35;
  return x ^ (x >> 16);
}

uint32_t PresentCount(const MapDef& def) {
  if (IsArray(def.type)) return def.max_entries;
  if (KindOf(def.type) == MapKind::kPushPop) return def.max_entries / 2;
  return def.max_entries - def.max_entries / 4;
}

uint32_t AbsentCount(const MapDef& def) {
  return def.type == MapType::kLruHash ? 4 * def.max_entries
                                       : PresentCount(def);
}

// The high half of the hash of a key in a map without a seed.
uint32_t UnseededHash(const void* key, uint32_t size) {
  return static_cast<uint32_t>(internal::HashFunction(0)(key, size) >> 32);
}

// The part that a hash is in, if its range has so many equal parts.
uint32_t RangeOf(uint32_t hash, uint32_t ranges) {
  return static_cast<uint32_t>((uint64_t{hash} * ranges) >> 32);
}

constexpr uint32_t kHashRanges = 512;
constexpr uint32_t kShards = Cloud::kLockStripes;

}  // namespace

Workload::Workload(const MapDef& def, uint32_t seed, KeyPattern pattern)
    : def_(def),
      seed_(seed),
      pattern_(IsArray(def.type) ? KeyPattern::kSequential : pattern),
      present_count_(PresentCount(def)),
      count_(present_count_ + AbsentCount(def)),
      key_size_(KeySizeOf(def)) {
  if (HasKeys(def.type)) MakeKeys();
  new_value_ = Value(count_);
}

void Workload::MakeKeys() {
  keys_.resize(size_t{count_} * key_size_);
  // Every bit of an address counts.
  const uint32_t prefix = def_.type == MapType::kLpmTrie ? 4 : 0;
  const uint32_t prefix_bits = 32;
  uint32_t number = 0;
  for (uint32_t element = 0; element < count_; ++number) {
    uint32_t head = 0;
    switch (pattern_) {
      case KeyPattern::kSequential:
        head = number;
        break;
      case KeyPattern::kMultiples:
        head = number << 16;
        break;
      case KeyPattern::kSameLowBits:
        head = number << 16 | 0xbeef;
        break;
      case KeyPattern::kUniform:
      case KeyPattern::kZipf:
      case KeyPattern::kOneHashRange:
      case KeyPattern::kOneShard:
        head = Scramble(number ^ Scramble(seed_));
        break;
    }
    std::byte* const key = &keys_[size_t{element} * key_size_];
    std::memcpy(key, &prefix_bits, prefix);
    std::memcpy(key + prefix, &head, sizeof head);
    Random(seed_, Purpose::kKey, element)
        .Fill(key + prefix + sizeof head, key_size_ - prefix - sizeof head);
    if (pattern_ != KeyPattern::kOneHashRange ||
        RangeOf(UnseededHash(key, key_size_), kHashRanges) == 0) {
      ++element;
    }
  }
}

std::vector<std::byte> Workload::Value(uint32_t element) const {
  std::vector<std::byte> value(def_.value_size);
  Random(seed_, Purpose::kValue, element).Fill(value.data(), value.size());
  return value;
}

ElementRange Workload::Elements(KeySet set) const {
  if (set == KeySet::kPresent) return {0, present_count_};
  return {present_count_, count_};
}

std::vector<uint32_t> Workload::Pool(KeySet set, int thread,
                                     int threads) const {
  const auto [begin, end] = Elements(set);
  // A thread's own elements are every `threads`th one.
  const uint32_t step = set == KeySet::kOwnAbsent ? threads : 1;
  const uint32_t first = set == KeySet::kOwnAbsent ? begin + thread : begin;
  std::vector<uint32_t> pool;
  for (uint32_t element = first; element < end; element += step) {
    if (pattern_ != KeyPattern::kOneShard ||
        RangeOf(UnseededHash(Key(element), key_size_), kShards) == 0) {
      pool.push_back(element);
    }
  }
  return pool;
}

KeyOrder Workload::RandomKeys(KeySet set, int thread, int threads) const {
  if (set == KeySet::kNone) return {};
  if (set == KeySet::kOwnAbsent) return OwnKeys(thread, threads);
  const std::vector<uint32_t> pool = Pool(set, thread, threads);
  const auto choices = static_cast<uint32_t>(pool.size());

  std::optional<Zipf> zipf;
  if (pattern_ == KeyPattern::kZipf) zipf.emplace(choices);

  std::vector<std::byte> keys(size_t{OrderLength()} * key_size_);
  Random random(seed_, Purpose::kOrder, thread);
  for (size_t at = 0; at < keys.size(); at += key_size_) {
    const uint32_t choice = zipf ? zipf->Draw(random) : random.Below(choices);
    std::memcpy(&keys[at], Key(pool[choice]), key_size_);
  }
  return {std::move(keys)};
}

KeyOrder Workload::OwnKeys(int thread, int threads) const {
  std::vector<uint32_t> own = Pool(KeySet::kOwnAbsent, thread, threads);
  own.resize(std::bit_floor(own.size()));
  Random random(seed_, Purpose::kOrder, thread);
  for (size_t left = own.size(); left > 1; --left) {
    std::swap(own[left - 1], own[random.Below(static_cast<uint32_t>(left))]);
  }
  KeyOrder order;
  order.lag = static_cast<uint32_t>(own.size() / 4);
  const size_t rounds = (OrderLength() + own.size() - 1) / own.size();
  order.keys.reserve(rounds * own.size() * key_size_);
  for (size_t round = 0; round < rounds; ++round) {
    for (const uint32_t element : own) {
      order.keys.insert(order.keys.end(), Key(element),
                        Key(element) + key_size_);
    }
  }
  return order;
}

}  // namespace bpfmap::bench
