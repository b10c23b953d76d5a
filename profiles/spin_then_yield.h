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

// Spins for some 5 microseconds in all, with looks at the lock in between; then
// lets another thread run at each look.
class Spins {
 public:
  // Spins twice as many turns as the last time, from `first` to `most`. A turn
  // is about a cycle.
  void Pause(int first, int most);

 private:
  int turns_ = 0;  // of the last pause
  int spent_ = 0;  // turns of all pauses
};

// Looks that become rare, for locks that are mostly free for long.
class SpinThenYield {
 public:
  void Pause() { spins_.Pause(/*first=*/1, /*most=*/256); }

 private:
  Spins spins_;
};

// Rare looks from the start, for locks whose holder mostly takes them again at
// once, as a thread does that fills a queue: each look takes the lock's cache
// line, and the data that lie in it, from a holder that would have gone on.
class SpinLongThenYield {
 public:
  void Pause() { spins_.Pause(/*first=*/512, /*most=*/512); }

 private:
  Spins spins_;
};

using RwLock = BasicRwLock<SpinThenYield>;

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_SPIN_THEN_YIELD_H_
