// SPDX-License-Identifier: Apache-2.0

// The batch commands.
//
// The caller's buffers may be large, wrong, or both. So a batch goes in parts:
// each is copied through memory of this library, and a bad address ends the
// batch where it would on Linux.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/scratch.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

// Elements in a part. A batch that takes elements out has few, so that few are
// lost if the caller's buffers are bad; a bucket with more makes the part
// larger.
constexpr uint32_t kElementsInPart = 1024;
constexpr uint32_t kTakenInPart = 64;
constexpr std::size_t kBytesInPart = 1 << 16;

class Batch {
 public:
  explicit Batch(const Attributes& attributes)
      : attributes_(attributes),
        flags_{.elem_flags = ElemFlags{attributes->batch.elem_flags},
               .flags = attributes->batch.flags},
        wanted_(attributes->batch.count) {}

  // The checks before the type of the map decides.
  long Find(bool reads, bool writes) {
    if (!attributes_.TailIsZero(kBatchAttrSize)) return -EINVAL;
    const long error =
        BpfFdTable::Global().FindMap(attributes_->batch.map_fd, &file_);
    if (error != 0) return error;
    if ((reads && !file_.may_read) || (writes && !file_.may_write)) {
      return -EPERM;
    }
    key_size_ = file_.map->def().key_size;
    value_size_ = file_.map->user_value_size();
    return 0;
  }

  long Lookup(bool deletes);

  // `run(keys, values, &count)` does a part of an update or delete batch.
  template <typename Run>
  long Change(bool has_values, Run run);

  BpfMap& map() const { return file_.map->map(); }
  BatchFlags flags() const { return flags_; }

 private:
  uint32_t FirstPart(bool takes) const {
    const std::size_t each = std::max<std::size_t>(key_size_ + value_size_, 1);
    const std::size_t fit = std::max<std::size_t>(kBytesInPart / each, 1);
    return static_cast<uint32_t>(std::min<std::size_t>(
        {wanted_, fit, takes ? kTakenInPart : kElementsInPart}));
  }

  bool StoreCount(uint32_t count) const {
    return attributes_.Store(kBatchCountAt, count);
  }
  UserAddress KeyAt(uint32_t i) const {
    return attributes_->batch.keys + uint64_t{i} * key_size_;
  }
  UserAddress ValueAt(uint32_t i) const {
    return attributes_->batch.values + uint64_t{i} * value_size_;
  }

  Errno LookupPart(bool deletes, const void* from, void* to, void* keys,
                   void* values, uint32_t* count) {
    return deletes ? map().LookupAndDeleteBatch(from, to, keys, values, count,
                                                flags_)
                   : map().LookupBatch(from, to, keys, values, count, flags_);
  }

  const Attributes& attributes_;
  const BatchFlags flags_;
  const uint32_t wanted_;
  OpenFile file_;
  std::size_t key_size_ = 0;
  std::size_t value_size_ = 0;
};

long Batch::Lookup(bool deletes) {
  // Nothing but the checks.
  uint32_t none = 0;
  Errno result = LookupPart(deletes, nullptr, nullptr, nullptr, nullptr, &none);
  if (result != Errno::kOk) return Result(result);
  if (wanted_ == 0) return 0;
  if (!StoreCount(0)) return -EFAULT;

  const bool has_buckets = file_.map->traits().has_buckets;
  const std::size_t position_size = has_buckets ? sizeof(uint32_t) : key_size_;
  const Scratch positions(2 * std::max<std::size_t>(position_size, 4));
  if (positions.bytes() == nullptr) return -ENOMEM;
  char* from = positions.bytes();
  char* to = from + std::max<std::size_t>(position_size, 4);
  bool starts = attributes_->batch.in_batch == 0;
  if (!starts &&
      !CopyFromUser(from, attributes_->batch.in_batch, position_size)) {
    return -EFAULT;
  }

  uint32_t done = 0;
  uint32_t room = FirstPart(/*takes=*/deletes);
  for (;;) {
    room = std::min(room, wanted_ - done);
    const Scratch keys(room * key_size_);
    const Scratch values(room * value_size_);
    if (keys.bytes() == nullptr || values.bytes() == nullptr) return -ENOMEM;
    uint32_t count = room;
    result = LookupPart(deletes, starts ? nullptr : from, to, keys.bytes(),
                        values.bytes(), &count);
    if (result == Errno::kNoSpc && room < wanted_ - done) {
      room *= 2;  // the next bucket has more
      continue;
    }
    if (result == Errno::kNoSpc && done != 0) {
      std::memcpy(to, from, position_size);  // where the last part ended
      result = Errno::kOk;
      break;
    }
    if (result != Errno::kOk && result != Errno::kNoEnt) return Result(result);
    if (!CopyToUser(KeyAt(done), keys.bytes(), count * key_size_) ||
        !CopyToUser(ValueAt(done), values.bytes(), count * value_size_)) {
      return -EFAULT;
    }
    done += count;
    if (result == Errno::kNoEnt || done == wanted_) break;
    if (count < room && room == wanted_ - (done - count)) break;
    std::swap(from, to);
    starts = false;
  }

  const auto store_position = [&] {
    return CopyToUser(attributes_->batch.out_batch, to, position_size);
  };
  if (has_buckets) {
    if (!store_position() || !StoreCount(done)) return -EFAULT;
  } else if (!StoreCount(done) || (done != 0 && !store_position())) {
    return -EFAULT;
  }
  return Result(result);
}

template <typename Run>
long Batch::Change(bool has_values, Run run) {
  uint32_t none = 0;
  Errno result = run(nullptr, nullptr, &none);
  if (result != Errno::kOk) return Result(result);
  if (wanted_ == 0) return 0;

  uint32_t done = 0;
  const uint32_t part = FirstPart(/*takes=*/false);
  const Scratch keys(part * key_size_);
  const Scratch values(has_values ? part * value_size_ : 0);
  if (keys.bytes() == nullptr || values.bytes() == nullptr) return -ENOMEM;
  while (result == Errno::kOk && done < wanted_) {
    uint32_t count = 0;
    const uint32_t room = std::min(part, wanted_ - done);
    const auto copy = [&](uint32_t first, uint32_t number) {
      return CopyFromUser(keys.bytes() + first * key_size_, KeyAt(done + first),
                          number * key_size_) &&
             (!has_values ||
              CopyFromUser(values.bytes() + first * value_size_,
                           ValueAt(done + first), number * value_size_));
    };
    if (copy(0, room)) {
      count = room;
    } else {
      while (count < room && copy(count, 1)) ++count;
    }
    const bool bad = count < room;
    uint32_t changed = count;
    if (count != 0) result = run(keys.bytes(), values.bytes(), &changed);
    done += changed;
    if (result == Errno::kOk && bad) result = Errno::kFault;
  }
  return StoreCount(done) ? Result(result) : -EFAULT;
}

}  // namespace

long MapLookupBatch(const Attributes& attributes) {
  Batch batch(attributes);
  const long error = batch.Find(/*reads=*/true, /*writes=*/false);
  return error != 0 ? error : batch.Lookup(/*deletes=*/false);
}

long MapLookupAndDeleteBatch(const Attributes& attributes) {
  Batch batch(attributes);
  const long error = batch.Find(/*reads=*/true, /*writes=*/true);
  return error != 0 ? error : batch.Lookup(/*deletes=*/true);
}

long MapUpdateBatch(const Attributes& attributes) {
  Batch batch(attributes);
  const long error = batch.Find(/*reads=*/false, /*writes=*/true);
  if (error != 0) return error;
  return batch.Change(
      /*has_values=*/true,
      [&](const void* keys, const void* values, uint32_t* count) {
        return batch.map().UpdateBatch(keys, values, count, batch.flags());
      });
}

long MapDeleteBatch(const Attributes& attributes) {
  Batch batch(attributes);
  const long error = batch.Find(/*reads=*/false, /*writes=*/true);
  if (error != 0) return error;
  return batch.Change(/*has_values=*/false, [&](const void* keys, const void*,
                                                uint32_t* count) {
    return batch.map().DeleteBatch(keys, count, batch.flags());
  });
}

}  // namespace bpfmap
