// SPDX-License-Identifier: Apache-2.0

// Where pins are files: a tmpfs at the directory of pins, which this process
// and those that it starts see, and no others.
//
// For that the process goes into a mount namespace of its own. An ordinary user
// needs a user namespace for it, where users and groups are those of outside.

#ifndef BPFMAP_RUN_PIN_MOUNT_H_
#define BPFMAP_RUN_PIN_MOUNT_H_

#include <sys/types.h>

#include <string>

namespace bpfmap {

struct PinMount {
  dev_t device = 0;       // of the tmpfs; 0: there is none
  std::string directory;  // where it is
  bool has_user_namespace = false;
  std::string why_missing;  // one sentence, if there is none
};

// Goes into the namespaces and mounts. `possible_cpus`, unless it is 0, is what
// programs will find in /sys/devices/system/cpu/possible. REQUIRES: the process
// has one thread.
PinMount MountPins(int possible_cpus);

// Goes into the namespaces of another process that called MountPins(), of which
// these are descriptors; -1 for `user_namespace` if it is this process's.
// False: errno says why. REQUIRES: the process has one thread.
bool EnterNamespaces(int user_namespace, int mount_namespace);

}  // namespace bpfmap

#endif  // BPFMAP_RUN_PIN_MOUNT_H_
