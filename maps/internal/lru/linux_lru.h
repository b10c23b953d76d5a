// SPDX-License-Identifier: Apache-2.0

// LinuxLru: which nodes of an LruTable are taken, free, or to be evicted, in
// the order of Linux: the same keys are evicted, one by one, as from a BPF LRU
// map.
//
// The common kind. Each CPU has some free nodes, and a list of the elements
// that were inserted on it lately (pending). As long as it has free nodes, an
// insert needs nothing else. Then the CPU takes a batch:
//
//   CPU 0: free  | pending ----+
//   CPU 1: free  | pending ----+--> inactive <--> active     (LruLists, shared)
//            ^                          |
//            +------- free <----------- + evict the oldest
//                   a batch
//
// It moves its pending elements to the lists that all CPUs share and takes a
// batch of free nodes, evicting if there are not enough. If even that yields
// none, it steals one node from another CPU.
//
// The other kind (BPF_F_NO_COMMON_LRU). Each CPU has a part of the nodes, with
// lists of its own, and evicts from these alone.
//
// A deleted or replaced element leaves the common lists at the next batch:
// until then its CPU remembers the node as a deferred free. All deferred frees
// are done before any decision is made, so the order is the same as if they
// were done at once.
//
// Victims are chosen under the lock of the common lists, which takes their
// nodes off the lists. Their elements are erased from the table after it is
// released, so that CPUs wait for each other's decisions and not for each
// other's memory.
//
// Locks, in the order in which they are taken:
//   batch lock of a CPU -> common lists -> lock of a CPU -> shard of the table
//
// A node has one owner at any time: the table (and, for its place in the order,
// the lock of the list that it is on), or the thread that erased its element
// from the table, or a list of free nodes. A victim (kEvicting) has two, if
// another thread deletes or replaces the element before it is evicted: then it
// stays out of use until both have released it.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_LRU_LINUX_LRU_H_
#define BPFMAP_MAPS_INTERNAL_LRU_LINUX_LRU_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/lru/lru_list.h"
#include "bpfmap/maps/internal/lru/lru_lists.h"
#include "bpfmap/maps/internal/lru/lru_nodes.h"
#include "bpfmap/maps/internal/lru/lru_table.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap::internal {

// `Values` has Evicted(element), which is called before an element leaves
// because there is no room.
template <Profile P, typename Values>
class LinuxLru {
 public:
  enum class Kind { kCommon, kPerCpu };

  // The fate of a node that was offered.
  struct Outcome {
    bool used = false;      // it has an element in the table
    uint32_t slot = 0;      // where that is
    uint32_t replaced = 0;  // the node that had the key before, or 0
  };

  // For PossibleCpus() CPUs. With kPerCpu, the table has a multiple of that
  // many nodes. All that it is given must outlive it.
  LinuxLru(LruTable<P>& table, Values& values, typename P::Memory& memory,
           Kind kind)
      : table_(table),
        values_(values),
        kind_(kind),
        cpus_(static_cast<uint32_t>(PossibleCpus())),
        batch_(std::clamp(table.node_count() / cpus_ / 2, 1U, kMaxBatch)),
        nodes_(memory),
        arena_(memory),
        common_(nodes_, kMaxBatch) {}
  LinuxLru(const LinuxLru&) = delete;
  LinuxLru& operator=(const LinuxLru&) = delete;

  // Bytes that Init() takes from the memory.
  static uint64_t MemoryNeeded(uint32_t node_count, Kind kind) {
    return LruNodes<P>::MemoryNeeded(node_count) + OwnMemory(node_count, kind);
  }

  // Returns false if there is no memory. REQUIRES: called once.
  bool Init() {
    const uint32_t count = table_.node_count();
    if (!nodes_.Init(count) || !arena_.Allocate(OwnMemory(count, kind_))) {
      return false;
    }
    if (kind_ == Kind::kCommon) {
      cpu_ = reinterpret_cast<Cpu*>(arena_.Take(cpus_ * sizeof(Cpu)));
      for (uint32_t i = 0; i < cpus_; ++i) new (&cpu_[i]) Cpu(nodes_, i);
      InitLists(common_, 1, count, kReserve);
      return true;
    }
    own_ = reinterpret_cast<OwnLists*>(arena_.Take(cpus_ * sizeof(OwnLists)));
    const uint32_t part = count / cpus_;
    for (uint32_t i = 0; i < cpus_; ++i) {
      OwnLists& own = *new (&own_[i]) OwnLists(nodes_, kOwnBatch);
      InitLists(own, i * part + 1, part, kOwnReserve);
    }
    return true;
  }

  // The element of this node is used. Any thread may call it at any time.
  void Touch(uint32_t node) { nodes_.SetReferenced(node, true); }

  // Takes a node, evicting others if there is none, and calls put(node), which
  // returns an Outcome. Returns false, and calls nothing, if all nodes are in
  // the hands of other threads.
  template <typename Put>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool WithNode(Put put) {
    const uint32_t cpu = static_cast<uint32_t>(CurrentCpu());
    if (kind_ == Kind::kCommon) [[likely]] {
      return WithCommonNode(cpu_[cpu], put);
    }
    return WithOwnNode(cpu, put);
  }

  // Makes a node free whose element the caller has taken out of the table.
  void Release(uint32_t node) {
    if (kind_ == Kind::kPerCpu) {
      OwnLists& own = own_[nodes_[node].cpu];
      WriterLock lock(own.lock);
      ReleaseOwn(own, node);
      return;
    }
    bool released;
    {
      Cpu& cpu = cpu_[CurrentCpu()];
      WriterLock lock(cpu.lock);
      released = TryRelease(cpu, node);
    }
    if (!released) ReleaseFromAnywhere(node);
  }

  // Links nodes whose elements the caller has taken out of the table, until
  // they are released.
  void SetNext(uint32_t node, uint32_t next) { nodes_[node].next = next; }
  uint32_t NextOf(uint32_t node) const { return nodes_[node].next; }

 private:
  static constexpr uint32_t kMaxBatch = 128;  // nodes
  static constexpr uint32_t kReserve = 1024;  // for one batch
  static constexpr uint32_t kOwnBatch = 4;    // nodes, with kPerCpu
  static constexpr uint32_t kOwnReserve = 16;
  static constexpr uint32_t kAhead = 8;  // how far PrepareToEvict() goes before
  static constexpr uint32_t kMaxDeferredFrees = 256;
  static constexpr uint32_t kPendingCapacity = 512;
  // Free and pending ones of a CPU: a batch, and what it stole; and a batch
  // that is on its way, when there may be no free ones.
  static constexpr uint32_t kMaxWithStolen = 2 * kMaxBatch;
  static constexpr uint32_t kMaxPerCpu = kMaxWithStolen + kMaxBatch;

  // Lists and their lock.
  struct alignas(P::kCacheLineSize) OwnLists {
    OwnLists(LruNodes<P>& nodes, uint32_t scans) : lists(nodes, scans) {}

    typename P::Mutex lock;
    LruLists<P> lists ABSL_GUARDED_BY(lock);
  };

  // The part of one CPU, with kCommon.
  struct alignas(P::kCacheLineSize) Cpu {
    Cpu(LruNodes<P>& nodes, uint32_t cpu_number)
        : number(cpu_number),
          pending(nodes, ListName::kPending),
          next_victim(cpu_number) {
      pending.Init(ring, kPendingCapacity);
    }

    // Held while a thread gets a batch for this CPU.
    typename P::Mutex batch_lock;
    typename P::Mutex lock;
    const uint32_t number;
    uint32_t free_count ABSL_GUARDED_BY(lock) = 0;
    // Nodes that have left the table and are still on the common lists. The
    // count is looked at without the lock, to see whether there are any.
    std::atomic<uint32_t> deferred_free_count{0};
    LruList<P> pending ABSL_GUARDED_BY(lock);
    uint32_t next_victim ABSL_GUARDED_BY(lock);  // a CPU, see Steal()
    uint32_t free[kMaxPerCpu] ABSL_GUARDED_BY(lock);
    uint32_t deferred_free[kMaxDeferredFrees] ABSL_GUARDED_BY(lock);
    uint32_t ring[kPendingCapacity] = {};
  };
  static_assert(std::is_trivially_destructible_v<Cpu> &&
                    std::is_trivially_destructible_v<OwnLists>,
                "they are only forgotten");

  static uint64_t OwnMemory(uint32_t count, Kind kind) {
    const uint64_t cpus = PossibleCpus();
    if (kind == Kind::kCommon) {
      return Arena<P>::AlignedSize(cpus * sizeof(Cpu)) +
             Arena<P>::AlignedSize(LruLists<P>::MemoryNeeded(count, kReserve));
    }
    return Arena<P>::AlignedSize(cpus * sizeof(OwnLists)) +
           cpus * Arena<P>::AlignedSize(
                      LruLists<P>::MemoryNeeded(count / cpus, kOwnReserve));
  }

  void InitLists(OwnLists& own, uint32_t first, uint32_t count,
                 uint32_t reserve) {
    WriterLock lock(own.lock);
    own.lists.Init(arena_.Take(LruLists<P>::MemoryNeeded(count, reserve)),
                   first, count, reserve);
  }

  // Takes the element of `node` out of the table.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Evict(uint32_t node) {
    return table_.Erase(nodes_[node].slot, node, [this](std::byte* element) {
      values_.Evicted(element);
    });
  }
  void PrepareToEvict(uint32_t node) const {
    table_.PrepareToErase(nodes_[node].slot);
  }

  // The common kind.

  template <typename Put>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool WithCommonNode(Cpu& cpu, Put put) {
    if (!LockWithFreeNode(cpu)) return false;
    const uint32_t node = cpu.free[--cpu.free_count];
    Node& taken = nodes_[node];
    taken.cpu = cpu.number;
    nodes_.SetReferenced(node, false);
    cpu.pending.Reserve(1);
    cpu.pending.Add(node);
    const Outcome outcome = put(node);
    bool released = true;
    if (!outcome.used) {
      ReleasePending(cpu, node);
    } else {
      taken.slot = outcome.slot;
      if (outcome.replaced != 0) {
        nodes_.SetReferenced(node, true);
        released = TryRelease(cpu, outcome.replaced);
      }
    }
    cpu.lock.Unlock();
    if (!released) [[unlikely]] {
      ReleaseFromAnywhere(outcome.replaced);
    }
    return true;
  }

  // Locks `cpu`, with a free node there; or returns false.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool LockWithFreeNode(Cpu& cpu)
      ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true, cpu.lock) {
    cpu.lock.Lock();
    if (cpu.free_count != 0) [[likely]] {
      return true;
    }
    cpu.lock.Unlock();
    return LockWithNewFreeNode(cpu);
  }

  // The batch may be gone again before it is locked: threads may share a CPU.
  ABSL_ATTRIBUTE_NOINLINE bool LockWithNewFreeNode(Cpu& cpu)
      ABSL_NO_THREAD_SAFETY_ANALYSIS {
    while (TakeBatch(cpu)) {
      cpu.lock.Lock();
      if (cpu.free_count != 0) return true;
      cpu.lock.Unlock();
    }
    const uint32_t node = Steal(cpu);
    if (node == 0) return false;
    cpu.lock.Lock();
    if (cpu.free_count + cpu.pending.size() < kMaxWithStolen) {
      cpu.free[cpu.free_count++] = node;
      return true;
    }
    // More threads on this CPU steal at this moment than it has room for.
    cpu.lock.Unlock();
    WriterLock common_lock(common_.lock);
    common_.lists.free().Give(node);
    return false;
  }

  // Hands the pending elements of `cpu` over and gets it a batch of free nodes.
  // Returns false if there was nothing to get.
  bool TakeBatch(Cpu& cpu) {
    WriterLock batch_lock(cpu.batch_lock);
    uint32_t victims[kMaxBatch];
    uint32_t victim_count = 0;
    {
      WriterLock common_lock(common_.lock);
      FreeDeferred();
      WriterLock lock(cpu.lock);
      if (cpu.free_count != 0) return true;
      LruLists<P>& lists = common_.lists;
      LruList<P>& pending = cpu.pending;
      // Each of the four steps that follow may add to the same list.
      lists.Reserve(pending.size() + 3 * kMaxBatch);
      lists.AddAll(pending);
      lists.Rotate();
      while (cpu.free_count < batch_) {
        const uint32_t node = lists.free().Take();
        if (node == 0) break;
        cpu.free[cpu.free_count++] = node;
      }
      lists.Shrink(batch_ - cpu.free_count, [&](uint32_t node) {
        nodes_.Prefetch(node);
        nodes_.SetList(node, ListName::kEvicting);
        victims[victim_count++] = node;
      });
      if (victim_count == 0) return cpu.free_count != 0;
    }
    EvictAll(cpu, victims, victim_count);
    return true;
  }

  // Evicts the elements of nodes that are kEvicting, and gives the nodes to
  // `cpu`.
  void EvictAll(Cpu& cpu, uint32_t* victims, uint32_t count) {
    uint32_t evicted = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (i + kAhead < count) PrepareToEvict(victims[i + kAhead]);
      const uint32_t node = victims[i];
      if (Evict(node)) [[likely]] {
        victims[evicted++] = node;
      } else {
        WriterLock common_lock(common_.lock);
        ReleaseCommon(node);
      }
    }
    WriterLock lock(cpu.lock);
    for (uint32_t i = 0; i < evicted; ++i) {
      cpu.free[cpu.free_count++] = victims[i];
    }
  }

  // Makes a node free whose element has left the table; or, if that was about
  // to be evicted, at the second call: the thread that evicts and the one that
  // was faster both come here.
  void ReleaseCommon(uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(common_.lock) {
    if (nodes_.ListOf(node) == ListName::kEvicting) {
      nodes_.SetList(node, ListName::kNone);
    } else {
      common_.lists.Release(node);
    }
  }

  // Takes the nodes that any CPU has noted off the common lists.
  void FreeDeferred() ABSL_EXCLUSIVE_LOCKS_REQUIRED(common_.lock) {
    for (uint32_t i = 0; i < cpus_; ++i) {
      Cpu& cpu = cpu_[i];
      if (cpu.deferred_free_count.load(std::memory_order_relaxed) == 0)
        continue;
      WriterLock lock(cpu.lock);
      const uint32_t count =
          cpu.deferred_free_count.load(std::memory_order_relaxed);
      for (uint32_t j = 0; j < count; ++j) {
        common_.lists.PrepareToRelease(cpu.deferred_free[j]);
      }
      for (uint32_t j = 0; j < count; ++j) ReleaseCommon(cpu.deferred_free[j]);
      cpu.deferred_free_count.store(0, std::memory_order_relaxed);
    }
  }

  // A node that another CPU has to spare, or the one of its oldest pending
  // element; used ones only if all are. Returns 0 if there is none. Every CPU
  // has its turn, the caller's too.
  uint32_t Steal(Cpu& thief) {
    uint32_t first;
    {
      WriterLock lock(thief.lock);
      first = thief.next_victim;
    }
    uint32_t next = first;
    uint32_t node = 0;
    do {
      Cpu& victim = cpu_[next];
      WriterLock lock(victim.lock);
      if (victim.free_count != 0) node = victim.free[--victim.free_count];
      if (node == 0) node = EvictPending(victim, /*used=*/false);
      if (node == 0) node = EvictPending(victim, /*used=*/true);
      next = next + 1 == cpus_ ? 0 : next + 1;
    } while (node == 0 && next != first);
    WriterLock lock(thief.lock);
    thief.next_victim = next;
    return node;
  }

  uint32_t EvictPending(Cpu& victim, bool used)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(victim.lock) {
    LruList<P>& pending = victim.pending;
    for (uint32_t p = pending.begin(); p != pending.end();
         p = pending.After(p)) {
      const uint32_t node = pending.At(p);
      if ((used || !nodes_.IsReferenced(node)) && Evict(node)) {
        pending.Remove(node);
        return node;
      }
    }
    return 0;
  }

  // Makes a node free, or notes it; or returns false, and does nothing, if it
  // is pending on another CPU, or too many are noted.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryRelease(Cpu& cpu, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(cpu.lock) {
    if (nodes_.ListOf(node) == ListName::kPending) {
      if (nodes_[node].cpu != cpu.number) return false;
      ReleasePending(cpu, node);
      return true;
    }
    const uint32_t count =
        cpu.deferred_free_count.load(std::memory_order_relaxed);
    if (count == kMaxDeferredFrees) return false;
    nodes_.Prefetch(node);
    cpu.deferred_free[count] = node;
    cpu.deferred_free_count.store(count + 1, std::memory_order_relaxed);
    return true;
  }

  ABSL_ATTRIBUTE_NOINLINE void ReleaseFromAnywhere(uint32_t node) {
    if (nodes_.ListOf(node) == ListName::kPending) {
      Cpu& owner = cpu_[nodes_[node].cpu];
      WriterLock lock(owner.lock);
      if (nodes_.ListOf(node) == ListName::kPending) {
        ReleasePending(owner, node);
        return;
      }
    }
    // It has been handed over: a node is not pending again before it is free.
    WriterLock lock(common_.lock);
    FreeDeferred();
    ReleaseCommon(node);
  }

  void ReleasePending(Cpu& cpu, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(cpu.lock) {
    cpu.pending.Remove(node);
    cpu.free[cpu.free_count++] = node;
  }

  // The other kind.

  template <typename Put>
  ABSL_ATTRIBUTE_NOINLINE bool WithOwnNode(uint32_t cpu, Put put) {
    OwnLists& own = own_[cpu];
    uint32_t replaced = 0;  // a node of another CPU
    {
      WriterLock lock(own.lock);
      const uint32_t node = TakeOwn(own);
      if (node == 0) return false;
      Node& taken = nodes_[node];
      taken.cpu = cpu;
      nodes_.SetReferenced(node, false);
      own.lists.Add(node);
      const Outcome outcome = put(node);
      if (!outcome.used) {
        ReleaseOwn(own, node);
      } else {
        taken.slot = outcome.slot;
        if (outcome.replaced != 0) {
          nodes_.SetReferenced(node, true);
          if (nodes_[outcome.replaced].cpu == cpu) {
            ReleaseOwn(own, outcome.replaced);
          } else {
            replaced = outcome.replaced;
          }
        }
      }
    }
    if (replaced != 0) Release(replaced);
    return true;
  }

  uint32_t TakeOwn(OwnLists& own) ABSL_EXCLUSIVE_LOCKS_REQUIRED(own.lock) {
    LruLists<P>& lists = own.lists;
    lists.Reserve(1 + 3 * kOwnBatch);
    lists.Rotate();
    if (lists.free().empty()) {
      uint32_t victims[kOwnBatch];
      uint32_t count = 0;
      lists.Shrink(kOwnBatch, [&](uint32_t node) { victims[count++] = node; });
      // Where an element is gone already, its node is being released.
      for (uint32_t i = 0; i < count; ++i) {
        if (Evict(victims[i])) lists.free().Give(victims[i]);
      }
    }
    return lists.free().Take();
  }

  void ReleaseOwn(OwnLists& own, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(own.lock) {
    own.lists.Release(node);
  }

  LruTable<P>& table_;
  Values& values_;
  const Kind kind_;
  const uint32_t cpus_;
  const uint32_t batch_;
  LruNodes<P> nodes_;
  Arena<P> arena_;
  Cpu* cpu_ = nullptr;       // with kCommon: one for each CPU
  OwnLists* own_ = nullptr;  // with kPerCpu: one for each CPU
  OwnLists common_;          // with kCommon
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LRU_LINUX_LRU_H_
