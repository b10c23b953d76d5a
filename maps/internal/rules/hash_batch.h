// SPDX-License-Identifier: Apache-2.0

// The lookup batches of hash maps, which go by buckets.
//
// A position is 4 bytes, the number of a bucket. The elements of one bucket
// come together or not at all: ENOSPC, or a smaller *count.

#ifndef BPFMAP_MAPS_INTERNAL_RULES_HASH_BATCH_H_
#define BPFMAP_MAPS_INTERNAL_RULES_HASH_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// The parts of a batch that only the map knows. `value_size` is that of the
// user view.
template <typename CopyValue, typename Drop>
struct HashBatchElements {
  HashBatchElements(uint32_t key_size, std::size_t value_size,
                    CopyValue copy_value, Drop drop)
      : key_size(key_size),
        value_size(value_size),
        copy_value(copy_value),
        drop(drop) {}

  uint32_t key_size;
  std::size_t value_size;
  CopyValue copy_value;  // (void* value, ref): copies the value out
  Drop drop;             // (ref): before the element leaves the table
};

// Copies the elements of one bucket, from number `done` on, and deletes them if
// the batch says so. ENOSPC, and nothing is done, if there are more than
// `room`.
template <typename Table, typename Elements>
Errno CopyHashBucket(Table& table, const UserRights& rights,
                     const Elements& elements, const LookupBatchCall& batch,
                     uint32_t bucket, uint32_t done, uint32_t room,
                     uint32_t* copied) {
  if (!table.MayHaveElements(bucket)) return Errno::kOk;
  auto& shard = table.ShardOfBucket(bucket);
  WriterLock lock(shard);
  if (batch.deletes && rights.frozen()) return Errno::kPerm;
  uint32_t size = 0;
  table.VisitLocked(shard, bucket, [&](const auto&) { ++size; });
  if (size > room) return Errno::kNoSpc;
  const bool can_copy = batch.keys != nullptr && batch.values != nullptr;
  if (can_copy) {
    uint32_t i = done;
    table.VisitLocked(shard, bucket, [&](const auto& ref) {
      table.CopyKeyOut(ElementAt(batch.keys, i, elements.key_size), ref);
      elements.copy_value(ElementAt(batch.values, i, elements.value_size), ref);
      ++i;
    });
  }
  if (batch.deletes) {
    table.VisitLocked(shard, bucket, elements.drop);
    table.EraseBucketLocked(shard, bucket);
  }
  *copied = size;
  return can_copy || size == 0 ? Errno::kOk : Errno::kFault;
}

// The elements of a run of buckets: a few, bucket by bucket.
template <typename Ref>
class BucketRun {
 public:
  static constexpr uint32_t kRoom = 32;
  struct Element {
    uint64_t bucket;
    Ref ref;
  };

  // Returns false if there is no room.
  bool Add(uint64_t bucket, const Ref& ref) {
    if (size_ == kRoom) return false;
    uint32_t at = size_++;
    for (; at > 0 && elements_[at - 1].bucket > bucket; --at) {
      elements_[at] = elements_[at - 1];
    }
    elements_[at] = {bucket, ref};
    return true;
  }

  uint32_t size() const { return size_; }
  const Element& operator[](uint32_t i) const { return elements_[i]; }

  // How many of the first elements are in whole buckets, and at most `room`.
  uint32_t WholeBuckets(uint32_t room) const {
    if (size_ <= room) return size_;
    uint32_t count = room;
    while (count > 0 &&
           elements_[count - 1].bucket == elements_[count].bucket) {
      --count;
    }
    return count;
  }

 private:
  uint32_t size_ = 0;
  Element elements_[kRoom];
};

// Copies the elements of a run of buckets from *bucket on, as CopyHashBucket()
// does those of one, up to the first bucket that has no room. Sets *bucket to
// the first that is left. Returns false, and does nothing, if they are more
// than a few, or to be deleted.
template <typename Table, typename Elements>
bool CopyHashRun(Table& table, const Elements& elements,
                 const LookupBatchCall& batch, uint64_t* bucket, uint32_t done,
                 uint32_t room, uint32_t* copied) {
  using Ref = typename Table::SlotRef;
  if (batch.deletes || batch.keys == nullptr || batch.values == nullptr) {
    return false;
  }
  const uint64_t end = table.EndOfRun(*bucket);
  if (!table.MayHaveElements(*bucket, end)) {
    *bucket = end;
    return true;
  }
  BucketRun<Ref> run;
  bool fits = true;
  auto& shard = table.ShardOfBucket(*bucket);
  WriterLock lock(shard);
  table.VisitRunLocked(shard, *bucket, end, [&](const Ref& ref, uint64_t hash) {
    fits = fits && run.Add(table.BucketOf(hash), ref);
  });
  if (!fits) return false;
  *copied = run.WholeBuckets(room);
  for (uint32_t i = 0; i < *copied; ++i) {
    table.CopyKeyOut(ElementAt(batch.keys, done + i, elements.key_size),
                     run[i].ref);
    elements.copy_value(ElementAt(batch.values, done + i, elements.value_size),
                        run[i].ref);
  }
  *bucket = *copied == run.size() ? end : run[*copied].bucket;
  return true;
}

// A lookup batch over the buckets of `table`. `copy_bucket(bucket, done, room,
// &copied)` copies one of them to element number `done` and on: ENOSPC, and
// nothing is done, if it has more than `room`; EFAULT if there is nowhere to
// copy to. `copy_run(&bucket, done, room, &copied)` may copy several, as
// CopyHashRun() does.
template <typename Table, typename CopyBucket, typename CopyRun>
Errno RunHashBatch(Table& table, const LookupBatchCall& batch,
                   CopyBucket copy_bucket, CopyRun copy_run) {
  if (batch.flags.flags != 0) return Errno::kInval;
  const uint32_t room = *batch.count;
  if (room == 0) return Errno::kOk;
  *batch.count = 0;
  uint32_t bucket = 0;
  if (batch.in_batch != nullptr) {
    std::memcpy(&bucket, batch.in_batch, sizeof bucket);
  }
  if (bucket >= table.bucket_count()) return Errno::kNoEnt;
  uint32_t done = 0;
  Errno error = Errno::kNoEnt;  // what the end is called
  while (bucket < table.bucket_count()) {
    uint32_t copied = 0;
    uint64_t next = bucket;
    if (copy_run(&next, done, room - done, &copied) && next != bucket) {
      done += copied;
      bucket = static_cast<uint32_t>(next);
      continue;
    }
    const Errno step = copy_bucket(bucket, done, room - done, &copied);
    if (step == Errno::kFault) return step;
    if (step != Errno::kOk) {
      error = step == Errno::kNoSpc && done > 0 ? Errno::kOk : step;
      break;
    }
    done += copied;
    ++bucket;
  }
  if (batch.out_batch == nullptr) return Errno::kFault;
  std::memcpy(batch.out_batch, &bucket, sizeof bucket);
  *batch.count = done;
  return error;
}

// The same for tables whose buckets come one by one.
template <typename Table, typename CopyBucket>
Errno RunHashBatch(Table& table, const LookupBatchCall& batch,
                   CopyBucket copy_bucket) {
  return RunHashBatch(
      table, batch, copy_bucket,
      [](uint64_t*, uint32_t, uint32_t, uint32_t*) { return false; });
}

// The same for tables that may have runs of buckets.
template <typename Table, typename Elements>
Errno RunHashBatchByRuns(Table& table, const UserRights& rights,
                         const Elements& elements,
                         const LookupBatchCall& batch) {
  const auto copy_bucket = [&](uint32_t bucket, uint32_t done, uint32_t room,
                               uint32_t* copied) {
    return CopyHashBucket(table, rights, elements, batch, bucket, done, room,
                          copied);
  };
  if constexpr (requires { table.EndOfRun(0); }) {
    return RunHashBatch(
        table, batch, copy_bucket,
        [&](uint64_t* bucket, uint32_t done, uint32_t room, uint32_t* copied) {
          return CopyHashRun(table, elements, batch, bucket, done, room,
                             copied);
        });
  } else {
    return RunHashBatch(table, batch, copy_bucket);
  }
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_HASH_BATCH_H_
