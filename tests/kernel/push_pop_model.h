// SPDX-License-Identifier: Apache-2.0

// PushPopModel: the rules of maps without keys over a std::deque or a
// std::set, as plainly as they can be said. Maps are compared with these
// where there is no kernel.
//
// For one thread.

#ifndef BPFMAP_TESTS_KERNEL_PUSH_POP_MODEL_H_
#define BPFMAP_TESTS_KERNEL_PUSH_POP_MODEL_H_

#include <cstdint>
#include <deque>
#include <set>
#include <string>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "tests/support/push_pop_view.h"

namespace bpfmap {

// The backend whose maps are PushPopModels.
const PushPopBackend& PushPopModelBackend();

class PushPopModel final : public PushPopView, public BpfMap {
 public:
  // REQUIRES: Linux would create a map of this definition.
  explicit PushPopModel(const MapDef& def) : def_(def) {}

  MapDef DoDef() const override { return def_; }

  Errno Push(const void* value, ElemFlags flags) override;
  Errno Pop(void* value) override;
  Errno Peek(void* value) override;
  Errno LookupElem() override { return Errno::kNoEnt; }
  Errno UpdateElem(const void*) override { return Errno::kAcces; }
  Errno DeleteElem() override { return Errno::kAcces; }
  BpfMap& user() override { return *this; }

  Errno DoLookup(const void* key, void* value, ElemFlags flags) override;
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override;
  Errno DoDelete(const void* key) override;
  Errno DoGetNextKey(const void* key, void* next_key) override;
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override;
  Errno DoLookupBatch(const void*, void*, void*, void*, uint32_t* count,
                      BatchFlags) override {
    return RefuseBatch(count, true, false);
  }
  Errno DoLookupAndDeleteBatch(const void*, void*, void*, void*,
                               uint32_t* count, BatchFlags) override {
    return RefuseBatch(count, true, true);
  }
  Errno DoUpdateBatch(const void*, const void*, uint32_t* count,
                      BatchFlags) override {
    return RefuseBatch(count, false, true);
  }
  Errno DoDeleteBatch(const void*, uint32_t* count, BatchFlags) override {
    return RefuseBatch(count, false, true);
  }
  Errno DoFreeze() override;

 private:
  bool is_bloom() const { return def_.type == MapType::kBloomFilter; }
  bool may_read() const { return !HasAny(def_.map_flags, kWrOnly); }
  bool may_write() const {
    return !HasAny(def_.map_flags, kRdOnly) && !frozen_;
  }
  Errno Put(const void* value, ElemFlags flags);
  Errno Take(void* value, bool removes);
  Errno RefuseBatch(const uint32_t* count, bool reads, bool writes) const;

  const MapDef def_;
  bool frozen_ = false;
  std::deque<std::string> values_;  // the oldest one first
  std::set<std::string> set_;       // of a bloom filter without false answers
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_KERNEL_PUSH_POP_MODEL_H_
