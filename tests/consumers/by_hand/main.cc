// SPDX-License-Identifier: Apache-2.0

// A program that embeds a hash map and a ring buffer, and is compiled by hand:
// see run.sh. It links nothing of Abseil, and includes nothing of Linux.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <thread>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/profiles/cloud.h"

using bpfmap::Cloud, bpfmap::Errno, bpfmap::HashMap, bpfmap::MapType;
using bpfmap::RingBuffer;

namespace {

constexpr uint64_t kEvents = 1000;

// Counts events by their last digit, and sends each of them.
bool Produce(HashMap<Cloud>& counts, RingBuffer<Cloud>& events) {
  for (uint64_t event = 0; event < kEvents; ++event) {
    const uint32_t digit = static_cast<uint32_t>(event % 10);
    uint64_t count = 0;
    const void* const element = counts.LookupElem(&digit);
    if (element != nullptr) std::memcpy(&count, element, sizeof count);
    ++count;
    if (counts.UpdateElem(&digit, &count, bpfmap::kAny) != Errno::kOk) {
      return false;
    }
    if (events.Output(&event, sizeof event) != Errno::kOk) return false;
  }
  return true;
}

}  // namespace

int main() {
  HashMap<Cloud> counts({.type = MapType::kHash,
                         .key_size = 4,
                         .value_size = 8,
                         .max_entries = 16});
  RingBuffer<Cloud> events({.type = MapType::kRingBuf, .max_entries = 65536});
  if (counts.Init() != Errno::kOk || events.Init() != Errno::kOk) return 1;

  bool produced = false;
  std::thread producer([&] { produced = Produce(counts, events); });
  uint64_t received = 0;
  while (received < kEvents) {
    const int64_t records =
        events.Poll(/*timeout_ms=*/-1, [](void*, uint32_t) { return 0; });
    if (records < 0) return 2;
    received += static_cast<uint64_t>(records);
  }
  producer.join();

  const uint32_t digit = 7;
  uint64_t count = 0;
  if (counts.Lookup(&digit, &count) != Errno::kOk) return 3;
  std::printf("%d events, %d of them end with 7\n", static_cast<int>(received),
              static_cast<int>(count));
  return produced && count == kEvents / 10 ? 0 : 4;
}
