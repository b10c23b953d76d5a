// SPDX-License-Identifier: Apache-2.0
//
// program_probe: asks bpf(2) what it answers to commands on programs, and
// prints a line for each: what was asked, and 0 or minus an errno.
//
// Run as root on Linux 6.18 it writes program_probe.out.

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr unsigned kSize = 168;  // of the attribute in Linux 6.18
constexpr int kNoFd = 9999;
// Of Linux 6.4.
constexpr uint32_t kNetfilterType = 32;
constexpr uint32_t kNetfilterAttach = 45;

// The attribute, which may be longer than that of the header at hand.
union Attr {
  bpf_attr fields;
  uint32_t words[kSize / 4];
};

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

constexpr bpf_insn kReturn0 = {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0};
constexpr bpf_insn kExit = {BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
constexpr bpf_insn kProgram[] = {kReturn0, kExit};

long Bpf(int command, Attr* attr, unsigned size = kSize) {
  const long result = syscall(SYS_bpf, command, attr, size);
  return result < 0 ? -errno : result;
}

Attr Zeros() {
  Attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

Attr LoadAttr(uint32_t type = BPF_PROG_TYPE_SOCKET_FILTER) {
  Attr attr = Zeros();
  attr.fields.prog_type = type;
  attr.fields.insn_cnt = 2;
  attr.fields.insns = Address(kProgram);
  attr.fields.license = Address("GPL");
  if (type == BPF_PROG_TYPE_SYSCALL) attr.fields.prog_flags = BPF_F_SLEEPABLE;
  return attr;
}

void Say(const std::string& what, long result) {
  std::printf("%s: %ld\n", what.c_str(), result);
}

// Loads a program, which `change` makes another of.
template <typename Change>
Attr Load(const std::string& what, Change change, unsigned size = kSize) {
  Attr attr = LoadAttr();
  change(&attr.fields);
  const long fd = Bpf(BPF_PROG_LOAD, &attr, size);
  if (fd >= 0) close(static_cast<int>(fd));
  Say("load, " + what, fd < 0 ? fd : 0);
  return attr;
}

void Types() {
  // Of what kernels are not all configured for, nothing.
  for (uint32_t type : {0,  1,  2,  3,  4,  5,  6,  7,  8,  10, 13, 14,
                        15, 16, 17, 22, 23, 24, 26, 27, 31, 33, 99}) {
    Load("type " + std::to_string(type), [type](bpf_attr* attr) {
      attr->prog_type = type;
      if (type == BPF_PROG_TYPE_SYSCALL) attr->prog_flags = BPF_F_SLEEPABLE;
    });
  }
  for (uint32_t type : {8, 9, 21, 25, 30, 31, 32}) {
    for (uint32_t attach = 0; attach < 60; ++attach) {
      Load("type " + std::to_string(type) + " for " + std::to_string(attach),
           [=](bpf_attr* attr) {
             attr->prog_type = type;
             attr->expected_attach_type = attach;
             if (type == BPF_PROG_TYPE_SYSCALL) {
               attr->prog_flags = BPF_F_SLEEPABLE;
             }
           });
    }
  }
  for (uint32_t type : {1, 2, 3, 5, 6, 17, 31}) {
    Load("type " + std::to_string(type) + " that sleeps",
         [type](bpf_attr* attr) {
           attr->prog_type = type;
           attr->prog_flags = BPF_F_SLEEPABLE;
         });
  }
  for (unsigned flag = 0; flag < 20; ++flag) {
    Load("flag " + std::to_string(flag),
         [flag](bpf_attr* attr) { attr->prog_flags = 1U << flag; });
  }
}

void Fields() {
  Load("no instructions", [](bpf_attr* attr) { attr->insn_cnt = 0; });
  Load("1000001 instructions",
       [](bpf_attr* attr) { attr->insn_cnt = 1'000'001; });
  Load("null instructions", [](bpf_attr* attr) { attr->insns = 0; });
  Load("null licence", [](bpf_attr* attr) { attr->license = 0; });
  Load("null licence of no type", [](bpf_attr* attr) {
    attr->license = 0;
    attr->prog_type = 99;
  });
  Load("no instructions of no type", [](bpf_attr* attr) {
    attr->insn_cnt = 0;
    attr->prog_type = 99;
  });
  for (const char* name : {"a-b", "a.b_C9", "0123456789abcdef"}) {
    Load(std::string("name ") + name, [name](bpf_attr* attr) {
      std::memcpy(attr->prog_name, name, strnlen(name, sizeof attr->prog_name));
    });
  }
  Load("device 1", [](bpf_attr* attr) { attr->prog_ifindex = 1; });
  Load("xdp for device 1", [](bpf_attr* attr) {
    attr->prog_type = BPF_PROG_TYPE_XDP;
    attr->prog_ifindex = 1;
  });
  Load("no BTF", [](bpf_attr* attr) { attr->prog_btf_fd = kNoFd; });
  Load("lines of no BTF", [](bpf_attr* attr) {
    attr->prog_btf_fd = kNoFd;
    attr->line_info_cnt = 1;
    attr->line_info_rec_size = 16;
  });
  Load("functions of no BTF", [](bpf_attr* attr) {
    attr->prog_btf_fd = kNoFd;
    attr->func_info_cnt = 1;
    attr->func_info_rec_size = 8;
  });
  Load("for no program", [](bpf_attr* attr) { attr->attach_prog_fd = kNoFd; });
  Load("for a type of BTF", [](bpf_attr* attr) { attr->attach_btf_id = 1; });
  for (unsigned size = 0; size <= kSize; size += 4) {
    Load(
        "size " + std::to_string(size), [](bpf_attr*) {}, size);
  }
}

void Logs() {
  static char log[4096];
  const auto with = [](uint32_t level, const void* buffer, uint32_t size) {
    return [=](bpf_attr* attr) {
      attr->log_level = level;
      attr->log_buf = Address(buffer);
      attr->log_size = size;
    };
  };
  Load("log level alone", with(1, nullptr, 0));
  Load("log buffer alone", with(0, log, 0));
  Load("log size alone", with(0, nullptr, 10));
  Load("log without level", with(0, log, 100));
  Load("log level 16", with(16, log, 100));
  Load("log to nowhere", with(1, reinterpret_cast<void*>(8), 100));
  Load("log of 1 byte", with(1, log, 1));
  Load("log of 10 bytes", with(1, log, 10));
  Load("log of 10 bytes, fixed", with(9, log, 10));
  std::printf("[%s]\n", log);
  const Attr attr = Load("log", with(1, log, sizeof log));
  std::printf("as long as was said: %d\n",
              attr.words[35] == std::strlen(log) + 1);
}

// Programs that load a map, of which `imm` says where it is.
void Maps() {
  const int null_file = open("/dev/null", O_RDONLY);
  const auto with = [](uint8_t kind, int imm, const void* fds) {
    return [=](bpf_attr* attr) {
      static bpf_insn program[4];
      const bpf_insn load = {BPF_LD | BPF_DW | BPF_IMM, 1, kind, 0, imm};
      const bpf_insn all[] = {load, {}, kReturn0, kExit};
      std::memcpy(program, all, sizeof all);
      attr->insns = Address(program);
      attr->insn_cnt = 4;
      attr->fd_array = Address(fds);
    };
  };
  const int fds[] = {kNoFd, null_file};
  Load("map that is not open", with(BPF_PSEUDO_MAP_FD, kNoFd, nullptr));
  Load("map that is none", with(BPF_PSEUDO_MAP_FD, null_file, nullptr));
  Load("map by index, no array", with(BPF_PSEUDO_MAP_IDX, 0, nullptr));
  Load("map by index, bad array",
       with(BPF_PSEUDO_MAP_IDX, 0, reinterpret_cast<void*>(8)));
  Load("map by index that is not open", with(BPF_PSEUDO_MAP_IDX, 0, fds));
  Load("map by index that is none", with(BPF_PSEUDO_MAP_IDX, 1, fds));
  close(null_file);
}

void Calls() {
  for (int helper : {0, kNoFd}) {
    static bpf_insn program[2];
    program[0] = {BPF_JMP | BPF_CALL, 0, 0, 0, helper};
    program[1] = kExit;
    Load("call of helper " + std::to_string(helper),
         [](bpf_attr* attr) { attr->insns = Address(program); });
  }
}

// Calls that a program of type xdp may not make, at once or after a branch.
void CallsOfOthers() {
  constexpr int kSkbVlanPush = 18, kGetRandom = 7, kPoison = 195896080;
  constexpr uint8_t kSkipIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
  for (const int helper : {kSkbVlanPush, kNoFd, kPoison}) {
    static bpf_insn program[5];
    const auto load = [](const std::string& what, uint32_t count) {
      Load(what, [count](bpf_attr* attr) {
        attr->prog_type = BPF_PROG_TYPE_XDP;
        attr->insns = Address(program);
        attr->insn_cnt = count;
      });
    };
    const std::string name = "call of " + std::to_string(helper) + " by xdp";
    const bpf_insn call = {BPF_JMP | BPF_CALL, 0, 0, 0, helper};
    const bpf_insn random = {BPF_JMP | BPF_CALL, 0, 0, 0, kGetRandom};
    const bpf_insn five = {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 5};
    const bpf_insn skip = {kSkipIfEqual, 0, 0, 1, 5};
    for (const bpf_insn& first : {five, random}) {
      const bpf_insn all[] = {first, skip, call, kReturn0, kExit};
      std::memcpy(program, all, sizeof all);
      const bool dead = first.imm == five.imm;
      load(name + (dead ? " that nothing reaches" : " at times"), 5);
    }
    const bpf_insn alone[] = {call, kReturn0, kExit};
    std::memcpy(program, alone, sizeof alone);
    load(name, 3);
  }
}

int LoadFd(uint32_t type, uint32_t attach_type = 0) {
  Attr attr = LoadAttr(type);
  attr.fields.expected_attach_type = attach_type;
  return static_cast<int>(Bpf(BPF_PROG_LOAD, &attr));
}

int MapFd(uint32_t type) {
  Attr attr = Zeros();
  attr.fields.map_type = type;
  attr.fields.key_size = 4;
  attr.fields.value_size = 4;
  attr.fields.max_entries = 4;
  return static_cast<int>(Bpf(BPF_MAP_CREATE, &attr, 72));
}

// Runs of one program. Each starts with a packet of 64 bytes.
class Runs {
 public:
  Runs(const char* name, int fd) : name_(name), fd_(fd) {}

  void All() const {
    Data();
    Context();
    Run("flag 3", [](auto* test) { test->flags = 8; });
    Run("flag 0", [](auto* test) { test->flags = 1; });
    Run("CPU 1", [](auto* test) { test->cpu = 1; });
    Run("batch of 1", [](auto* test) { test->batch_size = 1; });
    Run("a duration", [](auto* test) { test->duration = 1; });
    Run("3 times", [](auto* test) { test->repeat = 3; });
    RunAlone("nothing", [](auto*) {});
    RunAlone("far CPU", [](auto* test) {
      test->flags = 1;
      test->cpu = kNoFd;
    });
  }

 private:
  static inline uint8_t memory_[1 << 17] = {};
  static inline uint8_t result_[1 << 16] = {};

  template <typename Change>
  void RunAlone(const std::string& what, Change change) const {
    Attr attr = Zeros();
    attr.fields.test.prog_fd = static_cast<uint32_t>(fd_);
    attr.fields.test.retval = 77;
    std::memset(memory_, 0, sizeof memory_);
    change(&attr.fields.test);
    const long result = Bpf(BPF_PROG_TEST_RUN, &attr, 80);
    const auto& test = attr.fields.test;
    std::printf("run %s, %s: %ld, returns %u, %u and %u bytes\n", name_,
                what.c_str(), result, test.retval, test.data_size_out,
                test.ctx_size_out);
  }
  template <typename Change>
  void Run(const std::string& what, Change change) const {
    RunAlone(what, [change](auto* test) {
      test->data_in = Address(memory_);
      test->data_size_in = 64;
      change(test);
    });
  }

  void Data() const {
    for (uint32_t size : {0, 13, 14, 64, 3520, 3521, 5000}) {
      Run(std::to_string(size) + " bytes",
          [size](auto* test) { test->data_size_in = size; });
    }
    Run("4 GiB", [](auto* test) { test->data_size_in = UINT32_MAX; });
    Run("null", [](auto* test) { test->data_in = 0; });
    Run("bad", [](auto* test) { test->data_in = 8; });
    Run("10 bad bytes", [](auto* test) {
      test->data_in = 8;
      test->data_size_in = 10;
    });
    for (uint32_t size : {0, 10, 64, 100}) {
      Run("out " + std::to_string(size), [size](auto* test) {
        test->data_out = Address(result_);
        test->data_size_out = size;
      });
    }
    Run("out bad", [](auto* test) {
      test->data_out = 8;
      test->data_size_out = 64;
    });
    Run("out null", [](auto* test) { test->data_size_out = 10; });
  }

  void Context() const {
    Run("context bad", [](auto* test) {
      test->ctx_in = 8;
      test->ctx_size_in = 8;
    });
    Run("context without size", [](auto* test) { test->ctx_in = 8; });
    Run("context without address", [](auto* test) { test->ctx_size_in = 8; });
    Run("context out without size", [](auto* test) { test->ctx_out = 8; });
    Run("context out without address",
        [](auto* test) { test->ctx_size_out = 8; });
    for (uint32_t size : {64, 97, 4096, 4097, 65535, 65536}) {
      const auto set = [size](auto* test) {
        test->ctx_in = Address(memory_);
        test->ctx_size_in = size;
      };
      Run("context of " + std::to_string(size), set);
      RunAlone("only a context of " + std::to_string(size), set);
    }
    RunAlone("only a context out", [](auto* test) {
      test->ctx_out = Address(result_);
      test->ctx_size_out = 8;
    });
  }

  const char* const name_;
  const int fd_;
};

// Runs of a program with one context, of which `Run` changes a field.
template <typename Context>
class ContextRuns {
 public:
  ContextRuns(const char* name, int fd, const Context& context,
              uint32_t data_size)
      : name_(name), fd_(fd), context_(context), data_size_(data_size) {}

  // Without `change`, the context as it is.
  template <typename Change>
  void Run(const std::string& what, Change change) const {
    Context context = context_;
    Context after = {};
    uint8_t packet[64] = {};
    packet[12] = 8;
    Attr attr = Zeros();
    auto& test = attr.fields.test;
    test.prog_fd = static_cast<uint32_t>(fd_);
    test.retval = 77;
    test.data_size_in = data_size_;
    if (data_size_ != 0) test.data_in = Address(packet);
    test.ctx_in = Address(&context);
    test.ctx_size_in = sizeof context;
    test.ctx_out = Address(&after);
    test.ctx_size_out = sizeof after;
    change(&context, &test, packet);
    const long result = Bpf(BPF_PROG_TEST_RUN, &attr, 80);
    std::printf("run %s, %s: %ld, returns %u, %u and %u bytes, %s\n", name_,
                what.c_str(), result, test.retval, test.data_size_out,
                test.ctx_size_out,
                std::memcmp(&after, &context, sizeof after) == 0 ? "the same"
                                                                 : "another");
  }

 private:
  const char* const name_;
  const int fd_;
  const Context context_;
  const uint32_t data_size_;
};

void SkLookup(int fd) {
  bpf_sk_lookup lookup = {};
  lookup.family = 2;
  lookup.protocol = 6;
  lookup.local_port = 80;
  const ContextRuns<bpf_sk_lookup> runs("sk_lookup", fd, lookup, 0);
  runs.Run("IPv4", [](auto*, auto*, auto*) {});
  runs.Run("IPv6", [](auto* context, auto*, auto*) { context->family = 10; });
  runs.Run("family 0",
           [](auto* context, auto*, auto*) { context->family = 0; });
  runs.Run("family 65538",
           [](auto* context, auto*, auto*) { context->family = 65538; });
  runs.Run("port 65536",
           [](auto* context, auto*, auto*) { context->local_port = 65536; });
  runs.Run("port 65536 of family 0", [](auto* context, auto*, auto*) {
    context->local_port = 65536;
    context->family = 0;
  });
  runs.Run("a socket",
           [](auto* context, auto*, auto*) { context->cookie = 1; });
  runs.Run("a device",
           [](auto* context, auto*, auto*) { context->ingress_ifindex = 1; });
  runs.Run("after the port", [](auto* context, auto*, auto*) {
    reinterpret_cast<uint8_t*>(context)[30] = 1;
  });
  runs.Run("5 times", [](auto*, auto* test, auto*) { test->repeat = 5; });
  runs.Run("a flag", [](auto*, auto* test, auto*) { test->flags = 1; });
  runs.Run("a CPU", [](auto*, auto* test, auto*) { test->cpu = 1; });
  runs.Run("room for data",
           [](auto*, auto* test, auto*) { test->data_size_out = 1; });
  for (uint32_t size : {8, 64, 68, 71}) {
    runs.Run("context of " + std::to_string(size),
             [size](auto*, auto* test, auto*) { test->ctx_size_in = size; });
    runs.Run("room of " + std::to_string(size),
             [size](auto*, auto* test, auto*) { test->ctx_size_out = size; });
  }
}

// struct nf_hook_state.
struct HookState {
  uint8_t hook, family;
  uint8_t unused[6];  // compared, too
  uint64_t in, out, sk, net, function;
};

void Netfilter(int fd) {
  HookState local_out = {};
  local_out.hook = 3;
  local_out.family = 2;
  const ContextRuns<HookState> runs("netfilter", fd, local_out, 64);
  for (uint8_t hook : {0, 1, 2, 3, 4, 5, 6, 7, 8, 255}) {
    for (uint8_t family : {0, 2, 10, 12}) {
      const std::string what =
          "hook " + std::to_string(hook) + ", family " + std::to_string(family);
      const auto set = [=](auto* context, auto*, uint8_t* packet) {
        context->hook = hook;
        context->family = family;
        if (family != 10) return;
        packet[12] = 0x86;
        packet[13] = 0xdd;
      };
      runs.Run(what, set);
      runs.Run(what + ", 33 bytes", [=](auto* context, auto* test, auto* at) {
        set(context, test, at);
        test->data_size_in = 33;
      });
      runs.Run(what + ", ARP", [=](auto* context, auto* test, auto* at) {
        set(context, test, at);
        at[12] = 8;
        at[13] = 6;
      });
    }
  }
  for (uint32_t size : {0, 13, 14, 19, 20, 3000, 3519, 3520, 3700}) {
    runs.Run(std::to_string(size) + " bytes", [size](auto*, auto* test, auto*) {
      static uint8_t bytes[4096];
      test->data_in = Address(bytes);
      test->data_size_in = size;
    });
  }
  runs.Run("a device", [](auto* context, auto*, auto*) { context->in = 1; });
  runs.Run("a socket", [](auto* context, auto*, auto*) { context->sk = 1; });
  runs.Run("padding", [](auto* context, auto*, auto*) {
    reinterpret_cast<uint8_t*>(context)[5] = 1;
  });
  runs.Run("no context", [](auto*, auto* test, auto*) {
    test->ctx_in = test->ctx_size_in = 0;
  });
  runs.Run("context of 2",
           [](auto*, auto* test, auto*) { test->ctx_size_in = 2; });
  runs.Run("room for data", [](auto*, auto* test, auto*) {
    static uint8_t bytes[4096];
    test->data_out = Address(bytes);
    test->data_size_out = 10;
  });
  runs.Run("a flag", [](auto*, auto* test, auto*) { test->flags = 1; });
  runs.Run("a CPU", [](auto*, auto* test, auto*) { test->cpu = 1; });
  runs.Run("5 times", [](auto*, auto* test, auto*) { test->repeat = 5; });
}

void FlowDissector(int fd) {
  const ContextRuns<bpf_flow_keys> runs("flow_dissector", fd, {}, 64);
  runs.Run("no flags", [](auto*, auto*, auto*) {});
  runs.Run("flags", [](auto* context, auto*, auto*) { context->flags = 7; });
  runs.Run("unknown flags",
           [](auto* context, auto*, auto*) { context->flags = 8; });
  runs.Run("a label",
           [](auto* context, auto*, auto*) { context->flow_label = 7; });
  runs.Run("an offset",
           [](auto* context, auto*, auto*) { context->nhoff = 7; });
  for (uint32_t size : {0, 13, 14, 3776, 3777, 4096, 4097}) {
    runs.Run(std::to_string(size) + " bytes", [size](auto*, auto* test, auto*) {
      static uint8_t bytes[8192];
      test->data_in = Address(bytes);
      test->data_size_in = size;
    });
  }
  for (uint32_t size : {0, 10, 56, 100}) {
    runs.Run("out " + std::to_string(size), [size](auto*, auto* test, auto*) {
      static uint8_t bytes[128];
      test->data_out = Address(bytes);
      test->data_size_out = size;
    });
  }
}

void Bind(const char* what, int program, int map, uint32_t flags = 0) {
  Attr attr = Zeros();
  attr.fields.prog_bind_map.prog_fd = static_cast<uint32_t>(program);
  attr.fields.prog_bind_map.map_fd = static_cast<uint32_t>(map);
  attr.fields.prog_bind_map.flags = flags;
  Say(std::string("bind, ") + what, Bpf(BPF_PROG_BIND_MAP, &attr, 12));
}

void Put(const char* what, int array, uint32_t index, int program) {
  Attr attr = Zeros();
  attr.fields.map_fd = static_cast<uint32_t>(array);
  attr.fields.key = Address(&index);
  attr.fields.value = Address(&program);
  Say(std::string("put into an array, ") + what,
      Bpf(BPF_MAP_UPDATE_ELEM, &attr, 32));
}

// Links that cannot be: of `program`, of this attach type, to no descriptor and
// no device.
void Link(const char* what, int program, uint32_t attach_type,
          uint32_t flags = 0) {
  Attr attr = Zeros();
  attr.words[0] = static_cast<uint32_t>(program);
  attr.words[1] = UINT32_MAX;
  attr.words[2] = attach_type;
  attr.words[3] = flags;
  Say("link, " + std::string(what) + " for " + std::to_string(attach_type) +
          (flags != 0 ? ", flags" : ""),
      Bpf(BPF_LINK_CREATE, &attr, 64));
}

void Links(const std::vector<std::pair<const char*, int>>& programs) {
  for (const auto& [name, fd] : programs) {
    for (const uint32_t type : {0, 1, 2, 8, 17, 36, 37, 41, 42, 45, 46, 99}) {
      // Not all kernels are configured for links of many kprobes.
      const bool is_many = std::string(name) == "kprobe" && type == 42;
      if (!is_many) Link(name, fd, type);
    }
    Link(name, fd, 41, 1);
    Attr attr = Zeros();
    const auto open_tracepoint = [&attr](uint64_t tracepoint, int program) {
      attr.fields.raw_tracepoint.name = tracepoint;
      attr.fields.raw_tracepoint.prog_fd = static_cast<uint32_t>(program);
      return Bpf(BPF_RAW_TRACEPOINT_OPEN, &attr, 16);
    };
    const std::string what = std::string("tracepoint of ") + name;
    Say(what + " by no name", open_tracepoint(0, fd));
    Say(what + " by a bad name", open_tracepoint(8, fd));
    Say(what + " that does not exist",
        open_tracepoint(Address("bpfmap_no_such_event"), fd));
  }
}

void Ids() {
  Attr attr = Zeros();
  attr.words[0] = 0x7fffffff;
  Say("next id after the last", Bpf(BPF_PROG_GET_NEXT_ID, &attr, 8));
  attr.words[0] = 0x7ffffffe;
  Say("next id where none is", Bpf(BPF_PROG_GET_NEXT_ID, &attr, 8));
  Say("descriptor of no id", Bpf(BPF_PROG_GET_FD_BY_ID, &attr, 4));
  attr.words[1] = 1;
  Say("descriptor of an id and more", Bpf(BPF_PROG_GET_FD_BY_ID, &attr, 8));
}

void Info(int fd) {
  bpf_prog_info info = {};
  Attr attr = Zeros();
  attr.fields.info.bpf_fd = static_cast<uint32_t>(fd);
  attr.fields.info.info_len = sizeof info;
  attr.fields.info.info = Address(&info);
  Say("info", Bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, 16));
  std::printf("type %u, %u bytes, tag ", info.type, info.xlated_prog_len);
  for (uint8_t byte : info.tag) std::printf("%02x", byte);
  std::printf(", gpl %u, records of %u and %u\n", info.gpl_compatible,
              info.func_info_rec_size, info.line_info_rec_size);
}

}  // namespace

int main() {
  Types();
  Fields();
  Logs();
  Maps();
  Calls();
  CallsOfOthers();
  const int filter = LoadFd(BPF_PROG_TYPE_SOCKET_FILTER);
  const int xdp = LoadFd(BPF_PROG_TYPE_XDP);
  const int map = MapFd(BPF_MAP_TYPE_ARRAY);
  Runs("socket_filter", filter).All();
  Runs("xdp", xdp).All();
  Runs("sched_cls", LoadFd(BPF_PROG_TYPE_SCHED_CLS)).All();
  Runs("raw_tracepoint", LoadFd(BPF_PROG_TYPE_RAW_TRACEPOINT)).All();
  Runs("syscall", LoadFd(BPF_PROG_TYPE_SYSCALL)).All();
  const int dissector = LoadFd(BPF_PROG_TYPE_FLOW_DISSECTOR);
  const int lookup = LoadFd(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP);
  const int netfilter = LoadFd(kNetfilterType, kNetfilterAttach);
  Runs("flow_dissector", dissector).All();
  Runs("sk_lookup", lookup).All();
  Runs("netfilter", netfilter).All();
  FlowDissector(dissector);
  SkLookup(lookup);
  Netfilter(netfilter);
  Runs("kprobe", LoadFd(BPF_PROG_TYPE_KPROBE)).All();
  Runs("a map", map).All();
  Runs("nothing open", kNoFd).All();
  Bind("a map", xdp, map);
  Bind("it again", xdp, map);
  Bind("flags", xdp, map, 1);
  Bind("no map", xdp, kNoFd);
  Bind("a program", xdp, filter);
  Bind("to a map", map, map);
  Bind("to nothing", kNoFd, map);
  const int array = MapFd(BPF_MAP_TYPE_PROG_ARRAY);
  Put("the first", array, 0, filter);
  Put("another type", array, 1, xdp);
  Put("a map", array, 1, map);
  Put("nothing open", array, 1, kNoFd);
  Put("the first again", array, 3, filter);
  Links({{"socket_filter", filter},
         {"xdp", xdp},
         {"sched_cls", LoadFd(BPF_PROG_TYPE_SCHED_CLS)},
         {"tracepoint", LoadFd(BPF_PROG_TYPE_TRACEPOINT)},
         {"kprobe", LoadFd(BPF_PROG_TYPE_KPROBE)},
         {"perf_event", LoadFd(BPF_PROG_TYPE_PERF_EVENT)},
         {"raw_tracepoint", LoadFd(BPF_PROG_TYPE_RAW_TRACEPOINT)},
         {"cgroup_skb", LoadFd(BPF_PROG_TYPE_CGROUP_SKB)},
         {"cgroup_sock", LoadFd(BPF_PROG_TYPE_CGROUP_SOCK, 2)},
         {"flow_dissector", dissector},
         {"sk_lookup", lookup},
         {"netfilter", netfilter},
         {"syscall", LoadFd(BPF_PROG_TYPE_SYSCALL)},
         {"a map", map},
         {"nothing open", kNoFd}});
  Ids();
  Info(filter);
  return 0;
}
