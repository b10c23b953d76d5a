// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/mappable.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

#include "bpfmap/syscall/high_fd.h"

namespace bpfmap {

namespace {
constinit std::atomic<std::size_t> page_size{0};
}  // namespace

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
  fd_ = MoveToHighFd(
      memfd_create("bpf-map-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd_ < 0) {
    out_of_descriptors_ = errno == EMFILE || errno == ENFILE;
    return nullptr;
  }
  struct stat file;
  // A process that has a descriptor of it cannot take the pages away.
  if (fstat(fd_, &file) != 0 ||
      ftruncate(fd_, static_cast<off_t>(file_size_)) != 0 ||
      fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    return nullptr;
  }
  inode_ = file.st_ino;
  size_ = RoundUpToPage(bytes);
  void* const start = mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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
  if (fd() >= 0) close(fd_);
}

int MappableMemory::fd() const {
  struct stat file;
  if (fd_ < 0 || fstat(fd_, &file) != 0 || file.st_ino != inode_) return -1;
  return fd_;
}

}  // namespace bpfmap
