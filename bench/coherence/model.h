// SPDX-License-Identifier: Apache-2.0

// CoherenceModel: how often cache lines travel between CPUs, counted from the
// loads and stores of a program.
//
// The caches are those of the protocol MSI, and as large as memory. A line is
// modified in one cache, or shared by some, or in none:
//
//   load   where the line is not in the CPU's cache: it is shared then. If
//          another CPU wrote it last, that is a transfer.
//   store  (and atomic read-modify-write) where the line is not modified in the
//          CPU's cache: it is then, and in no other one. If it was in another
//          one, that is a transfer.
//
// So a line that is only read never travels, and one that a single CPU uses
// neither. A line that nobody has written comes from memory, which is no
// transfer. A transfer costs some 50 ns between cores of one socket,
// and more between sockets; and transfers of one line come one after the other.
//
// Operations run one at a time here, each as a whole. On a machine they also
// meet: a line may be taken away within an operation, and a lock be taken. The
// model counts the least.
//
// Not thread-safe.

#ifndef BPFMAP_BENCH_COHERENCE_MODEL_H_
#define BPFMAP_BENCH_COHERENCE_MODEL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace bpfmap::bench {

class CoherenceModel {
 public:
  static constexpr int kMaxCpus = 64;

  enum class Access { kLoad, kStore };

  // The operations that follow are those of `cpu`. REQUIRES: below kMaxCpus.
  void BeginOperation(int cpu) {
    cpu_ = uint64_t{1} << cpu;
    ++operations_;
  }

  // `size` bytes at `address`: one line, or those that it stretches over.
  void Touch(const void* address, size_t size, Access access) {
    const auto begin = reinterpret_cast<uintptr_t>(address);
    for (uintptr_t line = begin / kLine; line <= (begin + size - 1) / kLine;
         ++line) {
      TouchLine(lines_[line], access);
    }
  }

  // Forgets the counts, and not what is in which cache.
  void StartCounting() {
    operations_ = transfers_ = 0;
    for (auto& [number, line] : lines_) line.transfers = line.counted_in = 0;
  }

  // Since StartCounting().
  uint64_t operations() const { return operations_; }
  uint64_t transfers() const { return transfers_; }
  // Of the line that travelled most.
  uint64_t most_transfers_of_a_line() const {
    uint64_t most = 0;
    for (const auto& [number, line] : lines_) {
      most = std::max(most, line.transfers);
    }
    return most;
  }

 private:
  static constexpr uintptr_t kLine = 64;

  struct Line {
    uint64_t caches = 0;  // a bit for each CPU that has it
    bool modified = false;
    uint64_t transfers = 0;
    uint64_t counted_in = 0;  // the operation with the last of them
  };

  void TouchLine(Line& line, Access access) {
    const bool is_here = (line.caches & cpu_) != 0;
    const bool is_elsewhere = (line.caches & ~cpu_) != 0;
    if (access == Access::kLoad) {
      if (is_here) return;
      if (line.modified) Count(line);
      line.modified = false;
      line.caches |= cpu_;
    } else {
      if (is_elsewhere) Count(line);
      line.modified = true;
      line.caches = cpu_;
    }
  }
  void Count(Line& line) {
    if (line.counted_in == operations_) return;
    line.counted_in = operations_;
    ++line.transfers;
    ++transfers_;
  }

  uint64_t cpu_ = 1;
  uint64_t operations_ = 0;
  uint64_t transfers_ = 0;
  std::unordered_map<uintptr_t, Line> lines_;
};

}  // namespace bpfmap::bench

#endif  // BPFMAP_BENCH_COHERENCE_MODEL_H_
