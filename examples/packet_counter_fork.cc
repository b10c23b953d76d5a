// SPDX-License-Identifier: Apache-2.0
//
// packet_counter_fork: runs packet_counter.bpf.o once, then twice in a child,
// and once more: four times in all, for a test of coverage.
//
//   packet_counter_fork OBJECT

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

void Run(const bpf_program* program) {
  uint8_t packet[64] = {};
  LIBBPF_OPTS(bpf_test_run_opts, test);
  test.data_in = packet;
  test.data_size_in = sizeof packet;
  if (bpf_prog_test_run_opts(bpf_program__fd(program), &test) == 0) return;
  std::perror("run");
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  bpf_object* const object = bpf_object__open_file(argv[1], nullptr);
  if (object == nullptr || bpf_object__load(object) != 0) return 1;
  const bpf_program* const program =
      bpf_object__find_program_by_name(object, "packet_counter");
  Run(program);
  const pid_t child = fork();
  if (child == 0) {
    Run(program);
    Run(program);
    return 0;
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) return 1;
  Run(program);
  bpf_object__close(object);
  return 0;
}
