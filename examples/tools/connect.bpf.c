// SPDX-License-Identifier: Apache-2.0
//
// connect: sends the sockets of a cgroup to backends of services when they
// connect, so that no packet of theirs has to be changed later. Programs that
// ask for the address of the other side see that of the service.
//
// TCP, and UDP sockets that connect, are changed once; other UDP sockets with
// each message that they send and receive.

#include "examples/tools/connect.h"

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/in.h>
#include <stdbool.h>

#define SECOND 1000000000ULL

enum verdict { REFUSE = 0, PROCEED = 1 };

// Services at the addresses of this machine itself are reached by any address
// within 127.0.0.0/8, too, if this is set.
const volatile bool loopback_is_node = false;
const volatile __be32 node = 0;

__u64 refused = 0;
__u64 translated = 0;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, struct endpoint);
  __type(value, struct service);
} services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct translation);
  __type(value, struct endpoint);
} translations SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct sticky_key);
  __type(value, struct sticky_backend);
} sticky SEC(".maps");

// user_port is of 16 bits in network order, in a field of 32.
static __always_inline struct endpoint endpoint_of(
    const struct bpf_sock_addr *ctx) {
  struct endpoint endpoint = {
      .address = ctx->user_ip4,
      .port = (__be16)ctx->user_port,
      .protocol = ctx->protocol,
  };
  return endpoint;
}

static __always_inline struct service *service_of(struct endpoint *asked) {
  struct service *service = bpf_map_lookup_elem(&services, asked);
  if (service || !loopback_is_node) return service;
  if ((bpf_ntohl(asked->address) >> 24) != IN_LOOPBACKNET) return NULL;
  asked->address = node;
  return bpf_map_lookup_elem(&services, asked);
}

static __always_inline struct endpoint choose(const struct service *service) {
  __u32 at = bpf_get_prandom_u32() % service->count;
  return service->backends[at & (MOST_BACKENDS - 1)];
}

static __always_inline struct endpoint choose_sticky(
    struct bpf_sock_addr *ctx, const struct service *service,
    const struct endpoint *asked) {
  struct sticky_key key = {.client = bpf_get_netns_cookie(ctx),
                           .service = *asked};
  struct sticky_backend *known = bpf_map_lookup_elem(&sticky, &key), chosen;
  __u64 now = bpf_ktime_get_ns();
  __u64 until = now + service->sticky_seconds * SECOND;
  if (known && now < known->until_ns) {
    known->until_ns = until;
    return known->backend;
  }
  __builtin_memset(&chosen, 0, sizeof chosen);
  chosen.until_ns = until;
  chosen.backend = choose(service);
  bpf_map_update_elem(&sticky, &key, &chosen, BPF_ANY);
  return chosen.backend;
}

static __always_inline int to_backend(struct bpf_sock_addr *ctx) {
  struct endpoint asked = endpoint_of(ctx), seen = asked;
  struct service *service = service_of(&asked);
  struct translation key = {.socket = bpf_get_socket_cookie(ctx)};
  if (!service) return PROCEED;
  if (service->count == 0) {
    __sync_fetch_and_add(&refused, 1);
    return REFUSE;
  }
  key.backend = service->sticky_seconds ? choose_sticky(ctx, service, &asked)
                                        : choose(service);
  key.backend.protocol = asked.protocol;
  // Without it the answers would come from a stranger.
  if (bpf_map_update_elem(&translations, &key, &seen, BPF_ANY)) {
    __sync_fetch_and_add(&refused, 1);
    return REFUSE;
  }
  ctx->user_ip4 = key.backend.address;
  ctx->user_port = key.backend.port;
  __sync_fetch_and_add(&translated, 1);
  return PROCEED;
}

static __always_inline int to_service(struct bpf_sock_addr *ctx) {
  struct translation key = {.socket = bpf_get_socket_cookie(ctx),
                            .backend = endpoint_of(ctx)};
  struct endpoint *seen = bpf_map_lookup_elem(&translations, &key);
  if (!seen) return PROCEED;
  ctx->user_ip4 = seen->address;
  ctx->user_port = seen->port;
  return PROCEED;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx) {
  if (ctx->protocol != IPPROTO_TCP && ctx->protocol != IPPROTO_UDP) {
    return PROCEED;
  }
  return to_backend(ctx);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx) { return to_backend(ctx); }

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *ctx) { return to_service(ctx); }

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx) { return to_service(ctx); }

char LICENSE[] SEC("license") = "Dual BSD/GPL";
