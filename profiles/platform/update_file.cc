// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/profiles/platform/update_file.h"

#include <cstddef>
#include <cstdio>

#include "bpfmap/profiles/platform/platform.h"

#if defined(BPFMAP_PLATFORM_LINUX) || defined(BPFMAP_PLATFORM_POSIX)
#include <fcntl.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>
#elif defined(BPFMAP_PLATFORM_WINDOWS)
#include <windows.h>
#endif

namespace bpfmap::platform {
namespace {

#if defined(BPFMAP_PLATFORM_LINUX) || defined(BPFMAP_PLATFORM_POSIX)

class LockedFile {
 public:
  explicit LockedFile(const char* path)
      : fd_(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)),
        ok_(fd_ >= 0 && flock(fd_, LOCK_EX) == 0) {}
  ~LockedFile() {
    if (fd_ >= 0) close(fd_);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  bool ok() const { return ok_; }
  // Up to `size` bytes; 0 at the end, and below 0 after an error.
  long Read(char* to, std::size_t size) { return read(fd_, to, size); }
  bool Rewind() { return lseek(fd_, 0, SEEK_SET) == 0; }
  long Write(const char* from, std::size_t size) {
    return write(fd_, from, size);
  }
  bool CutTo(std::size_t size) {
    return ftruncate(fd_, static_cast<off_t>(size)) == 0;
  }

 private:
  const int fd_;
  const bool ok_;
};

#elif defined(BPFMAP_PLATFORM_WINDOWS)

class LockedFile {
 public:
  explicit LockedFile(const char* path) {
    do {
      file_ = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, nullptr,
                          OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
      if (ok() || GetLastError() != ERROR_SHARING_VIOLATION) break;
      Sleep(1);
    } while (true);
  }
  ~LockedFile() {
    if (ok()) CloseHandle(file_);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  bool ok() const { return file_ != INVALID_HANDLE_VALUE; }
  long Read(char* to, std::size_t size) {
    DWORD count = 0;
    const bool done =
        ReadFile(file_, to, static_cast<DWORD>(size), &count, nullptr) != 0;
    return done ? static_cast<long>(count) : -1;
  }
  bool Rewind() {
    return SetFilePointer(file_, 0, nullptr, FILE_BEGIN) !=
           INVALID_SET_FILE_POINTER;
  }
  long Write(const char* from, std::size_t size) {
    DWORD count = 0;
    const bool done =
        WriteFile(file_, from, static_cast<DWORD>(size), &count, nullptr) != 0;
    return done ? static_cast<long>(count) : -1;
  }
  // Where Write() ended.
  bool CutTo(std::size_t) { return SetEndOfFile(file_) != 0; }

 private:
  HANDLE file_ = INVALID_HANDLE_VALUE;
};

#else

class LockedFile {
 public:
  explicit LockedFile(const char*) {}
  bool ok() const { return false; }
  long Read(char*, std::size_t) { return -1; }
  bool Rewind() { return false; }
  long Write(const char*, std::size_t) { return -1; }
  bool CutTo(std::size_t) { return false; }
};

#endif

}  // namespace

bool UpdateFile(const char* path,
                const std::function<std::string(const std::string&)>& change) {
  LockedFile file(path);
  if (!file.ok()) return false;
  std::string old;
  char part[4096];
  long count = 0;
  while ((count = file.Read(part, sizeof part)) > 0) {
    old.append(part, static_cast<std::size_t>(count));
  }
  if (count < 0 || !file.Rewind()) return false;
  const std::string text = change(old);
  std::size_t written = 0;
  while (written < text.size()) {
    count = file.Write(text.data() + written, text.size() - written);
    if (count <= 0) return false;
    written += static_cast<std::size_t>(count);
  }
  return file.CutTo(text.size());
}

}  // namespace bpfmap::platform
