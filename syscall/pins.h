// SPDX-License-Identifier: Apache-2.0

// PinTable: the maps, programs and links that files keep alive.
//
// A pin is a file in the directory of pins (pin_directory.h), which may get
// other names, and ends with the last of them. Its object is let go at the
// next command of bpf(2) after that.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_PINS_H_
#define BPFMAP_SYSCALL_PINS_H_

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/syscall/link.h"
#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {

// One of the three.
struct PinnedObject {
  std::shared_ptr<MapObject> map;
  std::shared_ptr<ProgramObject> program;
  std::shared_ptr<LinkObject> link;

  bool empty() const {
    return map == nullptr && program == nullptr && link == nullptr;
  }
};

// Where the paths of a caller lead to (caller.h).
class PinTable {
 public:
  // BPF_OBJ_PIN. Paths are relative to the descriptor `directory`, or to
  // AT_FDCWD.
  //   EPERM   the path is elsewhere; the name has a '.'
  //   EEXIST  the path is taken
  //   ENOENT, ENOTDIR, EACCES, ...  as of creating a file
  virtual long Pin(int directory, const std::string& path,
                   PinnedObject object) = 0;

  // BPF_OBJ_GET. `rights` are those of open(2): O_RDONLY, O_WRONLY or O_RDWR.
  //   EACCES  it is no pin; the file gives no such right
  //   ENOENT, ENOTDIR, ...  as of opening a file
  virtual long Find(int directory, const std::string& path, int rights,
                    PinnedObject* object) const = 0;

 protected:
  ~PinTable() = default;
};

// Of this process.
//
// After a fork() both processes have the same files, and each has its own
// objects of those that were there: a file that the other pinned later is none
// here, EACCES.
class ProcessPins final : public PinTable {
 public:
  static ProcessPins& Global();

  ProcessPins(const ProcessPins&) = delete;
  ProcessPins& operator=(const ProcessPins&) = delete;

  long Pin(int directory, const std::string& path,
           PinnedObject object) override;
  long Find(int directory, const std::string& path, int rights,
            PinnedObject* object) const override;

  // unlink(2), mkdir(2) and rmdir(2) of a path in the directory of pins, for
  // programs that do not override those (libc_overrides.cc).
  long Unlink(const std::string& path);
  long MakeDirectory(const std::string& path);
  long RemoveDirectory(const std::string& path);

  // Lets go of objects that have no file any more.
  void ReleaseUnlinked();

 private:
  struct Pinned {
    PinnedObject object;
    long serial = 0;
  };

  ProcessPins() = default;

  mutable Cloud::Lock lock_;
  std::unordered_map<ino_t, Pinned> pins_ ABSL_GUARDED_BY(lock_);
  // Of PinDirectory, when it was last looked for files that are gone.
  std::atomic<unsigned> seen_changes_{0};
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PINS_H_
