// SPDX-License-Identifier: Apache-2.0
//
// LinkObject: a link as bpf(2) knows it: a program that is attached as long as
// a descriptor or a pin refers to the link.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_LINK_H_
#define BPFMAP_SYSCALL_LINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/syscall/attached_programs.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {

class MapObject;
class PerfEventObject;

// BPF_LINK_TYPE_*.
enum class LinkType : uint32_t {
  kRawTracepoint = 1,
  kTracing = 2,
  kCgroup = 3,
  kIter = 4,
  kNetns = 5,
  kXdp = 6,
  kPerfEvent = 7,
  kKprobeMulti = 8,
  kNetfilter = 10,
  kTcx = 11,
  kUprobeMulti = 12,
};

class LinkObject {
 public:
  // Facts that do not change.
  struct Facts {
    LinkType type{};
    uint32_t attach_type = 0;
    std::vector<std::string> hooks;
    std::string name;                      // of a raw tracepoint
    uint64_t target = 0;                   // of a device, a cgroup, a netns
    uint32_t family = 0, hook_number = 0;  // of netfilter, as is the next
    int32_t priority = 0;
    uint32_t flags = 0;
    uint32_t mode = 0;  // AttachedProgram::flags
    uint64_t cookie = 0;
    std::shared_ptr<MapObject> map;          // of an iterator: for user space
    std::shared_ptr<PerfEventObject> event;  // of perf: it stays open
  };

  // Not attached yet.
  LinkObject(Facts facts, std::shared_ptr<ProgramObject> program);
  ~LinkObject();
  LinkObject(const LinkObject&) = delete;
  LinkObject& operator=(const LinkObject&) = delete;

  // 0 until BpfFdTable gives it one.
  uint32_t id() const { return id_; }
  void set_id(uint32_t id) { id_ = id; }

  const Facts& facts() const { return facts_; }
  std::shared_ptr<ProgramObject> program() const;
  bool is_attached() const;

  // Attaches it.
  //   ERANGE  the place is next to what is not there
  long Attach(AttachPlace place = {});

  // BPF_LINK_UPDATE; `old`: only in the place of this program, if it is given.
  //   EINVAL      the program of such a link stays; one of another type, or of
  //               another target of iterators
  //   EOPNOTSUPP  it stays (netfilter)
  //   ENOLINK     the link was detached
  //   EPERM       its program is not `old`
  //   EEXIST      tcx: the program is attached there already
  long Update(std::shared_ptr<ProgramObject> program, const ProgramObject* old);

  // BPF_LINK_DETACH: the link stays, without effect.
  //   EOPNOTSUPP  such a link cannot be detached
  long Detach();

 private:
  const Facts facts_;
  uint32_t id_ = 0;
  mutable Cloud::Lock lock_;
  std::shared_ptr<ProgramObject> program_ ABSL_GUARDED_BY(lock_);
  bool attached_ ABSL_GUARDED_BY(lock_) = false;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_LINK_H_
