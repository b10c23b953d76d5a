// SPDX-License-Identifier: Apache-2.0

// PinFiles: pins that are files. The inode of a file tells its object, so that
// the file may be renamed, linked, or given other rights. The object is
// unpinned when the file is deleted, by anyone.
//
// The files are in one file system, a tmpfs of the supervised processes' own
// (pin_mount.h). They are empty.
//
// Thread-safe.

#ifndef BPFMAP_RUN_PIN_FILES_H_
#define BPFMAP_RUN_PIN_FILES_H_

#include <sys/types.h>

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "bpfmap/syscall/file_watch.h"
#include "bpfmap/syscall/pins.h"

namespace bpfmap {

class SupervisedCaller;

class PinFiles {
 public:
  // `device` is that of the file system; 0: there is none, and nothing can be
  // pinned.
  explicit PinFiles(dev_t device) : device_(device) {}
  PinFiles(const PinFiles&) = delete;
  PinFiles& operator=(const PinFiles&) = delete;

  dev_t device() const { return device_; }

  // As BPF_OBJ_PIN, at a path of the caller; relative ones start at its
  // descriptor `start`, or with AT_FDCWD in its working directory. Or
  //   ENOENT  the directory that it would be in is not there
  //   EEXIST  the path is taken
  //   EPERM   it would not be in the file system; the name has a '.'
  long Pin(const SupervisedCaller& caller, int start, const std::string& path,
           PinnedObject object);

  //   ENOENT  there is nothing
  //   EACCES  it is no pin; the file does not give the caller these rights,
  //           O_RDONLY, O_WRONLY or O_RDWR
  long Find(const SupervisedCaller& caller, int start, const std::string& path,
            int rights, PinnedObject* object);

  // Lets go of what files stood for that are deleted.
  void Reap();

 private:
  // Of a path where nothing is: Linux keeps names with a '.' for later, EPERM;
  // else ENOENT.
  long WhyNotThere(const SupervisedCaller& caller, int start,
                   std::string path) const;

  struct Pinned {
    PinnedObject object;
    int watch = 0;
    int looked_at = -1;  // the file, where there is no watch
  };

  // Moves the objects of files without a watch that are deleted to *gone.
  void ReapUnwatched(std::vector<PinnedObject>* gone);

  const dev_t device_;
  std::mutex mutex_;
  // Guarded by mutex_.
  FileWatch watch_;
  std::unordered_map<ino_t, Pinned> pins_;
  std::unordered_map<int, ino_t> watched_;
  bool must_sweep_ = false;  // events were dropped
};

// The pins of one caller, as the commands want them.
class CallerPins final : public PinTable {
 public:
  CallerPins(const SupervisedCaller& caller, PinFiles* files)
      : caller_(caller), files_(files) {}

  long Pin(int directory, const std::string& path,
           PinnedObject object) override;
  long Find(int directory, const std::string& path, int rights,
            PinnedObject* object) const override;

 private:
  const SupervisedCaller& caller_;
  PinFiles* const files_;
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_PIN_FILES_H_
