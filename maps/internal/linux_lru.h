// LinuxLru: which nodes of a NodeTable are taken, free, or to be evicted, in
// the order of Linux: the same keys leave, one by one, as from a BPF LRU map.
//
// The common kind. Each CPU has some free nodes, and a list of the elements
// that were inserted on it lately (pending). An insert needs nothing else, as
// long as there are free nodes. Then the CPU hands its pending elements over to
// lists that all CPUs share, and takes a batch of free nodes, for which it
// evicts if there are not enough. If even that gives none, it takes one from
// another CPU.
//
// The other kind (BPF_F_NO_COMMON_LRU). Each CPU has a part of the nodes, with
// lists of its own, and evicts from these alone.
//
// An element that is deleted or replaced leaves the common lists later, at the
// next batch: until then its node is only noted by the CPU it happened on. No
// decision is made before all such nodes are off the lists, so nothing else is
// different from doing it at once.
//
// Locks, in the order in which they are taken: the common lists; one CPU's; a
// shard of the table. A node has one owner at any time: the table (and, for its
// place in the order, the lock of the list that it is on), or the thread that
// took it out of the table, or a list of free nodes.
//
// Thread-safe.

#ifndef BPFMAP_MAPS_INTERNAL_LINUX_LRU_H_
#define BPFMAP_MAPS_INTERNAL_LINUX_LRU_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "maps/internal/block.h"
#include "maps/internal/eviction_callback.h"
#include "maps/internal/lru_lists.h"
#include "maps/internal/node_table.h"
#include "profiles/cpu.h"
#include "profiles/profile.h"
#include "profiles/reader_writer_lock.h"

namespace bpfmap::internal {

template <Profile P>
class LinuxLru {
 public:
  enum class Kind { kCommon, kPerCpu };

  // What became of a node that was offered.
  struct Outcome {
    bool used;              // its key is in the table
    uint32_t replaced = 0;  // the node that had the key before, or 0
  };

  // For PossibleCpus() CPUs. With kPerCpu, the table has a multiple of that
  // many nodes. `nodes` and `memory` must outlive it.
  LinuxLru(NodeTable<P>& nodes, typename P::Memory& memory, Kind kind,
           EvictionCallback on_eviction)
      : nodes_(nodes),
        kind_(kind),
        cpus_(static_cast<uint32_t>(PossibleCpus())),
        batch_(std::clamp(nodes.node_count() / cpus_ / 2, 1U, kMaxBatch)),
        on_eviction_(on_eviction),
        block_(memory),
        common_(nodes, kMaxBatch) {}
  LinuxLru(const LinuxLru&) = delete;
  LinuxLru& operator=(const LinuxLru&) = delete;

  // Bytes that Init() takes from the memory.
  static uint64_t MemoryNeeded() {
    return PossibleCpus() * (sizeof(Cpu) + sizeof(OwnLists));
  }

  // Returns false if there is no memory.
  // REQUIRES: called once, when the table has its nodes.
  bool Init() {
    const uint64_t size =
        kind_ == Kind::kCommon ? sizeof(Cpu) : sizeof(OwnLists);
    if (!block_.Allocate(cpus_ * size)) return false;
    std::byte* const memory = block_.Carve(cpus_ * size);
    if (kind_ == Kind::kCommon) {
      cpu_ = reinterpret_cast<Cpu*>(memory);
      for (uint32_t i = 0; i < cpus_; ++i) new (&cpu_[i]) Cpu(nodes_, i);
      WriterLock lock(common_.lock);
      common_.lists.free().Own(1, nodes_.node_count());
      return true;
    }
    own_ = reinterpret_cast<OwnLists*>(memory);
    const uint32_t part = nodes_.node_count() / cpus_;
    for (uint32_t i = 0; i < cpus_; ++i) {
      OwnLists& own = *new (&own_[i]) OwnLists(nodes_, kOwnBatch);
      WriterLock lock(own.lock);
      own.lists.free().Own(i * part + 1, (i + 1) * part);
    }
    return true;
  }

  // Takes a node, evicting others if there is none, and calls put(node), which
  // returns an Outcome. Returns false, and calls nothing, if all nodes are in
  // the hands of other threads.
  template <typename Put>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool WithNode(Put put) {
    const uint32_t cpu = static_cast<uint32_t>(CurrentCpu());
    return kind_ == Kind::kCommon ? WithCommonNode(cpu_[cpu], put)
                                  : WithOwnNode(cpu, put);
  }

  // Makes a node free that the caller has taken out of the table.
  void Release(uint32_t node) {
    if (kind_ == Kind::kPerCpu) {
      OwnLists& own = own_[nodes_.At(node).cpu];
      WriterLock lock(own.lock);
      ReleaseOwn(own, node);
      return;
    }
    Cpu& cpu = cpu_[CurrentCpu()];
    ReleaseCommon(cpu, node);
    if (cpu.noted_count.load(std::memory_order_relaxed) >= kMaxNoted) {
      WriterLock lock(common_.lock);
      TakeNoted();
    }
  }

 private:
  static constexpr uint32_t kMaxBatch = 128;  // nodes
  static constexpr uint32_t kOwnBatch = 4;    // nodes, with kPerCpu
  static constexpr uint32_t kMaxNoted = 1024;

  // Lists and their lock.
  struct alignas(P::kCacheLineSize) OwnLists {
    OwnLists(NodeTable<P>& nodes, uint32_t scans) : lists(nodes, scans) {}

    typename P::Lock lock;
    LruLists<P> lists ABSL_GUARDED_BY(lock);
  };

  // What a CPU has of its own, with kCommon.
  struct alignas(P::kCacheLineSize) Cpu {
    Cpu(NodeTable<P>& nodes, uint32_t cpu_number)
        : number(cpu_number),
          free(nodes),
          pending(nodes, ListName::kPending),
          next_victim(cpu_number) {}

    const uint32_t number;
    typename P::Lock lock;
    FreeNodes<P> free ABSL_GUARDED_BY(lock);
    NodeList<P> pending ABSL_GUARDED_BY(lock);
    // Nodes that left the table and are still on the common lists, linked.
    // The count is looked at without the lock, to see whether there are any.
    uint32_t noted ABSL_GUARDED_BY(lock) = 0;
    std::atomic<uint32_t> noted_count{0};
    uint32_t next_victim ABSL_GUARDED_BY(lock);  // a CPU, see Steal()
  };
  static_assert(std::is_trivially_destructible_v<Cpu> &&
                    std::is_trivially_destructible_v<OwnLists>,
                "they are only forgotten");

  // Takes the key of `node` out of the table.
  bool Evict(uint32_t node) {
    if (!nodes_.Erase(node)) return false;
    on_eviction_(nodes_.KeyOf(node), nodes_.ValueOf(node));
    return true;
  }

  // The common kind.

  template <typename Put>
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool WithCommonNode(Cpu& cpu, Put put) {
    if (!LockWithFreeNode(cpu)) return false;
    const uint32_t node = cpu.free.Take();
    Node& taken = nodes_.At(node);
    taken.cpu = static_cast<uint16_t>(cpu.number);
    SetReferenced(taken, false);
    cpu.pending.Add(node);
    const Outcome outcome = put(node);
    bool released = true;
    if (!outcome.used) {
      ReleasePending(cpu, node);
    } else if (outcome.replaced != 0) {
      SetReferenced(taken, true);
      released = TryRelease(cpu, outcome.replaced);
    }
    cpu.lock.Unlock();
    if (!released) [[unlikely]] {
      ReleaseCommon(cpu, outcome.replaced);
    }
    return true;
  }

  // Locks `cpu`, with a free node there; or returns false.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool LockWithFreeNode(Cpu& cpu)
      ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true, cpu.lock) {
    cpu.lock.Lock();
    if (!cpu.free.empty()) [[likely]] {
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
      if (!cpu.free.empty()) return true;
      cpu.lock.Unlock();
    }
    const uint32_t node = Steal(cpu);
    if (node == 0) return false;
    cpu.lock.Lock();
    cpu.free.Give(node);
    return true;
  }

  // Hands the pending elements of `cpu` over and gets it a batch of free nodes.
  // Returns whether it has any now.
  bool TakeBatch(Cpu& cpu) {
    WriterLock common_lock(common_.lock);
    TakeNoted();
    WriterLock lock(cpu.lock);
    if (!cpu.free.empty()) return true;
    LruLists<P>& lists = common_.lists;
    while (const uint32_t node = cpu.pending.oldest()) {
      cpu.pending.Remove(node);
      lists.Add(node);
    }
    lists.Rotate();
    uint32_t taken = 0;
    for (; taken < batch_; ++taken) {
      const uint32_t node = lists.free().Take();
      if (node == 0) break;
      cpu.free.Give(node);
    }
    lists.Shrink(
        batch_ - taken, [&](uint32_t node) { return Evict(node); },
        [&](uint32_t node)
            ABSL_NO_THREAD_SAFETY_ANALYSIS { cpu.free.Give(node); });
    return !cpu.free.empty();
  }

  // Takes the nodes that any CPU has noted off the common lists.
  void TakeNoted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(common_.lock) {
    for (uint32_t i = 0; i < cpus_; ++i) {
      Cpu& cpu = cpu_[i];
      if (cpu.noted_count.load(std::memory_order_relaxed) == 0) continue;
      uint32_t node;
      {
        WriterLock lock(cpu.lock);
        node = cpu.noted;
        cpu.noted = 0;
        cpu.noted_count.store(0, std::memory_order_relaxed);
      }
      while (node != 0) {
        const uint32_t next = nodes_.LinkOf(node);
        common_.lists.Remove(node);
        common_.lists.free().Give(node);
        node = next;
      }
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
      node = victim.free.Take();
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
    for (uint32_t node = victim.pending.oldest(); node != 0;
         node = nodes_.At(node).newer) {
      if ((used || !IsReferenced(nodes_.At(node))) && Evict(node)) {
        victim.pending.Remove(node);
        return node;
      }
    }
    return 0;
  }

  // Makes a node free, on whichever list it is.
  void ReleaseCommon(Cpu& cpu, uint32_t node) {
    Cpu& owner = cpu_[nodes_.At(node).cpu];
    if (ListOf(nodes_.At(node)) == ListName::kPending && &owner != &cpu) {
      WriterLock lock(owner.lock);
      if (ListOf(nodes_.At(node)) == ListName::kPending) {
        ReleasePending(owner, node);
        return;
      }
    }
    // It does not become pending again before it is free.
    WriterLock lock(cpu.lock);
    TryRelease(cpu, node);
  }

  // The same, but returns false, and does nothing, if it is up to another CPU.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool TryRelease(Cpu& cpu, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(cpu.lock) {
    if (ListOf(nodes_.At(node)) != ListName::kPending) {
      nodes_.SetLink(node, cpu.noted);
      cpu.noted = node;
      cpu.noted_count.store(cpu.noted_count.load(std::memory_order_relaxed) + 1,
                            std::memory_order_relaxed);
      return true;
    }
    if (nodes_.At(node).cpu != cpu.number) return false;
    ReleasePending(cpu, node);
    return true;
  }

  void ReleasePending(Cpu& cpu, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(cpu.lock) {
    cpu.pending.Remove(node);
    cpu.free.Give(node);
  }

  // The other kind.

  template <typename Put>
  bool WithOwnNode(uint32_t cpu, Put put) {
    OwnLists& own = own_[cpu];
    uint32_t replaced = 0;  // a node of another CPU
    {
      WriterLock lock(own.lock);
      const uint32_t node = TakeOwn(own);
      if (node == 0) return false;
      Node& taken = nodes_.At(node);
      taken.cpu = static_cast<uint16_t>(cpu);
      own.lists.AddInactive(node);
      const Outcome outcome = put(node);
      if (!outcome.used) {
        ReleaseOwn(own, node);
      } else if (outcome.replaced != 0) {
        SetReferenced(taken, true);
        if (nodes_.At(outcome.replaced).cpu == cpu) {
          ReleaseOwn(own, outcome.replaced);
        } else {
          replaced = outcome.replaced;
        }
      }
    }
    if (replaced != 0) Release(replaced);
    return true;
  }

  uint32_t TakeOwn(OwnLists& own) ABSL_EXCLUSIVE_LOCKS_REQUIRED(own.lock) {
    LruLists<P>& lists = own.lists;
    lists.Rotate();
    if (lists.free().empty()) {
      lists.Shrink(
          kOwnBatch, [&](uint32_t node) { return Evict(node); },
          [&](uint32_t node) { lists.free().Give(node); });
    }
    return lists.free().Take();
  }

  void ReleaseOwn(OwnLists& own, uint32_t node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(own.lock) {
    own.lists.Remove(node);
    own.lists.free().Give(node);
  }

  NodeTable<P>& nodes_;
  const Kind kind_;
  const uint32_t cpus_;
  const uint32_t batch_;
  const EvictionCallback on_eviction_;
  Block<P> block_;
  OwnLists common_;          // with kCommon
  Cpu* cpu_ = nullptr;       // with kCommon: one for each CPU
  OwnLists* own_ = nullptr;  // with kPerCpu: one for each CPU
};

}  // namespace bpfmap::internal

#endif  // BPFMAP_MAPS_INTERNAL_LINUX_LRU_H_
