#include "syscall/file_watch.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "syscall/hidden_file.h"

namespace bpfmap {

int FileWatch::Add(int fd) {
  if (fd_ < 0) fd_ = HideDescriptor(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (fd_ < 0) return -errno;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int watch = inotify_add_watch(fd_, path, IN_DELETE_SELF | IN_CLOSE);
  return watch < 0 ? -errno : watch;
}

void FileWatch::Remove(int watch) { inotify_rm_watch(fd_, watch); }

std::vector<FileWatch::Event> FileWatch::Read() {
  std::vector<Event> events;
  // Should the program have closed this descriptor, and have another file with
  // its number, nothing must be read from that one.
  int waiting = 0;
  while (fd_ >= 0 && ioctl(fd_, FIONREAD, &waiting) == 0 && waiting > 0) {
    char path[32];
    char file[32] = {};
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd_);
    if (readlink(path, file, sizeof file - 1) < 0 ||
        std::strcmp(file, "anon_inode:inotify") != 0) {
      break;
    }
    alignas(inotify_event) char buffer[4096];
    const ssize_t size = read(fd_, buffer, sizeof buffer);
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      at += static_cast<ssize_t>(sizeof event) + event.len;
      events.push_back({event.wd, (event.mask & IN_IGNORED) != 0,
                        (event.mask & IN_CLOSE) != 0});
    }
  }
  return events;
}

void FileWatch::StartAgain() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace bpfmap
