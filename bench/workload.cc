#include "bench/workload.h"

#include <cstring>
#include <optional>
#include <utility>

#include "bench/random.h"
#include "bench/zipf.h"

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
  if (def.type == MapType::kArray) return def.max_entries;
  return def.max_entries - def.max_entries / 4;
}

}  // namespace

Workload::Workload(const MapDef& def, uint32_t seed)
    : def_(def), seed_(seed), present_count_(PresentCount(def)) {
  const uint32_t count = 2 * present_count_;
  keys_.resize(size_t{count} * def_.key_size);
  for (uint32_t element = 0; element < count; ++element) {
    MakeKey(element, &keys_[size_t{element} * def_.key_size]);
  }
  new_value_ = Value(count);
}

void Workload::MakeKey(uint32_t element, std::byte* key) const {
  uint32_t head = element;
  if (def_.type != MapType::kArray) {
    head = Scramble(element ^ Scramble(seed_));
  }
  std::memcpy(key, &head, sizeof head);
  Random(seed_, Purpose::kKey, element)
      .Fill(key + sizeof head, def_.key_size - sizeof head);
}

std::vector<std::byte> Workload::Value(uint32_t element) const {
  std::vector<std::byte> value(def_.value_size);
  Random(seed_, Purpose::kValue, element).Fill(value.data(), value.size());
  return value;
}

ElementRange Workload::Elements(KeySet set) const {
  if (set == KeySet::kPresent) return {0, present_count_};
  return {present_count_, 2 * present_count_};
}

std::vector<std::byte> Workload::RandomKeys(KeySet set, int thread, int threads,
                                            Popularity popularity) const {
  if (set == KeySet::kOwnAbsent) return OwnKeys(thread, threads);
  const auto [begin, end] = Elements(set);
  const uint32_t choices = end - begin;

  std::optional<Zipf> zipf;
  if (popularity == Popularity::kZipf) zipf.emplace(choices);

  std::vector<std::byte> keys(size_t{OrderLength()} * def_.key_size);
  Random random(seed_, Purpose::kOrder, thread);
  for (size_t at = 0; at < keys.size(); at += def_.key_size) {
    const uint32_t choice = zipf ? zipf->Draw(random) : random.Below(choices);
    std::memcpy(&keys[at], Key(begin + choice), def_.key_size);
  }
  return keys;
}

std::vector<std::byte> Workload::OwnKeys(int thread, int threads) const {
  // A thread's own elements are every `threads`th one.
  std::vector<uint32_t> elements(OwnCount(threads));
  for (uint32_t i = 0; i < elements.size(); ++i) {
    elements[i] = Elements(KeySet::kAbsent).begin + thread + i * threads;
  }
  Random random(seed_, Purpose::kOrder, thread);
  for (size_t left = elements.size(); left > 1; --left) {
    std::swap(elements[left - 1],
              elements[random.Below(static_cast<uint32_t>(left))]);
  }
  const size_t rounds = (OrderLength() + elements.size() - 1) / elements.size();
  std::vector<std::byte> keys;
  keys.reserve(rounds * elements.size() * def_.key_size);
  for (size_t round = 0; round < rounds; ++round) {
    for (const uint32_t element : elements) {
      keys.insert(keys.end(), Key(element), Key(element) + def_.key_size);
    }
  }
  return keys;
}

}  // namespace bpfmap::bench
