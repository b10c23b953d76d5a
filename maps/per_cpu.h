// SPDX-License-Identifier: Apache-2.0

// PerCpu: the value of a per-CPU map as user space has it, one V for each CPU.
//
//   auto stats = TypedMap<uint32_t, PerCpu<Stats>>::Create(map.get());
//   absl::StatusOr<PerCpu<Stats>> all = stats->Get(interface);
//   uint64_t packets = all->Sum(&Stats::packets);
//
// A program has the V of its own CPU from ProgramMap<uint32_t, Stats>, and
// reads those of the others with its LookupAllCpus() (program_map.h).
//
// Layout, as of the bpf(2) commands: the parts in the order of the CPUs, each
// in round_up(sizeof(V), 8) bytes. Padding is zero until a lookup fills it.
//
// A value type: copies share nothing. Not thread-safe, as a vector is not.

#ifndef BPFMAP_MAPS_PER_CPU_H_
#define BPFMAP_MAPS_PER_CPU_H_

#include <cstddef>
#include <functional>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

#include "bpfmap/profiles/cpu.h"

namespace bpfmap {

template <typename V>
class PerCpu {
  static_assert(std::is_trivially_copyable_v<V>,
                "a map copies values byte by byte: V must be trivially "
                "copyable");
  static_assert(std::is_default_constructible_v<V>,
                "V must have a default constructor");
  static_assert(alignof(V) <= 8, "values in a map are aligned to 8 bytes");

  struct alignas(8) Part {
    V value{};
  };
  static_assert(sizeof(Part) == (sizeof(V) + 7) / 8 * 8);

 public:
  using value_type = V;

  // A V{} for each possible CPU, which is what a map has room for. (The CPUs of
  // a KernelMap are the kernel's: SetPossibleCpus() to their number first.)
  PerCpu() : PerCpu(PossibleCpus()) {}
  explicit PerCpu(int cpus) : parts_(static_cast<std::size_t>(cpus)) {}

  // `value` for each possible CPU.
  static PerCpu Filled(const V& value) {
    PerCpu filled;
    for (Part& part : filled.parts_) part.value = value;
    return filled;
  }

  // The number of CPUs. resize() keeps the parts of the first ones.
  int size() const { return static_cast<int>(parts_.size()); }
  bool empty() const { return parts_.empty(); }
  void resize(int cpus) { parts_.resize(static_cast<std::size_t>(cpus)); }

  // The V of CPU `cpu`. REQUIRES: 0 <= cpu < size().
  V& operator[](int cpu) { return parts_[static_cast<std::size_t>(cpu)].value; }
  const V& operator[](int cpu) const {
    return parts_[static_cast<std::size_t>(cpu)].value;
  }

  // The parts, in the order of the CPUs.
  class Iterator {
   public:
    using value_type = V;
    using reference = const V&;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;

    Iterator() = default;
    explicit Iterator(const Part* part) : part_(part) {}
    const V& operator*() const { return part_->value; }
    const V* operator->() const { return &part_->value; }
    Iterator& operator++() {
      ++part_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(part_++); }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Part* part_ = nullptr;
  };
  using iterator = Iterator;
  using const_iterator = Iterator;
  Iterator begin() const { return Iterator(parts_.data()); }
  Iterator end() const { return Iterator(parts_.data() + parts_.size()); }

  // f(f(f(start, part of CPU 0), part of CPU 1), ...).
  template <typename T, typename F>
  T Reduce(T start, F f) const {
    for (const V& part : *this) start = f(std::move(start), part);
    return start;
  }

  // The sum of all parts, or of one member of them: Sum(&Stats::packets). It
  // has the type of what is added, and wraps as that does; for a wider one,
  // Reduce(uint64_t{0}, std::plus<>()).
  template <typename Projection = std::identity>
  auto Sum(Projection projection = {}) const {
    using Number =
        std::remove_cvref_t<std::invoke_result_t<const Projection&, const V&>>;
    Number sum{};
    for (const V& part : *this) sum += std::invoke(projection, part);
    return sum;
  }

  // The bytes that the bpf(2) commands read and write.
  void* data() { return parts_.data(); }
  const void* data() const { return parts_.data(); }
  std::size_t size_bytes() const { return parts_.size() * sizeof(Part); }

  friend bool operator==(const PerCpu& a, const PerCpu& b) requires
      requires(const V& v) {
    v == v;
  }
  {
    if (a.size() != b.size()) return false;
    for (int cpu = 0; cpu < a.size(); ++cpu) {
      if (!(a[cpu] == b[cpu])) return false;
    }
    return true;
  }

 private:
  std::vector<Part> parts_;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_PER_CPU_H_
