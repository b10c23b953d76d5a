// SPDX-License-Identifier: Apache-2.0

// ModelMap: the rules of hash and array maps over a std::map, as plainly as
// they can be said. Maps are compared with these where there is no kernel.
//
// For one thread.

#ifndef BPFMAP_TESTS_KERNEL_MODEL_MAP_H_
#define BPFMAP_TESTS_KERNEL_MODEL_MAP_H_

#include <cstdint>
#include <map>
#include <string>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "tests/support/backend.h"

namespace bpfmap {

// The backend whose maps are ModelMaps.
const Backend& ModelBackend();

class ModelMap final : public LocalMap {
 public:
  // REQUIRES: Linux would create a map of this definition.
  explicit ModelMap(const MapDef& def);

  MapDef DoDef() const override { return def_; }

  void* LookupElem(const void* key) override;
  Errno UpdateElem(const void* key, const void* value,
                   ElemFlags flags) override;
  Errno DeleteElem(const void* key) override;

  Errno DoLookup(const void* key, void* value, ElemFlags flags) override;
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override;
  Errno DoDelete(const void* key) override;
  Errno DoGetNextKey(const void* key, void* next_key) override;
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override;
  // Gives everything at once, or says ENOSPC.
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count, BatchFlags flags) override;
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) override;
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override;
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) override;
  Errno DoFreeze() override;

 private:
  bool is_array() const { return def_.type == MapType::kArray; }
  bool has_lock() const { return def_.spin_lock_offset != kNoSpinLock; }
  bool may_read() const { return !HasAny(def_.map_flags, kWrOnly); }
  bool may_write() const {
    return !HasAny(def_.map_flags, kRdOnly) && !frozen_;
  }
  std::string KeyAt(const void* key) const;
  std::string ValueAt(const void* value) const;
  Errno Put(const void* key, const void* value, ElemFlags flags);
  Errno Erase(const void* key);
  Errno ArrayBatch(const void* in_batch, void* out_batch, void* keys,
                   void* values, uint32_t* count);
  Errno HashBatch(const void* in_batch, void* out_batch, void* keys,
                  void* values, uint32_t* count, bool deletes);
  Errno CheckBatch(bool reads, bool writes, bool supported,
                   const uint32_t* count, BatchFlags flags) const;

  const MapDef def_;
  bool frozen_ = false;
  std::map<std::string, std::string> elements_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_KERNEL_MODEL_MAP_H_
