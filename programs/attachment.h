// SPDX-License-Identifier: Apache-2.0
//
// Attachments: which programs run when something happens.
//
// A hook is a place that programs are attached to, by the name that libbpf has
// for it, which is that of their section: "tracepoint/sched/sched_switch",
// "kprobe/do_unlinkat", "xdp", "cgroup/connect4". Short and long names are one
// hook: "tp/..." and "tracepoint/...", "raw_tp/..." and "raw_tracepoint/...";
// ".s", ".frags" and ".multi" are no part of it. A program that is attached to
// a name with '*' or '?' is attached to all hooks that match.
//
// Programs run in Linux's order:
//   tracepoints, raw and typed ones, cgroups, tcx
//                           those that were attached first run first
//   fentry, fexit, fmod_ret, lsm, kprobe, kretprobe, uprobe, uretprobe
//                           those that were attached last run first
// and all of them run, but for:
//   fmod_ret, lsm           the first that does not return 0 is the last
//   tcx                     the first that does not return TCX_NEXT is the last
//
// Source: bpf(2), <linux/bpf.h>, libbpf; answers of Linux 6.18. Not
// thread-safe.

#ifndef BPFMAP_PROGRAMS_ATTACHMENT_H_
#define BPFMAP_PROGRAMS_ATTACHMENT_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpfmap/programs/program_result.h"
#include "bpfmap/programs/run_context.h"

namespace bpfmap {

class World;

// The one name of a hook.
std::string HookName(std::string_view name);

// Whether a hook of this name can be attached to: "kprobe" names no function.
bool HookIsWhole(std::string_view name);

// Whether one program at most is attached to it: XDP of a device.
bool HookIsForOne(std::string_view name);

// Whether what is attached to a hook of the name `pattern` runs at `hook`.
bool HookMatches(std::string_view pattern, std::string_view hook);

// Whether programs that were attached last run first.
bool HookRunsLastFirst(std::string_view hook);

// Whether no program runs after one that returned this.
bool HookEndsAfter(std::string_view hook, const ProgramResult& result);

// An event at a hook.
struct HookEvent {
  Context context;
  std::optional<std::span<const uint8_t>> packet;
};

class Attachments {
 public:
  // Runs a program in a world. Nothing: it is gone, and is not called again.
  using Run =
      std::function<std::optional<ProgramResult>(World&, const HookEvent&)>;

  Attachments() = default;
  Attachments(const Attachments&) = delete;
  Attachments& operator=(const Attachments&) = delete;

  // A number for Remove(), never 0; 0: the hook is taken (HookIsForOne).
  uint64_t Add(std::string_view hook, Run run);
  void Remove(uint64_t number);

  // Runs what is attached to a hook. Returns the results in the order of the
  // runs. A packet that a program changed is what the next one gets. Programs
  // may be attached and detached while it runs; it does not heed that.
  std::vector<ProgramResult> Fire(World& world, std::string_view hook,
                                  const HookEvent& event);

 private:
  struct Attached {
    uint64_t number;
    std::string hook;
    Run run;
  };

  std::list<std::shared_ptr<const Attached>> attached_;  // in their order
  uint64_t last_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_ATTACHMENT_H_
