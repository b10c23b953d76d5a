// SPDX-License-Identifier: Apache-2.0
//
// timer_map_probe: asks bpf(2) for maps whose values hold a timer, and prints
// what it answers. Run as root on Linux 6.18 it writes timer_map_probe.out.

#include <linux/bpf.h>
#include <linux/btf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

bpf_attr Zeros() {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

long Bpf(int command, bpf_attr* attr, unsigned size) {
  const long result = syscall(SYS_bpf, command, attr, size);
  return result < 0 ? -errno : result;
}

// Types 1 to 5: u64, u32, struct bpf_timer, struct bpf_spin_lock, and a struct
// of `size` bytes with members of these types, at offsets in bytes.
struct Member {
  uint32_t type, offset;
};
constexpr uint32_t kWord = 2, kTimer = 3, kLock = 4, kValue = 5;

long LoadTypes(uint32_t size, const std::vector<Member>& members) {
  constexpr char kNames[] = "\0u64\0u32\0bpf_timer\0bpf_spin_lock\0m";
  constexpr uint32_t kU64 = 1, kU32 = 5, kTimerName = 9, kLockName = 19;
  constexpr uint32_t kMemberName = 33;
  const auto info = [](uint32_t kind, uint32_t count) {
    return kind << 24 | count;
  };
  std::vector<uint32_t> types = {
      kU64,        info(BTF_KIND_INT, 0),
      8,           64,  // bits
      kU32,        info(BTF_KIND_INT, 0),
      4,           32,
      kTimerName,  info(BTF_KIND_STRUCT, 2),
      16,  //
      kMemberName, 1,
      0,  //
      kMemberName, 1,
      64,  //
      kLockName,   info(BTF_KIND_STRUCT, 1),
      4,  //
      kMemberName, 2,
      0,  //
      kMemberName, info(BTF_KIND_STRUCT, static_cast<uint32_t>(members.size())),
      size};
  for (const Member& member : members) {
    types.insert(types.end(), {kMemberName, member.type, member.offset * 8});
  }
  btf_header header = {};
  header.magic = BTF_MAGIC;
  header.version = BTF_VERSION;
  header.hdr_len = sizeof header;
  header.type_len = static_cast<uint32_t>(types.size() * 4);
  header.str_off = header.type_len;
  header.str_len = sizeof kNames;
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(types.data()), header.type_len);
  bytes.append(kNames, sizeof kNames);
  bpf_attr attr = Zeros();
  attr.btf = Address(bytes.data());
  attr.btf_size = static_cast<uint32_t>(bytes.size());
  return Bpf(BPF_BTF_LOAD, &attr, 28);
}

long Create(uint32_t type, uint32_t size, const std::vector<Member>& members,
            uint32_t flags = 0) {
  const long btf = LoadTypes(size, members);
  if (btf < 0) return btf - 10'000;
  bpf_attr attr = Zeros();
  attr.map_type = type;
  attr.key_size = 4;
  attr.value_size = size;
  attr.max_entries = 4;
  attr.map_flags = flags;
  attr.btf_fd = static_cast<uint32_t>(btf);
  attr.btf_key_type_id = kWord;
  attr.btf_value_type_id = kValue;
  if (type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_BLOOM_FILTER) {
    attr.key_size = 0;
    attr.btf_key_type_id = 0;
  }
  if (type == BPF_MAP_TYPE_LPM_TRIE) attr.key_size = 8;
  const long map = Bpf(BPF_MAP_CREATE, &attr, 72);
  close(static_cast<int>(btf));
  return map;
}

void Say(const std::string& what, long result) {
  std::printf("%s: %ld\n", what.c_str(), result < 0 ? result : 0);
  if (result >= 0) close(static_cast<int>(result));
}

}  // namespace

int main() {
  struct {
    const char* name;
    uint32_t type;
    uint32_t flags;
  } const types[] = {{"HASH", BPF_MAP_TYPE_HASH, 0},
                     {"HASH without preallocation", BPF_MAP_TYPE_HASH, 1},
                     {"ARRAY", BPF_MAP_TYPE_ARRAY, 0},
                     {"LRU_HASH", BPF_MAP_TYPE_LRU_HASH, 0},
                     {"PERCPU_HASH", BPF_MAP_TYPE_PERCPU_HASH, 0},
                     {"PERCPU_ARRAY", BPF_MAP_TYPE_PERCPU_ARRAY, 0},
                     {"LRU_PERCPU_HASH", BPF_MAP_TYPE_LRU_PERCPU_HASH, 0},
                     {"QUEUE", BPF_MAP_TYPE_QUEUE, 0}};
  for (const auto& [name, type, flags] : types) {
    Say(std::string(name) + ", a timer",
        Create(type, 24, {{kTimer, 8}}, flags));
  }
  for (const uint32_t type :
       {uint32_t{BPF_MAP_TYPE_HASH}, uint32_t{BPF_MAP_TYPE_ARRAY}}) {
    const std::string name = type == BPF_MAP_TYPE_HASH ? "HASH" : "ARRAY";
    const uint32_t read_only = BPF_F_RDONLY_PROG,
                   write_only = BPF_F_WRONLY_PROG;
    Say(name + ", only a timer", Create(type, 16, {{kTimer, 0}}));
    Say(name + ", two timers", Create(type, 32, {{kTimer, 0}, {kTimer, 16}}));
    Say(name + ", a timer at 4", Create(type, 24, {{kTimer, 4}}));
    Say(name + ", a timer and a lock",
        Create(type, 32, {{kTimer, 0}, {kLock, 16}}));
    Say(name + ", a lock and a timer",
        Create(type, 32, {{kLock, 0}, {kTimer, 8}}));
    Say(name + ", programs may not write",
        Create(type, 24, {{kTimer, 8}}, read_only));
    Say(name + ", programs may not read",
        Create(type, 24, {{kTimer, 8}}, write_only));
  }
  const long array =
      Create(BPF_MAP_TYPE_ARRAY, 16, {{kTimer, 0}}, BPF_F_MMAPABLE);
  void* const mapped =
      mmap(nullptr, 4096, PROT_READ, MAP_SHARED, static_cast<int>(array), 0);
  std::printf("mmap: %d\n", mapped == MAP_FAILED ? -errno : 0);
  bpf_attr attr = Zeros();
  attr.map_fd = static_cast<uint32_t>(array);
  std::printf("freeze: %ld\n", Bpf(BPF_MAP_FREEZE, &attr, 4));
  Say("ARRAY that can be mapped", array);
  return 0;
}
