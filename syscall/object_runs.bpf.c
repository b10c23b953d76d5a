// SPDX-License-Identifier: Apache-2.0
//
// Programs that ask for all that they may, for object_runner: they read each
// field of their contexts, and call helpers with what the packet says. The low
// bits of the two hardware addresses say which helper, and its arguments.

#include <linux/bpf.h>
// The helpers need its types.
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stddef.h>

struct element {
  __u64 key;
  __u64 visits;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} records SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, struct element);
} elements SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, struct element);
} some SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u64);
} recent SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __uint(max_entries, 4);
  __type(value, __u64);
} waiting SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 3);
  __type(key, __u32);
  __type(value, __u32);
} next SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_USER_RINGBUF);
  __uint(max_entries, 4096);
} commands SEC(".maps");

__u64 turns = 0;
char text[64] = {};
char source[32] = {};

// The packet asks for this.
struct wish {
  __u32 helper;
  __u32 a, b, c;
};

static __always_inline __u32 byte_of(const __u8 *bits) {
  return (bits[0] & 3) | (bits[1] & 3) << 2 | (bits[2] & 3) << 4 |
         (bits[3] & 3) << 6;
}

static __always_inline void fill(const __u8 *addresses, struct wish *wish) {
  wish->helper = addresses[0] >> 2 ^ byte_of(addresses) ^ addresses[11];
  wish->a = byte_of(addresses + 3);
  wish->b = byte_of(addresses + 6);
  wish->c = byte_of(addresses + 8);
}

// Tells user space what a helper answered.
static __always_inline void say(__u32 helper, long result) {
  struct {
    __u32 helper;
    __u32 unused;
    long result;
  } record = {helper, 0, result};
  bpf_ringbuf_output(&records, &record, sizeof record, BPF_RB_NO_WAKEUP);
}

// Helpers of all types.

static long visit(void *map, __u32 *key, struct element *value, __u64 *sum) {
  *sum += value->visits + *key;
  value->visits += 1;
  return *sum & 1;
}

static long turn(__u32 index, __u64 *sum) {
  *sum = *sum * 31 + index;
  return index == 40;
}

// One that starts with 7 is the last.
static long take(struct bpf_dynptr *command, __u64 *sum) {
  __u8 bytes[3] = {};
  long result = bpf_dynptr_read(bytes, sizeof bytes, command, 0, 0);
  *sum = *sum * 31 + bytes[0] + 256 * bytes[2] - result;
  return bytes[0] == 7;
}

static __noinline long take_commands(struct wish *wish) {
  __u64 sum = 0;
  long taken = bpf_user_ringbuf_drain(&commands, take, &sum, wish->b & 7);
  return taken + (long)(sum << 8);
}

static __noinline long ask_maps(struct wish *wish) {
  struct element value = {wish->a, wish->b};
  struct element *found;
  __u64 number = wish->c, sum = 0;
  __u32 key = wish->a % 10;
  switch (wish->helper % 13) {
    case 0:
      return bpf_map_update_elem(&some, &key, &value, wish->b % 4);
    case 1:
      return bpf_map_delete_elem(&some, &key);
    case 2:
      return bpf_map_update_elem(&elements, &key, &value, wish->b % 4);
    case 3:
      found = bpf_map_lookup_elem(&elements, &key);
      if (!found) return -1;
      return __sync_fetch_and_add(&found->visits, number);
    case 4:
      return bpf_map_push_elem(&waiting, &number, wish->b % 4);
    case 5:
      return bpf_map_pop_elem(&waiting, &number) ?: (long)number;
    case 6:
      return bpf_map_peek_elem(&waiting, &number) ?: (long)number;
    case 7:
      return bpf_for_each_map_elem(&elements, visit, &sum, wish->b & 1) +
             (long)sum;
    case 8:
      return bpf_loop(wish->a, turn, &sum, wish->b & 1) + (long)sum;
    case 9:
      return bpf_map_update_elem(&recent, &key, &number, BPF_ANY);
    case 10:
      return bpf_map_lookup_elem(&recent, &key) != NULL;
    case 11:
      return take_commands(wish);
    default:
      turns += 1;
      return 0;
  }
}

static __noinline long make_text(struct wish *wish) {
  char number[12] = {};
  long value = 0;
  unsigned long positive = 0;
  __u64 all[] = {wish->a, wish->b, -(__s64)wish->c, wish->a * wish->b};
  __u64 places[] = {(long)source, (long)source + 8};
  source[0] = '0' + (wish->a & 63);
  source[8] = wish->b;
  switch (wish->helper % 13) {
    case 0:
      return bpf_snprintf(text, sizeof text, "%d %u %lld", all, 24);
    case 1:
      return bpf_snprintf(text, sizeof text, "%x|%8x|%-8x|%08X", all, 32);
    case 2:
      return bpf_snprintf(text, wish->a & 31, "%5d,%-5i.%%", all, 16);
    case 3:
      return bpf_snprintf(text, sizeof text, "%c%c", all, 16);
    case 4:
      return bpf_snprintf(text, sizeof text, "%llx %llu %lx", all, 24);
    case 5:
      number[0] = '0' + (wish->a & 7);
      number[1] = wish->b & 1 ? 'x' : '5';
      number[2] = '0' + (wish->c & 15);
      return bpf_strtol(number, sizeof number, wish->b & 16, &value) + value;
    case 6:
      number[0] = wish->a & 1 ? '-' : '1';
      number[1] = '0' + (wish->c & 7);
      return bpf_strtoul(number, sizeof number, wish->b & 8, &positive) +
             (long)positive;
    case 7:
      text[sizeof text - 1] = 0;
      return bpf_strncmp(text, sizeof text, "12");
    case 8:
      return bpf_snprintf(text, sizeof text, "%pI4 %pi4", places, 16);
    case 9:
      return bpf_snprintf(text, sizeof text, "%s, %pI6", places, 16);
    case 10:
      return bpf_snprintf(text, sizeof text, "%pi6 %s", places, 16);
    case 11:
      return bpf_snprintf(text, wish->c & 63, "[%s]", places, 8);
    default:
      return bpf_snprintf(text, sizeof text, "% d|%+d|%+5d", all, 24);
  }
}

static __noinline long ask_text(struct wish *wish) {
  long result = make_text(wish);
  bpf_ringbuf_output(&records, text, sizeof text, BPF_RB_NO_WAKEUP);
  return result;
}

// Packets of traffic control.

enum { kSkbHelpers = 33, kTailCall = 16 };

// The packet's, loopback, or one that no machine has.
static __always_inline __u32 device_of(__u32 number) {
  return number & 1 ? 0 : number & 2 ? 1 : 99999;
}

static __noinline long set_tunnel(struct __sk_buff *ctx, struct wish *wish) {
  struct bpf_tunnel_key key = {.tunnel_id = wish->b,
                               .tunnel_tos = wish->c,
                               .tunnel_ttl = wish->a,
                               .tunnel_ext = wish->a == 7,
                               .tunnel_label = wish->b & 1 ? 3 : 0};
  // The last of these is no size of a key.
  __u32 size = wish->a & 16  ? sizeof key
               : wish->a & 4 ? 28 + (wish->a & 3) * 4
                             : 22;
  long result;
  key.remote_ipv6[0] = wish->a;
  key.remote_ipv6[3] = wish->b;
  key.local_ipv6[0] = wish->c;
  key.local_ipv6[1] = wish->helper;
  if (wish->c & 1) key.tunnel_label = 0;
  result = bpf_skb_set_tunnel_key(ctx, &key, size & 63, wish->helper & 63);
  if (wish->c & 8) {
    result = result * 1000 +
             bpf_skb_set_tunnel_opt(ctx, key.remote_ipv6, (wish->b & 15) + 1);
  }
  return result;
}

static __noinline long get_tunnel(struct __sk_buff *ctx, struct wish *wish) {
  struct bpf_tunnel_key key = {};
  __u32 size = wish->a & 4    ? sizeof key
               : wish->a & 8  ? 22
               : wish->a & 16 ? 8
                              : 24;
  __u8 options[16] = {};
  long result = bpf_skb_get_tunnel_key(
      ctx, &key, size, wish->b & 16 ? 16 | (wish->c & 1) : wish->c & 3);
  bpf_ringbuf_output(&records, &key, sizeof key, BPF_RB_NO_WAKEUP);
  result =
      result * 1000 + bpf_skb_get_tunnel_opt(ctx, options, (wish->a & 12) + 4);
  bpf_ringbuf_output(&records, options, sizeof options, BPF_RB_NO_WAKEUP);
  return result;
}

static __noinline long ask_skb(struct __sk_buff *ctx, struct wish *wish) {
  __u8 bytes[64] = {1, 2, 3};
  __u32 size = (wish->b & 31) + 1;
  __s32 offset = (__s32)wish->a - 8;
  long result;
  switch (wish->helper % kSkbHelpers) {
    case 0:
      return bpf_skb_store_bytes(ctx, offset, bytes, size, wish->c & 7);
    case 1:
      result = bpf_skb_load_bytes(ctx, offset, bytes, size);
      return result ?: bytes[size & 31] + bytes[0];
    case 2:
      result =
          bpf_skb_load_bytes_relative(ctx, offset, bytes, size, wish->c & 3);
      return result ?: bytes[size & 31] + bytes[0];
    case 3:
      return bpf_l3_csum_replace(ctx, offset, wish->b, wish->c, wish->b & 7);
    case 4:
      return bpf_l4_csum_replace(ctx, offset, wish->b, wish->c, wish->c & 0xf7);
    case 5:
      return bpf_csum_diff((__be32 *)bytes, wish->a & 28, (__be32 *)bytes,
                           wish->b & 60, wish->c);
    case 6:
      return bpf_skb_change_tail(ctx, wish->a + wish->b, wish->c == 3);
    case 7:
      return bpf_skb_change_head(ctx, wish->a & 7, wish->c == 3);
    case 8:
      return bpf_skb_pull_data(ctx, wish->a + wish->b);
    case 9:
      return bpf_skb_change_type(ctx, wish->a & 7);
    case 10:
      return bpf_skb_change_proto(
          ctx, wish->a & 1 ? bpf_htons(0x0800) : bpf_htons(0x86dd),
          wish->c == 3);
    case 11:
      return bpf_set_hash(ctx, wish->a);
    case 12:
      bpf_set_hash_invalid(ctx);
      return ctx->hash;
    case 13:
      return bpf_csum_update(ctx, wish->a);
    case 14:
      return bpf_redirect(1, wish->a & 1);
    case 15:
      return bpf_get_cgroup_classid(ctx) + bpf_get_route_realm(ctx);
    case kTailCall:
      bpf_tail_call(ctx, &next, wish->a & 3);
      return -1;
    case 17:
      return ask_text(wish);
    case 18:
      return bpf_csum_level(ctx, wish->a & 7);
    case 19:
    case 20:
      return bpf_skb_vlan_push(ctx,
                               bpf_htons(wish->a & 1   ? 0x8100
                                         : wish->a & 2 ? 0x88a8
                                                       : 7),
                               wish->b);
    case 21:
    case 22:
      return bpf_skb_vlan_pop(ctx);
    // Less than the headroom: Linux moves a packet that needs more, and takes
    // its transport header for set from then on.
    case 23:
      return bpf_skb_adjust_room(ctx, (__s32)(wish->a & 63) - 32, wish->b & 3,
                                 wish->c & 3 ? 0 : 1ULL << (wish->c >> 2 & 15));
    case 24:
      return bpf_skb_adjust_room(ctx, (wish->a & 15) * 4 - 20, wish->b & 1,
                                 wish->c & 0x27);
    case 25:
      return bpf_skb_ecn_set_ce(ctx);
    case 26:
      return bpf_skb_set_tstamp(ctx, wish->a & 3, wish->b & 3) + ctx->tstamp;
    case 27:
      return bpf_skb_get_tunnel_key(ctx, (void *)bytes, 28 + (wish->a & 3),
                                    wish->b & 3);
    case 28:
      return set_tunnel(ctx, wish);
    case 29:
      return get_tunnel(ctx, wish);
    case 30:
      size = (wish->b & 3) * 400;
      result = bpf_check_mtu(ctx, device_of(wish->a), &size,
                             wish->c * 300 - 2000, wish->b >> 6);
      return result * 100000 + size;
    default:
      return ask_maps(wish);
  }
}

#define SEEN_FIELDS(ctx, seen)      \
  ({                                \
    seen[0] = ctx->len;             \
    seen[1] = ctx->pkt_type;        \
    seen[2] = ctx->mark;            \
    seen[3] = ctx->queue_mapping;   \
    seen[4] = ctx->protocol;        \
    seen[5] = ctx->vlan_present;    \
    seen[6] = ctx->vlan_tci;        \
    seen[7] = ctx->vlan_proto;      \
    seen[8] = ctx->priority;        \
    seen[9] = ctx->ingress_ifindex; \
    seen[10] = ctx->ifindex;        \
    seen[11] = ctx->tc_index;       \
    seen[12] = ctx->cb[0];          \
    seen[13] = ctx->cb[4];          \
    seen[14] = ctx->hash;           \
    seen[15] = ctx->gso_segs;       \
    seen[16] = ctx->gso_size;       \
  })

SEC("tc")
int tc_helper(struct __sk_buff *ctx) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct wish wish, again;
  if (data + 14 > data_end) return 2;
  fill(data, &wish);
  say(wish.helper % kSkbHelpers, ask_skb(ctx, &wish));
  again.helper = wish.b + wish.c;
  again.a = wish.c;
  again.b = wish.a;
  again.c = wish.b;
  // A tail call comes alone: 33 others would come back.
  if (wish.helper % kSkbHelpers != kTailCall &&
      again.helper % kSkbHelpers != kTailCall) {
    say(again.helper % kSkbHelpers, ask_skb(ctx, &again));
  }
  say(100, ctx->len);
  say(101, ctx->data_end - ctx->data);
  say(102, ctx->protocol);
  say(103,
      ctx->vlan_present + ctx->vlan_tci * 2 + ((__u64)ctx->vlan_proto << 32));
  return wish.helper & 1;
}

SEC("tc")
int tc_fields(struct __sk_buff *ctx) {
  __u32 seen[20] = {};
  SEEN_FIELDS(ctx, seen);
  seen[17] = ctx->tc_classid;
  seen[18] = ctx->wire_len;
  seen[19] = (__u32)ctx->tstamp + ctx->tstamp_type;
  bpf_ringbuf_output(&records, seen, sizeof seen, BPF_RB_NO_WAKEUP);
  ctx->mark = seen[0];
  ctx->priority += 3;
  ctx->tc_index = seen[12];
  ctx->cb[1] = seen[2] + 1;
  ctx->tc_classid = 7;
  ctx->queue_mapping = seen[8] & 3;
  if (seen[13]) ctx->tstamp = seen[19] + 5;
  return ctx->tc_index & 1;
}

SEC("cgroup_skb/ingress")
int cgroup_fields(struct __sk_buff *ctx) {
  __u32 seen[24] = {};
  SEEN_FIELDS(ctx, seen);
  seen[17] = ctx->family;
  seen[18] = ctx->remote_ip4;
  seen[19] = ctx->local_ip4;
  seen[20] = ctx->remote_ip6[3];
  seen[21] = ctx->local_ip6[0];
  seen[22] = ctx->remote_port;
  seen[23] = ctx->local_port;
  bpf_ringbuf_output(&records, seen, sizeof seen, BPF_RB_NO_WAKEUP);
  ctx->cb[2] = seen[10];
  ctx->mark = seen[12];
  return seen[0] & 1;
}

SEC("socket")
int socket_fields(struct __sk_buff *ctx) {
  __u32 seen[17] = {};
  __u8 bytes[20] = {};
  SEEN_FIELDS(ctx, seen);
  bpf_ringbuf_output(&records, seen, sizeof seen, BPF_RB_NO_WAKEUP);
  ctx->cb[0] = seen[0];
  for (int i = 0; i < 3; ++i) {
    say(i, bpf_skb_load_bytes_relative(ctx, i * 7, bytes, sizeof bytes, i));
    say(i, bytes[i]);
  }
  say(3, bpf_skb_load_bytes(ctx, 8, bytes, sizeof bytes));
  return bytes[19] & 1;
}

SEC("lwt_in")
int lwt_in_fields(struct __sk_buff *ctx) {
  __u32 seen[17] = {};
  SEEN_FIELDS(ctx, seen);
  bpf_ringbuf_output(&records, seen, sizeof seen, BPF_RB_NO_WAKEUP);
  ctx->cb[3] = seen[12] + 1;
  ctx->priority = 2;
  return 0;
}

SEC("lwt_xmit")
int lwt_xmit_helper(struct __sk_buff *ctx) {
  __u8 bytes[12] = {9, 8, 7, 6, 5, 4, 3, 2};
  struct wish wish = {};
  if (bpf_skb_load_bytes(ctx, 0, bytes, sizeof bytes)) return 1;
  fill(bytes, &wish);
  say(0, bpf_skb_store_bytes(ctx, wish.a, bytes, 8, wish.b & 3));
  say(1, bpf_skb_change_head(ctx, wish.b & 63, 0));
  say(2, bpf_l3_csum_replace(ctx, 10, wish.a, wish.b, 2));
  say(3, bpf_skb_change_tail(ctx, wish.c + 20, 0));
  return wish.c & 1;
}

SEC("xdp")
int xdp_helper(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  __u8 bytes[32] = {4, 5, 6};
  struct wish wish;
  long result = 0;
  __u32 size, helper;
  if (data + 14 > data_end) return XDP_ABORTED;
  fill(data, &wish);
  size = (wish.b & 31) + 1;
  helper = wish.helper % 13;
  switch (helper) {
    case 0:
      result = bpf_xdp_adjust_head(ctx, (int)(wish.a - 128));
      break;
    case 1:
      result = bpf_xdp_adjust_tail(ctx, (int)(wish.a - 128) * 16);
      break;
    case 2:
      result = bpf_xdp_adjust_meta(ctx, (int)wish.a - 200);
      break;
    case 3:
      result = bpf_xdp_load_bytes(ctx, wish.a - 8, bytes, size);
      if (!result) result = bytes[0] + bytes[size & 15];
      break;
    case 4:
      result = bpf_xdp_store_bytes(ctx, wish.a - 8, bytes, size);
      break;
    case 5:
      result = bpf_xdp_get_buff_len(ctx);
      break;
    case 6:
      result = bpf_redirect(1, wish.a == 3);
      break;
    case 7:
      result = bpf_csum_diff((__be32 *)bytes, wish.a & 28, (__be32 *)bytes,
                             wish.b & 28, wish.c);
      break;
    case 8:
      result = ask_text(&wish);
      break;
    case 9:
      size = (wish.b & 3) * 400;
      result = bpf_check_mtu(ctx, device_of(wish.a), &size, wish.c * 300 - 2000,
                             wish.b == 7);
      result = result * 100000 + size;
      break;
    default:
      result = ask_maps(&wish);
  }
  say(helper, result);
  data = (void *)(long)ctx->data_meta;
  data_end = (void *)(long)ctx->data;
  say(102, data_end - data);
  if (data + 4 <= data_end) *(__u32 *)data = 7;
  say(103, ctx->data_end - ctx->data);
  say(104, ctx->ingress_ifindex);
  return wish.c & 3;
}

SEC("flow_dissector")
int dissect(struct __sk_buff *ctx) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct bpf_flow_keys *keys = ctx->flow_keys;
  __u32 flags = keys->flags;
  bpf_ringbuf_output(&records, &flags, sizeof flags, BPF_RB_NO_WAKEUP);
  keys->thoff = keys->nhoff + 20;
  keys->addr_proto = keys->n_proto;
  keys->is_frag = flags & 1;
  if (data + 34 > data_end) return 2;
  keys->ip_proto = *(__u8 *)(data + 23);
  keys->ipv4_src = *(__u32 *)(data + 26);
  keys->nhoff = *(__u8 *)(data + 16);
  return 0;
}

SEC("sk_lookup")
int choose(struct bpf_sk_lookup *ctx) {
  __u32 seen[17] = {ctx->family,        ctx->protocol,       ctx->remote_ip4,
                    ctx->remote_ip6[0], ctx->remote_ip6[3],  ctx->remote_port,
                    ctx->local_ip4,     ctx->local_ip6[1],   ctx->local_ip6[2],
                    ctx->local_port,    ctx->ingress_ifindex};
  seen[11] = ctx->sk == NULL;
  bpf_ringbuf_output(&records, seen, sizeof seen, BPF_RB_NO_WAKEUP);
  return ctx->protocol & 1;
}

SEC("raw_tp")
int raw_arguments(struct bpf_raw_tracepoint_args *ctx) {
  struct wish wish = {(__u8)ctx->args[0], (__u8)ctx->args[1],
                      (__u8)ctx->args[2], (__u8)ctx->args[11]};
  say(200, ask_maps(&wish));
  say(201, ask_text(&wish));
  return (int)ctx->args[3];
}

SEC("syscall")
int syscall_buffer(struct wish *ctx) {
  struct wish wish = *ctx;
  wish.a &= 255;
  wish.b &= 255;
  wish.c &= 255;
  say(210, ask_maps(&wish));
  ctx->a = ctx->b + 1;
  return (int)ctx->c;
}

char LICENSE[] SEC("license") = "GPL";
