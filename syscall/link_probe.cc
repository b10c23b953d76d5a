// SPDX-License-Identifier: Apache-2.0
//
// link_probe: asks bpf(2) what it answers to commands on links, and prints a
// line for each: what was asked, and 0 or minus an errno.
//
// Run as root on Linux 6.18 it writes link_probe.out.

#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace {

constexpr unsigned kSize = 168;  // of the attribute in Linux 6.18
constexpr int kNoFd = 9999;
constexpr uint32_t kLoopback = 1;
// Of Linux 6.6, which older headers lack.
constexpr uint32_t kNetfilterType = 32;
constexpr uint32_t kNetfilter = 45;
constexpr uint32_t kTcxIngress = 46;
constexpr uint32_t kReplace = 4, kBefore = 8, kAfter = 16, kId = 32;
constexpr uint32_t kLink = 1 << 13;

// The attribute, which may be longer than that of the header at hand.
union Attr {
  bpf_attr fields;
  uint32_t words[kSize / 4];
};

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

long Bpf(int command, Attr* attr, unsigned size = 64) {
  const long result = syscall(SYS_bpf, command, attr, size);
  return result < 0 ? -errno : result;
}

Attr Zeros() {
  Attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

void Say(const std::string& what, long result) {
  std::printf("%s: %ld\n", what.c_str(), result);
}

// A program that returns `result`.
int Load(uint32_t type, uint32_t attach_type = 0, int32_t result = 0) {
  const bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, result},
                              {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  Attr attr = Zeros();
  attr.fields.prog_type = type;
  attr.fields.insn_cnt = 2;
  attr.fields.insns = Address(program);
  attr.fields.license = Address("GPL");
  attr.fields.expected_attach_type = attach_type;
  const long fd = Bpf(BPF_PROG_LOAD, &attr, kSize);
  if (fd < 0) Say("load, type " + std::to_string(type), fd);
  return static_cast<int>(fd);
}

// A descriptor, or -errno, which is said.
int Said(const std::string& what, long fd) {
  Say(what, fd < 0 ? fd : 0);
  return static_cast<int>(fd);
}

int OpenRaw(const std::string& what, int program, const char* name,
            uint64_t cookie = 0) {
  Attr attr = Zeros();
  attr.fields.raw_tracepoint.name = Address(name);
  attr.fields.raw_tracepoint.prog_fd = static_cast<uint32_t>(program);
  attr.words[4] = static_cast<uint32_t>(cookie);
  return Said("raw tracepoint, " + what,
              Bpf(BPF_RAW_TRACEPOINT_OPEN, &attr, cookie != 0 ? 24 : 16));
}

int Create(const std::string& what, int program, uint32_t target, uint32_t type,
           uint32_t flags = 0, uint32_t relative = 0, uint64_t revision = 0) {
  Attr attr = Zeros();
  attr.words[0] = static_cast<uint32_t>(program);
  attr.words[1] = target;
  attr.words[2] = type;
  attr.words[3] = flags;
  attr.words[4] = relative;
  std::memcpy(&attr.words[6], &revision, sizeof revision);
  return Said("link, " + what, Bpf(BPF_LINK_CREATE, &attr));
}

void Update(const std::string& what, int link, int program, uint32_t flags = 0,
            uint32_t old = 0) {
  Attr attr = Zeros();
  attr.words[0] = static_cast<uint32_t>(link);
  attr.words[1] = static_cast<uint32_t>(program);
  attr.words[2] = flags;
  attr.words[3] = old;
  Say("update, " + what, Bpf(BPF_LINK_UPDATE, &attr));
}

void Detach(const std::string& what, int link) {
  Attr attr = Zeros();
  attr.words[0] = static_cast<uint32_t>(link);
  Say("detach, " + what, Bpf(BPF_LINK_DETACH, &attr));
}

// struct bpf_link_info; the rest is by type.
struct Info {
  uint32_t type, id, program, unused;
  uint32_t rest[12];
};

Info GetInfo(const std::string& what, int link, unsigned size = sizeof(Info),
             Info info = {}) {
  Attr attr = Zeros();
  attr.fields.info.bpf_fd = static_cast<uint32_t>(link);
  attr.fields.info.info_len = size;
  attr.fields.info.info = Address(&info);
  Say("info, " + what, Bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, 16));
  std::printf("type %u, id %d, program %d, %u bytes, rest", info.type,
              info.id != 0, info.program != 0, attr.fields.info.info_len);
  for (uint32_t word : info.rest) std::printf(" %u", word);
  std::printf("\n");
  return info;
}

// Of a link whose rest starts with the address of a buffer for its name.
void GetName(const std::string& what, int link, uint32_t length,
             bool has_buffer = true) {
  char name[32] = "";
  Info info = {};
  const uint64_t address = has_buffer ? Address(name) : 0;
  std::memcpy(info.rest, &address, sizeof address);
  info.rest[2] = length;
  Attr attr = Zeros();
  attr.fields.info.bpf_fd = static_cast<uint32_t>(link);
  attr.fields.info.info_len = sizeof info;
  attr.fields.info.info = Address(&info);
  Say("name, " + what, Bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, 16));
  std::printf("%s, length %u\n", name, info.rest[2]);
}

long ById(uint32_t id, uint32_t more = 0) {
  Attr attr = Zeros();
  attr.words[0] = id;
  attr.words[1] = more;
  return Bpf(BPF_LINK_GET_FD_BY_ID, &attr);
}

void RawTracepoints() {
  const int program = Load(BPF_PROG_TYPE_RAW_TRACEPOINT);
  const int other = Load(BPF_PROG_TYPE_RAW_TRACEPOINT);
  const int xdp = Load(BPF_PROG_TYPE_XDP);
  OpenRaw("no program", kNoFd, "sched_switch");
  OpenRaw("a program of another type", xdp, "sched_switch");
  OpenRaw("one that is not", program, "bpfmap_no_such_event");
  close(OpenRaw("a cookie", program, "sched_switch", 7));
  const int link = OpenRaw("sched_switch", program, "sched_switch");
  const int again = OpenRaw("again", program, "sched_switch");
  close(again);
  const Info info = GetInfo("all", link);
  GetInfo("8 bytes", link, 8);
  GetInfo("more", link, 64);
  GetName("whole", link, 32);
  GetName("short", link, 6);
  GetName("of no length", link, 0);
  GetName("without a buffer", link, 32, false);
  Update("another program", link, other);
  Update("no program", link, kNoFd);
  Update("a program of another type", link, xdp);
  Update("flags", link, other, 1);
  Update("what is no link", program, other);
  Update("nothing", kNoFd, other);
  Detach("it", link);
  Detach("what is no link", program);
  Detach("nothing", kNoFd);
  const int by_id = Said("by id", ById(info.id));
  close(Said("by id and more", ById(info.id, 1)));
  close(by_id);
  Said("by no id", ById(0x7ffffff0));
  Attr attr = Zeros();
  attr.words[0] = info.id - 1;
  Say("next id", Bpf(BPF_LINK_GET_NEXT_ID, &attr, 8));
  Say("it is", attr.words[1] == info.id);
  attr.words[0] = 0x7fffffff;
  Say("next id after the last", Bpf(BPF_LINK_GET_NEXT_ID, &attr, 8));
  attr = Zeros();
  attr.fields.map_fd = static_cast<uint32_t>(link);
  Say("lookup in it", Bpf(BPF_MAP_LOOKUP_ELEM, &attr, 32));
  close(program);
  const int linked = Said("by id without its program", ById(info.id));
  close(linked);
  close(link);
  Said("by id after it was closed", ById(info.id));
  close(other);
  close(xdp);
}

void Devices() {
  const int first = Load(BPF_PROG_TYPE_XDP, BPF_XDP, XDP_PASS);
  const int second = Load(BPF_PROG_TYPE_XDP, BPF_XDP, XDP_PASS);
  const int tc = Load(BPF_PROG_TYPE_SCHED_CLS);
  Create("no device", first, 77, BPF_XDP);
  Create("flags", first, kLoopback, BPF_XDP, 1 << 20);
  const int link = Create("xdp", first, kLoopback, BPF_XDP);
  Create("a second one", second, kLoopback, BPF_XDP);
  GetInfo("of xdp", link);
  Update("xdp, the wrong old one", link, second, kReplace,
         static_cast<uint32_t>(second));
  Update("xdp, old without the flag", link, second, 0,
         static_cast<uint32_t>(first));
  Update("xdp, the right old one", link, second, kReplace,
         static_cast<uint32_t>(first));
  Update("xdp, another type", link, tc);
  Detach("xdp", link);
  Detach("xdp again", link);
  GetInfo("of xdp that was detached", link);
  Update("xdp that was detached", link, first);
  close(link);
  close(Create("xdp after that", second, kLoopback, BPF_XDP));
  close(first);
  close(second);
  close(tc);
}

void Tcx() {
  const int a = Load(BPF_PROG_TYPE_SCHED_CLS);
  const int b = Load(BPF_PROG_TYPE_SCHED_CLS);
  const int c = Load(BPF_PROG_TYPE_SCHED_CLS);
  Create("tcx of no device", a, 77, kTcxIngress);
  Create("tcx, other flags", a, kLoopback, kTcxIngress, 1);
  const int link = Create("tcx", a, kLoopback, kTcxIngress);
  Create("tcx, the same program", a, kLoopback, kTcxIngress);
  GetInfo("of tcx", link);
  const int before = Create("tcx, before a link", b, kLoopback, kTcxIngress,
                            kBefore | kLink, static_cast<uint32_t>(link));
  Create("tcx, before no link", c, kLoopback, kTcxIngress, kBefore | kLink,
         kNoFd);
  Create("tcx, after a program by id 0", c, kLoopback, kTcxIngress,
         kAfter | kId, 0x7ffffff0);
  Create("tcx, wrong revision", c, kLoopback, kTcxIngress, 0, 0, 99);
  Update("tcx, to one that is there", link, b);
  Create("tcx, before and after", c, kLoopback, kTcxIngress, kBefore | kAfter);
  Update("tcx, itself", link, a);
  Update("tcx, the wrong old one", link, c, kReplace, static_cast<uint32_t>(b));
  Update("tcx, other flags", link, c, 1);
  Update("tcx", link, c);
  Update("tcx, another type", link, Load(BPF_PROG_TYPE_XDP));
  Detach("tcx", before);
  Detach("tcx again", before);
  GetInfo("of tcx that was detached", before);
  Update("tcx that was detached", before, a);
  for (int fd : {a, b, c, link, before}) close(fd);
}

void Netfilter() {
  const int program = Load(kNetfilterType, kNetfilter, 1);
  Attr attr = Zeros();
  const auto create = [&](const char* what, uint32_t family, uint32_t hook,
                          int32_t priority, uint32_t flags) {
    attr.words[0] = static_cast<uint32_t>(program);
    attr.words[2] = kNetfilter;
    attr.words[4] = family;
    attr.words[5] = hook;
    attr.words[6] = static_cast<uint32_t>(priority);
    attr.words[7] = flags;
    return Said(std::string("netfilter, ") + what, Bpf(BPF_LINK_CREATE, &attr));
  };
  create("family 3", 3, 0, 1, 0);
  create("hook 5", 2, 5, 1, 0);
  create("flags", 2, 0, 1, 4);
  create("the lowest priority", 2, 0, INT32_MIN, 0);
  create("the highest priority", 2, 0, INT32_MAX, 0);
  const int link = create("it", 2, 1, -5, 0);
  const int same = create("the same priority", 2, 1, -5, 0);
  GetInfo("of netfilter", link);
  Update("netfilter", link, program);
  Detach("netfilter", link);
  Detach("netfilter again", link);
  GetInfo("of netfilter that was detached", link);
  for (int fd : {program, link, same}) {
    if (fd >= 0) close(fd);
  }
}

// A cgroup of its own, if it may make one; else the root.
class Cgroup {
 public:
  Cgroup() {
    std::ifstream mounts("/proc/self/mountinfo");
    std::string path;
    for (std::string line; std::getline(mounts, line);) {
      if (line.find(" - cgroup2 ") == std::string::npos) continue;
      std::istringstream fields(line);
      for (int i = 0; i < 5; ++i) fields >> path;
    }
    made_ = path + "/bpfmap_probe." + std::to_string(getpid());
    if (mkdir(made_.c_str(), 0755) == 0) path = made_;
    fd_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  ~Cgroup() {
    close(fd_);
    rmdir(made_.c_str());
  }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  uint32_t fd() const { return static_cast<uint32_t>(fd_); }

 private:
  std::string made_;
  int fd_ = -1;
};

// Its number differs from run to run.
void SayNamespace(const std::string& what, int link) {
  Info info = {};
  Attr attr = Zeros();
  attr.fields.info.bpf_fd = static_cast<uint32_t>(link);
  attr.fields.info.info_len = sizeof info;
  attr.fields.info.info = Address(&info);
  Say("info, " + what, Bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, 16));
  std::printf("type %u, namespace %d, attach type %u\n", info.type,
              info.rest[0] != 0, info.rest[1]);
}

void Namespaces() {
  const int at = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  const int other = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  const auto network = static_cast<uint32_t>(at);
  const int a = Load(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, 1);
  const int b = Load(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, 0);
  const int dissector = Load(BPF_PROG_TYPE_FLOW_DISSECTOR);
  Create("sk_lookup of nothing", a, kNoFd, BPF_SK_LOOKUP);
  Create("sk_lookup of a file", a, 1, BPF_SK_LOOKUP);
  Create("sk_lookup of a namespace of mounts", a, static_cast<uint32_t>(other),
         BPF_SK_LOOKUP);
  Create("sk_lookup of nothing, flags", a, kNoFd, BPF_SK_LOOKUP, 1);
  Create("sk_lookup, another type", a, network, BPF_FLOW_DISSECTOR);
  const int link = Create("sk_lookup", a, network, BPF_SK_LOOKUP);
  const int same =
      Create("sk_lookup, the same program", a, network, BPF_SK_LOOKUP);
  SayNamespace("of sk_lookup", link);
  Update("sk_lookup", link, b);
  Update("sk_lookup, the wrong old one", link, a, kReplace,
         static_cast<uint32_t>(a));
  Update("sk_lookup, the old one", link, a, kReplace, static_cast<uint32_t>(b));
  Update("sk_lookup, another type", link, dissector);
  Detach("sk_lookup", same);
  Detach("sk_lookup again", same);
  SayNamespace("of sk_lookup that was detached", same);
  Update("sk_lookup that was detached", same, b);
  Update("sk_lookup that was detached, the wrong old one", same, a, kReplace,
         static_cast<uint32_t>(b));
  const int dissects =
      Create("flow_dissector", dissector, network, BPF_FLOW_DISSECTOR);
  Create("flow_dissector, a second", dissector, network, BPF_FLOW_DISSECTOR);
  SayNamespace("of flow_dissector", dissects);
  for (int fd : {at, other, a, b, dissector, link, same, dissects}) close(fd);
}

void Cgroups() {
  const Cgroup cgroup;
  const uint32_t target = cgroup.fd();
  const int program = Load(BPF_PROG_TYPE_CGROUP_SKB, 0, 1);
  const int other = Load(BPF_PROG_TYPE_CGROUP_SKB, 0, 1);
  const int sock = Load(BPF_PROG_TYPE_CGROUP_SOCK, 2, 1);
  Create("cgroup of no descriptor", program, kNoFd, 0);
  Create("cgroup of a program", program, static_cast<uint32_t>(program), 0);
  Create("cgroup, flags", program, target, 0, 1);
  Create("cgroup, another attach type", program, target, 2);
  const int link = Create("cgroup", program, target, 0);
  const int again = Create("cgroup, again", program, target, 0);
  Update("cgroup, another type", link, sock);
  Update("cgroup, the wrong old one", link, other, kReplace,
         static_cast<uint32_t>(other));
  Update("cgroup", link, other, kReplace, static_cast<uint32_t>(program));
  Detach("cgroup", link);
  Detach("cgroup again", link);
  Update("cgroup that was detached", link, program);
  for (int fd : {program, other, sock, link, again}) close(fd);
}

// BPF_PROG_ATTACH or BPF_PROG_DETACH.
void Change(const std::string& what, int command, uint32_t target, int program,
            uint32_t type, uint32_t flags = 0, int replaced = 0,
            int relative = 0) {
  Attr attr = Zeros();
  attr.words[0] = target;
  attr.words[1] = static_cast<uint32_t>(program);
  attr.words[2] = type;
  attr.words[3] = flags;
  attr.words[4] = static_cast<uint32_t>(replaced);
  attr.words[5] = static_cast<uint32_t>(relative);
  Say((command == BPF_PROG_ATTACH ? "attach, " : "detach, ") + what,
      Bpf(command, &attr, 32));
}
void Attach(const std::string& what, uint32_t target, int program,
            uint32_t type, uint32_t flags = 0, int replaced = 0,
            int relative = 0) {
  Change(what, BPF_PROG_ATTACH, target, program, type, flags, replaced,
         relative);
}
void DetachProgram(const std::string& what, uint32_t target, int program,
                   uint32_t type) {
  Change(what, BPF_PROG_DETACH, target, program, type);
}

void Query(const std::string& what, uint32_t target, uint32_t type,
           uint32_t room, uint32_t flags = 0) {
  uint32_t ids[8] = {};
  const uint64_t address = Address(ids);
  Attr attr = Zeros();
  attr.words[0] = target;
  attr.words[1] = type;
  attr.words[2] = flags;
  std::memcpy(&attr.words[4], &address, sizeof address);
  attr.words[6] = room;
  Say("query, " + what, Bpf(BPF_PROG_QUERY, &attr));
  std::printf("flags %u, %u programs, ids %d %d %d\n", attr.words[3],
              attr.words[6], ids[0] != 0, ids[1] != 0, ids[2] != 0);
}

constexpr uint32_t kOverride = 1, kMulti = 2;

void AttachToCgroup() {
  const Cgroup cgroup;
  const uint32_t target = cgroup.fd();
  const int a = Load(BPF_PROG_TYPE_CGROUP_SKB, 0, 1);
  const int b = Load(BPF_PROG_TYPE_CGROUP_SKB, 0, 1);
  const int c = Load(BPF_PROG_TYPE_CGROUP_SKB, 0, 1);
  const int sock = Load(BPF_PROG_TYPE_CGROUP_SOCK, 2, 1);
  Query("nothing", target, 0, 8);
  Attach("no cgroup", kNoFd, a, 0);
  Attach("a program for a cgroup", static_cast<uint32_t>(a), a, 0);
  Attach("no program", target, kNoFd, 0);
  Attach("another type", target, a, 2);
  Attach("no type", target, a, 99);
  Attach("flags", target, a, 0, 1 << 20);
  Attach("override and multi", target, a, 0, kOverride | kMulti);
  Attach("replace without multi", target, a, 0, kReplace, b);
  DetachProgram("nothing", target, 0, 0);
  Attach("one", target, a, 0);
  Query("one", target, 0, 8);
  Attach("multi to one", target, b, 0, kMulti);
  Attach("another one", target, b, 0);
  Query("another one", target, 0, 8);
  Create("cgroup with one", c, target, 0);
  DetachProgram("any", target, 0, 0);
  Query("nothing again", target, 0, 8);
  Attach("override", target, a, 0, kOverride);
  Query("override", target, 0, 8);
  Attach("override it", target, b, 0, kOverride);
  DetachProgram("another than it", target, a, 0);
  Attach("multi", target, a, 0, kMulti);
  Attach("multi, the same", target, a, 0, kMulti);
  Attach("multi, another", target, b, 0, kMulti);
  const int link = Create("cgroup with two", c, target, 0);
  Query("three", target, 0, 8);
  Query("three, room for two", target, 0, 2);
  Query("three, no room", target, 0, 0);
  Query("three, effective", target, 0, 8, 1);
  Query("flags", target, 0, 8, 2);
  Attach("replace", target, c, 0, kMulti | kReplace, a);
  Attach("replace by another type", target, a, 0, kMulti | kReplace, sock);
  Attach("replace what is not there", target, a, 0, kMulti | kReplace, a);
  Attach("before all", target, a, 0, kMulti | kBefore);
  Query("four", target, 0, 8);
  DetachProgram("none of four", target, 0, 0);
  for (const char* when : {"", ", again"}) {
    DetachProgram(std::string("b") + when, target, b, 0);
    DetachProgram(std::string("c") + when, target, c, 0);
    DetachProgram(std::string("a") + when, target, a, 0);
  }
  close(link);
  Query("nothing in the end", target, 0, 8);
  for (int fd : {a, b, c, sock}) close(fd);
}

void AttachToDevice() {
  const int a = Load(BPF_PROG_TYPE_SCHED_CLS);
  const int b = Load(BPF_PROG_TYPE_SCHED_CLS);
  Attach("tcx", kLoopback, a, kTcxIngress);
  Attach("tcx, again", kLoopback, a, kTcxIngress);
  Attach("tcx, before it", kLoopback, b, kTcxIngress, kBefore, 0, a);
  Attach("tcx of no device", 77, a, kTcxIngress);
  Query("tcx", kLoopback, kTcxIngress, 8);
  DetachProgram("tcx, the last", kLoopback, 0, kTcxIngress);
  DetachProgram("tcx, what was the last", kLoopback, a, kTcxIngress);
  DetachProgram("tcx", kLoopback, b, kTcxIngress);
  DetachProgram("tcx, again", kLoopback, b, kTcxIngress);
  Query("tcx of no device", 77, kTcxIngress, 8);
  close(a);
  close(b);
}

}  // namespace

int main() {
  // Loopback devices of its own, if it may.
  static_cast<void>(unshare(CLONE_NEWNET));
  RawTracepoints();
  Devices();
  Tcx();
  Netfilter();
  Namespaces();
  Cgroups();
  AttachToCgroup();
  AttachToDevice();
}
