// SPDX-License-Identifier: Apache-2.0
//
// The steps of timers.bpf.c, and what its functions do when a timer fires.

#ifndef BPFMAP_TESTS_OBJECTS_TIMERS_H_
#define BPFMAP_TESTS_OBJECTS_TIMERS_H_

enum step {
  STEP_INIT,
  STEP_SET_CALLBACK,
  STEP_SET_OTHER,
  STEP_START,
  STEP_START_AT,
  STEP_CANCEL,
  STEP_SET_MODE,
};

enum mode {
  MODE_COUNT,
  MODE_AGAIN,   // until it fired three times
  MODE_CANCEL,  // itself
  MODE_DELETE,  // its element
  MODE_INIT,    // itself, once more
};

#endif  // BPFMAP_TESTS_OBJECTS_TIMERS_H_
