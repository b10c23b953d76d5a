// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/pins.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/pin_calls.h"
#include "bpfmap/syscall/pin_directory.h"
#include "bpfmap/syscall/raw_syscall.h"
#include "bpfmap/syscall/scoped_fd.h"

namespace bpfmap {
namespace {

long Stat(const PathAt& at, int flags, struct stat* file) {
  return RawSyscall(SYS_newfstatat, at.directory, Word(at.path), Word(file),
                    flags);
}

// Why nothing can be pinned at a path that is elsewhere.
long WhyNotPinned(const PathAt& at) {
  struct stat file;
  const long error = Stat(at, AT_SYMLINK_NOFOLLOW, &file);
  if (error == 0) return -EEXIST;
  return error == -ENOENT ? -EPERM : error;
}

}  // namespace

ProcessPins& ProcessPins::Global() {
  static auto& pins = *new ProcessPins;
  return pins;
}

long ProcessPins::Pin(int directory, const std::string& path,
                      PinnedObject object) {
  PinDirectory& files = PinDirectory::Global();
  char buffer[PinDirectory::kLongestPath];
  const PathAt at = files.Find(directory, path.c_str(), buffer);
  // The last name, and the directory that it is in.
  std::string parent = at.path;
  if (files.IsRoot(at)) return -EEXIST;
  long error = files.CheckName(at);
  if (error != 0) return error;
  while (parent.size() > 1 && parent.back() == '/') parent.pop_back();
  const bool wants_directory = parent.size() != std::strlen(at.path);
  const std::size_t slash = parent.rfind('/');
  const std::string name =
      parent.substr(slash == std::string::npos ? 0 : slash + 1);
  parent.resize(slash == std::string::npos ? 0 : slash + 1);
  if (parent.empty()) parent.push_back('.');

  const ScopedFd in(RawSyscall(SYS_openat, at.directory, Word(parent.c_str()),
                               O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (in.get() < 0) return in.get();
  struct stat file;
  Stat({in.get(), "", false}, AT_EMPTY_PATH, &file);
  const PathAt last = {in.get(), name.c_str(), at.is_pin || files.Owns(file)};
  if (!last.is_pin) return WhyNotPinned(last);
  error = files.CheckName(last);
  if (error != 0) return error;
  if (wants_directory) {
    return Stat(last, AT_SYMLINK_NOFOLLOW, &file) == 0 ? -EEXIST : -ENOENT;
  }

  if (object.map != nullptr) object.map = MapObject::AsUser(*object.map);
  WriterLock lock(lock_);
  const long serial = files.MakeFile(&file);
  if (serial < 0) return serial;
  // Before the name is there: this may take memory.
  pins_[file.st_ino] = {std::move(object), serial};
  error = files.NameFile(serial, in.get(), name.c_str());
  if (error != 0) {
    files.Forget(serial);
    pins_.erase(file.st_ino);
  }
  return error;
}

long ProcessPins::Find(int directory, const std::string& path, int rights,
                       PinnedObject* object) const {
  PinDirectory& files = PinDirectory::Global();
  char buffer[PinDirectory::kLongestPath];
  const PathAt at = files.Find(directory, path.c_str(), buffer);
  long error = files.CheckName(at);
  if (error != 0) return error;
  const ScopedFd found(
      RawSyscall(SYS_openat, at.directory, Word(at.path), O_PATH | O_CLOEXEC));
  if (found.get() < 0) return found.get();
  struct stat file;
  Stat({found.get(), "", false}, AT_EMPTY_PATH, &file);
  if (!at.is_pin && !files.Owns(file)) return -EACCES;
  const int mode = rights == O_RDONLY   ? R_OK
                   : rights == O_WRONLY ? W_OK
                                        : R_OK | W_OK;
  error = AccessAt({found.get(), "", false}, mode, AT_EMPTY_PATH | AT_EACCESS);
  if (error == -EACCES) return error;
  ReaderLock lock(lock_);
  const auto pin = pins_.find(file.st_ino);
  if (pin == pins_.end() || !S_ISREG(file.st_mode)) return -EACCES;
  *object = pin->second.object;
  return 0;
}

long ProcessPins::Unlink(const std::string& path) {
  return UnlinkAt(PinPath(AT_FDCWD, path.c_str()).at(), 0);
}

long ProcessPins::MakeDirectory(const std::string& path) {
  return MakeDirectoryAt(PinPath(AT_FDCWD, path.c_str()).at(), 0777);
}

long ProcessPins::RemoveDirectory(const std::string& path) {
  return UnlinkAt(PinPath(AT_FDCWD, path.c_str()).at(), AT_REMOVEDIR);
}

void ProcessPins::ReleaseUnlinked() {
  PinDirectory& files = PinDirectory::Global();
  const unsigned changes = files.changes();
  // Other processes that have the files do not tell of changes.
  if (!ForkGate::is_shared() &&
      changes == seen_changes_.load(std::memory_order_relaxed)) {
    return;
  }
  std::vector<PinnedObject> gone;  // destroyed after the lock
  WriterLock lock(lock_);
  seen_changes_.store(changes, std::memory_order_relaxed);
  for (auto pin = pins_.begin(); pin != pins_.end();) {
    Pinned& pinned = pin->second;
    if (files.HasName(pinned.serial, pin->first)) {
      ++pin;
      continue;
    }
    files.Forget(pinned.serial);
    gone.push_back(std::move(pinned.object));
    pin = pins_.erase(pin);
  }
}

}  // namespace bpfmap
