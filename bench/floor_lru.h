// SPDX-License-Identifier: Apache-2.0

// FloorLru: the LRU hash map of the floor (floor.h).
//
// FloorTable, and one step of a list: an update makes its element the
// first of the list, an insert into a full map takes the last one. A lookup
// writes a reference bit if it is not set yet, and no list.
//
// There are four shards, each with a table, a list and a lock of its own. The
// lock is the one atomic instruction of a change, for table and list together.
//
// Thread-safe as FloorTable is.

#ifndef BPFMAP_BENCH_FLOOR_LRU_H_
#define BPFMAP_BENCH_FLOOR_LRU_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "bench/floor_table.h"

namespace bpfmap::bench {

template <typename KeyBytes, typename ValueBytes>
class FloorLru {
 public:
  explicit FloorLru(uint32_t max_entries) {
    for (auto& shard : shards_) {
      shard = std::make_unique<Shard>(max_entries / kShards);
    }
  }

  // The value, or null.
  ValueBytes* Lookup(const KeyBytes& key) const {
    auto* const element = ShardOf(key).table.Find(key);
    if (element == nullptr) return nullptr;
    std::atomic_ref used(element->value.used);
    if (used.load(std::memory_order_relaxed) == 0) {
      used.store(1, std::memory_order_relaxed);
    }
    return &element->value.bytes;
  }

  void Update(const KeyBytes& key, const void* value) {
    Shard& shard = ShardOf(key);
    while (shard.lock.exchange(1, std::memory_order_acquire) != 0) {
      while (shard.lock.load(std::memory_order_relaxed) != 0) {
      }
    }
    if (auto* const present = shard.table.Find(key)) {
      present->value.bytes.CopyIn(value);
      shard.MakeFirst(shard.table.NumberOf(present));
    } else {
      shard.Insert(key, value);
    }
    shard.lock.store(0, std::memory_order_release);
  }

 private:
  struct Node {
    uint32_t before, after;  // in the list: numbers of elements
    uint32_t used;
    ValueBytes bytes;
  };
  using Table = FloorTable<KeyBytes, Node, /*kLocks=*/false>;
  static constexpr uint32_t kShards = 4;

  struct alignas(64) Shard {
    explicit Shard(uint32_t room) : room(room), table(room, room) {}

    // The list is a ring, and element 0 is its head.
    Node& At(uint32_t number) { return table.At(number).value; }
    void MakeFirst(uint32_t number) {
      Node& node = At(number);
      At(node.before).after = node.after;
      At(node.after).before = node.before;
      AddFirst(number);
    }
    void AddFirst(uint32_t number) {
      Node& node = At(number);
      node.before = 0;
      node.after = At(0).after;
      At(node.after).before = number;
      At(0).after = number;
    }
    void Insert(const KeyBytes& key, const void* value) {
      if (count < room) {
        ++count;
      } else {
        Evict();
      }
      table.Put(key, freed, [&](auto& element) {
        element.value.bytes.CopyIn(value);
        AddFirst(table.NumberOf(&element));
      });
    }
    void Evict() {
      uint32_t last = At(0).before;
      while (At(last).used != 0) {
        At(last).used = 0;
        MakeFirst(last);
        last = At(0).before;
      }
      Node& node = At(last);
      At(node.before).after = 0;
      At(0).before = node.before;
      table.Erase(KeyBytes(table.At(last).key), freed);
    }

    std::atomic<uint32_t> lock{0};
    uint32_t count = 0;
    const uint32_t room;
    typename Table::Freed freed;
    Table table;
  };

  Shard& ShardOf(const KeyBytes& key) const {
    // Bits that are neither the head nor all of the tag.
    return *shards_[(key.Hash() >> 8) % kShards];
  }

  std::array<std::unique_ptr<Shard>, kShards> shards_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_FLOOR_LRU_H_
