// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/attachment.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "bpfmap/programs/section_name.h"

namespace bpfmap {
namespace {

// Kinds of sections that are hooks of another name.
constexpr struct {
  std::string_view kind;
  std::string_view hook;
} kSameHooks[] = {
    {"tp", "tracepoint"},           {"raw_tp", "raw_tracepoint"},
    {"raw_tp.w", "raw_tracepoint"}, {"raw_tracepoint.w", "raw_tracepoint"},
    {"kprobe.multi", "kprobe"},     {"kretprobe.multi", "kretprobe"},
    {"uprobe.multi", "uprobe"},     {"uretprobe.multi", "uretprobe"},
    {"xdp.frags", "xdp"},           {"classifier", "tc"},
};

// Kinds that need a target.
constexpr std::string_view kWithTarget[] = {
    "tracepoint", "raw_tracepoint", "kprobe",      "kretprobe", "ksyscall",
    "uprobe",     "uretprobe",      "kretsyscall", "usdt",      "tp_btf",
    "fentry",     "fexit",          "fmod_ret",    "lsm",       "freplace",
};

constexpr std::string_view kLastFirst[] = {
    "fentry",    "fexit",    "fmod_ret",    "lsm",    "kprobe",
    "kretprobe", "ksyscall", "kretsyscall", "uprobe", "uretprobe",
};

constexpr std::string_view kForOne[] = {"xdp"};

constexpr int32_t kTcxNext = -1;

std::string_view KindOf(std::string_view hook) {
  const std::string_view kind = ParseSectionName(hook).kind;
  for (const auto& same : kSameHooks) {
    if (same.kind == kind) return same.hook;
  }
  return kind;
}

template <typename Kinds>
bool IsOneOf(const Kinds& kinds, std::string_view kind) {
  return std::find(std::begin(kinds), std::end(kinds), kind) != std::end(kinds);
}

}  // namespace

std::string HookName(std::string_view name) {
  const SectionName parsed = ParseSectionName(name);
  if (parsed.kind.empty()) return std::string(name);
  std::string hook(KindOf(name));
  if (!parsed.target.empty()) hook.append("/").append(parsed.target);
  return hook;
}

bool HookIsWhole(std::string_view name) {
  return !ParseSectionName(name).target.empty() ||
         !IsOneOf(kWithTarget, KindOf(name));
}

bool HookIsForOne(std::string_view name) {
  return IsOneOf(kForOne, KindOf(name));
}

// '*' matches any characters, and '?' one.
bool HookMatches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, after_star = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = t;
    } else if (p < pattern.size() &&
               (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool HookRunsLastFirst(std::string_view hook) {
  return IsOneOf(kLastFirst, KindOf(hook));
}

bool HookEndsAfter(std::string_view hook, const ProgramResult& result) {
  if (!result.ok()) return false;
  const std::string_view kind = KindOf(hook);
  const auto returned = static_cast<int32_t>(result.retval);
  if (kind == "fmod_ret" || kind == "lsm") return returned != 0;
  if (kind.substr(0, 4) == "tcx/") return returned != kTcxNext;
  return false;
}

uint64_t Attachments::Add(std::string_view hook, Run run) {
  std::string name = HookName(hook);
  const auto is_same = [&](const auto& at) { return at->hook == name; };
  if (HookIsForOne(name) &&
      std::any_of(attached_.begin(), attached_.end(), is_same)) {
    return 0;
  }
  attached_.push_back(std::make_shared<const Attached>(
      Attached{++last_, std::move(name), std::move(run)}));
  return last_;
}

void Attachments::Remove(uint64_t number) {
  attached_.remove_if(
      [number](const auto& at) { return at->number == number; });
}

std::vector<ProgramResult> Attachments::Fire(World& world,
                                             std::string_view hook,
                                             const HookEvent& event) {
  const std::string name = HookName(hook);
  std::vector<std::shared_ptr<const Attached>> to_run;
  for (const auto& at : attached_) {
    if (HookMatches(at->hook, name)) to_run.push_back(at);
  }
  if (HookRunsLastFirst(name)) std::reverse(to_run.begin(), to_run.end());
  std::vector<ProgramResult> results;
  HookEvent next = event;
  for (const auto& at : to_run) {
    std::optional<ProgramResult> result = at->run(world, next);
    if (!result) {
      Remove(at->number);
      continue;
    }
    results.push_back(*std::move(result));
    if (HookEndsAfter(name, results.back())) break;
    // The results may move, but not the bytes of their packets.
    if (next.packet && results.back().ok()) next.packet = results.back().data;
  }
  return results;
}

}  // namespace bpfmap
