// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/link.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/perf_event.h"

namespace bpfmap {

LinkObject::LinkObject(Facts facts, std::shared_ptr<ProgramObject> program)
    : facts_(std::move(facts)), program_(std::move(program)) {}

LinkObject::~LinkObject() {
  if (facts_.event != nullptr) facts_.event->Detach(this);
  AttachedPrograms::Global().Remove(this);
}

std::shared_ptr<ProgramObject> LinkObject::program() const {
  ReaderLock lock(lock_);
  return program_;
}

bool LinkObject::is_attached() const {
  ReaderLock lock(lock_);
  return attached_;
}

long LinkObject::Attach(AttachPlace place) {
  WriterLock lock(lock_);
  for (const std::string& hook : facts_.hooks) {
    AttachedProgram attached;
    attached.owner = this;
    attached.hook = hook;
    attached.target = facts_.target;
    attached.priority = facts_.priority;
    attached.cookie = facts_.cookie;
    attached.flags = facts_.mode;
    attached.program = program_;
    if (!AttachedPrograms::Global().Add(std::move(attached), place)) {
      return -ERANGE;
    }
  }
  attached_ = true;
  return 0;
}

long LinkObject::Update(std::shared_ptr<ProgramObject> program,
                        const ProgramObject* old) {
  const LinkType type = facts_.type;
  if (type == LinkType::kNetfilter) return -EOPNOTSUPP;
  if (type != LinkType::kXdp && type != LinkType::kTcx &&
      type != LinkType::kCgroup && type != LinkType::kIter &&
      type != LinkType::kNetns) {
    return -EINVAL;
  }
  WriterLock lock(lock_);
  // Of a namespace, that it is detached is seen last.
  if (!attached_ && type != LinkType::kNetns) return -ENOLINK;
  if (old != nullptr && program_.get() != old) return -EPERM;
  if (program->program().type() != program_->program().type()) return -EINVAL;
  const ProgramObject::Facts& now = program_->facts();
  const ProgramObject::Facts& then = program->facts();
  if (type == LinkType::kIter &&
      (then.expected_attach_type != now.expected_attach_type ||
       then.attach_btf_id != now.attach_btf_id)) {
    return -EINVAL;
  }
  if (!attached_) return -ENOLINK;
  if (program == program_) return 0;
  AttachedPrograms& all = AttachedPrograms::Global();
  if (type == LinkType::kTcx) {
    const auto there = all.Of(facts_.hooks[0], facts_.target);
    const auto is_same = [&](const AttachedProgram& attached) {
      return attached.program == program;
    };
    if (std::any_of(there.begin(), there.end(), is_same)) return -EEXIST;
  }
  all.Replace(this, program);
  program_.swap(program);
  return 0;
}

long LinkObject::Detach() {
  switch (facts_.type) {
    case LinkType::kXdp:
    case LinkType::kTcx:
    case LinkType::kCgroup:
    case LinkType::kNetfilter:
    case LinkType::kNetns:
      break;
    default:
      return -EOPNOTSUPP;
  }
  AttachedPrograms::Global().Remove(this);
  WriterLock lock(lock_);
  attached_ = false;
  return 0;
}

}  // namespace bpfmap
