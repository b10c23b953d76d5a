// SPDX-License-Identifier: Apache-2.0

// ActiveProfile: the profile that this build was made for, for code that wants
// a default. Cloud, unless the build says `--define profile=embedded`.

#ifndef BPFMAP_PROFILES_ACTIVE_PROFILE_H_
#define BPFMAP_PROFILES_ACTIVE_PROFILE_H_

#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"

namespace bpfmap {

// BPFMAP_ACTIVE_PROFILE is set by profiles/BUILD.
using ActiveProfile = BPFMAP_ACTIVE_PROFILE;

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_ACTIVE_PROFILE_H_
