// SPDX-License-Identifier: Apache-2.0

// coherence: how many cache lines travel between CPUs for an operation, with 1
// to 64 CPUs, as tables of Markdown on stdout.
//
//   ./bazelw run -c opt //bench/coherence
//
// This file is compiled with -fsanitize=thread, so that each load and store of
// the maps' code comes to the model: see trace.h and model.h. One thread is all
// CPUs in turn; each operation is that of another CPU than the one before.
//
// SCALING.md has the tables, and says what follows from them.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "bench/coherence/model.h"
#include "bench/coherence/trace.h"
#include "bench/operations.h"
#include "bench/program_view.h"
#include "bench/workload.h"
#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/bloom_filter_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/lpm_trie_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/per_cpu_array_map.h"
#include "bpfmap/maps/per_cpu_hash_map.h"
#include "bpfmap/maps/queue_stack_map.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/platform/platform.h"
#include "bpfmap/profiles/thread_number.h"

namespace bpfmap::bench {
namespace {

constexpr int kCpus[] = {1, 2, 4, 8, 16, 32, 64};
constexpr uint32_t kSeed = 1;
constexpr uint32_t kEntries = 1 << 12;
constexpr uint32_t kRingBytes = 1 << 20;
constexpr int kTurns = 1 << 14;  // not counted, and as many counted

struct Figures {
  double transfers = 0;        // of lines, by operation
  double of_hottest_line = 0;  // of the line that travels most, by operation
};

// Makes the calling thread that of `cpu` while it lives.
class Impersonation {
 public:
  explicit Impersonation(int cpu) : cpu_(cpu) {
    platform::SetThreadWord(cpu + internal::kThreadWordOfNumber0);
  }
  ~Impersonation() { platform::SetThreadWord(0); }
  Impersonation(const Impersonation&) = delete;
  Impersonation& operator=(const Impersonation&) = delete;

 private:
  const ScopedCpu cpu_;
};

void Expect(Errno error, const char* what) {
  if (error == Errno::kOk) return;
  std::fprintf(stderr, "coherence: %s failed with %s\n", what,
               ErrnoName(error));
  std::exit(EXIT_FAILURE);
}

// The things that one CPU works with.
template <typename View>
struct Worker {
  View view;
  std::vector<std::byte> keys;
  KeyCursor cursor;
  uint64_t turns = 0;
};

template <typename View>
void Fill(View& view, const Workload& workload) {
  const auto [begin, end] = workload.Elements(KeySet::kPresent);
  for (uint32_t element = begin; element < end; ++element) {
    if constexpr (KeyedView<View>) {
      Expect(view.Update(workload.Key(element), workload.Value(element).data()),
             "filling the map");
    } else if constexpr (PushPopView<View>) {
      Expect(view.Push(workload.Value(element).data()), "filling the map");
    }
  }
}

// The keys that CPU `cpu` goes through; with kOwnAbsent, those that it deletes
// first are inserted.
template <typename Operation, typename View>
std::unique_ptr<Worker<View>> MakeWorker(typename View::Map& map,
                                         const Workload& workload, int cpu,
                                         int cpus) {
  KeyOrder order = workload.RandomKeys(Operation::kKeys, cpu, cpus);
  auto worker = std::make_unique<Worker<View>>(Worker<View>{
      View(map, workload.def()), std::move(order.keys), KeyCursor({}, 0), 0});
  worker->cursor =
      KeyCursor(worker->keys, KeySizeOf(workload.def()), order.lag);
  if constexpr (Operation::kKeys == KeySet::kOwnAbsent) {
    const Impersonation impersonation(cpu);
    KeyCursor old = worker->cursor;
    for (uint32_t i = 0; i < order.lag; ++i) {
      Expect(worker->view.Update(old.NextOld(), workload.new_value().data()),
             "inserting keys");
    }
  }
  return worker;
}

template <typename Operation, typename View>
void RunTurns(std::vector<std::unique_ptr<Worker<View>>>& workers,
              const Workload& workload, CoherenceModel& model) {
  for (int turn = 0; turn < kTurns; ++turn) {
    const int cpu = turn % static_cast<int>(workers.size());
    Worker<View>& worker = *workers[cpu];
    constexpr bool kOwn = Operation::kKeys == KeySet::kOwnAbsent;
    const Turn arguments = {.key = worker.cursor.Next(),
                            .old_key = kOwn ? worker.cursor.NextOld() : nullptr,
                            .value = workload.new_value().data(),
                            .number = worker.turns++};
    const Impersonation impersonation(cpu);
    model.BeginOperation(cpu);
    StartTracing(model);
    const Errno error = Operation::Run(worker.view, arguments);
    StopTracing();
    Expect(error, Operation::kName);
  }
}

template <typename Operation, typename View>
Figures Measure(const MapDef& def, KeyPattern pattern, int cpus) {
  const ScopedPossibleCpus possible(cpus);
  const Workload workload(def, kSeed, pattern);
  // Not on the stack, which is not traced.
  const auto owner = std::make_unique<typename View::Map>(def);
  typename View::Map& map = *owner;
  Expect(map.Init(), "creating a map");
  {
    View view(map, def);
    const Impersonation impersonation(0);
    Fill(view, workload);
  }
  std::vector<std::unique_ptr<Worker<View>>> workers;
  for (int cpu = 0; cpu < cpus; ++cpu) {
    workers.push_back(MakeWorker<Operation, View>(map, workload, cpu, cpus));
  }
  CoherenceModel model;
  RunTurns<Operation>(workers, workload, model);
  if constexpr (RingView<View>) workers[0]->view.Consume();
  model.StartCounting();
  RunTurns<Operation>(workers, workload, model);
  const auto operations = static_cast<double>(model.operations());
  return {static_cast<double>(model.transfers()) / operations,
          static_cast<double>(model.most_transfers_of_a_line()) / operations};
}

MapDef Def(MapType type, uint32_t key_size, uint32_t value_size,
           MapFlags flags = {}) {
  return {.type = type,
          .key_size = key_size,
          .value_size = value_size,
          .max_entries = type == MapType::kRingBuf ? kRingBytes : kEntries,
          .map_flags = flags,
          .name = "coherence"};
}

// A line of the table: "transfers (those of the hottest line)".
template <typename Operation, typename View>
void Row(const char* name, const MapDef& def, KeyPattern pattern) {
  std::printf("| %s | %s |", name, Operation::kName);
  for (const int cpus : kCpus) {
    const Figures figures = Measure<Operation, View>(def, pattern, cpus);
    std::printf(" %.2f (%.2f) |", figures.transfers, figures.of_hottest_line);
  }
  std::printf("\n");
  std::fflush(stdout);
}

void KeyedRows(KeyPattern pattern) {
  const MapDef hash = Def(MapType::kHash, 4, 8, kZeroSeed);
  using Hash = ProgramView<HashMap<Cloud>>;
  Row<LookupHit, Hash>("hash", hash, pattern);
  Row<Update, Hash>("hash", hash, pattern);
  Row<Mix50And50, Hash>("hash", hash, pattern);
  const MapDef array = Def(MapType::kArray, 4, 8);
  Row<LookupHit, ProgramView<ArrayMap<Cloud>>>("array", array, pattern);
  Row<Update, ProgramView<ArrayMap<Cloud>>>("array", array, pattern);
  const MapDef per_cpu_hash = Def(MapType::kPerCpuHash, 4, 8, kZeroSeed);
  using PerCpuHash = ProgramView<PerCpuHashMap<Cloud>>;
  Row<LookupHit, PerCpuHash>("percpu_hash", per_cpu_hash, pattern);
  Row<Update, PerCpuHash>("percpu_hash", per_cpu_hash, pattern);
  Row<Update, ProgramView<PerCpuArrayMap<Cloud>>>(
      "percpu_array", Def(MapType::kPerCpuArray, 4, 8), pattern);
  const MapDef lru = Def(MapType::kLruHash, 4, 8, kZeroSeed);
  using Lru = ProgramView<LruHashMap<Cloud>>;
  Row<LookupHit, Lru>("lru_hash", lru, pattern);
  Row<Update, Lru>("lru_hash", lru, pattern);
  const MapDef trie = Def(MapType::kLpmTrie, 8, 8, kNoPrealloc);
  using Trie = ProgramView<LpmTrieMap<Cloud>>;
  Row<LookupHit, Trie>("lpm_trie", trie, pattern);
  Row<Update, Trie>("lpm_trie", trie, pattern);
  const MapDef bloom = Def(MapType::kBloomFilter, 0, 8);
  using Bloom = BloomProgramView<BloomFilterMap<Cloud>>;
  Row<LookupHit, Bloom>("bloom_filter", bloom, pattern);
  Row<Update, Bloom>("bloom_filter", bloom, pattern);
}

// Each CPU has keys of its own, or there are none.
void OtherRows() {
  constexpr KeyPattern kUniform = KeyPattern::kUniform;
  Row<InsertDelete, ProgramView<HashMap<Cloud>>>(
      "hash", Def(MapType::kHash, 4, 8, kZeroSeed), kUniform);
  using Lru = ProgramView<LruHashMap<Cloud>>;
  Row<InsertEvict, Lru>("lru_hash", Def(MapType::kLruHash, 4, 8, kZeroSeed),
                        kUniform);
  Row<PushPop, PushPopProgramView<QueueMap<Cloud>>>(
      "queue", Def(MapType::kQueue, 0, 8), kUniform);
  Row<PushPop, PushPopProgramView<StackMap<Cloud>>>(
      "stack", Def(MapType::kStack, 0, 8), kUniform);
  Row<ReserveSubmit, RingProgramView<RingBuffer<Cloud>>>(
      "ringbuf", Def(MapType::kRingBuf, 0, 0), kUniform);
}

void Head(const char* title) {
  std::printf("\n### %s\n\n| map | operation |", title);
  for (const int cpus : kCpus) {
    std::printf(" %d CPU%s |", cpus, cpus == 1 ? "" : "s");
  }
  std::printf("\n| --- | --- |");
  for (size_t i = 0; i < std::size(kCpus); ++i) std::printf(" --- |");
  std::printf("\n");
}

int Main() {
  Head("Uniform keys");
  KeyedRows(KeyPattern::kUniform);
  Head("Zipf keys");
  KeyedRows(KeyPattern::kZipf);
  Head("Keys of each CPU's own, or none");
  OtherRows();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bpfmap::bench

int main() { return bpfmap::bench::Main(); }
