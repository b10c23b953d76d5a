// SPDX-License-Identifier: Apache-2.0
//
// later: takes the work queues of later.bpf.c through their lives, and prints
// what each step answers. It asks until the work is done.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "tests/objects/later.skel.h"

namespace {

struct Element {
  uint64_t done;
  uint64_t work[2];
};

class Steps {
 public:
  Steps(later* skeleton, const bpf_map* map, const bpf_program* program)
      : skeleton_(*skeleton),
        map_(bpf_map__fd(map)),
        program_(bpf_program__fd(program)) {}

  void Say(const char* name, int step, unsigned flags = 0) {
    skeleton_.bss->step = step;
    skeleton_.bss->flags = flags;
    skeleton_.bss->result = 0;
    LIBBPF_OPTS(bpf_test_run_opts, run);
    uint8_t packet[14] = {};
    run.data_in = packet;
    run.data_size_in = sizeof packet;
    const int error = bpf_prog_test_run_opts(program_, &run);
    std::printf("%s: %d %u %d\n", name, error, run.retval,
                skeleton_.bss->result);
  }

  // Until work was done so often in all.
  void Wait(uint64_t times) {
    constexpr int kPatience = 10'000;
    uint64_t done = 0;
    for (int i = 0; i < kPatience && done < times; ++i) {
      const int key = skeleton_.bss->key;
      Element element = {};
      bpf_map_lookup_elem(map_, &key, &element);
      done = __atomic_load_n(&skeleton_.bss->times, __ATOMIC_RELAXED);
      if (done < times) usleep(1000);
    }
    std::printf("done %llu, key %llu\n", static_cast<unsigned long long>(done),
                static_cast<unsigned long long>(skeleton_.bss->seen_key));
  }

  void ShowElement() {
    const int key = skeleton_.bss->key;
    Element element = {};
    const int error = bpf_map_lookup_elem(map_, &key, &element);
    std::printf("element: %d, done %llu, work %llu %llu\n", error,
                static_cast<unsigned long long>(element.done),
                static_cast<unsigned long long>(element.work[0]),
                static_cast<unsigned long long>(element.work[1]));
  }

  void Live(int key, uint64_t before) {
    enum { kInit, kSetCallback, kStart };
    skeleton_.bss->key = key;
    const Element none = {};
    bpf_map_update_elem(map_, &key, &none, BPF_ANY);
    Say("start before init", kStart);
    Say("callback before init", kSetCallback);
    Say("init with flags", kInit, 1);
    Say("init", kInit);
    Say("init again", kInit);
    Say("start without callback", kStart);
    Say("callback with flags", kSetCallback, 1);
    Say("callback", kSetCallback);
    Say("start with flags", kStart, 1);
    Say("start", kStart);
    Wait(before + 1);
    Say("start again", kStart);
    Wait(before + 2);
    ShowElement();
    // An update ends it.
    bpf_map_update_elem(map_, &key, &none, BPF_ANY);
    Say("start after update", kStart);
    ShowElement();
  }

 private:
  later& skeleton_;
  int map_;
  int program_;
};

}  // namespace

int main() {
  later* const skeleton = later__open_and_load();
  if (skeleton == nullptr) return 1;
  std::puts("HASH");
  Steps hash(skeleton, skeleton->maps.hash, skeleton->progs.do_hash);
  hash.Live(5, 0);
  std::puts("ARRAY");
  Steps array(skeleton, skeleton->maps.array, skeleton->progs.do_array);
  array.Live(3, 2);
  std::puts("ITERATOR");
  Steps sum(skeleton, skeleton->maps.array, skeleton->progs.add);
  skeleton->bss->key = 10;
  sum.Say("sum", 0);
  skeleton->bss->key = 1000;
  sum.Say("sum", 0);
  later__destroy(skeleton);
  return 0;
}
