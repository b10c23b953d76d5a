// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/perf_event.h"

#include <linux/perf_event.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/syscall/high_fd.h"
#include "bpfmap/syscall/mappable.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

bool IsPowerOfTwoOrZero(uint64_t number) {
  return (number & (number - 1)) == 0;
}

// Types of programs that may be attached to an event.
ProgramType TypeFor(PerfEventObject::Kind kind) {
  switch (kind) {
    case PerfEventObject::Kind::kTracepoint:
      return ProgramType::kTracepoint;
    case PerfEventObject::Kind::kKprobe:
    case PerfEventObject::Kind::kUprobe:
      return ProgramType::kKprobe;
    case PerfEventObject::Kind::kOutput:
    case PerfEventObject::Kind::kCounter:
      break;
  }
  return ProgramType::kPerfEvent;
}

PerfEventAttr AttrOf(const PerfEventObject::Facts& facts, PerfSink* sink) {
  PerfEventAttr attr;
  attr.cpu = std::max(facts.cpu, 0);
  attr.sink = sink;
  // Programs can write to no others: their number stands for them all.
  attr.config =
      facts.kind == PerfEventObject::Kind::kOutput ? kPerfSwBpfOutput : 0;
  return attr;
}

}  // namespace

PerfEventObject::PerfEventObject(Facts facts, int memory, ino_t inode)
    : facts_(std::move(facts)),
      memory_(memory),
      inode_(inode),
      event_(AttrOf(facts_, this)) {
  static_cast<void>(event_.Init());  // it takes no memory
}

PerfEventObject::~PerfEventObject() {
  AttachedPrograms::Global().Remove(this);
  CloseHighFd(memory_);
  if (event_file_ >= 0) CloseHighFd(event_file_);
}

bool PerfEventObject::IsClosed() const {
  struct stat file;
  // The program may have closed it: then nothing tells.
  if (fstat(memory_, &file) != 0 || file.st_ino != inode_) return false;
  if (flock(memory_, LOCK_EX | LOCK_NB) != 0) return false;
  flock(memory_, LOCK_UN);
  return true;
}

long PerfEventObject::PrepareMap(std::size_t length, int protection, int flags,
                                 off_t offset) {
  const int type = flags & MAP_TYPE;
  if (type != MAP_SHARED && type != MAP_SHARED_VALIDATE) return -EINVAL;
  if (offset != 0 || length == 0) return -EINVAL;
  const uint64_t pages = RoundUpToPage(length) / PageSize() - 1;
  if (!IsPowerOfTwoOrZero(pages)) return -EINVAL;
  WriterLock lock(map_lock_);
  if (ring_.is_mapped()) return ring_.pages() == pages ? 0 : -EINVAL;
  return ring_.Map(memory_, pages, (protection & PROT_WRITE) == 0,
                   facts_.wakeup);
}

long PerfEventObject::Attach(const void* owner,
                             std::shared_ptr<ProgramObject> program,
                             uint64_t cookie) {
  WriterLock lock(lock_);
  if (program_owner_ != nullptr) return -EEXIST;
  if (program->program().type() != TypeFor(facts_.kind)) return -EINVAL;
  AttachedProgram attached;
  attached.owner = owner;
  attached.hook = facts_.hook;
  attached.target = static_cast<uint64_t>(static_cast<int64_t>(facts_.cpu));
  attached.cookie = cookie;
  attached.program = std::move(program);
  AttachedPrograms::Global().Add(std::move(attached));
  program_owner_ = owner;
  return 0;
}

void PerfEventObject::Detach(const void* owner) {
  WriterLock lock(lock_);
  if (program_owner_ != owner) return;
  program_owner_ = nullptr;
  AttachedPrograms::Global().Remove(owner);
}

long PerfEventObject::Control(unsigned long request, unsigned long argument) {
  switch (request) {
    case PERF_EVENT_IOC_ENABLE:
    case PERF_EVENT_IOC_DISABLE:
    case PERF_EVENT_IOC_RESET:
    case PERF_EVENT_IOC_REFRESH:
      return 0;
    case PERF_EVENT_IOC_PERIOD: {
      uint64_t period = 0;
      if (!CopyFromUser(&period, argument, sizeof period)) return -EFAULT;
      return period != 0 ? 0 : -EINVAL;
    }
    case PERF_EVENT_IOC_ID: {
      const uint64_t number = id();
      return CopyToUser(argument, &number, sizeof number) ? 0 : -EFAULT;
    }
    case PERF_EVENT_IOC_SET_OUTPUT:
      return SetOutput(argument);
    case PERF_EVENT_IOC_PAUSE_OUTPUT: {
      ReaderLock lock(map_lock_);
      if (ring_.pages() == 0) return -EINVAL;
      is_paused_ = argument != 0;
      return 0;
    }
    default:
      return -ENOTTY;
  }
}

// Of what the other writes to, at this moment.
long PerfEventObject::SetOutput(unsigned long fd) {
  std::shared_ptr<PerfEventObject> output;
  if (fd != ~0UL) {
    const long error =
        PerfEventTable::Global().Find(static_cast<int>(fd), &output);
    if (error != 0) return error == -EBADF ? error : -EINVAL;
    if (output.get() == this || output->facts().cpu != facts_.cpu) {
      return -EINVAL;
    }
  }
  {
    ReaderLock lock(map_lock_);
    if (ring_.is_mapped()) return -EINVAL;
  }
  WriterLock lock(lock_);
  output_.swap(output);
  return 0;
}

Errno PerfEventObject::WriteSample(const void* data, uint64_t size,
                                   const void* more, uint64_t more_size) {
  std::shared_ptr<PerfEventObject> output;
  {
    ReaderLock lock(lock_);
    output = output_;
  }
  PerfEventObject& to = output != nullptr ? *output : *this;
  ReaderLock lock(to.map_lock_);
  if (!to.ring_.is_mapped() || to.is_paused_) return Errno::kNoSpc;
  using Written = PerfRingFile::Written;
  const Written written =
      to.ring_.Write(id(), data, static_cast<std::size_t>(size), more,
                     static_cast<std::size_t>(more_size));
  if (written == Written::kNoRoom) return Errno::kNoSpc;
  if (written == Written::kAndWake) to.Wake();
  return Errno::kOk;
}

void PerfEventObject::Wake() {
  const int file = event_file_;
  if (file < 0) return;
  constexpr uint64_t kOnce = 1;
  [[maybe_unused]] const ssize_t written = write(file, &kOnce, sizeof kOnce);
}

void PerfEventObject::TakeWakeups() {
  const int file = event_file_;
  uint64_t count = 0;
  if (file < 0) return;
  [[maybe_unused]] const ssize_t taken = read(file, &count, sizeof count);
}

int PerfEventObject::EventFile() {
  WriterLock lock(lock_);
  if (event_file_ < 0) {
    event_file_ = MoveToHighFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }
  return event_file_;
}

}  // namespace bpfmap
