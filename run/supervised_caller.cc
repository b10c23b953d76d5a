// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/supervised_caller.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "bpfmap/run/file_rights.h"
#include "bpfmap/run/pin_files.h"
#include "bpfmap/run/thread_handles.h"

namespace bpfmap {
namespace {

constexpr std::size_t kMostAtOnce = 1 << 30;  // a call has a limit of 2 GiB

using Stream = std::unique_ptr<FILE, int (*)(FILE*)>;

std::string ProcPath(pid_t thread, const char* name) {
  return "/proc/" + std::to_string(thread) + "/" + name;
}

Stream OpenProc(pid_t thread, const char* name) {
  return {std::fopen(ProcPath(thread, name).c_str(), "re"), &std::fclose};
}

// Whether the process has mapped the file for writing.
bool HasMapped(pid_t process, dev_t device, ino_t inode) {
  const Stream maps = OpenProc(process, "maps");
  if (maps == nullptr) return false;
  char line[PATH_MAX + 256];
  while (std::fgets(line, sizeof line, maps.get()) != nullptr) {
    unsigned major_number, minor_number;
    uint64_t number;
    char rights[5];
    if (std::sscanf(line, "%*x-%*x %4s %*x %x:%x %" SCNu64, rights,
                    &major_number, &minor_number, &number) == 4 &&
        number == inode && makedev(major_number, minor_number) == device &&
        rights[1] == 'w') {
      return true;
    }
  }
  return false;
}

// Commands that read few bytes, once.
bool IsOnElement(uint64_t command) {
  switch (command) {
    case BPF_MAP_LOOKUP_ELEM:
    case BPF_MAP_UPDATE_ELEM:
    case BPF_MAP_DELETE_ELEM:
    case BPF_MAP_GET_NEXT_KEY:
    case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
      return true;
    default:
      return false;
  }
}

// Where a link leads to; "" if that cannot be told.
std::string ReadLink(const std::string& link) {
  char path[PATH_MAX];
  const ssize_t length = readlink(link.c_str(), path, sizeof path);
  if (length < 0 || length == sizeof path) return "";
  return {path, static_cast<std::size_t>(length)};
}

// Once: why all of a process's addresses are bad. False.
bool TellUnreadable(pid_t thread) {
  static std::atomic<bool> told{false};
  if (!told.exchange(true)) {
    std::fprintf(stderr,
                 "bpfmap: memory of process %d, and maybe of others, cannot be "
                 "read (%s): its calls fail with EFAULT\n",
                 thread, std::strerror(errno));
  }
  return false;
}

}  // namespace

SupervisedCaller::~SupervisedCaller() {
  if (memory_ >= 0) close(memory_);
}

// `vector` is process_vm_readv or process_vm_writev, `file` pread or pwrite.
// The call is checked between parts: one may take as long as the caller likes,
// whose memory may be a file of a slow file system, and its number be another's
// then.
template <typename Vector, typename File>
bool SupervisedCaller::Copy(Vector vector, File file, void* here,
                            uint64_t there, std::size_t size) {
  char* at = static_cast<char*>(here);
  for (bool first = true; size != 0; first = false) {
    if (!first && !listener_.IsValid(call_)) return false;
    const std::size_t part = std::min(size, kMostAtOnce);
    ssize_t copied = -1;
    if (memory_ < 0) {
      const iovec local = {at, part};
      const iovec remote = {reinterpret_cast<void*>(there), part};
      copied = vector(call_.thread, &local, 1, &remote, 1, 0);
      if (copied < 0 && (errno == EPERM || errno == ENOSYS)) {
        memory_ =
            open(ProcPath(call_.thread, "mem").c_str(), O_RDWR | O_CLOEXEC);
        if (!listener_.IsValid(call_)) return false;
        if (memory_ < 0) return TellUnreadable(call_.thread);
      }
    }
    if (memory_ >= 0) {
      copied = file(memory_, at, part, static_cast<off_t>(there));
    }
    if (copied != static_cast<ssize_t>(part)) return false;
    at += part;
    there += part;
    size -= part;
  }
  return true;
}

bool SupervisedCaller::ReadAhead(uint64_t from, std::size_t size) {
  constexpr uint64_t kSmallestPage = 4096;
  const std::size_t all = std::min<std::size_t>(
      sizeof ahead_, kSmallestPage - from % kSmallestPage);
  if (call_.number != SYS_bpf || !IsOnElement(call_.arguments[0]) ||
      size > all) {
    return false;
  }
  if (!Copy(process_vm_readv, pread, ahead_, from, all)) return false;
  ahead_from_ = from;
  ahead_size_ = all;
  return true;
}

bool SupervisedCaller::ReadMemory(void* to, uint64_t from, std::size_t size) {
  // Checked afterwards: it may have ended before or while it was read. The
  // attribute, which is read first, needs no check of its own: all that is done
  // with it looks at the caller again.
  const bool is_first = !std::exchange(has_read_, true);
  const bool is_ahead = is_first && ReadAhead(from, size);
  if (from >= ahead_from_ && size <= ahead_size_ &&
      from - ahead_from_ <= ahead_size_ - size) {
    std::memcpy(to, ahead_ + (from - ahead_from_), size);
    if (is_ahead || is_known_valid_) return true;
  } else if (!Copy(process_vm_readv, pread, to, from, size)) {
    return false;
  }
  if (is_first) return true;
  return listener_.IsValid(call_);
}

bool SupervisedCaller::WriteMemory(uint64_t to, const void* from,
                                   std::size_t size) {
  ahead_size_ = 0;
  return listener_.IsValid(call_) &&
         Copy(process_vm_writev, pwrite, const_cast<void*>(from), to, size);
}

int SupervisedCaller::Borrow(int fd) const {
  for (bool again = true;; again = false) {
    const auto handle = ThreadHandles::Global().Find(call_.thread);
    if (handle == nullptr) return -EBADF;
    const long borrowed = syscall(SYS_pidfd_getfd, handle->fd(), fd, 0);
    if (borrowed >= 0) {
      if (listener_.IsValid(call_)) {
        is_known_valid_ = has_read_;
        return static_cast<int>(borrowed);
      }
      close(static_cast<int>(borrowed));
      errno = ESRCH;
    }
    if (errno != ESRCH) return -errno;
    ThreadHandles::Global().Forget(call_.thread);
    if (!again) return -EBADF;
  }
}

long SupervisedCaller::FindFile(int fd, FileStatus* status) {
  const int borrowed = Borrow(fd);
  if (borrowed < 0) return -EBADF;
  struct stat file;
  status->flags = fcntl(borrowed, F_GETFL);
  const bool found = status->flags >= 0 && fstat(borrowed, &file) == 0;
  close(borrowed);
  if (!found) return -EBADF;
  status->device = file.st_dev;
  status->inode = file.st_ino;
  status->mode = file.st_mode;
  return 0;
}

long SupervisedCaller::FindProcess(int fd, uint32_t* pid) {
  const int borrowed = Borrow(fd);
  if (borrowed < 0) return -EBADF;
  const long error = ProcessOfOwnFd(borrowed, pid);
  close(borrowed);
  return error;
}

long SupervisedCaller::GiveFile(int fd) {
  const long given = listener_.GiveFile(call_, fd);
  close(fd);
  return given;
}

Task SupervisedCaller::CurrentTask() {
  Task task;
  task.pid = static_cast<uint32_t>(call_.thread);
  task.tgid = task.pid;
  const Stream status = OpenProc(call_.thread, "status");
  if (status == nullptr) return task;
  char line[256];
  while (std::fgets(line, sizeof line, status.get()) != nullptr) {
    char name[sizeof task.comm] = {};
    if (std::sscanf(line, "Name: %15[^\n]", name) == 1) {
      std::memcpy(task.comm, name, sizeof name);
    }
    std::sscanf(line, "Tgid: %u", &task.tgid);
    std::sscanf(line, "Uid: %u", &task.uid);
    std::sscanf(line, "Gid: %u", &task.gid);
  }
  return task;
}

bool SupervisedCaller::Interrupted() {
  constexpr auto kBetweenLooks = std::chrono::milliseconds(2);
  const auto now = std::chrono::steady_clock::now();
  if (now < look_at_) return false;
  look_at_ = now + kBetweenLooks;
  if (!listener_.IsValid(call_)) return true;
  const Stream status = OpenProc(call_.thread, "status");
  if (status == nullptr) return true;
  uint64_t waiting = 0;
  uint64_t blocked = 0;
  char line[256];
  while (std::fgets(line, sizeof line, status.get()) != nullptr) {
    uint64_t signals;
    if (std::sscanf(line, "SigPnd: %" SCNx64, &signals) == 1 ||
        std::sscanf(line, "ShdPnd: %" SCNx64, &signals) == 1) {
      waiting |= signals;
    }
    std::sscanf(line, "SigBlk: %" SCNx64, &blocked);
  }
  return (waiting & ~blocked) != 0;
}

bool SupervisedCaller::IsMappedForWriting(dev_t device, ino_t inode) {
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(opendir("/proc"),
                                                      &closedir);
  if (processes == nullptr) return false;
  while (const dirent* entry = readdir(processes.get())) {
    const pid_t process = std::atoi(entry->d_name);
    if (process <= 0 || process == getpid()) continue;
    if (HasMapped(process, device, inode)) return true;
  }
  return false;
}

bool SupervisedCaller::FindMapping(dev_t device, ino_t inode,
                                   MappedFile* found) {
  const Stream maps = OpenProc(call_.thread, "maps");
  return FindMappingIn(maps.get(), device, inode, 0, found);
}

std::string SupervisedCaller::DirectoryPath(int directory) const {
  int borrowed = -1;
  std::string link = ProcPath(call_.thread, "cwd");
  if (directory != AT_FDCWD) {
    borrowed = Borrow(directory);
    if (borrowed < 0) return "";
    link = "/proc/self/fd/" + std::to_string(borrowed);
  }
  std::string path = ReadLink(link);
  if (borrowed >= 0) close(borrowed);
  // As this process sees it, from outside of the caller's root.
  const std::string root = ReadLink(ProcPath(call_.thread, "root"));
  if (root == "/") return path;
  if (root.empty() || path.compare(0, root.size(), root) != 0) return "";
  path.erase(0, root.size());
  if (!path.empty() && path[0] != '/') return "";
  return path + "/";
}

int SupervisedCaller::OpenPath(int directory, const std::string& path,
                               int flags) const {
  std::string absolute = path;
  if (path.empty() || path[0] != '/') {
    absolute = DirectoryPath(directory);
    if (absolute.empty()) return directory == AT_FDCWD ? -ENOENT : -EBADF;
    absolute += "/" + path;
  }
  const int root =
      open(ProcPath(call_.thread, "root").c_str(), O_PATH | O_CLOEXEC);
  if (root < 0) return -errno;
  open_how how = {};
  how.flags = static_cast<uint64_t>(O_PATH | O_CLOEXEC | flags);
  how.resolve = RESOLVE_IN_ROOT;
  long fd = -1;
  int error = ESRCH;
  if (const FileRights rights(call_.thread); rights.ok()) {
    fd = syscall(SYS_openat2, root, absolute.c_str(), &how, sizeof how);
    error = errno;
  }
  close(root);
  if (fd < 0) return -error;
  if (listener_.IsValid(call_)) return static_cast<int>(fd);
  close(static_cast<int>(fd));
  return -ESRCH;
}

}  // namespace bpfmap
