// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/mappable.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "bpfmap/syscall/high_fd.h"
#include "bpfmap/syscall/memfd.h"

namespace bpfmap {

namespace {

constinit std::atomic<std::size_t> page_size{0};
constinit std::atomic<bool> was_made{false};

// Lets files be as large as the process may make them, while it lives: growing
// beyond the limit raises SIGXFSZ, which ends a process.
class FileSizeLimit {
 public:
  // For a file of `size` bytes. ok() is false if it may not be so large.
  explicit FileSizeLimit(uint64_t size) {
    if (getrlimit(RLIMIT_FSIZE, &limit_) != 0 || size <= limit_.rlim_cur) {
      return;
    }
    rlimit wanted = {size, std::max<rlim_t>(size, limit_.rlim_max)};
    is_changed_ = setrlimit(RLIMIT_FSIZE, &wanted) == 0;
    is_ok_ = is_changed_;
  }
  ~FileSizeLimit() {
    if (is_changed_) setrlimit(RLIMIT_FSIZE, &limit_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  bool ok() const { return is_ok_; }

 private:
  rlimit limit_ = {};
  bool is_changed_ = false;
  bool is_ok_ = true;
};

bool SetSize(int fd, uint64_t size) {
  const FileSizeLimit limit(size);
  if (limit.ok()) return ftruncate(fd, static_cast<off_t>(size)) == 0;
  // Nor may it write to a file.
  struct stat output;
  if (fstat(STDERR_FILENO, &output) != 0 || S_ISREG(output.st_mode)) {
    return false;
  }
  std::fprintf(stderr,
               "bpfmap: a map that can be mapped is a file of %" PRIu64
               " bytes, and ulimit -f allows less\n",
               size);
  return false;
}

}  // namespace

bool MappableMemory::some_was_made() {
  return was_made.load(std::memory_order_relaxed);
}

std::size_t PageSize() {
  std::size_t size = page_size.load(std::memory_order_relaxed);
  if (size == 0) {
    size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    page_size.store(size, std::memory_order_relaxed);
  }
  return size;
}

void SetPageSize(std::size_t bytes) {
  page_size.store(bytes, std::memory_order_relaxed);
}

void* MappableMemory::Allocate(std::size_t bytes, std::size_t alignment) {
  // In larger pages the file would cover what lies after it, which is this
  // process's own, and libbpf would look for the positions elsewhere.
  if (alignment != PageSize()) return nullptr;
  fd_ = MoveToHighFd(CreateMemfd("bpf-map-memory"));
  if (fd_ < 0) {
    out_of_descriptors_ = errno == EMFILE || errno == ENFILE;
    return nullptr;
  }
  struct stat file;
  // A process that has a descriptor of it cannot take the pages away.
  if (fstat(fd_, &file) != 0 || !SetSize(fd_, file_size_) ||
      fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    return nullptr;
  }
  inode_ = file.st_ino;
  was_made.store(true, std::memory_order_relaxed);
  size_ = RoundUpToPage(bytes);
  void* const start = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  start_ = static_cast<std::byte*>(start);
  if (mmap(start, file_size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
           fd_, 0) == MAP_FAILED) {
    return nullptr;
  }
  return start;
}

MappableMemory::~MappableMemory() {
  if (start_ != nullptr) munmap(start_, size_);
  if (fd_ >= 0) fd() >= 0 ? CloseHighFd(fd_) : ForgetHighFd(fd_);
}

uint64_t MappableMemory::NextTouched(uint64_t offset) const {
  const int file = fd();
  if (file < 0) return file_size_;
  const off_t at = lseek(file, static_cast<off_t>(offset), SEEK_DATA);
  return at < 0 ? file_size_ : static_cast<uint64_t>(at);
}

void MappableMemory::Drop(uint64_t offset, uint64_t size) {
  if (madvise(start_ + offset, size, MADV_REMOVE) == 0) return;
  std::memset(start_ + offset, 0, size);  // it is sealed
}

int MappableMemory::fd() const {
  struct stat file;
  if (fd_ < 0 || fstat(fd_, &file) != 0 || file.st_ino != inode_) return -1;
  return fd_;
}

}  // namespace bpfmap
