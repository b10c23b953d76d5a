// SPDX-License-Identifier: Apache-2.0

// RingView: one ring buffer from both sides, here or in the kernel, so that a
// test can give both the same and compare.
//
// The program side is a list of calls. On the kernel it becomes a BPF program,
// which is loaded and run once; so what it reserves it must also submit or
// discard, each at most once.
//
// The user side is that of libbpf. For the kernel's ring the view does what
// libbpf does: it maps the ring's memory and reads records from there, and
// waits with epoll.

#ifndef BPFMAP_TESTS_KERNEL_RING_VIEW_H_
#define BPFMAP_TESTS_KERNEL_RING_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace bpfmap {

// One call of a program.
struct RingCall {
  enum Kind { kReserve, kSubmit, kDiscard, kOutput, kQuery };
  Kind kind;
  int slot = 0;  // reserve, submit, discard: which record, below kRingSlots
  uint32_t size = 0;  // reserve, output; output: kRingOutputMax at most
  int32_t flags = 0;  // extended to 64 bits with its sign
  uint32_t mark = 0;  // reserve: the first 8 bytes; output: of all bytes
};
inline constexpr int kRingSlots = 4;
inline constexpr int kRingCalls = 32;  // of one program
inline constexpr uint32_t kRingOutputMax = 8192;

// Byte i of an output.
constexpr uint8_t RingOutputByte(uint32_t mark, uint32_t i) {
  return static_cast<uint8_t>((mark + i) * 37 + (i >> 8));
}

// A record as the consumer meets it: its header, and the bytes of it that the
// calls set: all of an output, and the first 8 of what was reserved. (What a
// program does not write is what was there before, and where a record runs over
// the end of the ring that differs.)
struct RingRecord {
  uint32_t length;
  uint32_t page;
  uint64_t first;  // 0 if the record has fewer than 8 bytes
  friend bool operator==(const RingRecord&, const RingRecord&) = default;
};
std::ostream& operator<<(std::ostream& out, const RingRecord& record);

class RingView {
 public:
  virtual ~RingView() = default;

  // Makes the calls. Returns what each gave: reserve 1 or 0 for null, submit
  // and discard 0, output 0 or minus the errno, query the value.
  virtual std::vector<int64_t> Run(const std::vector<RingCall>& calls) = 0;

  // Consumes up to `most` records.
  virtual std::vector<RingRecord> ConsumeN(std::size_t most) = 0;

  // Whether a consumer would be awake; if so, *records is all that it consumes.
  // REQUIRES: can_poll().
  virtual bool can_poll() const = 0;
  virtual bool Poll(std::vector<RingRecord>* records) = 0;
};

// "cloud", "embedded" or "kernel".
const std::vector<std::string>& RingViewNames();

// A view of a new ring of `size` bytes; null where there is none to be had.
std::unique_ptr<RingView> NewRingView(const std::string& name, uint32_t size);

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_KERNEL_RING_VIEW_H_
