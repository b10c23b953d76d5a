// SPDX-License-Identifier: Apache-2.0

// HashTable: the table of a hash map; one of two kinds.
//
//   GroupTable  the fast one: a lookup touches two cache lines. It has 1.5
//               slots for each element, so it is for small elements, and it
//               reserves more than it touches, so it is for a profile whose
//               memory does not count before it is touched (kLazyMemory).
//   ChainTable  the small one: one slot for each element.
//
// They have the same methods. Visit(f) calls f(table) with the one that was
// chosen.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_HASH_HASH_TABLE_H_
#define BPFMAP_MAPS_INTERNAL_HASH_HASH_TABLE_H_

#include <cstdint>
#include <memory>
#include <type_traits>

#include "absl/base/attributes.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/internal/hash/chain_table.h"
#include "bpfmap/maps/internal/hash/group_table.h"
#include "bpfmap/maps/internal/value_layout.h"
#include "bpfmap/profiles/profile.h"

namespace bpfmap::internal {

template <Profile P>
class HashTable {
 public:
  // Bytes that Init() takes from the memory.
  static constexpr uint64_t MemoryNeeded(uint32_t key_size, uint32_t value_size,
                                         uint32_t max_entries) {
    return IsGrouped(key_size, value_size)
               ? GroupTable<P>::MemoryNeeded(key_size, value_size, max_entries)
               : ChainTable<P>::MemoryNeeded(key_size, value_size, max_entries);
  }

  // See the tables' constructors. `memory` must outlive the table.
  HashTable(typename P::Memory& memory, uint32_t key_size, ValueLayout value,
            uint32_t max_entries, uint64_t seed)
      : is_grouped_(IsGrouped(key_size, value.size())) {
    if constexpr (P::kLazyMemory) {
      if (is_grouped_) {
        std::construct_at(&tables_.groups, memory, key_size, value, max_entries,
                          seed);
        return;
      }
    }
    std::construct_at(&tables_.chains, memory, key_size, value, max_entries,
                      seed);
  }
  ~HashTable() {
    Visit([](auto& table) { std::destroy_at(&table); });
  }
  HashTable(const HashTable&) = delete;
  HashTable& operator=(const HashTable&) = delete;

  template <typename Visitor>
  ABSL_ATTRIBUTE_ALWAYS_INLINE decltype(auto) Visit(Visitor visitor) {
    if constexpr (P::kLazyMemory) {
      if (is_grouped_) [[likely]]
        return visitor(tables_.groups);
    }
    return visitor(tables_.chains);
  }
  template <typename Visitor>
  decltype(auto) Visit(Visitor visitor) const {
    return const_cast<HashTable*>(this)->Visit(
        [&](const auto& table) { return visitor(table); });
  }

 private:
  static constexpr bool IsGrouped(uint32_t key_size, uint32_t value_size) {
    return P::kLazyMemory && RoundUp8(key_size) + RoundUp8(value_size) <=
                                 GroupTable<P>::kMaxSlotSize;
  }

  // One of the two.
  union Both {
    Both() {}
    ~Both() {}
    GroupTable<P> groups;
    ChainTable<P> chains;
  };
  union ChainsOnly {
    ChainsOnly() {}
    ~ChainsOnly() {}
    ChainTable<P> chains;
  };

  const bool is_grouped_;
  std::conditional_t<P::kLazyMemory, Both, ChainsOnly> tables_;
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_HASH_HASH_TABLE_H_
