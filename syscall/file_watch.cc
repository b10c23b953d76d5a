// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/file_watch.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unordered_set>
#include <vector>

#include "bpfmap/syscall/high_fd.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

// The signal that this object's descriptor would send, if it sent any
// (fcntl(2), F_SETSIG): it tells the descriptor from others in one short call.
// None that programs wait for.
constexpr int kMark = 61;

}  // namespace

int FileWatch::Add(int fd, bool hears_of_opening) {
  if (fd_ < 0) {
    fd_ = MoveToHighFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (fd_ < 0) return -errno;
    fcntl(fd_, F_SETSIG, kMark);
  }
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int watch =
      inotify_add_watch(fd_, path,
                        IN_DELETE_SELF | IN_CLOSE |
                            (hears_of_opening ? static_cast<int>(IN_OPEN) : 0));
  return watch < 0 ? -errno : watch;
}

void FileWatch::Remove(int watch) { inotify_rm_watch(fd_, watch); }

bool FileWatch::IsOpen() const {
  return fd_ >= 0 && RawSyscall(SYS_fcntl, fd_, F_GETSIG) == kMark;
}

std::vector<FileWatch::Event> FileWatch::Read(bool* dropped) {
  std::vector<Event> events;
  if (!IsOpen()) return events;
  for (bool may_be_more = true; may_be_more;) {
    alignas(inotify_event) char buffer[4096];
    const ssize_t size = read(fd_, buffer, sizeof buffer);
    if (size <= 0) break;
    constexpr std::size_t kMostOfOne = sizeof(inotify_event) + NAME_MAX + 1;
    may_be_more = sizeof buffer - static_cast<std::size_t>(size) < kMostOfOne;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      at += static_cast<ssize_t>(sizeof event) + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) *dropped = true;
      events.push_back({event.wd, (event.mask & IN_IGNORED) != 0,
                        (event.mask & IN_CLOSE) != 0,
                        (event.mask & IN_OPEN) != 0});
    }
  }
  return events;
}

bool FileWatch::FindWatches(std::unordered_set<int>* watches) const {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd_);
  const std::unique_ptr<FILE, int (*)(FILE*)> info(std::fopen(path, "re"),
                                                   &std::fclose);
  if (info == nullptr) return false;
  char line[256];
  while (std::fgets(line, sizeof line, info.get()) != nullptr) {
    unsigned watch;
    if (std::sscanf(line, "inotify wd:%x", &watch) == 1) {
      watches->insert(static_cast<int>(watch));
    }
  }
  return std::ferror(info.get()) == 0 && IsOpen();
}

void FileWatch::StartAgain() {
  if (fd_ >= 0) IsOpen() ? CloseHighFd(fd_) : ForgetHighFd(fd_);
  fd_ = -1;
}

}  // namespace bpfmap
