// SPDX-License-Identifier: Apache-2.0
//
// socket_maps: creates maps of sockets in every way, puts in sockets of every
// kind and in every state, and prints the answers.

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <vector>

namespace {

struct Type {
  const char* name;
  bpf_map_type type;
};
constexpr Type kTypes[] = {
    {"SOCKMAP", BPF_MAP_TYPE_SOCKMAP},
    {"SOCKHASH", BPF_MAP_TYPE_SOCKHASH},
    {"XSKMAP", BPF_MAP_TYPE_XSKMAP},
    {"REUSEPORT_SOCKARRAY", BPF_MAP_TYPE_REUSEPORT_SOCKARRAY},
};

struct Object {
  const char* name;
  int fd;
};

int Create(bpf_map_type type, uint32_t key_size, uint32_t value_size,
           uint32_t max_entries, uint32_t flags) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = flags;
  return bpf_map_create(type, nullptr, key_size, value_size, max_entries,
                        &options);
}

int Error(int fd) {
  if (fd < 0) return fd;
  close(fd);
  return 0;
}

void Creations(const Type& type) {
  std::printf("%s: keys of", type.name);
  for (const uint32_t size : {0, 1, 4, 5, 8, 511, 512, 513, 4096}) {
    std::printf(" %u: %d", size, Error(Create(type.type, size, 4, 4, 0)));
  }
  std::printf("; values of");
  for (const uint32_t size : {0, 1, 2, 4, 5, 8, 12, 16}) {
    std::printf(" %u: %d", size, Error(Create(type.type, 4, size, 4, 0)));
  }
  std::printf("; max_entries");
  for (const uint32_t count : {0, 1, 3, 1 << 10}) {
    std::printf(" %u: %d", count, Error(Create(type.type, 4, 4, count, 0)));
  }
  std::printf("; flags");
  for (int bit = 0; bit < 20; ++bit) {
    if (bit == 16) continue;  // a token
    std::printf(" %d", Error(Create(type.type, 4, 4, 4, 1U << bit)));
  }
  std::printf(
      "; both rights %d %d\n",
      Error(Create(type.type, 4, 4, 4, BPF_F_RDONLY | BPF_F_WRONLY)),
      Error(Create(type.type, 4, 4, 4, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)));
}

enum Shares { kAlone, kShares };

// A socket on the loopback, with a port that was free.
int Bound(int kind, Shares shares) {
  const int fd = socket(AF_INET, kind, 0);
  const int one = 1;
  if (shares == kShares) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  return fd;
}

int Listening(Shares shares) {
  const int fd = Bound(SOCK_STREAM, shares);
  listen(fd, 1);
  return fd;
}

int ConnectedTo(int other, int kind) {
  sockaddr_in address = {};
  socklen_t size = sizeof address;
  getsockname(other, reinterpret_cast<sockaddr*>(&address), &size);
  const int fd = socket(AF_INET, kind, 0);
  connect(fd, reinterpret_cast<sockaddr*>(&address), size);
  return fd;
}

std::vector<Object> Objects() {
  int streams[2], datagrams[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, streams);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams);
  const int listening = Listening(kAlone);
  const int client = ConnectedTo(listening, SOCK_STREAM);
  return {{"no descriptor", -1},
          {"not open", 9999},
          {"a file", open("/etc/passwd", O_RDONLY)},
          {"TCP", socket(AF_INET, SOCK_STREAM, 0)},
          {"TCP 6", socket(AF_INET6, SOCK_STREAM, 0)},
          {"TCP bound", Bound(SOCK_STREAM, kAlone)},
          {"TCP listening", listening},
          {"TCP client", client},
          {"TCP server", accept(listening, nullptr, nullptr)},
          {"TCP bound, shares", Bound(SOCK_STREAM, kShares)},
          {"TCP listening, shares", Listening(kShares)},
          {"UDP", socket(AF_INET, SOCK_DGRAM, 0)},
          {"UDP bound", Bound(SOCK_DGRAM, kAlone)},
          {"UDP bound, shares", Bound(SOCK_DGRAM, kShares)},
          {"UDP connected", ConnectedTo(listening, SOCK_DGRAM)},
          {"unix", socket(AF_UNIX, SOCK_STREAM, 0)},
          {"unix pair", streams[0]},
          {"unix pair of datagrams", datagrams[0]}};
}

uint64_t CookieOf(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
  return cookie;
}

void Ask(const Type& type, uint32_t value_size, const Object& object) {
  const int map = Create(type.type, 4, value_size, 2, 0);
  const uint32_t key = 1, past_end = 9;
  const uint64_t value = static_cast<uint64_t>(int64_t{object.fd});
  const auto update = [&](uint32_t at, uint64_t flags) {
    return bpf_map_update_elem(map, &at, &value, flags);
  };
  std::printf("%s/%u, %s: EXIST %d", type.name, value_size, object.name,
              update(key, BPF_EXIST));
  std::printf(", ANY %d", update(key, BPF_ANY));
  std::printf(" %d", update(key, BPF_ANY));
  std::printf(", NOEXIST %d", update(key, BPF_NOEXIST));
  std::printf(", flags 3 %d", update(key, 3));
  std::printf(", LOCK %d", update(key, BPF_F_LOCK));
  std::printf(", 8 %d", update(key, 8));
  std::printf(", another key %d", update(0, BPF_ANY));
  std::printf(", key 9 %d", update(past_end, BPF_ANY));
  uint64_t got = 0;
  const int found = bpf_map_lookup_elem(map, &key, &got);
  const bool same = got == CookieOf(object.fd);
  std::printf(", lookup %d%s", found,
              found != 0 ? ""
              : same     ? " the cookie"
                         : " another number");
  std::printf(", of key 9 %d", bpf_map_lookup_elem(map, &past_end, &got));
  std::printf(", take %d", bpf_map_lookup_and_delete_elem(map, &key, &got));
  std::printf(", delete %d", bpf_map_delete_elem(map, &key));
  std::printf(" %d", bpf_map_delete_elem(map, &key));
  std::printf(", of key 9 %d\n", bpf_map_delete_elem(map, &past_end));
  close(map);
}

void AskOfMap(const Type& type) {
  const int map = Create(type.type, 4, 4, 2, 0);
  const uint32_t key = 0;
  uint32_t next = 7, count = 1;
  uint64_t value = 0;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  std::printf("%s: first key %d", type.name,
              bpf_map_get_next_key(map, nullptr, &next));
  std::printf(", next %d", bpf_map_get_next_key(map, &key, &next));
  std::printf(", batches %d",
              bpf_map_update_batch(map, &key, &value, &count, &options));
  bpf_map_info info = {};
  uint32_t length = sizeof info;
  bpf_obj_get_info_by_fd(map, &info, &length);
  std::printf(", flags %u, freeze %d", info.map_flags, bpf_map_freeze(map));
  std::printf(", delete %d\n", bpf_map_delete_elem(map, &key));
  close(map);
}

}  // namespace

int main() {
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  for (const Type& type : kTypes) {
    Creations(type);
    AskOfMap(type);
    const std::vector<Object> objects = Objects();
    for (const uint32_t size : {4, 8}) {
      if (size == 8 && type.type == BPF_MAP_TYPE_XSKMAP) continue;
      for (const Object& object : objects) Ask(type, size, object);
    }
  }
  return 0;
}
