// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/attached_programs.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/programs/attachment.h"

namespace bpfmap {
namespace {

constinit std::atomic<bool> was_attached{false};

}  // namespace

bool AttachedPrograms::some_was_attached() {
  return was_attached.load(std::memory_order_relaxed);
}

bool AttachedPrograms::empty() const {
  ReaderLock lock(lock_);
  return programs_.empty();
}

AttachedPrograms& AttachedPrograms::Global() {
  static auto& programs = *new AttachedPrograms;
  return programs;
}

bool AttachedPrograms::Add(AttachedProgram program, AttachPlace place) {
  WriterLock lock(lock_);
  const auto is_near = [&](const AttachedProgram& other) {
    return other.hook == program.hook && other.target == program.target;
  };
  auto at = programs_.end();
  switch (place.where) {
    case AttachPlace::kLast:
      break;
    case AttachPlace::kFirst:
      at = std::find_if(programs_.begin(), programs_.end(), is_near);
      break;
    case AttachPlace::kBefore:
    case AttachPlace::kAfter:
      at = std::find_if(programs_.begin(), programs_.end(),
                        [&](const AttachedProgram& other) {
                          return is_near(other) && other.owner == place.owner;
                        });
      if (at == programs_.end()) return false;
      if (place.where == AttachPlace::kAfter) ++at;
  }
  CountChange(program);
  was_attached.store(true, std::memory_order_relaxed);
  programs_.insert(at, std::move(program));
  return true;
}

bool AttachedPrograms::AddOwned(AttachedProgram program, AttachPlace place) {
  // Addresses that no object has: numbers that are odd.
  static constinit std::atomic<uintptr_t> last{1};
  program.owner = reinterpret_cast<const void*>(
      last.fetch_add(2, std::memory_order_relaxed));
  program.is_owned = true;
  return Add(std::move(program), place);
}

void AttachedPrograms::Replace(const void* owner,
                               const std::shared_ptr<ProgramObject>& program) {
  std::vector<AttachedProgram> old;  // ends after the lock
  WriterLock lock(lock_);
  for (AttachedProgram& attached : programs_) {
    if (attached.owner != owner) continue;
    CountChange(attached);
    old.push_back(attached);
    attached.program = program;
  }
}

void AttachedPrograms::Remove(const void* owner) {
  std::vector<AttachedProgram> gone;  // ends after the lock
  WriterLock lock(lock_);
  const auto is_other = [owner](const AttachedProgram& attached) {
    return attached.owner != owner;
  };
  const auto first =
      std::stable_partition(programs_.begin(), programs_.end(), is_other);
  for (auto at = first; at != programs_.end(); ++at) CountChange(*at);
  std::move(first, programs_.end(), std::back_inserter(gone));
  programs_.erase(first, programs_.end());
}

std::vector<AttachedProgram> AttachedPrograms::Of(std::string_view hook,
                                                  uint64_t target) const {
  std::vector<AttachedProgram> found;
  ReaderLock lock(lock_);
  for (const AttachedProgram& attached : programs_) {
    if (attached.hook == hook && attached.target == target) {
      found.push_back(attached);
    }
  }
  return found;
}

uint64_t AttachedPrograms::RevisionOf(std::string_view hook,
                                      uint64_t target) const {
  ReaderLock lock(lock_);
  const auto changes = changes_.find({std::string(hook), target});
  return changes == changes_.end() ? 1 : 1 + changes->second;
}

std::vector<AttachedProgram> AttachedPrograms::At(std::string_view hook) const {
  std::vector<AttachedProgram> found;
  ReaderLock lock(lock_);
  for (const AttachedProgram& attached : programs_) {
    if (HookMatches(attached.hook, hook)) found.push_back(attached);
  }
  if (HookRunsLastFirst(hook)) std::reverse(found.begin(), found.end());
  std::stable_sort(found.begin(), found.end(),
                   [](const AttachedProgram& a, const AttachedProgram& b) {
                     return a.priority < b.priority;
                   });
  return found;
}

}  // namespace bpfmap
