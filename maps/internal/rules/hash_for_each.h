// SPDX-License-Identifier: Apache-2.0

// ForEachHashElem: the walk of bpf_for_each_map_elem() through a hash map.
//
// It goes from hash to hash or, where elements are in no order, from bucket to
// bucket. The callback runs with no lock held, so it may do anything to the
// map: if an element that is about to be shown is removed, its memory may still
// be shown, as in Linux. No element that stays is missed or shown twice.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_HASH_FOR_EACH_H_
#define BPFMAP_MAPS_INTERNAL_RULES_HASH_FOR_EACH_H_

#include <cstddef>
#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// Elements of one bucket, those with the smallest hashes, in their order.
template <typename Hash>
class BucketSnapshot {
 public:
  struct Elem {
    Hash hash;
    const void* key;
    void* value;
  };

  void Add(const Elem& elem) {
    if (size_ == kRoom) {
      const Hash last = elems_[kRoom - 1].hash;
      if (elem.hash >= last) return LeaveOut(elem.hash);
      LeaveOut(last);
      --size_;
    }
    int at = size_++;
    for (; at > 0 && elems_[at - 1].hash > elem.hash; --at) {
      elems_[at] = elems_[at - 1];
    }
    elems_[at] = elem;
  }

  // Keys of one hash come together, so that none is missed where the walk
  // continues.
  // (More than kRoom keys of one hash would stay apart.)
  void Close() {
    if (is_last_ || IsOneHash()) return;
    while (elems_[size_ - 1].hash == left_out_) --size_;
  }

  const Elem* begin() const { return elems_; }
  const Elem* end() const { return elems_ + size_; }

  // Whether these are the last ones; if not, the hash from which on the others
  // are.
  bool is_last() const { return is_last_; }
  uint64_t next_hash() const {
    return uint64_t{left_out_} + (IsOneHash() ? 1 : 0);
  }

 private:
  static constexpr int kRoom = 16;

  void LeaveOut(Hash hash) {
    if (is_last_ || hash < left_out_) left_out_ = hash;
    is_last_ = false;
  }
  bool IsOneHash() const { return !is_last_ && elems_[0].hash == left_out_; }

  Elem elems_[kRoom];
  int size_ = 0;
  bool is_last_ = true;
  Hash left_out_ = 0;  // if not: the smallest hash that did not fit
};

// Through a table in the order of its hashes, ChainTable: one after the other.
template <typename Table, typename ValueOf>
int64_t ForEachInHashOrder(Table& table, ElemVisitor visitor, uint64_t flags,
                           ValueOf value_of) {
  if (flags != 0) return -static_cast<int64_t>(Errno::kInval);
  uint32_t calls = 0;
  typename Table::EqualHashes found;
  found.hash = 0xffffffff;  // the next one is the first
  while (table.FindFrom(found.hash + 1, /*key=*/nullptr, &found)) {
    for (uint32_t i = 0; i < found.count; ++i) {
      const typename Table::SlotRef ref{nullptr, found.slots[i]};
      ++calls;
      if (visitor(table.KeyOf(ref), value_of(ref)) != 0) return calls;
    }
    if (found.hash == 0xffffffff) break;
  }
  return calls;
}

// Through a table whose elements have no order: bucket by bucket.
template <typename Table, typename ValueOf>
int64_t ForEachInBuckets(Table& table, ElemVisitor visitor, uint64_t flags,
                         ValueOf value_of) {
  if (flags != 0) return -static_cast<int64_t>(Errno::kInval);
  using Hash = typename Table::HashValue;
  int64_t calls = 0;
  for (uint64_t bucket = 0; bucket < table.bucket_count(); ++bucket) {
    if (!table.MayHaveElements(bucket)) continue;
    uint64_t first_hash = 0;
    for (bool is_last = false; !is_last;) {
      BucketSnapshot<Hash> part;
      {
        auto& shard = table.ShardOfBucket(bucket);
        ReaderLock lock(shard);
        table.VisitLocked(shard, bucket, [&](const auto& ref) {
          const Hash hash = table.HashOf(ref);
          if (hash < first_hash) return;
          part.Add({hash, table.KeyOf(ref), value_of(ref)});
        });
      }
      part.Close();
      for (const auto& elem : part) {
        ++calls;
        if (visitor(elem.key, elem.value) != 0) return calls;
      }
      is_last = part.is_last();
      first_hash = part.next_hash();
    }
  }
  return calls;
}

// `value_of(ref)` is what a program sees as the value.
template <typename Table, typename ValueOf>
int64_t ForEachHashElem(Table& table, ElemVisitor visitor, uint64_t flags,
                        ValueOf value_of) {
  if constexpr (requires { typename Table::EqualHashes; }) {
    return ForEachInHashOrder(table, visitor, flags, value_of);
  } else {
    return ForEachInBuckets(table, visitor, flags, value_of);
  }
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_HASH_FOR_EACH_H_
