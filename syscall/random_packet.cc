// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/random_packet.h"

#include <algorithm>
#include <iterator>

namespace bpfmap {
namespace {

using Bytes = RandomPacket::Bytes;

void Put16(Bytes* packet, uint32_t number) {
  packet->push_back(static_cast<uint8_t>(number >> 8));
  packet->push_back(static_cast<uint8_t>(number));
}

void Append(Bytes* packet, const Bytes& bytes) {
  packet->insert(packet->end(), bytes.begin(), bytes.end());
}

}  // namespace

Bytes RandomPacket::Any(std::size_t size) {
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
  return bytes;
}

uint32_t RandomPacket::Protocol() {
  return OneOf({1, 6, 6, 6, 17, 17, 17, 58, 4, 47});
}

Bytes RandomPacket::Make() {
  if (Below(8) == 0) return Any(14 + Below(200));
  Bytes packet = Any(12);
  for (uint8_t& byte : packet) byte &= 7;
  packet[0] &= 3;
  Tags(&packet);
  switch (Below(8)) {
    case 0:
      Put16(&packet, 0x0806);
      Append(&packet, Any(28));
      break;
    case 1:
    case 2:
      Ip6(&packet);
      break;
    default:
      Ip4(&packet);
  }
  if (Below(8) == 0) packet.resize(14 + Below(50));
  return packet;
}

// One frame in three is in a VLAN, or in one within another.
void RandomPacket::Tags(Bytes* packet) {
  for (uint32_t tags = Below(6); tags > 3; --tags) {
    Put16(packet, Below(4) == 0 ? 0x88a8 : 0x8100);
    Put16(packet, Below(16));
  }
}

void RandomPacket::Ip4(Bytes* packet) {
  const std::size_t start = packet->size();
  const uint32_t protocol = Protocol();
  const uint32_t words = Below(8) == 0 ? Below(16) : 5;
  Put16(packet, 0x0800);
  Bytes header = Any(std::max(words, 5U) * 4);
  header[0] =
      static_cast<uint8_t>((Below(16) == 0 ? Below(16) : 4) << 4 | words);
  header[1] = 0;
  // Few are fragments.
  if (Below(8) != 0) header[6] = header[7] = 0;
  header[8] = static_cast<uint8_t>(Below(4));
  header[9] = static_cast<uint8_t>(protocol);
  for (const std::size_t at : {12U, 16U}) {
    const uint8_t address[] = {10, 0, 0, static_cast<uint8_t>(Below(6))};
    std::copy(std::begin(address), std::end(address),
              header.begin() + static_cast<std::ptrdiff_t>(at));
  }
  Append(packet, header);
  Transport(packet, protocol);
  const std::size_t size = packet->size() - start - 2;
  (*packet)[start + 4] = static_cast<uint8_t>(size >> 8);
  (*packet)[start + 5] = static_cast<uint8_t>(size);
}

void RandomPacket::Ip6(Bytes* packet) {
  const uint32_t protocol = Protocol();
  Put16(packet, 0x86dd);
  Bytes header(40);
  header[0] = 0x60;
  header[6] = static_cast<uint8_t>(protocol);
  header[7] = static_cast<uint8_t>(Below(4));
  header[8] = header[24] = 0x20;
  header[23] = static_cast<uint8_t>(Below(6));
  header[39] = static_cast<uint8_t>(Below(6));
  Append(packet, header);
  Transport(packet, protocol);
}

void RandomPacket::Transport(Bytes* packet, uint32_t protocol) {
  static constexpr uint32_t kPorts[] = {22,  53,   80,   443,
                                        179, 5353, 8080, 40000};
  if (protocol == 6 || protocol == 17) {
    Put16(packet, OneOf(kPorts));
    Put16(packet, OneOf(kPorts));
  }
  const uint32_t payload = Below(4) == 0 ? 0 : Below(100);
  if (protocol == 17) {
    Put16(packet, Below(8) == 0 ? Below(65536) : payload + 8);
    Put16(packet, Below(65536));
  } else if (protocol == 6) {
    Bytes rest = Any(16);
    rest[8] = static_cast<uint8_t>((Below(8) == 0 ? Below(16) : 5) << 4);
    rest[9] = static_cast<uint8_t>(1U << Below(6));
    Append(packet, rest);
  } else {
    Append(packet, {static_cast<uint8_t>(Below(16)), 0, 0, 0});
  }
  Append(packet, Any(payload));
}

}  // namespace bpfmap
