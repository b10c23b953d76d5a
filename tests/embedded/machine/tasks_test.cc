// SPDX-License-Identifier: Apache-2.0

// Two tasks of a real-time kernel and the timer's interrupt handler share a
// hash map, an LRU map and a ring buffer. The timer comes at another place each
// time, and with it a task switch: in the midst of a lookup, say.

#include <cstdint>
#include <cstring>
#include <iterator>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/lru_hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "tests/embedded/machine/kernel_profile.h"
#include "tests/embedded/machine/machine.h"
#include "tests/embedded/machine/tiny_kernel.h"

namespace bpfmap {
namespace {

using Board = KernelProfile<10 * 1024>;

constexpr uint32_t kKeys = 16;
constexpr uint32_t kTurns = 2000;  // of the timer

struct Value {
  uint32_t number;
  uint32_t same;  // a torn value differs
};

// The sender of a record, and its number there.
enum Sender : uint32_t { kTask, kHandler, kSenders };
struct Record {
  Sender sender;
  uint32_t number;
};

constinit Board::Memory pool;
constinit uint64_t producer_stack[128] = {};
constinit uint64_t consumer_stack[128] = {};

struct Shared {
  HashMap<Board> hash{{.type = MapType::kHash,
                       .key_size = 4,
                       .value_size = sizeof(Value),
                       .max_entries = kKeys},
                      &pool};
  LruHashMap<Board> lru{{.type = MapType::kLruHash,
                         .key_size = 4,
                         .value_size = sizeof(Value),
                         .max_entries = kKeys},
                        &pool};
  RingBuffer<Board> ring{{.type = MapType::kRingBuf, .max_entries = 4096},
                         &pool};

  bool Init() {
    return hash.Init() == Errno::kOk && lru.Init() == Errno::kOk &&
           ring.Init() == Errno::kOk;
  }
};

Shared* shared = nullptr;
volatile uint32_t sent[kSenders] = {};
volatile uint32_t received[kSenders] = {};
volatile uint32_t torn = 0;
volatile uint32_t refused = 0;
volatile bool done = false;

template <typename Map>
void Check(Map& map, uint32_t key) {
  Value value;
  if (map.Lookup(&key, &value) == Errno::kOk && value.number != value.same) {
    torn = torn + 1;
  }
}

void Send(Sender sender) {
  const Record record = {sender, sent[sender] + 1};
  if (shared->ring.Output(&record, sizeof record) == Errno::kOk) {
    sent[sender] = record.number;
  }
}

// Each of the three does this with the maps, another thing each turn.
void UseMaps(uint32_t turn) {
  const uint32_t key = turn % kKeys;
  const uint32_t many = turn % (3 * kKeys);
  const Value value = {turn, turn};
  if (turn % 5 == 0) {
    static_cast<void>(shared->hash.DeleteElem(&key));
  } else if (shared->hash.UpdateElem(&key, &value, kAny) != Errno::kOk) {
    refused = refused + 1;
  }
  if (shared->lru.UpdateElem(&many, &value, kAny) != Errno::kOk) {
    refused = refused + 1;
  }
  static_cast<void>(shared->lru.LookupElem(&key));
  Check(shared->hash, key);
  Check(shared->lru, many);
}

void OnTimer() {
  UseMaps(machine::TimerCount());
  Send(kHandler);
}

void Produce() {
  for (uint32_t turn = 0; machine::TimerCount() < kTurns; ++turn) {
    UseMaps(turn);
    if (turn % 4 == 0) Send(kTask);
  }
  done = true;
}

int Receive(void* data, uint32_t size) {
  Record record;
  EXPECT(size == sizeof record);
  std::memcpy(&record, data, sizeof record);
  EXPECT(record.number == received[record.sender] + 1);
  received[record.sender] = record.number;
  return 0;
}

void Consume() {
  uint32_t turn = 0;
  while (!done) {
    // 0 if a record is still being written.
    EXPECT(shared->ring.Poll(/*timeout_ms=*/100, Receive) >= 0);
    UseMaps(++turn);
  }
  static_cast<void>(shared->ring.Consume(Receive));
}

void PollEmptyRing() {
  const uint32_t before = machine::TimerCount();
  EXPECT(shared->ring.Poll(/*timeout_ms=*/5, Receive) == 0);
  EXPECT(machine::TimerCount() >= before + 5);
}

// Keys that a walk sees, each of them once.
template <typename Map>
uint32_t CountKeys(Map& map) {
  uint32_t count = 0;
  uint32_t key;
  for (Errno error = map.GetNextKey(nullptr, &key);
       error == Errno::kOk && count <= kKeys;
       error = map.GetNextKey(&key, &key)) {
    ++count;
  }
  return count;
}

void Run() {
  machine::AddTask(Produce, std::end(producer_stack));
  machine::AddTask(Consume, std::end(consumer_stack));
  machine::RunTasks(/*ticks=*/211, OnTimer);
  static_cast<void>(shared->ring.Consume(Receive));
  for (const Sender sender : {kTask, kHandler}) {
    EXPECT(sent[sender] != 0);
    EXPECT(received[sender] == sent[sender]);
  }
  EXPECT(torn == 0);
  EXPECT(refused == 0);
  EXPECT(machine::SleepCount() != 0);
  // Its time goes by while no other task can run.
  machine::AddTask(PollEmptyRing, std::end(consumer_stack));
  machine::RunTasks(/*ticks=*/211, [] {});
  EXPECT(CountKeys(shared->hash) <= kKeys);
  EXPECT(CountKeys(shared->lru) == kKeys);
  machine::PrintNumber("records of the task", sent[kTask]);
  machine::PrintNumber("records of the handler", sent[kHandler]);
  machine::PrintNumber("times that a task slept", machine::SleepCount());
}

}  // namespace
}  // namespace bpfmap

int main() { return bpfmap::machine::RunOnMaps(bpfmap::shared, bpfmap::Run); }
