// BloomFilterMap: BPF_MAP_TYPE_BLOOM_FILTER. A set of values that says of each
// value whether it may be there or surely is not. Nothing can be removed, and a
// filter is never full: with more values than max_entries it is more often
// wrong. How often, and how many bits it has, says internal/bloom_bits.h.
//
// MapDef::map_extra is the number of hash functions, 1 to 15; 0 stands for 5.
//
// User view: Update pushes a value, Lookup peeks: whether the value in the
// buffer may be there (it is not changed). Both take a null key; another one
// is EINVAL. Delete and GetNextKey are EOPNOTSUPP, LookupAndDelete and the
// batches ENOTSUPP.
//
// Program view: Push and Peek below, which are bpf_map_push_elem() and
// bpf_map_peek_elem(). The verifier refuses programs that use the helpers of
// maps with keys: LookupElem() is always null, UpdateElem() and DeleteElem()
// are always EACCES.
//
// With kZeroSeed the answers are Linux's, false ones included. Otherwise the
// false ones differ from map to map, as on Linux.
//
// Source: Documentation/bpf/map_bloom_filter.rst; answers of Linux 6.18 in
// tests/golden/. Thread-safe, see bpf_map.h and local_map.h: a Peek() after a
// Push() finds its value.

#ifndef BPFMAP_MAPS_BLOOM_FILTER_MAP_H_
#define BPFMAP_MAPS_BLOOM_FILTER_MAP_H_

#include <cstdint>

#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/bloom_bits.h"
#include "bpfmap/maps/internal/rules/map_without_batches.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
class BloomFilterMap final : public MapWithoutBatches {
 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<BloomFilterMap>;
  }

  // `memory` must outlive the map.
  BloomFilterMap(const MapDef& def, Memory* memory)
      : MapWithoutBatches(def),
        def_(def),
        bits_(*memory, def.value_size, HashesOf(def),
              HasAny(def.map_flags, kZeroSeed) ? internal::BloomHash::kLinux
                                               : internal::BloomHash::kFast) {}
  explicit BloomFilterMap(const MapDef& def) requires requires {
    P::DefaultMemory();
  } : BloomFilterMap(def, &P::DefaultMemory()) {
  }
  BloomFilterMap(const BloomFilterMap&) = delete;
  BloomFilterMap& operator=(const BloomFilterMap&) = delete;

  // What Linux would say to `def`.
  //   E2BIG       a value of more than 4 MiB
  //   EINVAL      a key; a value_size or max_entries of 0; more than 15 hash
  //               functions; a flag that bloom filters do not have; what
  //               DefCheck lists
  //   EFAULT      a lock that is not at a multiple of 4 in the value
  //   EACCES      a lock, and programs may not read and write
  //   EOPNOTSUPP  a lock in the value
  static constexpr DefCheck Check(const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::BloomBits<P>::MemoryNeeded(def.max_entries, HashesOf(def));
  }

  // Makes the map usable. Errors of Check(), and ENOMEM; the map may then only
  // be destroyed. REQUIRES: called once, before any other method.
  Errno Init() {
    const DefCheck check = Check(def_);
    if (check) return check.error;
    return bits_.Init(def_.max_entries) ? Errno::kOk : Errno::kNoMem;
  }

  MapDef DoDef() const override { return def_; }

  // The program view.

  // bpf_map_push_elem(): adds `value`. `flags`: kAny.
  //   EACCES  the map is kRdOnlyProg
  //   EFAULT  value is null
  //   EINVAL  other flags
  Errno Push(const void* value, ElemFlags flags) override {
    if (HasAny(def_.map_flags, kRdOnlyProg)) return Errno::kAcces;
    if (value == nullptr) return Errno::kFault;
    if (flags != kAny) return Errno::kInval;
    bits_.Add(value, [] { return true; });
    return Errno::kOk;
  }

  // bpf_map_peek_elem(): kOk if `value` may be there.
  //   EFAULT  value is null
  //   ENOENT  it surely is not
  Errno Peek(void* value) override {
    if (value == nullptr) return Errno::kFault;
    return bits_.Test(value) ? Errno::kOk : Errno::kNoEnt;
  }

  void* LookupElem(const void*) override { return nullptr; }
  Errno UpdateElem(const void*, const void*, ElemFlags) override {
    return Errno::kAcces;
  }
  Errno DeleteElem(const void*) override { return Errno::kAcces; }

  // The user view.
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    return error != Errno::kOk ? error : Peek(value);
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
    if (flags != kAny) return Errno::kInval;
    const bool added = bits_.Add(value, [&] { return !rights_.frozen(); });
    return added ? Errno::kOk : Errno::kPerm;
  }
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    return error != Errno::kOk ? error : Errno::kOpNotSupp;
  }
  Errno DoGetNextKey(const void* key, void*) override {
    const Errno error = rights_.CheckGetNextKey();
    if (error != Errno::kOk) return error;
    return key != nullptr ? Errno::kInval : Errno::kOpNotSupp;
  }
  Errno DoLookupAndDelete(const void* key, void*, ElemFlags flags) override {
    const Errno error = rights_.CheckLookupAndDelete(key, flags);
    return error != Errno::kOk ? error : Errno::kNotSupp;
  }
  Errno DoFreeze() override {
    return rights_.Freeze([&](auto change) { bits_.WithLocked(change); });
  }

 private:
  static constexpr uint32_t kDefaultHashes = 5;
  static constexpr uint32_t kMostHashes = 15;

  static constexpr uint32_t HashesOf(const MapDef& def) {
    return def.map_extra == 0 ? kDefaultHashes
                              : static_cast<uint32_t>(def.map_extra);
  }

  const MapDef def_;
  internal::BloomBits<P> bits_;
};

template <Profile P>
constexpr DefCheck BloomFilterMap<P>::Check(const MapDef& def) {
  constexpr MapFlags kFlags = kNumaNode | kRdOnly | kWrOnly | kZeroSeed |
                              kRdOnlyProg | kWrOnlyProg | kTokenFd;
  constexpr uint32_t kLargestValue = 4 << 20;
  if (DefCheck check = CheckCommon(def)) return check;
  if (def.type != MapType::kBloomFilter) {
    return {Errno::kInval, "type must be BLOOM_FILTER"};
  }
  if (def.value_size > kLargestValue) {
    return {Errno::k2Big, "value_size must be 4194304 or less"};
  }
  if (def.key_size != 0) {
    return {Errno::kInval, "key_size must be 0: there are no keys"};
  }
  if (def.value_size == 0) {
    return {Errno::kInval, "value_size must be 1 or more"};
  }
  if (def.max_entries == 0) {
    return {Errno::kInval, "max_entries must be 1 or more"};
  }
  if (HasAny(def.map_flags, ~kFlags)) {
    return {Errno::kInval,
            "map_flags has a flag that BLOOM_FILTER does not take"};
  }
  if (HasBoth(def.map_flags, kRdOnlyProg, kWrOnlyProg)) {
    return {Errno::kInval,
            "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other"};
  }
  if (def.map_extra > kMostHashes) {
    return {Errno::kInval,
            "map_extra, the number of hash functions, must be 15 or less"};
  }
  if (DefCheck check = CheckToken(def)) return check;
  if (DefCheck check = CheckNameAndLock(def)) return check;
  if (def.spin_lock_offset != kNoSpinLock) {
    return {Errno::kOpNotSupp, "a value of a BLOOM_FILTER holds no lock"};
  }
  return {};
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_BLOOM_FILTER_MAP_H_
