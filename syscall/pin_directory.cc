// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/pin_directory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "bpfmap/syscall/detached_tmpfs.h"
#include "bpfmap/syscall/high_fd.h"
#include "bpfmap/syscall/raw_syscall.h"

namespace bpfmap {
namespace {

constexpr std::size_t kLongestPath = PinDirectory::kLongestPath;
constexpr char kNames[] = "names";
constexpr std::size_t kNamesLength = sizeof kNames - 1;

constinit PinDirectory the_directory;

__attribute__((constructor(101))) void FindRootOfPins() {
  the_directory.FindRoot();
}
__attribute__((destructor)) void RemoveTemporaryPins() {
  the_directory.RemoveTemporary();
}

long Stat(int directory, const char* path, int flags, struct stat* file) {
  return RawSyscall(SYS_newfstatat, directory, Word(path), Word(file), flags);
}

// "objects/N".
class ObjectName {
 public:
  explicit ObjectName(unsigned long serial) {
    char digits[20];
    int count = 0;
    do {
      digits[count++] = static_cast<char>('0' + serial % 10);
      serial /= 10;
    } while (serial != 0);
    std::size_t at = 8;
    while (count != 0) text_[at++] = digits[--count];
    text_[at] = 0;
  }
  const char* text() const { return text_; }

 private:
  char text_[32] = "objects/";
};

// Appends the components of `path` to the `length` bytes of `plain`, which is
// an absolute path without a '/' at its end. "." and ".." go. Returns the new
// length, or 0 if there is no room.
std::size_t AppendPlain(const char* path, char (&plain)[kLongestPath],
                        std::size_t length) {
  while (*path != 0) {
    if (*path == '/') {
      ++path;
      continue;
    }
    const std::size_t size = std::strcspn(path, "/");
    if (size == 2 && path[0] == '.' && path[1] == '.') {
      while (length != 0 && plain[--length] != '/') {
      }
    } else if (size != 1 || path[0] != '.') {
      if (length + size + 2 > sizeof plain) return 0;
      plain[length++] = '/';
      std::memcpy(plain + length, path, size);
      length += size;
    }
    path += size;
  }
  plain[length] = 0;
  return length;
}

// No path are null, small numbers, and addresses of the kernel.
bool IsPath(const char* path) {
  const auto address = reinterpret_cast<uintptr_t>(path);
  return address >= 4096 && static_cast<intptr_t>(address) > 0;
}

}  // namespace

PinDirectory& PinDirectory::Global() { return the_directory; }

void PinDirectory::FindRoot() {
  char plain[kLongestPath];
  const char* root = std::getenv("BPFMAP_PIN_DIR");
  if (root == nullptr || *root == 0) root = "/sys/fs/bpf";
  std::size_t length = 0;
  char cwd[kLongestPath];
  const bool has_cwd =
      RawSyscall(SYS_getcwd, Word(cwd), sizeof cwd) > 0 && cwd[0] == '/';
  if (*root != '/') {
    if (!has_cwd) return;
    length = AppendPlain(cwd, plain, 0);
  }
  length = AppendPlain(root, plain, length);
  if (length == 0) return;
  std::memcpy(root_, plain, length + 1);
  leaf_ = std::strrchr(root_, '/') + 1;
  may_start_inside_ = has_cwd && std::strncmp(cwd, root_, length) == 0 &&
                      (cwd[length] == 0 || cwd[length] == '/');
}

const char* PinDirectory::Below(const char* path,
                                char (&buffer)[kLongestPath]) const {
  if (!IsPath(path) || *path == 0) return nullptr;
  const bool relative = *path != '/';
  // Most paths do not have the component that each of these has.
  if (std::strstr(path, leaf_) == nullptr && !(relative && may_start_inside_)) {
    return nullptr;
  }
  std::size_t length = 0;
  if (relative) {
    if (RawSyscall(SYS_getcwd, Word(buffer), sizeof buffer) <= 0 ||
        buffer[0] != '/') {
      return nullptr;
    }
    length = std::strlen(buffer);
    if (length == 1) length = 0;
  }
  length = AppendPlain(path, buffer, length);
  const std::size_t root_length = std::strlen(root_);
  if (length < root_length || std::strncmp(buffer, root_, root_length) != 0) {
    return nullptr;
  }
  char* const below = buffer + root_length;
  if (*below == 0) return below;
  if (*below != '/') return nullptr;
  // A path that asks for a directory goes on doing so.
  if (path[std::strlen(path) - 1] == '/' && length + 2 < sizeof buffer) {
    buffer[length] = '/';
    buffer[length + 1] = 0;
  }
  return below + 1;
}

PathAt PinDirectory::Find(int directory, const char* path,
                          char (&buffer)[kLongestPath]) {
  struct stat file;
  if (directory != AT_FDCWD && IsPath(path) && *path != '/') {
    const bool is_pin = device_.load(std::memory_order_relaxed) != 0 &&
                        Stat(directory, "", AT_EMPTY_PATH, &file) == 0 &&
                        Owns(file);
    return {directory, path, is_pin};
  }
  const char* const below = Below(path, buffer);
  if (below == nullptr) return {directory, path, false};
  const int fd = descriptor();
  if (fd < 0) return {directory, path, false};
  const std::size_t length = std::strlen(below);
  char* const end = buffer + sizeof buffer;
  if (below + length + 1 > end || kNamesLength + length + 2 > sizeof buffer) {
    return {directory, path, false};
  }
  std::memmove(buffer + kNamesLength + (length != 0), below, length + 1);
  std::memcpy(buffer, kNames, kNamesLength);
  if (length != 0) buffer[kNamesLength] = '/';
  return {fd, buffer, true};
}

bool PinDirectory::IsRoot(const PathAt& at) const {
  return at.is_pin && at.directory == fd_.load(std::memory_order_relaxed) &&
         std::strcmp(at.path, kNames) == 0;
}

void PinDirectory::Spell(const PathAt& at, char (&path)[kLongestPath]) const {
  std::size_t length = std::strlen(at.path);
  while (at.path[length - 1] == '/') --length;
  length -= kNamesLength;
  const std::size_t root_length = std::strlen(root_);
  length = std::min(length, sizeof path - root_length - 1);
  std::memcpy(path, root_, root_length);
  std::memcpy(path + root_length, at.path + kNamesLength, length);
  path[root_length + length] = 0;
}

long PinDirectory::CheckName(const PathAt& at) const {
  if (!at.is_pin) return 0;
  const char* component = at.path;
  while (*component != 0) {
    const std::size_t size = std::strcspn(component, "/");
    const bool is_dots =
        (size == 1 && component[0] == '.') ||
        (size == 2 && component[0] == '.' && component[1] == '.');
    if (!is_dots && std::memchr(component, '.', size) != nullptr) break;
    component += size;
    component += std::strspn(component, "/");
  }
  if (*component == 0) return 0;
  char parent[kLongestPath] = ".";
  const auto length = static_cast<std::size_t>(component - at.path);
  if (length >= sizeof parent) return -ENAMETOOLONG;
  if (length != 0) {
    std::memcpy(parent, at.path, length);
    parent[length] = 0;
  }
  struct stat file;
  const long error = Stat(at.directory, parent, 0, &file);
  return error != 0 ? error : -EPERM;
}

int PinDirectory::descriptor() {
  const int fd = fd_.load(std::memory_order_acquire);
  const ino_t inode = inode_.load(std::memory_order_acquire);
  struct stat file;
  // The program may have closed it, and then have another file there.
  if (fd >= 0 && Stat(fd, "", AT_EMPTY_PATH, &file) == 0 &&
      (inode == 0 ||  // just being made
       (file.st_ino == inode &&
        file.st_dev == device_.load(std::memory_order_relaxed)))) {
    return fd;
  }
  if (fd >= 0) ForgetHighFd(fd);
  const int made = MoveToHighFd(Make());
  if (made < 0) return made;
  Stat(made, "", AT_EMPTY_PATH, &file);
  int expected = fd;
  if (!fd_.compare_exchange_strong(expected, made)) {
    CloseHighFd(made);  // another thread has made one
    return expected;
  }
  device_.store(file.st_dev, std::memory_order_relaxed);
  inode_.store(file.st_ino, std::memory_order_release);
  return made;
}

int PinDirectory::Make() {
  int fd = DetachedTmpfs();
  if (fd < 0) {
    is_exclusive_.store(false, std::memory_order_relaxed);
    fd = MakeTemporary();
  }
  if (fd < 0) return fd;
  // As bpffs: everybody may use them, whatever the program's mask is.
  for (const char* name : {kNames, "objects"}) {
    RawSyscall(SYS_mkdirat, fd, Word(name), 0777);
    RawSyscall(SYS_fchmodat, fd, Word(name), 01777);
  }
  return fd;
}

int PinDirectory::MakeTemporary() {
  for (const char* place : {"/dev/shm", "/tmp"}) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      char path[sizeof temporary_];
      std::snprintf(path, sizeof path, "%s/bpfmap-pins-%d-%d", place, getpid(),
                    attempt);
      const long error = RawSyscall(SYS_mkdirat, AT_FDCWD, Word(path), 0700);
      if (error == -EEXIST) continue;  // of a process that was killed
      if (error != 0) break;
      std::memcpy(temporary_, path, sizeof path);
      maker_.store(getpid());
      return static_cast<int>(RawSyscall(SYS_openat, AT_FDCWD, Word(path),
                                         O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
  }
  return -EACCES;
}

void PinDirectory::RemoveTemporary() {
  if (maker_.load() != getpid()) return;
  std::error_code ignored;
  std::filesystem::remove_all(temporary_, ignored);
}

long PinDirectory::MakeFile(struct stat* file) {
  const int directory = descriptor();
  if (directory < 0) return directory;
  for (;;) {
    const unsigned serial = serial_.fetch_add(1, std::memory_order_relaxed);
    const ObjectName name(serial);
    const long fd = RawSyscall(SYS_openat, directory, Word(name.text()),
                               O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd == -EEXIST) continue;  // of a process that forked, or was forked
    if (fd < 0) return fd;
    Stat(static_cast<int>(fd), "", AT_EMPTY_PATH, file);
    RawSyscall(SYS_close, fd);
    return serial;
  }
}

long PinDirectory::NameFile(long serial, int directory, const char* name) {
  const ObjectName object(static_cast<unsigned long>(serial));
  return RawSyscall(SYS_linkat, descriptor(), Word(object.text()), directory,
                    Word(name));
}

bool PinDirectory::HasName(long serial, ino_t inode) {
  const ObjectName object(static_cast<unsigned long>(serial));
  struct stat file;
  return Stat(descriptor(), object.text(), AT_SYMLINK_NOFOLLOW, &file) == 0 &&
         file.st_ino == inode && file.st_nlink > 1;
}

void PinDirectory::Forget(long serial) {
  const ObjectName object(static_cast<unsigned long>(serial));
  RawSyscall(SYS_unlinkat, descriptor(), Word(object.text()), 0);
}

}  // namespace bpfmap
