// SPDX-License-Identifier: Apache-2.0

// libbpf_client: an ordinary program with maps, written with libbpf.
//
// It knows nothing of this repository. As root it uses the kernel's maps; with
// //syscall:libbpfmap_preload.so preloaded, or //syscall:override linked in, it
// uses this library's, as any user, and prints the same:
//
//   libbpf_client [DIRECTORY]
//
// DIRECTORY is where it pins a map: a mounted bpffs, /sys/fs/bpf if not given.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

// Ends the program where `result` is an error, as libbpf reports one.
int Must(const char* what, int result) {
  if (result >= 0) return result;
  std::printf("%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// One element at a time.
void Elements(int counts) {
  for (uint32_t key = 1; key <= 5; ++key) {
    const uint64_t value = key * 100;
    Must("update", bpf_map_update_elem(counts, &key, &value, BPF_ANY));
  }
  uint32_t key = 3;
  uint64_t value = 0;
  Must("lookup", bpf_map_lookup_elem(counts, &key, &value));
  std::printf("lookup: %u is %llu\n", key,
              static_cast<unsigned long long>(value));
  const int again = bpf_map_update_elem(counts, &key, &value, BPF_NOEXIST);
  std::printf("a second insert: %s\n", std::strerror(-again));
  Must("delete", bpf_map_delete_elem(counts, &key));
  std::printf("lookup after a delete: %s\n",
              std::strerror(-bpf_map_lookup_elem(counts, &key, &value)));

  std::vector<uint32_t> keys;
  for (uint32_t *at = nullptr, next;
       bpf_map_get_next_key(counts, at, &next) == 0; at = &keys.back()) {
    keys.push_back(next);
  }
  std::sort(keys.begin(), keys.end());
  std::printf("walk:");
  for (uint32_t each : keys) std::printf(" %u", each);
  std::printf("\n");
}

// All at once.
void Batches(int counts) {
  constexpr uint32_t kMost = 64;
  std::vector<uint32_t> keys(kMost);
  std::vector<uint64_t> values(kMost);
  for (uint32_t i = 0; i < 20; ++i) values[i] = (keys[i] = 10 + i) * 100;
  uint32_t count = 20;
  Must("update batch", bpf_map_update_batch(counts, keys.data(), values.data(),
                                            &count, nullptr));
  std::printf("update batch: %u\n", count);

  uint32_t position = 0;
  count = kMost;
  const int result = bpf_map_lookup_batch(
      counts, nullptr, &position, keys.data(), values.data(), &count, nullptr);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < count; ++i) sum += values[i];
  std::printf("lookup batch: %u values, %llu in all, then %s\n", count,
              static_cast<unsigned long long>(sum), std::strerror(-result));
}

// A pin outlives the descriptors.
int Pins(int counts, const std::string& directory) {
  const std::string path = directory + "/libbpf_client_counts";
  Must("pin", bpf_obj_pin(counts, path.c_str()));
  close(counts);
  const int fd = Must("get", bpf_obj_get(path.c_str()));
  Must("unlink", unlink(path.c_str()));

  bpf_map_info info = {};
  uint32_t size = sizeof info;
  Must("info", bpf_obj_get_info_by_fd(fd, &info, &size));
  std::printf("pinned and opened: \"%s\", type %u, %u + %u bytes, %u entries\n",
              info.name, info.type, info.key_size, info.value_size,
              info.max_entries);
  return fd;
}

// An array that is memory of this program, too.
void Mapping() {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  const int fd =
      Must("create array",
           bpf_map_create(BPF_MAP_TYPE_ARRAY, "shared", 4, 8, 8, &options));
  void* const memory =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) Must("mmap", -1);
  auto* const values = static_cast<volatile uint64_t*>(memory);
  uint32_t key = 2;
  uint64_t value = 22;
  Must("update array", bpf_map_update_elem(fd, &key, &value, BPF_ANY));
  values[3] = values[2] + 11;
  key = 3;
  Must("lookup array", bpf_map_lookup_elem(fd, &key, &value));
  std::printf("mapping: %llu, lookup: %llu\n",
              static_cast<unsigned long long>(values[2]),
              static_cast<unsigned long long>(value));
  std::printf("freeze while it is mapped: %s\n",
              std::strerror(-bpf_map_freeze(fd)));
  munmap(memory, 4096);
  close(fd);
}

// No program writes to this one, so the wait ends without a record.
void RingBuffer() {
  const int fd =
      Must("create ring",
           bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, 4096, nullptr));
  ring_buffer* const ring = ring_buffer__new(
      fd, [](void*, void*, size_t) { return 0; }, nullptr, nullptr);
  if (ring == nullptr) Must("ring_buffer__new", -1);
  std::printf("ring buffer: poll %d, consume %d\n", ring_buffer__poll(ring, 20),
              ring_buffer__consume(ring));
  ring_buffer__free(ring);
  close(fd);
}

// Nor does one read from this one, so it gets full.
void UserRingBuffer() {
  const int fd =
      Must("create user ring", bpf_map_create(BPF_MAP_TYPE_USER_RINGBUF,
                                              "commands", 0, 0, 4096, nullptr));
  user_ring_buffer* const ring = user_ring_buffer__new(fd, nullptr);
  if (ring == nullptr) Must("user_ring_buffer__new", -1);
  int records = 0;
  while (void* record = user_ring_buffer__reserve(ring, 56)) {
    std::memset(record, records++, 56);
    user_ring_buffer__submit(ring, record);
  }
  std::printf("user ring buffer: %d records, then %s\n", records,
              std::strerror(errno));
  const void* const waited = user_ring_buffer__reserve_blocking(ring, 56, 20);
  std::printf("waited for room: %s\n",
              waited == nullptr ? std::strerror(errno) : "there is some");
  user_ring_buffer__free(ring);
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string directory = argc > 1 ? argv[1] : "/sys/fs/bpf";
  int counts = Must(
      "create", bpf_map_create(BPF_MAP_TYPE_HASH, "counts", 4, 8, 64, nullptr));
  Elements(counts);
  Batches(counts);
  counts = Pins(counts, directory);
  std::printf("freeze: %d\n", bpf_map_freeze(counts));
  const uint32_t key = 1;
  const uint64_t value = 1;
  std::printf(
      "update of a frozen map: %s\n",
      std::strerror(-bpf_map_update_elem(counts, &key, &value, BPF_ANY)));
  close(counts);
  Mapping();
  RingBuffer();
  UserRingBuffer();
  return 0;
}
