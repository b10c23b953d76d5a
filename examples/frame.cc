// SPDX-License-Identifier: Apache-2.0

#include "examples/frame.h"

#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace bpfmap::examples {
namespace {

enum : uint16_t { kIpv4 = 0x0800, kTag = 0x8100, kIpv6 = 0x86dd };
enum : uint8_t { kIcmp = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58 };

uint16_t Get16(const Frame& frame, std::size_t at) {
  return static_cast<uint16_t>(frame[at] << 8 | frame[at + 1]);
}

void Put16(Frame* frame, std::size_t at, std::size_t number) {
  (*frame)[at] = static_cast<uint8_t>(number >> 8);
  (*frame)[at + 1] = static_cast<uint8_t>(number);
}

void PutAddress(Frame* frame, std::size_t at, int family, const char* text) {
  inet_pton(family, text, frame->data() + at);
}

Frame Joined(Frame header, const Frame& payload) {
  header.insert(header.end(), payload.begin(), payload.end());
  return header;
}

// Where the layers of a frame are. 0: it has no such layer.
struct Layers {
  std::size_t ip = 0;
  std::size_t inner = 0;  // what IP carries
  std::size_t end = 0;    // of the IP packet
  uint8_t protocol = 0;
  bool is_v6 = false;
};

Layers LayersOf(const Frame& frame) {
  Layers layers;
  std::size_t at = 12;
  while (frame.size() >= at + 6 && Get16(frame, at) == kTag) at += 4;
  if (frame.size() < at + 2) return layers;
  const uint16_t type = Get16(frame, at);
  at += 2;
  if (type == kIpv4 && frame.size() >= at + 20) {
    layers.inner = at + (frame[at] & 15) * 4u;
    layers.end = at + Get16(frame, at + 2);
    layers.protocol = frame[at + 9];
  } else if (type == kIpv6 && frame.size() >= at + 40) {
    layers.is_v6 = true;
    layers.inner = at + 40;
    layers.end = layers.inner + Get16(frame, at + 4);
    layers.protocol = frame[at + 6];
  } else {
    return layers;
  }
  layers.ip = at;
  if (layers.end > frame.size()) layers.end = frame.size();
  if (layers.inner + 8 > layers.end) layers.inner = 0;
  return layers;
}

// RFC 1071.
class Checksum {
 public:
  void Add(uint32_t number) { sum_ += number; }
  void Add(const Frame& frame, std::size_t from, std::size_t end) {
    for (; from + 1 < end; from += 2) sum_ += Get16(frame, from);
    if (from < end) sum_ += static_cast<uint32_t>(frame[from] << 8);
  }
  uint16_t value() const {
    uint32_t sum = sum_;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
  }

 private:
  uint32_t sum_ = 0;
};

// Of a header of IPv4, or of all that IP carries; 0 if it is right.
uint16_t HeaderChecksum(const Frame& frame, const Layers& layers) {
  Checksum sum;
  sum.Add(frame, layers.ip, layers.ip + (frame[layers.ip] & 15) * 4u);
  return sum.value();
}

uint16_t InnerChecksum(const Frame& frame, const Layers& layers) {
  Checksum sum;
  sum.Add(frame, layers.inner, layers.end);
  if (layers.protocol != kIcmp) {
    const std::size_t from = layers.ip + (layers.is_v6 ? 8 : 12);
    sum.Add(frame, from, from + (layers.is_v6 ? 32 : 8));
    sum.Add(layers.protocol);
    sum.Add(static_cast<uint32_t>(layers.end - layers.inner));
  }
  return sum.value();
}

// Where its checksum is in what IP carries; 0: not known.
std::size_t ChecksumAt(uint8_t protocol) {
  switch (protocol) {
    case kIcmp:
    case kIcmp6:
      return 2;
    case kTcp:
      return 16;
    case kUdp:
      return 6;
    default:
      return 0;
  }
}

bool HasChecksum(const Layers& layers) {
  const std::size_t at = ChecksumAt(layers.protocol);
  return layers.inner != 0 && at != 0 && layers.inner + at + 2 <= layers.end;
}

std::string AddressText(const Frame& frame, const Layers& layers, int which) {
  char text[INET6_ADDRSTRLEN];
  const std::size_t size = layers.is_v6 ? 16 : 4;
  const std::size_t at = layers.ip + (layers.is_v6 ? 8 : 12) +
                         static_cast<std::size_t>(which) * size;
  inet_ntop(layers.is_v6 ? AF_INET6 : AF_INET, frame.data() + at, text,
            sizeof text);
  std::string result = text;
  if (layers.inner != 0 &&
      (layers.protocol == kTcp || layers.protocol == kUdp)) {
    const uint16_t port =
        Get16(frame, layers.inner + static_cast<std::size_t>(which) * 2);
    result += ":" + std::to_string(port);
  }
  return result;
}

std::string ProtocolText(const Frame& frame, const Layers& layers) {
  switch (layers.protocol) {
    case kTcp:
      return "tcp";
    case kUdp:
      return "udp";
    case kIcmp:
    case kIcmp6:
      if (layers.inner == 0) return "icmp";
      return std::string(layers.protocol == kIcmp ? "icmp " : "icmp6 ") +
             std::to_string(frame[layers.inner]) + "/" +
             std::to_string(frame[layers.inner + 1]);
    default:
      return "protocol " + std::to_string(layers.protocol);
  }
}

}  // namespace

Frame EthernetFrame(uint16_t type, const Frame& payload) {
  Frame frame = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 0};
  Put16(&frame, 12, type);
  return Joined(frame, payload);
}

Frame Tagged(uint16_t vlan, Frame frame) {
  Frame tag(4);
  Put16(&tag, 0, kTag);
  Put16(&tag, 2, vlan);
  frame.insert(frame.begin() + 12, tag.begin(), tag.end());
  return frame;
}

Frame Ipv4(const char* source, const char* destination, uint8_t protocol,
           const Frame& payload) {
  Frame header(20);
  header[0] = 0x45;
  Put16(&header, 2, header.size() + payload.size());
  header[8] = 64;
  header[9] = protocol;
  PutAddress(&header, 12, AF_INET, source);
  PutAddress(&header, 16, AF_INET, destination);
  return Joined(header, payload);
}

Frame Ipv6(const char* source, const char* destination, uint8_t protocol,
           const Frame& payload) {
  Frame header(40);
  header[0] = 0x60;
  Put16(&header, 4, payload.size());
  header[6] = protocol;
  header[7] = 64;
  PutAddress(&header, 8, AF_INET6, source);
  PutAddress(&header, 24, AF_INET6, destination);
  return Joined(header, payload);
}

Frame Udp(uint16_t source, uint16_t destination, const Frame& payload) {
  Frame header(8);
  Put16(&header, 0, source);
  Put16(&header, 2, destination);
  Put16(&header, 4, header.size() + payload.size());
  return Joined(header, payload);
}

Frame Tcp(uint16_t source, uint16_t destination, uint8_t flags,
          const Frame& payload) {
  Frame header(20);
  Put16(&header, 0, source);
  Put16(&header, 2, destination);
  header[12] = 5 << 4;
  header[13] = flags;
  Put16(&header, 14, 0xffff);
  return Joined(header, payload);
}

Frame Echo(uint8_t type, uint16_t number, const Frame& payload) {
  Frame header(8);
  header[0] = type;
  Put16(&header, 6, number);
  return Joined(header, payload);
}

Frame WithChecksums(Frame frame) {
  const Layers layers = LayersOf(frame);
  if (layers.ip == 0) return frame;
  if (!layers.is_v6) {
    Put16(&frame, layers.ip + 10, 0);
    Put16(&frame, layers.ip + 10, HeaderChecksum(frame, layers));
  }
  if (HasChecksum(layers)) {
    const std::size_t at = layers.inner + ChecksumAt(layers.protocol);
    Put16(&frame, at, 0);
    const uint16_t sum = InnerChecksum(frame, layers);
    // To UDP, 0 means that there is none.
    Put16(&frame, at, sum == 0 && layers.protocol == kUdp ? 0xffff : sum);
  }
  return frame;
}

std::string Describe(const Frame& frame) {
  std::string text;
  for (std::size_t at = 12; frame.size() >= at + 4 && Get16(frame, at) == kTag;
       at += 4) {
    text += "vlan " + std::to_string(Get16(frame, at + 2) & 0xfff) + ", ";
  }
  const Layers layers = LayersOf(frame);
  if (layers.ip != 0) {
    text += AddressText(frame, layers, 0) + " > " +
            AddressText(frame, layers, 1) + " " + ProtocolText(frame, layers) +
            ", ";
  }
  text += std::to_string(frame.size()) + " bytes";
  if (layers.ip == 0) return text;
  if (!layers.is_v6 && HeaderChecksum(frame, layers) != 0) {
    text += ", wrong checksum of IP";
  }
  if (!HasChecksum(layers)) return text;
  const std::size_t at = layers.inner + ChecksumAt(layers.protocol);
  if (layers.protocol == kUdp && Get16(frame, at) == 0) {
    text += ", no checksum";
  } else if (InnerChecksum(frame, layers) != 0) {
    text += ", wrong checksum";
  }
  return text;
}

}  // namespace bpfmap::examples
