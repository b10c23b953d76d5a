// SPDX-License-Identifier: Apache-2.0

// UpdateFile: changes a file while no other process changes it this way.
//
// Locks: flock(2) on POSIX, a handle that is not shared on Windows; none
// without an operating system.

#ifndef BPFMAP_PROFILES_PLATFORM_UPDATE_FILE_H_
#define BPFMAP_PROFILES_PLATFORM_UPDATE_FILE_H_

#include <functional>
#include <string>

namespace bpfmap::platform {

// Replaces what is in the file by what `change` returns for it. A file that
// does not exist is made, and was empty. Returns false where it cannot be read
// or written.
bool UpdateFile(const char* path,
                const std::function<std::string(const std::string&)>& change);

}  // namespace bpfmap::platform

#endif  // BPFMAP_PROFILES_PLATFORM_UPDATE_FILE_H_
