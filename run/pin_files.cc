// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/pin_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "bpfmap/run/file_rights.h"
#include "bpfmap/run/supervised_caller.h"

namespace bpfmap {
namespace {

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// "a/b//" is "b" in "a/".
void Split(const std::string& path, std::string* directory, std::string* name) {
  const std::string plain = WithoutSlashes(path);
  const std::size_t slash = plain.rfind('/');
  const std::size_t start = slash == std::string::npos ? 0 : slash + 1;
  *directory = start == 0 ? "." : plain.substr(0, start);
  *name = plain.substr(start);
}

}  // namespace

long PinFiles::WhyNotThere(const SupervisedCaller& caller, int start,
                           std::string path) const {
  while (!path.empty() && path != "/") {
    std::string directory_path;
    std::string name;
    Split(path, &directory_path, &name);
    const int directory = caller.OpenPath(start, directory_path, 0);
    if (directory >= 0) {
      struct stat status;
      const bool is_here =
          fstat(directory, &status) == 0 && status.st_dev == device_;
      close(directory);
      return is_here && name.find('.') != std::string::npos ? -EPERM : -ENOENT;
    }
    if (directory != -ENOENT || directory_path == ".") break;
    path = WithoutSlashes(directory_path);
  }
  return -ENOENT;
}

long PinFiles::Pin(const SupervisedCaller& caller, int start,
                   const std::string& path, PinnedObject object) {
  std::string directory_path;
  std::string name;
  Split(path, &directory_path, &name);
  const int directory = caller.OpenPath(start, directory_path, O_DIRECTORY);
  if (directory == -ENOENT) return WhyNotThere(caller, start, directory_path);
  if (directory < 0) return directory;
  struct stat status;
  long error = 0;
  if (name.empty() || name == "." || name == ".." ||
      fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    error = -EEXIST;
  } else if (fstat(directory, &status) != 0 || device_ == 0 ||
             status.st_dev != device_ || name.find('.') != std::string::npos) {
    error = -EPERM;
  } else if (path.back() == '/') {
    error = -ENOENT;
  }
  if (error != 0) {
    close(directory);
    return error;
  }
  if (object.map != nullptr) object.map = MapObject::AsUser(*object.map);

  const std::lock_guard<std::mutex> lock(mutex_);
  int file = -1;
  error = -ESRCH;
  if (const FileRights rights(caller.thread()); rights.ok()) {
    file = openat(directory, name.c_str(),
                  O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  S_IRUSR | S_IWUSR);
    error = file >= 0 ? 0 : -errno;
  }
  if (error == 0 && fstat(file, &status) == 0) {
    const int watch = watch_.Add(file, /*hears_of_opening=*/false);
    if (watch > 0) watched_[watch] = status.st_ino;
    // A user has few instances of inotify, and other processes may have them.
    const int looked_at = watch > 0 ? -1 : std::exchange(file, -1);
    pins_[status.st_ino] = {std::move(object), watch, looked_at};
  }
  if (file >= 0) close(file);
  close(directory);
  return error;
}

long PinFiles::Find(const SupervisedCaller& caller, int start,
                    const std::string& path, int rights, PinnedObject* object) {
  const int file = caller.OpenPath(start, path, 0);
  if (file == -ENOENT) return WhyNotThere(caller, start, path);
  if (file < 0) return file;
  struct stat status;
  const bool is_here = fstat(file, &status) == 0 && status.st_dev == device_ &&
                       S_ISREG(status.st_mode);
  char again[32];
  std::snprintf(again, sizeof again, "/proc/self/fd/%d", file);
  const int mode = rights == O_RDONLY   ? R_OK
                   : rights == O_WRONLY ? W_OK
                                        : R_OK | W_OK;
  bool may_open = false;
  if (const FileRights caller_rights(caller.thread()); caller_rights.ok()) {
    may_open = is_here && faccessat(AT_FDCWD, again, mode, AT_EACCESS) == 0;
  }
  close(file);
  if (!may_open) return -EACCES;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto pin = pins_.find(status.st_ino);
  if (pin == pins_.end()) return -EACCES;
  *object = pin->second.object;
  return 0;
}

void PinFiles::Reap() {
  std::vector<PinnedObject> gone;  // destroyed after the lock
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<int> deleted;
  for (const FileWatch::Event& event : watch_.Read(&must_sweep_)) {
    if (event.deleted) deleted.push_back(event.watch);
  }
  std::unordered_set<int> left;
  if (must_sweep_ && watch_.FindWatches(&left)) {
    must_sweep_ = false;
    for (const auto& [watch, inode] : watched_) {
      if (left.count(watch) == 0) deleted.push_back(watch);
    }
  }
  for (const int watch : deleted) {
    const auto watched = watched_.find(watch);
    if (watched == watched_.end()) continue;
    const auto pin = pins_.find(watched->second);
    // The inode may be that of a newer file already.
    if (pin != pins_.end() && pin->second.watch == watch) {
      gone.push_back(std::move(pin->second.object));
      pins_.erase(pin);
    }
    watched_.erase(watched);
  }
  ReapUnwatched(&gone);
}

void PinFiles::ReapUnwatched(std::vector<PinnedObject>* gone) {
  for (auto pin = pins_.begin(); pin != pins_.end();) {
    struct stat status;
    const int file = pin->second.looked_at;
    if (file < 0 || fstat(file, &status) != 0 || status.st_nlink != 0) {
      ++pin;
      continue;
    }
    close(file);
    gone->push_back(std::move(pin->second.object));
    pin = pins_.erase(pin);
  }
}

long CallerPins::Pin(int directory, const std::string& path,
                     PinnedObject object) {
  return files_->Pin(caller_, directory, path, std::move(object));
}

long CallerPins::Find(int directory, const std::string& path, int rights,
                      PinnedObject* object) const {
  return files_->Find(caller_, directory, path, rights, object);
}

}  // namespace bpfmap
