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
                     uint64_t bucket, uint32_t done, uint32_t room,
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

// A lookup batch over the buckets of `table`. `copy_bucket(bucket, done, room,
// &copied)` copies one of them to element number `done` and on: ENOSPC, and
// nothing is done, if it has more than `room`; EFAULT if there is nowhere to
// copy to.
template <typename Table, typename CopyBucket>
Errno RunHashBatch(Table& table, const LookupBatchCall& batch,
                   CopyBucket copy_bucket) {
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
  for (; bucket < table.bucket_count(); ++bucket) {
    uint32_t copied = 0;
    const Errno step = copy_bucket(bucket, done, room - done, &copied);
    if (step == Errno::kFault) return step;
    if (step != Errno::kOk) {
      error = step == Errno::kNoSpc && done > 0 ? Errno::kOk : step;
      break;
    }
    done += copied;
  }
  if (batch.out_batch == nullptr) return Errno::kFault;
  std::memcpy(batch.out_batch, &bucket, sizeof bucket);
  *batch.count = done;
  return error;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_INTERNAL_RULES_HASH_BATCH_H_
