// SPDX-License-Identifier: Apache-2.0
//
// BPF_OBJ_GET_INFO_BY_FD of a link.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/info_copy.h"
#include "bpfmap/syscall/iterator.h"
#include "bpfmap/syscall/link.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/perf_event.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

// struct bpf_link_info of Linux 6.18; the rest is by type.
struct LinkInfoBytes {
  uint32_t type;
  uint32_t id;
  uint32_t prog_id;
  uint32_t unused;
  uint32_t words[12];

  uint64_t LongAt(int word) const {
    uint64_t value;
    std::memcpy(&value, &words[word], sizeof value);
    return value;
  }
  void PutLong(int word, uint64_t value) {
    std::memcpy(&words[word], &value, sizeof value);
  }
};
static_assert(sizeof(LinkInfoBytes) == 64);

// enum bpf_perf_event_type.
enum PerfType : uint32_t {
  kUprobe = 1,
  kUretprobe = 2,
  kKprobe = 3,
  kKretprobe = 4,
  kTracepoint = 5,
  kEvent = 6,
};

// A text for the buffer whose address is at a word and whose length follows.
//   EINVAL  an address without a length, or a length without an address
//   ENOSPC  it was cut
long PutText(const std::string& text, int word, LinkInfoBytes* info) {
  const uint64_t address = info->LongAt(word);
  const uint32_t length = info->words[word + 2];
  if ((address == 0) != (length == 0)) return -EINVAL;
  const auto size = static_cast<uint32_t>(text.size() + 1);
  info->words[word + 2] = size;
  if (address == 0) return 0;
  if (size <= length)
    return CopyToUser(address, text.c_str(), size) ? 0 : -EFAULT;
  info->words[word + 2] = length;
  const std::string cut = text.substr(0, length - 1);
  return CopyToUser(address, cut.c_str(), length) ? -ENOSPC : -EFAULT;
}

// The part of a hook after its kind.
std::string TargetOf(const std::string& hook) {
  const std::size_t slash = hook.find('/');
  return slash == std::string::npos ? "" : hook.substr(slash + 1);
}

// As user space asked in *info, which was cleared but for the buffer.
long PutPerfEvent(const LinkObject& link, LinkInfoBytes* info) {
  const PerfEventObject::Facts& facts = link.facts().event->facts();
  std::string target = TargetOf(facts.hook);
  const bool is_return = facts.hook.find("ret") == 1;
  using Kind = PerfEventObject::Kind;
  switch (facts.kind) {
    case Kind::kTracepoint:
      info->words[0] = kTracepoint;
      return PutText(target.substr(target.find('/') + 1), 2, info);
    case Kind::kKprobe:
      info->words[0] = is_return ? kKretprobe : kKprobe;
      return PutText(target.substr(0, target.find('+')), 2, info);
    case Kind::kUprobe:
      info->words[0] = is_return ? kUretprobe : kUprobe;
      return PutText(target.substr(0, target.rfind(':')), 2, info);
    case Kind::kOutput:
    case Kind::kCounter:
      break;
  }
  info->words[0] = kEvent;
  info->PutLong(2, facts.config);
  info->words[4] = facts.type;
  info->PutLong(6, link.facts().cookie);
  return 0;
}

long Fill(const LinkObject& link, LinkInfoBytes* info) {
  const LinkObject::Facts& facts = link.facts();
  switch (facts.type) {
    case LinkType::kRawTracepoint:
      return PutText(facts.name, 0, info);
    case LinkType::kPerfEvent:
      return PutPerfEvent(link, info);
    case LinkType::kTracing:
      info->words[0] = facts.attach_type;
      info->words[2] = link.program()->facts().attach_btf_id;
      return 0;
    case LinkType::kCgroup:
      if (link.is_attached()) info->PutLong(0, facts.target);
      info->words[2] = facts.attach_type;
      return 0;
    case LinkType::kXdp:
      if (link.is_attached()) {
        info->words[0] = static_cast<uint32_t>(facts.target);
      }
      return 0;
    case LinkType::kTcx:
      if (link.is_attached()) {
        info->words[0] = static_cast<uint32_t>(facts.target);
      }
      info->words[1] = facts.attach_type;
      return 0;
    case LinkType::kNetns:
      if (link.is_attached()) {
        info->words[0] = static_cast<uint32_t>(facts.target);
      }
      info->words[1] = facts.attach_type;
      return 0;
    case LinkType::kNetfilter:
      info->words[0] = facts.family;
      info->words[1] = facts.hook_number;
      info->words[2] = static_cast<uint32_t>(facts.priority);
      info->words[3] = facts.flags;
      return 0;
    case LinkType::kIter:
      info->words[3] = facts.map->id();
      return PutText(kMapElementTarget, 0, info);
    case LinkType::kKprobeMulti:
    case LinkType::kUprobeMulti:
      return 0;
  }
  return 0;
}

}  // namespace

long LinkInfo(const Attributes& attributes, const LinkObject& link) {
  LinkInfoBytes asked = {};
  std::size_t length;
  long error = CopyInfoFromUser(attributes, &asked, &length);
  if (error != 0) return error;
  LinkInfoBytes info = {};
  // Of what user space gives only the buffers matter.
  const bool has_buffer = link.facts().type == LinkType::kRawTracepoint ||
                          link.facts().type == LinkType::kIter ||
                          link.facts().type == LinkType::kPerfEvent;
  if (has_buffer) std::memcpy(info.words, asked.words, sizeof info.words);
  info.type = static_cast<uint32_t>(link.facts().type);
  info.id = link.id();
  info.prog_id = link.program()->id();
  error = Fill(link, &info);
  if (error != 0 && error != -ENOSPC) return error;
  const long copied = CopyInfoToUser(attributes, info, length);
  return copied != 0 ? copied : error;
}

}  // namespace bpfmap
