// SPDX-License-Identifier: Apache-2.0
//
// arena: creates arenas, maps them, shares one with the programs of
// arena.bpf.c, and prints the answers.

#include "tests/objects/arena.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "tests/objects/arena.skel.h"

namespace {

constexpr auto kArena = static_cast<bpf_map_type>(33);
constexpr uint64_t kAddress = uint64_t{1} << 44;
constexpr uint64_t kPage = 4096;

// Prints `text` with an answer in the place of each '%'. In a list in braces
// the first is asked for first.
void Print(const char* text, std::initializer_list<int> answers) {
  const int* answer = answers.begin();
  for (; *text != 0; ++text) {
    if (*text != '%') {
      std::putchar(*text);
    } else {
      std::printf("%d", *answer++);
    }
  }
}

int Make(uint32_t key_size, uint32_t value_size, uint32_t pages, uint32_t flags,
         uint64_t address) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = flags;
  options.map_extra = address;
  return bpf_map_create(kArena, nullptr, key_size, value_size, pages, &options);
}

int Closed(int fd) {
  if (fd < 0) return fd;
  close(fd);
  return 0;
}

int Create(uint32_t pages, uint64_t address) {
  return Closed(Make(0, 0, pages, BPF_F_MMAPABLE, address));
}

void Creations() {
  Print(
      "created %; a key %, a value %, not mappable %; flags",
      {Create(8, 0), Closed(Make(4, 0, 8, BPF_F_MMAPABLE, 0)),
       Closed(Make(0, 8, 8, BPF_F_MMAPABLE, 0)), Closed(Make(0, 0, 8, 0, 0))});
  for (int bit = 0; bit < 20; ++bit) {
    if (bit == 16) continue;  // a token
    std::printf(" %d", Closed(Make(0, 0, 8, BPF_F_MMAPABLE | 1U << bit, 0)));
  }
  Print("; pages: 0 %, 4 GiB %, more %, most %",
        {Create(0, 0), Create(1U << 20, kAddress), Create((1U << 20) + 1, 0),
         Create(0xffffffff, 0)});
  Print(
      "; addresses: 1 %, a page %, 16 TiB %, across 4 GiB %, up to "
      "it %, last page %\n",
      {Create(8, 1), Create(8, kPage), Create(8, kAddress),
       Create(8, 0xfffff000), Create(1, 0xfffff000),
       Create(1, ~uint64_t{0} << 12)});
  Print(
      "two faults: key and address %, size and address %, size and "
      "across %, 0 pages and an address %\n",
      {Closed(Make(4, 0, 8, BPF_F_MMAPABLE, 1)), Create(0xffffffff, 1),
       Create(0xffffffff, 0xfffff000), Create(0, kPage)});
}

void Commands() {
  const int map = Make(0, 0, 8, BPF_F_MMAPABLE, 0);
  uint64_t key = 0, value = 0;
  Print(
      "with keys: lookup %, update %, delete %, next %, take %",
      {bpf_map_lookup_elem(map, &key, &value),
       bpf_map_update_elem(map, &key, &value, 0),
       bpf_map_delete_elem(map, &key), bpf_map_get_next_key(map, &key, &value),
       bpf_map_lookup_and_delete_elem(map, &key, &value)});
  Print("; without: lookup %, update %, delete %, next %, take %",
        {bpf_map_lookup_elem(map, nullptr, &value),
         bpf_map_update_elem(map, nullptr, &value, 0),
         bpf_map_delete_elem(map, nullptr),
         bpf_map_get_next_key(map, nullptr, &value),
         bpf_map_lookup_and_delete_elem(map, nullptr, &value)});
  std::printf("; update with flags");
  for (const uint64_t flags : {1, 2, 4, 8}) {
    std::printf(" %d", bpf_map_update_elem(map, nullptr, &value, flags));
  }
  uint32_t count = 1;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  Print("; batches % %",
        {bpf_map_update_batch(map, &key, &value, &count, &options),
         bpf_map_lookup_batch(map, nullptr, &key, &key, &value, &count,
                              &options)});
  bpf_map_info info = {};
  uint32_t size = sizeof info;
  bpf_obj_get_info_by_fd(map, &info, &size);
  Print("; info: type %, pages %, flags %, address %\n",
        {static_cast<int>(info.type), static_cast<int>(info.max_entries),
         static_cast<int>(info.map_flags), static_cast<int>(info.map_extra)});
  close(map);
}

// mmap(2), and munmap(2) where that went well. Returns 0 or -errno.
int Mapped(int map, uint64_t address, uint64_t pages, int protection, int flags,
           uint64_t offset) {
  void* const start = mmap(reinterpret_cast<void*>(address), pages * kPage,
                           protection, flags, map, static_cast<off_t>(offset));
  if (start == MAP_FAILED) return -errno;
  munmap(start, pages * kPage);
  return 0;
}

void Mappings() {
  constexpr int kBoth = PROT_READ | PROT_WRITE;
  const int map = Make(0, 0, kPages, BPF_F_MMAPABLE, kAddress);
  Print("mapped: at its address %, anywhere %, elsewhere %",
        {Mapped(map, kAddress, kPages, kBoth, MAP_SHARED, 0),
         Mapped(map, 0, kPages, kBoth, MAP_SHARED, 0),
         Mapped(map, kAddress / 2, kPages, kBoth, MAP_SHARED, 0)});
  Print(", a page less %, a page more %, read only %, private %",
        {Mapped(map, kAddress, kPages - 1, kBoth, MAP_SHARED, 0),
         Mapped(map, kAddress, kPages + 1, kBoth, MAP_SHARED, 0),
         Mapped(map, kAddress, kPages, PROT_READ, MAP_SHARED, 0),
         Mapped(map, kAddress, kPages, kBoth, MAP_PRIVATE, 0)});
  Print(", from page 1 %, as code %; freeze %",
        {Mapped(map, kAddress, kPages, kBoth, MAP_SHARED, kPage),
         Mapped(map, kAddress, kPages, kBoth | PROT_EXEC, MAP_SHARED, 0),
         bpf_map_freeze(map)});
  Print(
      ", again %; then mapped %, read only %\n",
      {bpf_map_freeze(map), Mapped(map, kAddress, kPages, kBoth, MAP_SHARED, 0),
       Mapped(map, kAddress, kPages, PROT_READ, MAP_SHARED, 0)});
  close(map);
  const int other = Make(0, 0, kPages, BPF_F_MMAPABLE, 0);
  void* const start =
      mmap(nullptr, kPages * kPage, kBoth, MAP_SHARED, other, 0);
  Print("without an address: mapped %, a second time elsewhere %\n",
        {static_cast<int>(start != MAP_FAILED),
         Mapped(other, 0, kPages, kBoth, MAP_SHARED, 0)});
  munmap(start, kPages * kPage);
  close(other);
}

int Run(const bpf_program* program) {
  LIBBPF_OPTS(bpf_test_run_opts, run);
  const int error = bpf_prog_test_run_opts(bpf_program__fd(program), &run);
  return error != 0 ? error : static_cast<int>(run.retval);
}

// What bpf_arena_alloc_pages() returns: the number of a page, or -1.
int Allocate(arena* skeleton, int page, uint32_t pages, int node = -1,
             uint64_t flags = 0, uint64_t more = 0) {
  Request& request = skeleton->bss->request;
  request.address =
      page < 0 ? 0 : kAddress + static_cast<uint64_t>(page) * kPage + more;
  request.pages = pages;
  request.node = node;
  request.flags = flags;
  const int error = Run(skeleton->progs.allocate);
  if (error != 0) return -error - 1000;
  if (request.address == 0) return -1;
  return static_cast<int>((request.address - kAddress) / kPage);
}

int Release(arena* skeleton, int page, uint32_t pages) {
  Request& request = skeleton->bss->request;
  request.address = kAddress + static_cast<uint64_t>(page) * kPage;
  request.pages = pages;
  return Run(skeleton->progs.release);
}

void Pages(arena* skeleton, char* memory) {
  Print(
      "allocated: none %, too many %, flags %, node 0 %, node 99 "
      "%, within a page %",
      {Allocate(skeleton, -1, 0), Allocate(skeleton, -1, kPages + 1),
       Allocate(skeleton, -1, 1, -1, 1), Allocate(skeleton, -1, 1, 0),
       Allocate(skeleton, -1, 1, 99), Allocate(skeleton, 3, 1, -1, 0, 8)});
  Print(", two %, page 0 %, page 4 %, again %, past the end %",
        {Allocate(skeleton, -1, 2), Allocate(skeleton, 0, 1),
         Allocate(skeleton, 4, 1), Allocate(skeleton, 4, 1),
         Allocate(skeleton, kPages - 1, 2)});
  memory[6 * kPage] = 1;  // user space takes a page
  Print(", one %, two where user space is %, two %, one %, one %",
        {Allocate(skeleton, -1, 1), Allocate(skeleton, 5, 2),
         Allocate(skeleton, -1, 2), Allocate(skeleton, -1, 1),
         Allocate(skeleton, -1, 1)});
  std::printf(", one %d\n", Allocate(skeleton, -1, 1));
  Print("freed %, then two %",
        {Release(skeleton, 1, 2), Allocate(skeleton, -1, 2)});
  Print("; freed up to the end %, past it %",
        {Release(skeleton, 4, 99), Release(skeleton, kPages, 1)});
  Print(", then one %, four %, byte of user space %\n",
        {Allocate(skeleton, -1, 1), Allocate(skeleton, -1, 4),
         memory[6 * kPage]});
  Release(skeleton, 0, kPages);
}

void List(arena* skeleton) {
  Request& request = skeleton->bss->request;
  Print("a list: page %, built %",
        {Allocate(skeleton, 2, 1), Run(skeleton->progs.build)});
  uint64_t sum = 0;
  int nodes = 0;
  for (const auto* at = reinterpret_cast<const Node*>(request.address);
       at != nullptr; at = at->next) {
    sum += at->value;
    ++nodes;
  }
  Print(", % nodes, together %", {nodes, static_cast<int>(sum)});
  Print(", summed %: %\n",
        {Run(skeleton->progs.sum), static_cast<int>(request.value)});
  Release(skeleton, 2, 1);
}

void Stores(arena* skeleton, char* memory) {
  Request& request = skeleton->bss->request;
  const auto store = [&](int page) {
    request.address = kAddress + static_cast<uint64_t>(page) * kPage;
    request.value = 77;
    return Run(skeleton->progs.store);
  };
  const auto word = [&](int page) {
    return *reinterpret_cast<uint64_t*>(memory +
                                        static_cast<uint64_t>(page) * kPage);
  };
  std::printf("a page that is not there: stored %d", store(5));
  Print(", read back %, in user space %",
        {static_cast<int>(request.value), static_cast<int>(word(5))});
  std::printf("; then stored %d", store(5));
  Print(", read back %, in user space %",
        {static_cast<int>(request.value), static_cast<int>(word(5))});
  Print("; freed %, in user space %\n",
        {Release(skeleton, 5, 1), static_cast<int>(word(5))});
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  Creations();
  Commands();
  Mappings();
  arena* const skeleton = arena__open();
  bpf_map__set_map_extra(skeleton->maps.arena, kAddress);
  if (arena__load(skeleton) != 0) {
    std::perror("load");
    return 1;
  }
  void* const memory = mmap(reinterpret_cast<void*>(kAddress), kPages * kPage,
                            PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                            bpf_map__fd(skeleton->maps.arena), 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    return 1;
  }
  Pages(skeleton, static_cast<char*>(memory));
  List(skeleton);
  Stores(skeleton, static_cast<char*>(memory));
  arena__destroy(skeleton);
  return 0;
}
