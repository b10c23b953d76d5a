// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/file_rights.h"

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace bpfmap {
namespace {

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
};

// Whether both ids that files are opened with were found.
bool ReadOwner(pid_t thread, Owner* owner) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  int found = 0;
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    unsigned real, effective, saved;
    words >> name;
    if (name == "Uid:") {
      found += bool(words >> real >> effective >> saved >> owner->user);
    } else if (name == "Gid:") {
      found += bool(words >> real >> effective >> saved >> owner->group);
    } else if (name == "Groups:") {
      for (gid_t group; words >> group;) owner->groups.push_back(group);
    }
  }
  return found == 2;
}

// The C library's setgroups() is for all threads of a process.
void SetGroupsOfThread(const std::vector<gid_t>& groups) {
  syscall(SYS_setgroups, groups.size(), groups.data());
}

}  // namespace

FileRights::FileRights(pid_t thread) {
  if (geteuid() != 0) return;
  Owner owner;
  ok_ = ReadOwner(thread, &owner);
  if (!ok_ || owner.user == 0) return;
  changed_ = true;
  own_groups_.resize(static_cast<std::size_t>(getgroups(0, nullptr)));
  getgroups(static_cast<int>(own_groups_.size()), own_groups_.data());
  SetGroupsOfThread(owner.groups);
  setfsgid(owner.group);
  setfsuid(owner.user);  // and with it go root's rights to files
}

FileRights::~FileRights() {
  if (!changed_) return;
  setfsuid(geteuid());
  setfsgid(getegid());
  SetGroupsOfThread(own_groups_);
}

}  // namespace bpfmap
