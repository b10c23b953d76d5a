// SPDX-License-Identifier: Apache-2.0

// PinDirectory: the files that pins are.
//
// Below $BPFMAP_PIN_DIR, else /sys/fs/bpf, a program finds a directory of this
// process's own in place of what the machine has there. Each pin is a file in
// it, and the kernel answers for those files: names, rights, directories,
// renaming and listing are not imitated.
//
// The directory is a tmpfs that is mounted nowhere, so that it ends with the
// last descriptor of it. Mounting takes a right that most processes lack; a
// user namespace gives it to a child that lives for a moment. Where that is
// refused, the directory is in /dev/shm or /tmp, and the process removes it as
// it exits; a process that is killed leaves it.
//
// The process shares it with the children that it forks.
//
// Thread-safe. All may be called in signal handlers, and takes no lock and no
// memory: programs remove files there.

#ifndef BPFMAP_SYSCALL_PIN_DIRECTORY_H_
#define BPFMAP_SYSCALL_PIN_DIRECTORY_H_

#include <sys/stat.h>

#include <atomic>
#include <cstddef>

namespace bpfmap {

// A path as *at() calls take it.
struct PathAt {
  int directory;  // or AT_FDCWD
  const char* path;
  bool is_pin;  // in the directory of pins
};

class PinDirectory {
 public:
  // In bytes, with the 0: longer ones are no pins. They are on the stacks of
  // signal handlers, which may be small.
  static constexpr std::size_t kLongestPath = 1024;

  // The process has one.
  static PinDirectory& Global();

  constexpr PinDirectory() = default;
  PinDirectory(const PinDirectory&) = delete;
  PinDirectory& operator=(const PinDirectory&) = delete;

  // Where the file of a path really is. `buffer` keeps the new path. A path
  // that cannot be one, such as null, is left to the kernel.
  PathAt Find(int directory, const char* path, char (&buffer)[kLongestPath]);

  // Whether a file is in the directory. Never where the directory shares its
  // device with others.
  bool Owns(const struct stat& file) const {
    return is_exclusive_.load(std::memory_order_relaxed) &&
           device_.load(std::memory_order_relaxed) == file.st_dev;
  }

  // The path that a program would use. REQUIRES: Find() made `at` from one that
  // is relative to no descriptor.
  void Spell(const PathAt& at, char (&path)[kLongestPath]) const;

  // Linux keeps names with a '.' for later: EPERM, if the name's directory is
  // there; otherwise what is wrong with that. 0 for other names.
  long CheckName(const PathAt& at) const;

  // Whether `at` is the directory itself.
  bool IsRoot(const PathAt& at) const;

  // A new file without a name; its serial number, or -errno. A file goes when
  // it has neither a name nor a number.
  long MakeFile(struct stat* file);
  // Gives it a name: 0, or -errno.
  long NameFile(long serial, int directory, const char* name);
  // Whether the file of a number has a name. Says no where it cannot be told.
  bool HasName(long serial, ino_t inode);
  void Forget(long serial);

  // Counts what may take a name from a file.
  void NoteChange() { changes_.fetch_add(1, std::memory_order_release); }
  unsigned changes() const { return changes_.load(std::memory_order_acquire); }

  // For the constructor and the destructor of the library.
  void FindRoot();
  void RemoveTemporary();

 private:
  // The path below the directory, or null. An empty one is the directory.
  const char* Below(const char* path, char (&buffer)[kLongestPath]) const;
  // Of a directory that has "names" and "objects"; -errno.
  int descriptor();
  int Make();
  int MakeTemporary();

  char root_[kLongestPath] = "/sys/fs/bpf";
  const char* leaf_ = root_ + 8;   // the last component
  bool may_start_inside_ = false;  // of the working directory at the start
  // Published by a compare-exchange, before the next two are known.
  std::atomic<int> fd_{-1};
  // Of fd_. Its release pairs with the acquire of descriptor(): with the inode,
  // a thread sees the device.
  std::atomic<ino_t> inode_{0};
  std::atomic<dev_t> device_{0};
  std::atomic<bool> is_exclusive_{true};  // cleared before fd_ is published
  // A release after a name is gone pairs with the acquire of who looks for it.
  std::atomic<unsigned> changes_{0};
  std::atomic<unsigned> serial_{0};
  // If it is a temporary one: where, and the process that made it.
  char temporary_[64] = {};
  std::atomic<int> maker_{0};
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PIN_DIRECTORY_H_
