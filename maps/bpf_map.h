// SPDX-License-Identifier: Apache-2.0

// BpfMap: a BPF map as user space sees it. START HERE.
//
// The methods are the bpf(2) map commands: keys and values are copied, and
// every error is the one Linux 6.18 returns (docs/errors.md has the tables).
// For the side that a BPF program sees, pointers into the map, see local_map.h.
// Implementations: ArrayMap, HashMap, ... (local), and KernelMap (a map of the
// running kernel).
//
// Keys are `key_size` bytes and values `value_size` bytes, as `def()` says (for
// per-CPU types, see IsPerCpu() in map_def.h);
// neither needs any alignment. A null pointer where bytes are needed is
// EFAULT, as a bad address is on Linux; any other pointer must be good. Types
// without keys (queue, stack, bloom filter) take a null pointer for the key,
// and answer any other one with EINVAL; their headers say what the commands do.
//
// Rights: kRdOnly in map_flags refuses the writing commands and kWrOnly the
// reading ones, with EPERM. kRdOnlyProg and kWrOnlyProg do not concern this
// view. A command that fails changes nothing, except where its comment says
// otherwise.
//
// Thread-safe: any method may be called from any thread at any time. A value
// that is copied out was the whole value at some moment during the call, unless
// a thread stores through a program-view pointer at the same time.
//
// A BpfMap is owned and destroyed as the type that it is, so the destructor is
// not part of the interface.

#ifndef BPFMAP_MAPS_BPF_MAP_H_
#define BPFMAP_MAPS_BPF_MAP_H_

#include <cstdint>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

// The two flag words of a batch command.
struct BatchFlags {
  ElemFlags elem_flags = kAny;  // kAny or kLock; anything else is EINVAL
  uint64_t flags = 0;  // for later use by Linux; most commands ignore it
};

class BpfMap {
 public:
  // The definition of the map; max_entries is the current one. Note that
  // map_flags keeps kRdOnly and kWrOnly.
  MapDef def() const { return DoDef(); }

  // Copies the value of `key` to `value`. `flags`: kAny or kLock.
  //   EINVAL  other flags; kLock and the value has no lock
  //   EPERM   no right to read
  //   EFAULT  key is null; value is null and the key is there
  //   ENOENT  no such key; array: the index is past the end
  Errno Lookup(const void* key, void* value, ElemFlags flags = kAny) {
    return DoLookup(key, value, flags);
  }

  // Sets the value of `key`. `flags`: kAny, kNoExist or kExist, with or
  // without kLock.
  //   EPERM   no right to write; the map is frozen
  //   EINVAL  other flags; kLock and the value has no lock; trie: a prefix
  //           longer than the data
  //   EFAULT  key or value is null
  //   EEXIST  kNoExist and the key is there; array: every index is there
  //   ENOENT  hash: kExist and the key is not there
  //   E2BIG   hash: a new key, and the map is full; array: index past the end
  //   ENOSPC  trie: a new key, and the map is full
  //   ENOMEM  trie: a new key, and there is no memory
  Errno Update(const void* key, const void* value, ElemFlags flags = kAny) {
    return DoUpdate(key, value, flags);
  }

  // Removes `key`.
  //   EPERM   no right to write; the map is frozen
  //   EFAULT  key is null
  //   ENOENT  no such key
  //   EINVAL  array: always; trie: a prefix longer than the data
  Errno Delete(const void* key) { return DoDelete(key); }

  // Copies the key that follows `key` to `next_key`; the first one where key
  // is null or is not in the map. A hash map has no order that means anything
  // (a trie has, see lpm_trie_map.h), but while nothing changes the walk shows
  // every key once.
  //   EPERM   no right to read
  //   ENOENT  `key` was the last one; the map is empty
  //   EFAULT  next_key is null and there is a next key
  Errno GetNextKey(const void* key, void* next_key) {
    return DoGetNextKey(key, next_key);
  }

  // Copies the value of `key` to `value` and removes the key, in one step.
  // `flags`: kAny or kLock.
  //   EINVAL    other flags; kLock and the value has no lock
  //   EPERM     no right to read or to write; the map is frozen
  //   EFAULT    key is null; value is null (the key is gone anyway, as on
  //             Linux)
  //   ENOTSUPP  array, trie
  //   ENOENT    no such key
  Errno LookupAndDelete(const void* key, void* value, ElemFlags flags = kAny) {
    return DoLookupAndDelete(key, value, flags);
  }

  // The batch commands work on `*count` elements laid out one after the
  // other in `keys` and `values`, and set *count to the number done. All of
  // them: EINVAL for elem_flags, ENOTSUPP where the type has no such batch
  // (*count is then untouched), EPERM as the single command, and EFAULT where
  // `count` is null.
  //
  // LookupBatch copies elements from the position `in_batch` on (null: from
  // the start) and stores the position reached in `out_batch`. A position is
  // opaque: hash maps use 4 bytes, other types key_size bytes; both buffers
  // must hold max(4, key_size). Nothing is missed or shown twice for other
  // keys being inserted or removed between two calls.
  //   ENOENT  the end was reached: *count elements, maybe 0, are valid
  //   ENOSPC  hash: more elements belong together than *count has room for;
  //           call again with more room
  //   EFAULT  keys, values or out_batch is null. As on Linux, a hash map says
  //           so only when it has something to copy there.
  //   EINVAL  hash: flags is not 0
  Errno LookupBatch(const void* in_batch, void* out_batch, void* keys,
                    void* values, uint32_t* count, BatchFlags flags = {}) {
    return DoLookupBatch(in_batch, out_batch, keys, values, count, flags);
  }

  // As LookupBatch, and removes what it copied. With EFAULT the elements that
  // could not be handed over are gone, as on Linux.
  Errno LookupAndDeleteBatch(const void* in_batch, void* out_batch, void* keys,
                             void* values, uint32_t* count,
                             BatchFlags flags = {}) {
    return DoLookupAndDeleteBatch(in_batch, out_batch, keys, values, count,
                                  flags);
  }

  // Updates with kAny, one after the other, up to the first that fails; its
  // error is returned and *count is the number done.
  Errno UpdateBatch(const void* keys, const void* values, uint32_t* count,
                    BatchFlags flags = {}) {
    return DoUpdateBatch(keys, values, count, flags);
  }

  // Deletes one after the other, up to the first that fails.
  Errno DeleteBatch(const void* keys, uint32_t* count, BatchFlags flags = {}) {
    return DoDeleteBatch(keys, count, flags);
  }

  // Takes the right to write from the user view, for good. Programs still
  // write.
  //   ENOTSUPP  the value holds a lock
  //   EPERM     no right to write; frozen already
  Errno Freeze() { return DoFreeze(); }

 protected:
  ~BpfMap() = default;

  // The implementation; the comments above are the contract. A map
  // that decorates another one overrides these, and calls the public ones.
  virtual MapDef DoDef() const = 0;
  virtual Errno DoLookup(const void* key, void* value, ElemFlags flags) = 0;
  virtual Errno DoUpdate(const void* key, const void* value,
                         ElemFlags flags) = 0;
  virtual Errno DoDelete(const void* key) = 0;
  virtual Errno DoGetNextKey(const void* key, void* next_key) = 0;
  virtual Errno DoLookupAndDelete(const void* key, void* value,
                                  ElemFlags flags) = 0;
  virtual Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                              void* values, uint32_t* count,
                              BatchFlags flags) = 0;
  virtual Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                                       void* keys, void* values,
                                       uint32_t* count, BatchFlags flags) = 0;
  virtual Errno DoUpdateBatch(const void* keys, const void* values,
                              uint32_t* count, BatchFlags flags) = 0;
  virtual Errno DoDeleteBatch(const void* keys, uint32_t* count,
                              BatchFlags flags) = 0;
  virtual Errno DoFreeze() = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_BPF_MAP_H_
