// SPDX-License-Identifier: Apache-2.0

// SpinThenYield: how a thread waits for a lock where there are other threads to
// run; and the locks that wait so.
//
// It has a header of its own for what needs such a lock and no profile, such as
// the table of open maps, which compiles without an operating system too.

#ifndef BPFMAP_PROFILES_SPIN_THEN_YIELD_H_
#define BPFMAP_PROFILES_SPIN_THEN_YIELD_H_

#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// Spins for a few microseconds, with looks at the lock that become rare; then
// lets another thread run.
class SpinThenYield {
 public:
  void Pause();

 private:
  int spins_ = 0;
};
using RwLock = BasicRwLock<SpinThenYield>;

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_SPIN_THEN_YIELD_H_
