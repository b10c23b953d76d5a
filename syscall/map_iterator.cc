// SPDX-License-Identifier: Apache-2.0
//
// map_iterator: what bpf(2) answers to iterators over the elements of maps, and
// what is read from them.
//
// Run as root on Linux 6.18 it writes map_iterator.out.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "syscall/map_iterator.skel.h"

namespace {

constexpr int kNoFd = 9999;

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

long Bpf(int command, bpf_attr* attr) {
  const long result = syscall(SYS_bpf, command, attr, 64);
  return result < 0 ? -errno : result;
}

void Say(const char* what, long result) {
  std::printf("%s: %ld\n", what, result > 0 ? 1 : result);
}

bpf_attr LinkOf(int program, const void* info, uint32_t length) {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.link_create.prog_fd = static_cast<uint32_t>(program);
  attr.link_create.attach_type = BPF_TRACE_ITER;
  attr.link_create.iter_info = Address(info);
  attr.link_create.iter_info_len = length;
  return attr;
}

long Link(int program, const void* info, uint32_t length) {
  bpf_attr attr = LinkOf(program, info, length);
  return Bpf(BPF_LINK_CREATE, &attr);
}

long LinkMap(int program, int map) {
  bpf_iter_link_info info = {};
  info.map.map_fd = static_cast<uint32_t>(map);
  return Link(program, &info, sizeof info);
}

long Create(int link, uint32_t flags = 0) {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.iter_create.link_fd = static_cast<uint32_t>(link);
  attr.iter_create.flags = flags;
  return Bpf(BPF_ITER_CREATE, &attr);
}

void ProbeLinks(const map_iterator& skeleton) {
  const int program = bpf_program__fd(skeleton.progs.dump);
  const int hash = bpf_map__fd(skeleton.maps.hash);
  Say("no map", Link(program, nullptr, 0));
  Say("length without an address", Link(program, nullptr, 4));
  bpf_iter_link_info infos[4] = {};
  infos[0].map.map_fd = static_cast<uint32_t>(hash);
  Say("address without a length", Link(program, infos, 0));
  Say("bad address", Link(program, reinterpret_cast<void*>(8), 4));
  Say("short info", Link(program, infos, 4));
  Say("long info", Link(program, infos, sizeof infos));
  infos[3].map.map_fd = 1;
  Say("long info that is not zero", Link(program, infos, sizeof infos));
  bpf_attr attr = LinkOf(program, infos, sizeof infos[0]);
  attr.link_create.target_fd = 1;
  Say("target", Bpf(BPF_LINK_CREATE, &attr));
  attr = LinkOf(program, infos, sizeof infos[0]);
  attr.link_create.flags = 1;
  Say("flags", Bpf(BPF_LINK_CREATE, &attr));
  attr = LinkOf(program, infos, sizeof infos[0]);
  attr.link_create.attach_type = BPF_TRACE_FENTRY;
  Say("other attach type", Bpf(BPF_LINK_CREATE, &attr));
  Say("closed descriptor", LinkMap(program, kNoFd));
  Say("program in place of a map", LinkMap(program, program));
  Say("queue", LinkMap(program, bpf_map__fd(skeleton.maps.queue)));
}

void ProbeInfo(int link, int map) {
  char name[32] = "";
  bpf_link_info info = {};
  uint32_t length = sizeof info;
  info.iter.target_name = Address(name);
  info.iter.target_name_len = sizeof name;
  Say("info", bpf_obj_get_info_by_fd(link, &info, &length));
  bpf_map_info map_info = {};
  length = sizeof map_info;
  bpf_obj_get_info_by_fd(map, &map_info, &length);
  std::printf("type %u of %s, %u bytes, of the map: %d\n", info.type, name,
              info.iter.target_name_len, info.iter.map.map_id == map_info.id);
}

// Prints what is read.
void Read(const char* what, long iterator) {
  char bytes[256];
  ssize_t size;
  std::printf("%s:\n", what);
  while ((size = read(static_cast<int>(iterator), bytes, sizeof bytes)) > 0) {
    std::fwrite(bytes, 1, static_cast<std::size_t>(size), stdout);
  }
  Say("end", size);
}

void ProbeReads(const map_iterator& skeleton) {
  const int program = bpf_program__fd(skeleton.progs.dump);
  const int hash = bpf_map__fd(skeleton.maps.hash);
  const uint32_t key = 5;
  uint64_t value = 500;
  const int link = static_cast<int>(LinkMap(program, hash));
  Read("empty", Create(link));
  bpf_map_update_elem(hash, &key, &value, BPF_ANY);
  const int iterator = static_cast<int>(Create(link));
  Say("close on exec", fcntl(iterator, F_GETFD));
  Say("access", fcntl(iterator, F_GETFL) & O_ACCMODE);
  Read("one element", iterator);
  Read("at its end", iterator);
  Say("write", write(iterator, "", 1));
  bpf_map_info info;
  uint32_t length = sizeof info;
  Say("info",
      bpf_obj_get_info_by_fd(iterator, &info, &length) == 0 ? 0 : -errno);
  Read("again", Create(link));
  bpf_map_lookup_elem(hash, &key, &value);
  std::printf("counted up: %llu\n", static_cast<unsigned long long>(value));
  Say("detach", bpf_link_detach(link) == 0 ? 0 : -errno);
  Say("update", bpf_link_update(link, program, nullptr) == 0 ? 0 : -errno);
  ProbeInfo(link, hash);
  Say("iterator with flags", Create(link, 1));
  Say("iterator of a program", Create(program));
  Say("iterator of nothing", Create(kNoFd));
}

// As libbpf's users do it.
void ReadWithLibbpf(const map_iterator& skeleton) {
  bpf_iter_link_info info = {};
  info.map.map_fd = static_cast<uint32_t>(bpf_map__fd(skeleton.maps.counts));
  LIBBPF_OPTS(bpf_iter_attach_opts, options);
  options.link_info = &info;
  options.link_info_len = sizeof info;
  bpf_link* const link =
      bpf_program__attach_iter(skeleton.progs.dump, &options);
  Say("link", link != nullptr ? 1 : -errno);
  const int iterator = bpf_iter_create(bpf_link__fd(link));
  bpf_link__destroy(link);
  Read("per CPU", iterator);
}

}  // namespace

int main() {
  map_iterator* const skeleton = map_iterator__open_and_load();
  if (skeleton == nullptr) return 1;
  ProbeLinks(*skeleton);
  ProbeReads(*skeleton);
  ReadWithLibbpf(*skeleton);
  map_iterator__destroy(skeleton);
  return 0;
}
