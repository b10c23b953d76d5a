// SPDX-License-Identifier: Apache-2.0
//
// light: loads commanded.bpf.c through its light skeleton, whose loader is a
// BPF program that calls bpf(2), and runs it.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/objects/commanded.lskel.h"

static void run(const char *name, int program) {
  unsigned char packet[14] = "ab";
  unsigned char out[sizeof packet] = "";
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.test.prog_fd = program;
  attributes.test.data_in = (unsigned long)packet;
  attributes.test.data_size_in = sizeof packet;
  attributes.test.data_out = (unsigned long)out;
  attributes.test.data_size_out = sizeof out;
  int result = skel_sys_bpf(BPF_PROG_RUN, &attributes, sizeof attributes.test);
  printf("%s: %d, returns %u, %.2s\n", name, result, attributes.test.retval,
         out);
}

int main(void) {
  struct commanded *skeleton = commanded__open();
  if (!skeleton) return 1;
  skeleton->rodata->step = 5;
  int error = commanded__load(skeleton);
  if (error) {
    printf("load: %s\n", strerror(-error));
    return 1;
  }
  run("adds", skeleton->progs.adds.prog_fd);
  skeleton->data->sum = 100;
  run("adds", skeleton->progs.adds.prog_fd);
  printf("sum %llu\n", skeleton->data->sum);
  run("swaps", skeleton->progs.swaps.prog_fd);
  commanded__destroy(skeleton);
  return 0;
}
