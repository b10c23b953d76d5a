// SPDX-License-Identifier: Apache-2.0
//
// A line of trace output for each step.

#include <linux/bpf.h>
// The next headers need the types of bpf.h.
#include <bpf/bpf_helpers.h>

__u32 step = 0;
__u64 a = 0, b = 0, c = 0;
char text[16] = {};
__u32 address4 = 0x0100007f;
__u8 address6[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

#define STEP(number, ...) \
  case number:            \
    return bpf_printk(__VA_ARGS__);

SEC("tc")
int print(struct __sk_buff *skb) {
  switch (step) {
    STEP(0, "nothing")
    STEP(1, "%d %u %x", (int)a, (__u32)b, (__u32)c)
    STEP(2, "%lld %llu %llx", a, b, c)
    STEP(3, "%ld|%lu|%lx", a, b, c)
    STEP(4, "%5d|%-5d|%05d", (int)a, (int)b, (int)c)
    STEP(5, "%i%%%X", (int)a, (__u32)b)
    STEP(6, "[%s]", text)
    STEP(7, "[%s] %d [%s]", text, (int)a, text)
    STEP(8, "%c%c%c", (int)(a & 31) + 64, (int)(b & 31) + 64,
         (int)(c & 31) + 64)
    STEP(9, "%pI4 %pi4", &address4, &address4)
    STEP(10, "%pI6 %pi6", address6, address6)
    STEP(11, "%d %d %d %d", (int)a, (int)b, (int)c, (int)(a + b))
    STEP(12, "%s %llx %d %s %u", text, a, (int)b, text, (__u32)c)
    STEP(13, "%#x %+d % d", (__u32)a, (int)b, (int)c)
    STEP(14, "%z")
    STEP(15, "%hd %hhd", (int)a, (int)b)
    STEP(16, "%d", (int)a)
    STEP(17, "100%")
    STEP(18, "%.3d", (int)a)
    STEP(19, "%*d", (int)a)
    STEP(20, "\tone\ttwo %d", (int)c)
    STEP(21, "%20llx|%-20llu|", a, b)
    STEP(22, "%lli %li %i", a, b, (int)c)
    default:
      return 0;
  }
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
