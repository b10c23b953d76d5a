// SPDX-License-Identifier: Apache-2.0

// A main loop and the timer's interrupt handler share a hash map, a queue and a
// ring buffer, of a profile whose locks mask interrupts. The handler comes
// every 211 ticks (of 40 instructions), so at another place each time.

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/queue_stack_map.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/embedded.h"
#include "bpfmap/profiles/interrupt_lock.h"
#include "bpfmap/profiles/platform/cortex_m.h"
#include "tests/embedded/machine/machine.h"

namespace bpfmap {
namespace {

using Board =
    BasicEmbedded<10 * 1024, InterruptLock<platform::CortexMInterrupts>>;

constexpr uint32_t kKeys = 16;
constexpr uint32_t kInterrupts = 2000;

struct Value {
  uint32_t number;
  uint32_t same;  // a torn value differs
};

constinit Board::Memory pool;

struct Shared {
  HashMap<Board> hash{{.type = MapType::kHash,
                       .key_size = 4,
                       .value_size = sizeof(Value),
                       .max_entries = kKeys},
                      &pool};
  QueueMap<Board> queue{
      {.type = MapType::kQueue, .value_size = 4, .max_entries = 8}, &pool};
  RingBuffer<Board> ring{{.type = MapType::kRingBuf, .max_entries = 4096},
                         &pool};

  bool Init() {
    return hash.Init() == Errno::kOk && queue.Init() == Errno::kOk &&
           ring.Init() == Errno::kOk;
  }
};

Shared* shared = nullptr;
volatile uint32_t interrupts = 0;
volatile uint32_t pushed = 0;  // by the handler
volatile uint32_t sent = 0;    // by the handler
volatile uint32_t torn = 0;
volatile uint32_t refused = 0;

bool IsWhole(const void* bytes) {
  Value value;
  std::memcpy(&value, bytes, sizeof value);
  return value.number == value.same;
}

// All that a program may do with a map.
void OnTimer() {
  const uint32_t count = interrupts + 1;
  interrupts = count;
  const uint32_t key = count % kKeys;
  const Value value = {count, count};
  if (count % 3 == 0) {
    static_cast<void>(shared->hash.DeleteElem(&key));
  } else if (shared->hash.UpdateElem(&key, &value, kAny) != Errno::kOk) {
    refused = refused + 1;
  }
  Value copy;
  if (shared->hash.Lookup(&key, &copy) == Errno::kOk && !IsWhole(&copy)) {
    torn = torn + 1;
  }
  if (shared->queue.Push(&count, kAny) == Errno::kOk) pushed = pushed + 1;
  if (shared->ring.Output(&count, sizeof count) == Errno::kOk) {
    sent = sent + 1;
  }
}

void Run() {
  uint32_t popped = 0;
  uint32_t received = 0;
  uint32_t last_popped = 0;
  uint32_t turn = 0;
  machine::SetTimerInterrupt(211, OnTimer);
  while (interrupts < kInterrupts) {
    ++turn;
    const uint32_t key = turn % kKeys;
    const Value value = {turn, turn};
    EXPECT(shared->hash.UpdateElem(&key, &value, kAny) == Errno::kOk);
    Value copy;
    const Errno error = shared->hash.Lookup(&key, &copy);
    EXPECT(error == Errno::kNoEnt || IsWhole(&copy));
    if (turn % 5 == 0) static_cast<void>(shared->hash.DeleteElem(&key));
    uint32_t number;
    while (shared->queue.Pop(&number) == Errno::kOk) {
      EXPECT(number > last_popped);
      last_popped = number;
      ++popped;
    }
    const int64_t consumed = shared->ring.Consume([](void*, uint32_t size) {
      EXPECT(size == sizeof(uint32_t));
      return 0;
    });
    EXPECT(consumed >= 0);
    received += static_cast<uint32_t>(consumed);
  }
  machine::SetTimerInterrupt(0, nullptr);
  uint32_t number;
  while (shared->queue.Pop(&number) == Errno::kOk) ++popped;
  received += static_cast<uint32_t>(
      shared->ring.Consume([](void*, uint32_t) { return 0; }));
  EXPECT(popped == pushed);
  EXPECT(received == sent);
  EXPECT(pushed != 0 && sent != 0);
  EXPECT(torn == 0);
  EXPECT(refused == 0);
  machine::PrintNumber("turns of the main loop", turn);
}

}  // namespace
}  // namespace bpfmap

int main() { return bpfmap::machine::RunOnMaps(bpfmap::shared, bpfmap::Run); }
