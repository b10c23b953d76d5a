// SPDX-License-Identifier: Apache-2.0

// FileRights: while it lives, its thread opens files with the rights of a
// supervised one.
//
// Root alone can supervise processes of other users, which may not pin where
// only root may. For every other user nothing changes: its processes have its
// own rights.
//
// Used by one thread. None may be made while another of the thread's lives.

#ifndef BPFMAP_RUN_FILE_RIGHTS_H_
#define BPFMAP_RUN_FILE_RIGHTS_H_

#include <sys/types.h>

#include <vector>

namespace bpfmap {

class FileRights {
 public:
  explicit FileRights(pid_t thread);
  ~FileRights();
  FileRights(const FileRights&) = delete;
  FileRights& operator=(const FileRights&) = delete;

  // False: nothing is known of the thread, as it has ended, and the rights are
  // still this process's.
  bool ok() const { return ok_; }

 private:
  bool ok_ = true;
  bool changed_ = false;
  std::vector<gid_t> own_groups_;  // if changed
};

}  // namespace bpfmap

#endif  // BPFMAP_RUN_FILE_RIGHTS_H_
