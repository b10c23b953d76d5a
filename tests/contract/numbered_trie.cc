// SPDX-License-Identifier: Apache-2.0

#include "tests/contract/numbered_trie.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "tests/support/prefix_key.h"

namespace bpfmap {
namespace {

using Prefix = PrefixKey;
static_assert(sizeof(Prefix) == kNumberedTrieKeySize);

Prefix PrefixOf(uint32_t number) {
  if (number == 0xffffffff) return Ip(0, number);
  return Ip(0x0a000000 + number % 256, 32);
}

uint32_t NumberOf(const Prefix& prefix) { return prefix.address[3]; }

// A prefix in place of a number that may be null.
class MaybePrefix {
 public:
  explicit MaybePrefix(const void* number) : is_null_(number == nullptr) {
    if (is_null_) return;
    uint32_t n;
    std::memcpy(&n, number, sizeof n);
    prefix_ = PrefixOf(n);
  }
  void* get() { return is_null_ ? nullptr : &prefix_; }

 private:
  const bool is_null_;
  Prefix prefix_ = {};
};

// `count` prefixes in place of numbers that may be null.
class MaybePrefixes {
 public:
  MaybePrefixes(const void* numbers, const uint32_t* count)
      : is_null_(numbers == nullptr || count == nullptr) {
    if (is_null_) return;
    prefixes_.resize(*count + 1);  // so that data() is not null
    for (uint32_t i = 0; i < *count; ++i) {
      uint32_t n;
      std::memcpy(&n, static_cast<const char*>(numbers) + 4 * i, sizeof n);
      prefixes_[i] = PrefixOf(n);
    }
  }
  void* get() { return is_null_ ? nullptr : prefixes_.data(); }

  void CopyTo(void* numbers) const {
    if (is_null_) return;
    for (std::size_t i = 0; i + 1 < prefixes_.size(); ++i) {
      const uint32_t n = NumberOf(prefixes_[i]);
      std::memcpy(static_cast<char*>(numbers) + 4 * i, &n, sizeof n);
    }
  }

 private:
  const bool is_null_;
  std::vector<Prefix> prefixes_;
};

class NumberedTrie final : public BpfMap {
 public:
  explicit NumberedTrie(TestMap trie) : trie_(std::move(trie)) {}

  MapDef DoDef() const override { return trie_->def(); }
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    return trie_->Lookup(MaybePrefix(key).get(), value, flags);
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    return trie_->Update(MaybePrefix(key).get(), value, flags);
  }
  Errno DoDelete(const void* key) override {
    return trie_->Delete(MaybePrefix(key).get());
  }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    Prefix next;
    const Errno error = trie_->GetNextKey(
        MaybePrefix(key).get(), next_key == nullptr ? nullptr : &next);
    if (error != Errno::kOk) return error;
    const uint32_t n = NumberOf(next);
    std::memcpy(next_key, &n, sizeof n);
    return error;
  }
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override {
    return trie_->LookupAndDelete(MaybePrefix(key).get(), value, flags);
  }
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count,
                      BatchFlags flags) override {
    return Walk(in_batch, out_batch, keys, count,
                [&](const void* in, void* out, void* prefixes) {
                  return trie_->LookupBatch(in, out, prefixes, values, count,
                                            flags);
                });
  }
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) override {
    return Walk(in_batch, out_batch, keys, count,
                [&](const void* in, void* out, void* prefixes) {
                  return trie_->LookupAndDeleteBatch(in, out, prefixes, values,
                                                     count, flags);
                });
  }
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override {
    return trie_->UpdateBatch(MaybePrefixes(keys, count).get(), values, count,
                              flags);
  }
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) override {
    return trie_->DeleteBatch(MaybePrefixes(keys, count).get(), count, flags);
  }
  Errno DoFreeze() override { return trie_->Freeze(); }

 private:
  template <typename Command>
  static Errno Walk(const void* in_batch, void* out_batch, void* keys,
                    const uint32_t* count, Command command) {
    MaybePrefix in(in_batch);
    MaybePrefixes prefixes(keys, count);
    Prefix out = {};
    const Errno error = command(in.get(), out_batch == nullptr ? nullptr : &out,
                                prefixes.get());
    prefixes.CopyTo(keys);
    const uint32_t n = NumberOf(out);
    if (out_batch != nullptr) std::memcpy(out_batch, &n, sizeof n);
    return error;
  }

  const TestMap trie_;
};

}  // namespace

Errno CreateNumberedTrie(const Backend& backend, const MapDef& def,
                         TestMap* map) {
  TestMap trie;
  const Errno error = backend.create(def, &trie);
  if (error != Errno::kOk) return error;
  auto numbered = std::make_shared<NumberedTrie>(std::move(trie));
  NumberedTrie* const created = numbered.get();
  *map = TestMap(std::move(numbered), created, nullptr);
  return error;
}

}  // namespace bpfmap
