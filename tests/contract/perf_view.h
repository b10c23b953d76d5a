// SPDX-License-Identifier: Apache-2.0

// PerfView: an array of perf events from both sides, here or in the kernel, so
// that a test can give both the same and compare.
//
// The program side is bpf_perf_event_output(). On the kernel a BPF program
// calls it, on the CPU of the caller; put both on one with OnCpu (on_cpu.h).
//
// The user side is that of libbpf. For the kernel the view does what libbpf
// does: it opens events, maps their buffers, and waits with epoll.

#ifndef BPFMAP_TESTS_CONTRACT_PERF_VIEW_H_
#define BPFMAP_TESTS_CONTRACT_PERF_VIEW_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/perf_event.h"
#include "bpfmap/maps/perf_event_array.h"

namespace bpfmap {

// A record as the reader meets it. Padding is not in it: Linux leaves there
// what was there before.
struct PerfSeen {
  uint32_t type;
  uint16_t misc;
  uint16_t size;       // of the record
  uint32_t data_size;  // of a sample
  uint64_t sum;        // of a sample's bytes
  uint64_t lost;       // of a record of lost samples
  friend bool operator==(const PerfSeen&, const PerfSeen&) = default;
};
std::ostream& operator<<(std::ostream& out, const PerfSeen& seen);

inline constexpr uint32_t kPerfSlots = 4;
inline constexpr uint32_t kPerfPacketSize = 64;  // of zeros

class PerfView {
 public:
  virtual ~PerfView() = default;

  // Opens an event, and puts it into the slot.
  virtual Errno Open(uint32_t slot, const PerfEventAttr& attr) = 0;

  // A program outputs `size` bytes, made from `mark`. 0 or minus the errno.
  virtual int Output(PerfFlags flags, uint32_t size, uint32_t mark = 0) = 0;

  // Consumes all that the event of the slot has.
  virtual std::vector<PerfSeen> Consume(uint32_t slot) = 0;

  // The same, if a reader would be awake. REQUIRES: can_poll().
  virtual bool can_poll() const = 0;
  virtual std::vector<PerfSeen> Poll(uint32_t slot) = 0;

  virtual uint64_t LostSamples(uint32_t slot) = 0;
};

// "cloud", "embedded" or "kernel".
const std::vector<std::string>& PerfViewNames();

std::unique_ptr<PerfView> NewPerfView(const std::string& name);

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_CONTRACT_PERF_VIEW_H_
