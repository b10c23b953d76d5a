// SPDX-License-Identifier: Apache-2.0
//
// XDP programs that send packets to devices and CPUs. The first byte of the
// packet is the key.

#include <linux/bpf.h>
// The next header needs the types of bpf.h.
#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct bpf_devmap_val);
} devices SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct bpf_devmap_val);
} hashed SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_CPUMAP);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct bpf_cpumap_val);
} cpus SEC(".maps");

__u32 seen_number = 0;  // in the map; ~0: there is nothing
__u32 seen_program = 0;
__u64 flags = 0;

static __u32 key_of(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  if (data + 1 > (void *)(long)ctx->data_end) return 0;
  return *(__u8 *)data;
}

static void see(const __u32 *target) {
  seen_number = target ? target[0] : ~0U;
  seen_program = target && target[1];
}

SEC("xdp")
int to_devices(struct xdp_md *ctx) {
  __u32 key = key_of(ctx);
  see(bpf_map_lookup_elem(&devices, &key));
  return bpf_redirect_map(&devices, key, flags);
}

SEC("xdp")
int to_hashed(struct xdp_md *ctx) {
  __u32 key = key_of(ctx);
  see(bpf_map_lookup_elem(&hashed, &key));
  return bpf_redirect_map(&hashed, key, flags);
}

// It cannot look up.
SEC("xdp")
int to_cpus(struct xdp_md *ctx) {
  seen_number = seen_program = 0;
  return bpf_redirect_map(&cpus, key_of(ctx), flags);
}

SEC("xdp/devmap")
int at_device(struct xdp_md *ctx) { return XDP_PASS; }

SEC("xdp/cpumap")
int at_cpu(struct xdp_md *ctx) { return XDP_PASS; }

char LICENSE[] SEC("license") = "GPL";
