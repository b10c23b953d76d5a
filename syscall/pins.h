// SPDX-License-Identifier: Apache-2.0

// PinTable: the maps and programs that paths keep alive. A file system of
// names.
//
// It covers what is below one directory: $BPFMAP_PIN_DIR, else /sys/fs/bpf.
// Nothing of it is on a disk, and the directory itself need not exist. Paths
// are made absolute and plain ("." and ".." go) without looking at any disk.
//
// The process has one, Global(). Other callers have others (caller.h).
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_PINS_H_
#define BPFMAP_SYSCALL_PINS_H_

#include <memory>
#include <string>

#include "bpfmap/syscall/map_object.h"
#include "bpfmap/syscall/program_object.h"

namespace bpfmap {

// One of the two.
struct PinnedObject {
  std::shared_ptr<MapObject> map;
  std::shared_ptr<ProgramObject> program;

  bool empty() const { return map == nullptr && program == nullptr; }
};

class PinTable {
 public:
  static PinTable& Global();

  // Whether `path` is the directory or below it. The methods that follow are
  // for such paths.
  virtual bool Covers(const std::string& path) const = 0;

  // Whether `path` is a directory that is here.
  virtual bool IsDirectory(const std::string& path) const = 0;

  // A path that is not here is an error of all methods that follow, as that of
  // its directory is of those that make something:
  //   ENOENT   its first name that is not there
  //   EPERM    if that name has a '.'
  //   ENOTDIR  if what is in front of that name is no directory

  //   EEXIST  the path is taken
  virtual long Pin(const std::string& path, PinnedObject object) = 0;

  //   EACCES  it is a directory
  virtual long Find(const std::string& path, PinnedObject* object) const = 0;

  // As unlink(2), mkdir(2) and rmdir(2).
  virtual long Unlink(const std::string& path) = 0;
  virtual long MakeDirectory(const std::string& path) = 0;
  virtual long RemoveDirectory(const std::string& path) = 0;

 protected:
  ~PinTable() = default;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PINS_H_
