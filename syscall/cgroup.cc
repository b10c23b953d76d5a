// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/cgroup.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "bpfmap/syscall/caller.h"

namespace bpfmap {
namespace {

// Where the file system of cgroups is mounted.
struct Mount {
  dev_t device;
  std::string path;
};

// Source: proc(5), mountinfo.
std::optional<Mount> FindMount() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream fields(line);
    std::string id, parent, root;
    unsigned major, minor;
    char colon;
    Mount mount;
    fields >> id >> parent >> major >> colon >> minor >> root >> mount.path;
    if (!fields) continue;
    mount.device = makedev(major, minor);
    return mount;
  }
  return std::nullopt;
}

// Of process `pid`, below where cgroups are mounted: "/system.slice/...".
std::string PathOfProcess(pid_t pid) {
  std::ifstream cgroups("/proc/" + std::to_string(pid) + "/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    if (line.rfind("0::", 0) == 0) return line.substr(3);
  }
  return "";
}

}  // namespace

uint32_t CgroupOfFd(int fd) {
  FileStatus status;
  if (FindFile(fd, &status) != 0) return 0;
  const std::optional<Mount> mount = FindMount();
  if (!mount || mount->device != status.device) return 0;
  return static_cast<uint32_t>(status.inode);
}

bool IsUnderCgroup(pid_t pid, uint32_t cgroup) {
  const std::optional<Mount> mount = FindMount();
  const std::string path = PathOfProcess(pid);
  if (!mount || path.empty()) return false;
  // All that it is under, from the root on: "", "/system.slice" and so on.
  std::size_t end = 0;
  while (true) {
    struct stat directory;
    const std::string at = mount->path + path.substr(0, end);
    if (stat(at.c_str(), &directory) != 0) return false;
    if (static_cast<uint32_t>(directory.st_ino) == cgroup) return true;
    if (end >= path.size()) return false;
    end = std::min(path.find('/', end + 1), path.size());
  }
}

}  // namespace bpfmap
