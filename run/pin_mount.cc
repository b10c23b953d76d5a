// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/pin_mount.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace bpfmap {
namespace {

bool WriteFile(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t written = write(fd, text.data(), text.size());
  const int error = errno;
  close(fd);
  errno = error;
  return written == static_cast<ssize_t>(text.size());
}

std::string SameNumber(unsigned number) {
  return std::to_string(number) + " " + std::to_string(number) + " 1";
}

// A mount namespace of its own.
bool EnterNewNamespaces(bool* has_user_namespace) {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  *has_user_namespace = false;
  if (unshare(CLONE_NEWNS) == 0) {
    // Nothing that is mounted here is seen outside.
    return mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
  }
  *has_user_namespace = true;
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
         WriteFile("/proc/self/setgroups", "deny") &&
         WriteFile("/proc/self/uid_map", SameNumber(uid)) &&
         WriteFile("/proc/self/gid_map", SameNumber(gid));
}

// In a user namespace of its own a process has all rights, and the commands
// that it starts there have none: without this, they could pin where they may
// not.
void GiveUpRightsToFiles() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return;
  sets[0].effective &=
      ~(1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH | 1U << CAP_FOWNER);
  syscall(SYS_capset, &header, sets);
}

// Puts a file with the list over the machine's.
bool ShowPossibleCpus(const std::string& directory, int count) {
  const std::string list = directory + "/possible_cpus";
  const int fd = open(list.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
  if (fd < 0) return false;
  const std::string text =
      count == 1 ? "0\n" : "0-" + std::to_string(count - 1) + "\n";
  const bool written =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  const bool shown =
      written && mount(list.c_str(), "/sys/devices/system/cpu/possible",
                       nullptr, MS_BIND, nullptr) == 0;
  unlink(list.c_str());
  return shown;
}

}  // namespace

PinMount MountPins(int possible_cpus) {
  const char* const directory = std::getenv("BPFMAP_PIN_DIR");
  PinMount pins;
  pins.directory =
      directory != nullptr && *directory != 0 ? directory : "/sys/fs/bpf";
  const char* what = "a mount namespace";
  bool done = EnterNewNamespaces(&pins.has_user_namespace);
  if (done) {
    what = "a mount at the directory of pins";
    done = mount("bpfmap", pins.directory.c_str(), "tmpfs",
                 MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777") == 0;
  }
  if (done && possible_cpus != 0) {
    what = "a list of possible CPUs";
    done = ShowPossibleCpus(pins.directory, possible_cpus);
  }
  if (done && pins.has_user_namespace) GiveUpRightsToFiles();
  struct stat status;
  if (done && stat(pins.directory.c_str(), &status) == 0) {
    pins.device = status.st_dev;
  } else {
    pins.why_missing = std::string("there can be no ") + (what + 2) + " (" +
                       std::strerror(errno) + ")";
  }
  return pins;
}

bool EnterNamespaces(int user_namespace, int mount_namespace) {
  // The latter changes the working directory, too.
  char directory[PATH_MAX];
  return getcwd(directory, sizeof directory) != nullptr &&
         (user_namespace < 0 || setns(user_namespace, CLONE_NEWUSER) == 0) &&
         setns(mount_namespace, CLONE_NEWNS) == 0 && chdir(directory) == 0;
}

}  // namespace bpfmap
