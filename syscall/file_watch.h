// SPDX-License-Identifier: Apache-2.0

// FileWatch: when the last descriptor of a file is gone.
//
// close(2) cannot be seen from here: descriptors are duplicated, sent over
// sockets, inherited, and kept by mappings. Only the kernel knows when the last
// of these is gone, and it says so through inotify(7): a file without a name,
// such as a memfd, is deleted when nothing refers to it any more; and what was
// opened is closed when nothing refers to that.
//
// The kernel keeps 16,384 events while nobody reads them
// (fs.inotify.max_queued_events), and says when it had to drop some. Then
// FindWatches() helps: the watch of a deleted file is gone.
//
// Not thread-safe.

#ifndef BPFMAP_SYSCALL_FILE_WATCH_H_
#define BPFMAP_SYSCALL_FILE_WATCH_H_

#include <unordered_set>
#include <vector>

namespace bpfmap {

class FileWatch {
 public:
  // A change of the file of a watch.
  struct Event {
    int watch;
    bool deleted;  // the watch is gone, too
    bool closed;   // what was opened once; others may have opened it, too
    bool opened;   // if that is heard of
  };

  FileWatch() = default;
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Watches the file of descriptor `fd`. Returns the number of the watch, which
  // is above 0, or -errno: EBADF and EINVAL if the program has closed this
  // object's descriptor.
  int Add(int fd, bool hears_of_opening);
  void Remove(int watch);

  // The changes since the last call; *dropped is set if some are unknown.
  std::vector<Event> Read(bool* dropped);

  // Finds all watches that are there. Returns false if that cannot be done now.
  bool FindWatches(std::unordered_set<int>* watches) const;

  // For the child of a fork(), where the events are the parent's, and where the
  // program has closed all descriptors, this object's too. Starts again,
  // without a watch.
  void StartAgain();

  // Whether the program has left this object's descriptor alone, which it may
  // have closed, and have another file with its number.
  bool IsOpen() const;

 private:
  int fd_ = -1;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_FILE_WATCH_H_
