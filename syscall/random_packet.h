// SPDX-License-Identifier: Apache-2.0
//
// RandomPacket: Ethernet frames for programs to run on, the same for a seed.
//
// Their fields have few values each, so that programs find what they look for
// and maps see a key again. The hardware addresses have 3 random bits a byte.
// One frame in eight is any bytes, and one in eight is cut.
//
// Not thread-safe.

#ifndef BPFMAP_SYSCALL_RANDOM_PACKET_H_
#define BPFMAP_SYSCALL_RANDOM_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace bpfmap {

class RandomPacket {
 public:
  using Bytes = std::vector<uint8_t>;

  explicit RandomPacket(uint64_t seed) : random_(seed) {}

  uint32_t Below(uint32_t limit) {
    return static_cast<uint32_t>(random_() % limit);
  }
  Bytes Any(std::size_t size);

  // A frame of at least 14 bytes.
  Bytes Make();

 private:
  template <std::size_t kCount>
  uint32_t OneOf(const uint32_t (&values)[kCount]) {
    return values[Below(kCount)];
  }
  uint32_t Protocol();

  // These add to the packet.
  void Tags(Bytes* packet);
  void Ip4(Bytes* packet);
  void Ip6(Bytes* packet);
  void Transport(Bytes* packet, uint32_t protocol);

  std::mt19937_64 random_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_RANDOM_PACKET_H_
