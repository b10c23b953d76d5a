/* SPDX-License-Identifier: Apache-2.0 */

/* A model of a group of maps/internal/hash/group.h, for spin: writers that
 * insert into a slot and erase it, and a reader without a lock, on a machine
 * whose cores may see stores late and in another order.
 *
 * Memory is that of C++'s release and acquire: a place keeps every value that
 * was stored to it, in order. A thread has a view: the oldest value of each
 * place that it may still see. A load takes any value from there on. A value
 * has the view of a release with it, which an acquire adds to the reader's.
 *
 *   view        what a thread may no longer see older values than
 *   seen        views of what it loaded relaxed, for an acquire fence
 *   released    its view at its last release fence, for relaxed stores
 *
 * Checked: where the reader finds a tag in a snapshot that it validates, both
 * words of the slot are those of that tag. WITHOUT is a fence to leave out: 1
 * the reader's, 2 the writers'. Then the check must fail.
 */

#ifndef WITHOUT
#define WITHOUT 0
#endif

#define STATE 0 /* version times 4, changing 2, locked 1 */
#define TAG 1   /* 0, or of which insert */
#define WORD1 2 /* of the slot: of which insert */
#define WORD2 3
#define PLACES 4

#define WRITERS 2
#define CHANGES 2                 /* of each writer */
#define VALUES (2 * WRITERS * CHANGES + 1)

#define LOCKED 1
#define CHANGING 2
#define ONE_VERSION 4

/* Arrays of arrays are flat: [place * VALUES + index]. */
byte value[PLACES * VALUES];
byte count[PLACES]; /* how many values a place has had */
byte view_of[PLACES * VALUES * PLACES];

/* Of threads 0 to WRITERS, the last of which reads: [thread * PLACES + place].
 */
#define THREADS (WRITERS + 1)
byte view[THREADS * PLACES];
byte seen[THREADS * PLACES];
byte released[THREADS * PLACES];

#define MAX(to, from) if :: to < from -> to = from :: else fi

#define EACH_PLACE(p, body) \
  p = 0; do :: p < PLACES -> body; p++ :: else -> break od

/* Chooses what a load sees: `at`. */
#define CHOOSE(me, place) \
  at = view[me * PLACES + place]; \
  do :: at + 1 < count[place] -> at++ :: break od

#define LOAD(me, place, result, acquire) \
  atomic { \
    CHOOSE(me, place); \
    result = value[place * VALUES + at]; \
    view[me * PLACES + place] = at; \
    EACH_PLACE(p, \
      MAX(seen[me * PLACES + p], \
          view_of[(place * VALUES + at) * PLACES + p]); \
      if \
      :: acquire -> \
         MAX(view[me * PLACES + p], \
             view_of[(place * VALUES + at) * PLACES + p]) \
      :: else \
      fi) \
  }

#define APPEND(me, place, new_value, release) \
  value[place * VALUES + count[place]] = new_value; \
  EACH_PLACE(p, \
    if \
    :: release -> view_of[(place * VALUES + count[place]) * PLACES + p] = \
                      view[me * PLACES + p] \
    :: else -> view_of[(place * VALUES + count[place]) * PLACES + p] = \
                   released[me * PLACES + p] \
    fi); \
  view_of[(place * VALUES + count[place]) * PLACES + place] = count[place]; \
  view[me * PLACES + place] = count[place]; \
  count[place]++

/* Only the holder of the lock stores, so what it stores is the last. */
#define STORE(me, place, new_value, release) \
  atomic { APPEND(me, place, new_value, release) }

#define ACQUIRE_FENCE(me) \
  atomic { EACH_PLACE(p, MAX(view[me * PLACES + p], seen[me * PLACES + p])) }
#define RELEASE_FENCE(me) \
  atomic { EACH_PLACE(p, released[me * PLACES + p] = view[me * PLACES + p]) }

/* BitLock::TryLock() with CHANGING: an atomic instruction sees the last value,
 * and goes on with its view (acquire, and a release sequence). */
#define TRY_BEGIN_WRITE(me, expected, done) \
  atomic { \
    at = count[STATE] - 1; \
    if \
    :: value[STATE * VALUES + at] == expected && (expected & LOCKED) == 0 -> \
       EACH_PLACE(p, MAX(view[me * PLACES + p], \
                         view_of[(STATE * VALUES + at) * PLACES + p])); \
       APPEND(me, STATE, (expected | LOCKED | CHANGING), false); \
       done = true \
    :: else -> done = false \
    fi \
  }

proctype Writer(byte me) {
  byte at, p, state, tag, changes;
  bool done;
  do
  :: changes < CHANGES ->
     LOAD(me, STATE, state, true);
     LOAD(me, TAG, tag, true);
     if
     :: (state & (LOCKED | CHANGING)) != 0 -> goto next
     :: else
     fi;
     TRY_BEGIN_WRITE(me, state, done);
     if
     :: !done -> goto next
     :: else
     fi;
     if
     :: WITHOUT != 2 -> RELEASE_FENCE(me)
     :: else
     fi;
     if
     :: tag == 0 -> /* inserts: fills the slot, then says so */
        STORE(me, WORD1, me * CHANGES + changes + 1, false);
        STORE(me, WORD2, me * CHANGES + changes + 1, false);
        STORE(me, TAG, me * CHANGES + changes + 1, true)
     :: else -> /* erases */
        STORE(me, TAG, 0, true)
     fi;
     STORE(me, STATE, state + ONE_VERSION, true);
next:
     changes++
  :: else -> break
  od
}

proctype Reader(byte me) {
  byte at, p, state, tag, word1, word2, again;
  LOAD(me, STATE, state, true);
  LOAD(me, TAG, tag, true);
  if
  :: tag != 0 ->
     LOAD(me, WORD1, word1, false);
     LOAD(me, WORD2, word2, false);
     if
     :: WITHOUT != 1 -> ACQUIRE_FENCE(me)
     :: else
     fi;
     LOAD(me, STATE, again, false);
     /* Validate(): as it was, and nobody was changing it. */
     if
     :: (again & (255 - LOCKED)) == (state & (255 - LOCKED - CHANGING)) ->
        assert(word1 == tag && word2 == tag)
     :: else
     fi
  :: else
  fi
}

init {
  atomic {
    count[STATE] = 1; count[TAG] = 1; count[WORD1] = 1; count[WORD2] = 1;
    run Writer(0);
    run Writer(1);
    run Reader(WRITERS)
  }
}
