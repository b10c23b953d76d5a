// SPDX-License-Identifier: Apache-2.0

// SpareFiles: files of maps that were closed, to be opened again for others.
//
// A new file costs a memfd and a watch of it, which are 9 of the 11 us that a
// map takes to be created and closed; one that is opened again, 4. A few files
// are kept by descriptors of this process's, O_PATH, which are no openings.
//
// Not thread-safe.

#ifndef BPFMAP_SYSCALL_SPARE_FILES_H_
#define BPFMAP_SYSCALL_SPARE_FILES_H_

#include <sys/types.h>

#include <vector>

namespace bpfmap {

class SpareFiles {
 public:
  // A file that nothing has open.
  struct Spare {
    ino_t inode = 0;
    int watch = 0;
    int kept = -1;
  };

  SpareFiles() = default;
  SpareFiles(const SpareFiles&) = delete;
  SpareFiles& operator=(const SpareFiles&) = delete;

  // A descriptor that keeps the file of `fd`, for Drop(); -1 if enough are kept
  // already, CanKeep(), or it cannot be had.
  int Keep(int fd);
  bool CanKeep() const { return kept_ < kMost; }
  // Lets go of the file with this inode.
  void Drop(int kept, ino_t inode);

  void Put(const Spare& spare) { spares_.push_back(spare); }
  // Return false if there is none; that of Remove() has this inode.
  bool Take(Spare* spare);
  bool Remove(ino_t inode, Spare* spare);
  bool empty() const { return spares_.empty(); }

  // A new opening of a file, for reading and writing, or -1.
  int Open(const Spare& spare);

  // For where Keep() kept nothing that is still of use: closes what Open()
  // needs. REQUIRES: there is no spare.
  void StartAgain();

 private:
  // Each costs a descriptor, and a program has few.
  static constexpr int kMost = 4;

  std::vector<Spare> spares_;
  int kept_ = 0;        // descriptors
  int directory_ = -1;  // /proc/self/fd, which saves much of the way to a file
  ino_t directory_inode_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_SPARE_FILES_H_
