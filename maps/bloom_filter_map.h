// SPDX-License-Identifier: Apache-2.0

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
// tests/contract/golden/. Thread-safe, see bpf_map.h and local_map.h: a Peek()
// after a Push() finds its value.

#ifndef BPFMAP_MAPS_BLOOM_FILTER_MAP_H_
#define BPFMAP_MAPS_BLOOM_FILTER_MAP_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/bloom_bits.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap {

template <Profile P>
class BloomFilterMap final : public MapBase<BloomFilterMap<P>, P> {
 public:
  using typename MapBase<BloomFilterMap<P>, P>::Memory;

  // `memory` must outlive the map.
  BloomFilterMap(const MapDef& def, Memory* memory)
      : MapBase<BloomFilterMap, P>(def),
        bits_(*memory, def.value_size, HashesOf(def),
              HasAny(def.map_flags, kZeroSeed) ? internal::BloomHash::kLinux
                                               : internal::BloomHash::kFast) {}
  explicit BloomFilterMap(const MapDef& def) requires HasDefaultMemory<P>
      : BloomFilterMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   E2BIG       a value of more than 4 MiB
  //   EINVAL      a key; a value_size or max_entries of 0; more than 15 hash
  //               functions; a flag that bloom filters do not have; what
  //               CheckCommon() lists
  //   EFAULT      a lock that is not at a multiple of 4 in the value
  //   EACCES      a lock, and programs may not read and write
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::BloomBits<P>::MemoryNeeded(def.max_entries, HashesOf(def));
  }

  // The program view.

  // bpf_map_push_elem(): adds `value`. `flags`: kAny.
  //   EACCES  the map is kRdOnlyProg
  //   EFAULT  value is null
  //   EINVAL  other flags
  Errno Push(const void* value, ElemFlags flags) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (!this->programs_may_write()) return Errno::kAcces;
    if (value == nullptr) return Errno::kFault;
    if (flags != kAny) return Errno::kInval;
    bits_.Add(value, [] { return true; });
    return Errno::kOk;
  }

  // bpf_map_peek_elem(): kOk if `value` may be there.
  //   EFAULT  value is null
  //   ENOENT  it surely is not
  Errno Peek(void* value) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (value == nullptr) return Errno::kFault;
    return bits_.Test(value) ? Errno::kOk : Errno::kNoEnt;
  }

  // What Linux answers in place of commands that bloom filters do not have.
  static constexpr Refusals kRefuses{.delete_key = Errno::kOpNotSupp,
                                     .get_next_key = Errno::kOpNotSupp,
                                     .lookup_and_delete = Errno::kNotSupp,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kAcces};
  static constexpr MapTraits kTraits{.key_types = MapTraits::KeyTypes::kNone,
                                     .lookup_reads_value = true};

 private:
  friend MapBase<BloomFilterMap, P>;
  using MapBase<BloomFilterMap, P>::def_;
  using MapBase<BloomFilterMap, P>::rights_;

  // For MapBase.
  bool Allocate() { return bits_.Init(def_.max_entries); }
  Errno Read(const void*, void* value, ElemFlags) { return Peek(value); }
  template <View>
  Errno Put(const void*, const void* value, ElemFlags flags) {
    if (flags != kAny) return Errno::kInval;
    const bool added = bits_.Add(value, [&] { return !rights_.frozen(); });
    return added ? Errno::kOk : Errno::kPerm;
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    bits_.WithLocked(change);
  }

  static constexpr uint32_t kDefaultHashes = 5;
  static constexpr uint32_t kMostHashes = 15;

  static constexpr uint32_t HashesOf(const MapDef& def) {
    return def.map_extra == 0 ? kDefaultHashes
                              : static_cast<uint32_t>(def.map_extra);
  }

  internal::BloomBits<P> bits_;
};

template <Profile P>
constexpr DefError BloomFilterMap<P>::Check(const MapDef& def) {
  constexpr uint32_t kLargestValue = 4 << 20;
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kBloomFilter, "type must be BLOOM_FILTER"),
      Require(def.value_size <= kLargestValue,
              "value_size must be 4194304 or less", Errno::k2Big),
      CheckNoKey(def), CheckHasValue(def), CheckMaxEntries(def),
      CheckFlags(def,
                 kNumaNode | kRdOnly | kWrOnly | kZeroSeed | kRdOnlyProg |
                     kWrOnlyProg | kTokenFd,
                 "map_flags has a flag that BLOOM_FILTER does not take"),
      Require(def.map_extra <= kMostHashes,
              "map_extra, the number of hash functions, must be 15 or less"),
      CheckToken(def), CheckNameAndNoLock(def));
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_BLOOM_FILTER_MAP_H_
