// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/attach_place.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/link.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {
namespace {

// The link or the program that `relative` names.
struct Named {
  std::shared_ptr<LinkObject> link;
  std::shared_ptr<ProgramObject> program;
};

long FindNamed(const Relative& relative, Named* named) {
  BpfFdTable& files = BpfFdTable::Global();
  const bool is_link = (relative.flags & kRelativeLink) != 0;
  if ((relative.flags & kRelativeId) != 0) {
    if (is_link) {
      named->link = files.LinkOfId(relative.fd_or_id);
    } else {
      named->program = files.ProgramOfId(relative.fd_or_id);
    }
    return named->link != nullptr || named->program != nullptr ? 0 : -ENOENT;
  }
  return is_link ? files.FindLink(relative.fd_or_id, &named->link)
                 : files.FindProgram(relative.fd_or_id, &named->program);
}

}  // namespace

long FindPlace(const Relative& relative, const std::string& hook,
               uint64_t target, AttachPlace* place) {
  const AttachedPrograms& all = AttachedPrograms::Global();
  const bool names_one = relative.fd_or_id != 0 ||
                         (relative.flags & (kRelativeId | kRelativeLink)) != 0;
  Named named;
  if (names_one) {
    const long error = FindNamed(relative, &named);
    if (error != 0) return error;
  }
  if (relative.revision != 0 &&
      relative.revision != all.RevisionOf(hook, target)) {
    return -ESTALE;
  }
  const bool before = (relative.flags & kBefore) != 0;
  const bool after = (relative.flags & kAfter) != 0;
  if (before && after) return -ERANGE;
  if (!names_one) {
    *place = {before ? AttachPlace::kFirst : AttachPlace::kLast, nullptr};
    return 0;
  }
  const std::vector<AttachedProgram> there = all.Of(hook, target);
  const auto at = std::find_if(
      there.begin(), there.end(), [&](const AttachedProgram& attached) {
        return named.link != nullptr ? attached.owner == named.link.get()
                                     : attached.program == named.program;
      });
  if (at == there.end()) return -ERANGE;
  *place = {after ? AttachPlace::kAfter : AttachPlace::kBefore, at->owner};
  return 0;
}

}  // namespace bpfmap
