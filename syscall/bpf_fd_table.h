// SPDX-License-Identifier: Apache-2.0

// BpfFdTable: the descriptors of maps, BTF, programs and links, and those that
// have runs counted. Real ones, of the kernel's.
//
// A descriptor is that of a memfd, so that close(2), dup(2), fcntl(2), fork(2),
// sockets and limits do with it what they do with any. The rights of a
// descriptor are those that its file was opened with. The object of a file is
// looked up on every call by its inode, never by its number: a mark on the
// opening tells it (file_mark.h), and fstat(2) where there is none.
//
// A map has one file for each time that it was opened; but one that can be
// mapped has a single file, which is its memory. An object is let go when
// FileWatch says that the file is deleted; a file that is memory is so only
// with the map, and there a shared flock(2) that each opening holds tells
// whether any is left.
//
// When objects are let go: at the next call that opens one, or asks for ids.
//
// A few files of maps are used again after their maps (spare_files.h). Such a
// file has one opening, so that its map is closed with it; where FileWatch
// tells of any other opening, the file is used for the last time. It is so at a
// fork(), too: the child knows the file as that of its copy of the map.
//
// After a fork() the child has a BpfFdTable of its own, with the same files.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_BPF_FD_TABLE_H_
#define BPFMAP_SYSCALL_BPF_FD_TABLE_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_fd_table.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/syscall/btf.h"
#include "bpfmap/syscall/file_watch.h"
#include "bpfmap/syscall/link.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/opening_probe.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/run_counting.h"
#include "bpfmap/syscall/spare_files.h"
#include "bpfmap/syscall/striped_lock.h"

namespace bpfmap {

// The object of a descriptor: a map, BTF, a program or a link; and the rights
// to it.
struct OpenFile {
  std::shared_ptr<MapObject> map;
  std::shared_ptr<Btf> btf;
  std::shared_ptr<ProgramObject> program;
  std::shared_ptr<LinkObject> link;
  bool may_read = false;
  bool may_write = false;
};

class BpfFdTable final : public FdResolver, public ProgramSource {
 public:
  // The process has one.
  static BpfFdTable& Global();

  BpfFdTable(const BpfFdTable&) = delete;
  BpfFdTable& operator=(const BpfFdTable&) = delete;

  // A new descriptor, the lowest that is free, close-on-exec. `rights` may have
  // kRdOnly or kWrOnly. An object gets its id when it is first opened. Or
  // -errno: EMFILE, ENFILE, ENOMEM.
  long Open(const std::shared_ptr<MapObject>& map, MapFlags rights);
  long Open(std::shared_ptr<Btf> btf);
  long Open(std::shared_ptr<ProgramObject> program);
  long Open(std::shared_ptr<LinkObject> link);
  // One that has runs of programs counted for as long as it is open.
  long OpenRunCounting();

  //   EBADF   `fd` is not open
  //   EINVAL  it is open, and stands for nothing here
  long Find(int fd, OpenFile* found) const;

  // The same for a program.
  //   EINVAL  it is open, and is no program
  long FindProgram(uint32_t fd, std::shared_ptr<ProgramObject>* found) const;

  // The same for a link.
  //   EINVAL  it is open, and is no link
  long FindLink(uint32_t fd, std::shared_ptr<LinkObject>* found) const;

  // The same for a map.
  //   EINVAL  it is open, and is no map
  long FindMap(uint32_t fd, OpenFile* found) const;
  // For maps of maps.
  Errno Find(uint32_t fd, MapWithId* found) const override;

  // By id; null if there is none.
  std::shared_ptr<MapObject> MapOfId(uint32_t id);
  std::shared_ptr<Btf> BtfOfId(uint32_t id);
  std::shared_ptr<ProgramObject> ProgramOfId(uint32_t id);
  std::shared_ptr<LinkObject> LinkOfId(uint32_t id);

  // The next id that is in use; 0 if there is none.
  uint32_t NextMapId(uint32_t id);
  uint32_t NextBtfId(uint32_t id);
  uint32_t NextProgramId(uint32_t id);
  uint32_t NextLinkId(uint32_t id);

  // Lets go of what nothing refers to.
  void ReleaseClosed();

  // Whether a descriptor or a pin refers to a map.
  bool HasUser(const LocalMap& map);

  // Opens the file that is a map's memory, and marks it as open. `flags` are
  // those of open(2). Returns -1 and sets errno if it cannot be opened.
  static int OpenMemory(const MappableMemory& memory, int flags);

  // For tail calls. Null as well where the last reference goes just now.
  std::shared_ptr<const Program> ProgramOf(uint32_t handle) override;

 private:
  // A file. Numbers of inodes are the kernel's; all are in one file system.
  struct File {
    std::shared_ptr<MapObject> map;
    std::shared_ptr<Btf> btf;
    std::shared_ptr<ProgramObject> program;
    std::shared_ptr<LinkObject> link;
    std::shared_ptr<const RunCounting> counting;
    int watch = 0;       // 0 if there is none
    OpeningProbe probe;  // if there is no watch
    // Those of the descriptor may be more, where no file can be opened again.
    bool may_read = true;
    bool may_write = true;
    bool is_kept = false;  // it cannot be told when nothing refers to it

    // Of a file that is to be used again:
    int spare = -1;               // what keeps it (SpareFiles)
    int number = -1;              // the descriptor that was given out
    bool awaits_opening = false;  // FileWatch has not told of it yet
  };
  template <typename Object>
  struct Ids {
    // All that have an id, and some that had one.
    std::map<uint32_t, std::weak_ptr<Object>> objects;
    std::size_t look_at = 64;  // when there are so many, the latter go
    uint32_t last = 0;

    void Give(const std::shared_ptr<Object>& object);
    std::shared_ptr<Object> Find(uint32_t id) const;
    uint32_t Next(uint32_t id);
  };

  BpfFdTable();

  // Finds the map of a descriptor that this table opened, in one system call.
  // False says nothing.
  bool FindMarkedMap(int fd, OpenFile* found) const;

  // Lets go of what nothing refers to. The objects are handed out, for the
  // caller to destroy after the lock. Files without a watch are all looked at
  // if `look_at_all`, and otherwise so seldom that it costs little.
  std::vector<File> ReapClosed(bool look_at_all)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void ReapUnwatched(std::vector<File>* gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void ReleaseAllClosed();
  // Whether nothing refers to a file, as far as locks say.
  static bool IsLeft(const File& file);
  // Moves the file of `event` to *gone, if it is.
  void CollectFile(const FileWatch::Event& event, std::vector<File>* gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Watches the file that `fd` is the first opening of.
  void Watch(int fd, ino_t inode, File* file)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Opens a file for `file`, with a name that programs may look for, gives its
  // object an id, and hands the descriptor to the caller.
  long OpenNext(File file, const char* name, MapFlags rights);
  long OpenLocked(File file, const char* name, MapFlags rights)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Makes a file for OpenSpare(), unless enough are kept, or it cannot be had.
  void MakeSpare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Opens a file of a map that was closed, as OpenLocked() does a new one. -1
  // if there is none; then `file` is as it was.
  long OpenSpare(File* file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Whether a file with these rights could be used again.
  bool MayReuse(const File& file, MapFlags rights) const
      ABSL_SHARED_LOCKS_REQUIRED(lock_);
  // No file that there is now is used again: that of `inode`, or all.
  void UseOnce(ino_t inode, File* file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void UseAllOnce() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // An event of a file that no map has.
  void CollectSpare(const FileWatch::Event& event, ino_t inode)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Whether `event` says that the map of a file that is to be used again is
  // closed. If it says more than that, the file is used for the last time.
  bool BecomesSpare(const FileWatch::Event& event, ino_t inode, File* file)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Where watch_ is not this process's, or was closed: watches all files that
  // have a descriptor.
  void WatchAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  mutable StripedLock lock_;
  std::unordered_map<ino_t, File> files_ ABSL_GUARDED_BY(lock_);
  std::unordered_map<int, ino_t> watched_ ABSL_GUARDED_BY(lock_);
  std::unordered_set<ino_t> unwatched_ ABSL_GUARDED_BY(lock_);
  std::size_t calls_since_look_ ABSL_GUARDED_BY(lock_) = 0;  // at these
  FileWatch watch_ ABSL_GUARDED_BY(lock_);
  dev_t device_ ABSL_GUARDED_BY(lock_) = 0;  // of all memfds
  // Events were dropped: any file may be gone.
  bool must_sweep_ ABSL_GUARDED_BY(lock_) = false;
  // Of ForkGate, when watch_ was this process's, and spares_ its alone.
  uint64_t forks_ ABSL_GUARDED_BY(lock_) = 0;
  uint64_t forks_begun_ ABSL_GUARDED_BY(lock_) = 0;
  SpareFiles spares_ ABSL_GUARDED_BY(lock_);
  Ids<MapObject> map_ids_ ABSL_GUARDED_BY(lock_);
  Ids<Btf> btf_ids_ ABSL_GUARDED_BY(lock_);
  Ids<ProgramObject> program_ids_ ABSL_GUARDED_BY(lock_);
  Ids<LinkObject> link_ids_ ABSL_GUARDED_BY(lock_);
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_BPF_FD_TABLE_H_
