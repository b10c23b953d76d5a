// SPDX-License-Identifier: Apache-2.0
//
// AttachedPrograms: the programs that are attached to hooks, by links, by perf
// events and by BPF_PROG_ATTACH. The code that runs them when something happens
// is fire.h.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_ATTACHED_PROGRAMS_H_
#define BPFMAP_SYSCALL_ATTACHED_PROGRAMS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {

struct AttachedProgram {
  // A link or another object, which takes the program away before it ends.
  const void* owner = nullptr;
  std::string hook;      // as HookName() (attachment.h)
  uint64_t target = 0;   // a device, a cgroup: programs of others do not mix
  int32_t priority = 0;  // those of lower numbers run first: netfilter
  uint64_t cookie = 0;
  uint32_t flags = 0;     // BPF_F_ALLOW_OVERRIDE or _MULTI, of cgroups
  bool is_owned = false;  // by itself: BPF_PROG_ATTACH
  std::shared_ptr<ProgramObject> program;
};

// Where a program goes among those of its hook and target.
struct AttachPlace {
  enum Where { kLast, kFirst, kBefore, kAfter } where = kLast;
  const void* owner = nullptr;  // of the one that it goes before or after
};

class AttachedPrograms {
 public:
  // The process has one.
  static AttachedPrograms& Global();

  AttachedPrograms(const AttachedPrograms&) = delete;
  AttachedPrograms& operator=(const AttachedPrograms&) = delete;

  // Whether there ever was one.
  static bool some_was_attached();
  bool empty() const;

  // False: none of its hook and target has AttachPlace::owner.
  bool Add(AttachedProgram program, AttachPlace place = {});
  // The same of one that stays until it is removed: its owner is new.
  bool AddOwned(AttachedProgram program, AttachPlace place = {});
  // Another program of the same owner, in the place of its old one.
  void Replace(const void* owner,
               const std::shared_ptr<ProgramObject>& program);
  void Remove(const void* owner);

  // Those of this hook and this target, in their order.
  std::vector<AttachedProgram> Of(std::string_view hook, uint64_t target) const;
  // Counts what changed at a hook and target, from 1 on.
  uint64_t RevisionOf(std::string_view hook, uint64_t target) const;
  // Those that run at a hook, of all targets, in the order of the runs.
  std::vector<AttachedProgram> At(std::string_view hook) const;

 private:
  AttachedPrograms() = default;
  void CountChange(const AttachedProgram& program)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    ++changes_[{program.hook, program.target}];
  }

  mutable Cloud::Lock lock_;
  std::vector<AttachedProgram> programs_ ABSL_GUARDED_BY(lock_);
  std::map<std::pair<std::string, uint64_t>, uint64_t> changes_
      ABSL_GUARDED_BY(lock_);
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_ATTACHED_PROGRAMS_H_
