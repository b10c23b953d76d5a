// SPDX-License-Identifier: Apache-2.0

// LpmTrieMap: BPF_MAP_TYPE_LPM_TRIE. Values by prefix; the longest one counts.
//
// A key is a uint32_t prefix length in bits, in the byte order of the machine,
// and 1 to 256 bytes of data, as struct bpf_lpm_trie_key: bit 0 is the top bit
// of the first byte. A lookup gives the value of the longest prefix in the map
// that the key begins with and that is no longer than the key. Updates and
// deletes mean the exact prefix. Bits after the length count for nothing, but
// are kept: a walk shows those of the last update.
//
// max_entries is exact and counts prefixes. BPF_F_NO_PREALLOC is required, as
// in Linux. On a profile that can be resized a map takes memory for up to a
// million prefixes or so at first, touches none of it before it is needed, and
// asks for more as it grows; on others it takes in Init() all that it can ever
// need: a node of 12 bytes and an element for each prefix. There is no
// Resize().
//
// Program view: a pointer shows the element that it was given for until that
// prefix is replaced or deleted. An update of a present prefix puts a new value
// in place (a pointer to the old one keeps showing the old value). A replaced
// or deleted value keeps its bytes until its memory serves another one.
//
// UpdateElem checks: the rights of programs (EACCES), null pointers (EFAULT),
// flags beyond BPF_EXIST (EINVAL), a prefix longer than the data (EINVAL),
// BPF_NOEXIST and present (EEXIST), BPF_EXIST and absent (ENOENT), absent and
// full (ENOSPC), no memory (ENOMEM). DeleteElem: a prefix longer than the data
// (EINVAL), absent (ENOENT). LookupElem of such a prefix is null.
//
// GetNextKey has an order: prefixes before the ones that they begin with, and
// 0 bits before 1 bits. From a key that is not in the map, or whose prefix is
// longer than the data, it starts again. Batches walk in that order; a position
// is a key.
//
// Source: Documentation/bpf/map_lpm_trie.rst; answers of Linux 6.18 in
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h. Writers
// take turns, readers do not wait for each other.

#ifndef BPFMAP_MAPS_LPM_TRIE_MAP_H_
#define BPFMAP_MAPS_LPM_TRIE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/prefix.h"
#include "bpfmap/maps/internal/prefix_trie.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class LpmTrieMap final : public MapBase<LpmTrieMap<P>, P> {
 public:
  using typename MapBase<LpmTrieMap<P>, P>::Memory;

  // `memory` must outlive the map.
  LpmTrieMap(const MapDef& def, Memory* memory)
      : MapBase<LpmTrieMap, P>(def),
        trie_(*memory, DataSize(def),
              internal::ValueLayout(def.value_size,
                                    internal::ValueLayout::kNoLock),
              def.max_entries) {}
  explicit LpmTrieMap(const MapDef& def) requires HasDefaultMemory<P>
      : LpmTrieMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      a key of less than 5 or more than 260 bytes; a value of 0 or
  //               more than 4194024 bytes; max_entries of 0; no
  //               BPF_F_NO_PREALLOC; a flag that tries do not have; what
  //               CheckCommon() lists
  //   EFAULT      a lock that is not at a multiple of 4 in the value
  //   EACCES      a lock in a value that programs may not read and write
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::PrefixTrie<P>::MemoryNeeded(DataSize(def), def.value_size,
                                                 def.max_entries);
  }

  // The program view.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr || IsTooLong(key)) return nullptr;
    return Find(key);
  }

  // What Linux answers in place of commands that tries do not have.
  static constexpr Refusals kRefuses{
      .lookup_and_delete = Errno::kNotSupp,
      .lookup_and_delete_batch = Errno::kNotSupp};
  static constexpr MapTraits kTraits{.key_types = MapTraits::KeyTypes::kStruct};

 private:
  friend MapBase<LpmTrieMap, P>;
  using MapBase<LpmTrieMap, P>::def_;
  using MapBase<LpmTrieMap, P>::rights_;

  // For MapBase.
  bool Allocate() { return trie_.Init(); }
  Errno Read(const void* key, void* value, ElemFlags) {
    if (IsTooLong(key)) return Errno::kNoEnt;
    if (value == nullptr) {
      return Find(key) != nullptr ? Errno::kFault : Errno::kNoEnt;
    }
    const bool found =
        Dispatch(key, [&](auto prefix) { return trie_.Read(prefix, value); });
    return found ? Errno::kOk : Errno::kNoEnt;
  }
  template <View view>
  Errno Put(const void* key, const void* value, ElemFlags flags) {
    if (flags > kExist) return Errno::kInval;
    if (IsTooLong(key)) return Errno::kInval;
    return Dispatch(key, [&](auto prefix) {
      return PutPrefix(view, prefix, value, flags);
    });
  }
  template <View view>
  Errno Remove(const void* key) {
    if (IsTooLong(key)) return Errno::kInval;
    return Dispatch(key,
                    [&](auto prefix) { return RemovePrefix(view, prefix); });
  }
  Errno NextKey(const void* key, void* next_key) {
    if (!trie_.NextKey(key, next_key)) return Errno::kNoEnt;
    return next_key == nullptr ? Errno::kFault : Errno::kOk;
  }
  Errno RunBatch(const LookupBatchCall& batch);
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(trie_.seq_lock());
    change();
  }

  static constexpr uint32_t kMinKeySize = internal::kPrefixLengthSize + 1;
  static constexpr uint32_t kMaxKeySize = internal::PrefixTrie<P>::kMaxKeySize;

  // Of a definition that is wrong, anything that is safe.
  static constexpr uint32_t DataSize(const MapDef& def) {
    return def.key_size < kMinKeySize
               ? 1
               : def.key_size - internal::kPrefixLengthSize;
  }

  bool IsTooLong(const void* key) const {
    return internal::PrefixLengthOf(key) > DataSize(def_) * 8;
  }

  template <typename Visitor>
  auto Dispatch(const void* key, Visitor visitor) const {
    return internal::WithPrefix(key, DataSize(def_), visitor);
  }

  void* Find(const void* key) const {
    return Dispatch(key, [&](auto prefix) { return trie_.Find(prefix); });
  }
  template <typename Prefix>
  Errno PutPrefix(View view, Prefix prefix, const void* value,
                  ElemFlags flags) {
    WriterLock lock(trie_.seq_lock());
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    const auto position = trie_.FindLocked(prefix);
    const bool present = position.element != 0;
    if (present && flags == kNoExist) return Errno::kExist;
    if (!present && flags == kExist) return Errno::kNoEnt;
    if (!present && trie_.IsFullLocked()) return Errno::kNoSpc;
    return trie_.PutLocked(position, prefix, value) ? Errno::kOk
                                                    : Errno::kNoMem;
  }
  template <typename Prefix>
  Errno RemovePrefix(View view, Prefix prefix) {
    WriterLock lock(trie_.seq_lock());
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    const auto position = trie_.FindLocked(prefix);
    if (position.element == 0) return Errno::kNoEnt;
    trie_.EraseLocked(position);
    return Errno::kOk;
  }

  // Copies the element after that of `key` to `next_key`, which may be the
  // same memory, and `value`. ENOENT at the end.
  Errno CopyNext(const void* key, void* next_key, void* value) const {
    ReaderLock lock(trie_.seq_lock());
    const uint32_t element = trie_.NextLocked(key);
    if (element == 0) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    trie_.CopyKeyOut(next_key, element);
    trie_.CopyValueOutLocked(value, element);
    return Errno::kOk;
  }

  internal::PrefixTrie<P> trie_;
};

template <Profile P>
constexpr DefError LpmTrieMap<P>::Check(const MapDef& def) {
  // Linux: a block of 4 MiB at most, with the largest key and 24 of its own.
  constexpr uint32_t kMaxValueSize = (4U << 20) - 256 - 24;
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kLpmTrie, "type must be LPM_TRIE"),
      CheckToken(def), CheckMaxEntries(def),
      Require(HasAny(def.map_flags, kNoPrealloc),
              "map_flags must have BPF_F_NO_PREALLOC"),
      CheckFlags(def,
                 kNoPrealloc | kNumaNode | kRdOnly | kWrOnly | kRdOnlyProg |
                     kWrOnlyProg,
                 "map_flags has a flag that LPM_TRIE does not take"),
      Require(def.key_size >= kMinKeySize && def.key_size <= kMaxKeySize,
              "key_size must be 5 to 260: a prefix length of 4 bytes and data "
              "of 1 to 256"),
      Require(def.value_size != 0 && def.value_size <= kMaxValueSize,
              "value_size must be 1 to 4194024"),
      CheckNameAndNoLock(def));
}

template <Profile P>
Errno LpmTrieMap<P>::RunBatch(const LookupBatchCall& batch) {
  // The key that was copied last: the position, whatever becomes of `keys`.
  std::byte last[kMaxKeySize];
  const void* from = batch.in_batch;
  const Errno error = ForEachInBatch(batch.count, [&](uint32_t i) {
    const Errno step =
        CopyNext(from, last, ElementAt(batch.values, i, def_.value_size));
    if (step != Errno::kOk) return step;
    if (batch.keys == nullptr) return Errno::kFault;
    std::memcpy(ElementAt(batch.keys, i, def_.key_size), last, def_.key_size);
    from = last;
    return Errno::kOk;
  });
  if (error == Errno::kFault || *batch.count == 0) return error;
  if (batch.out_batch == nullptr) return Errno::kFault;
  std::memcpy(batch.out_batch, last, def_.key_size);
  return error;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_LPM_TRIE_MAP_H_
