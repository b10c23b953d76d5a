// SPDX-License-Identifier: Apache-2.0
//
// pin_probe: asks what system calls and std::filesystem do with pins, and
// prints a line for each: what was asked, and the result, 0 or minus an errno.
//
// Run as root on Linux 6.18 it writes pin_probe.out. It mounts what it needs.

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr unsigned kSize = 168;  // of the attribute in Linux 6.18
constexpr uint32_t kPathFd = 1 << 14;

// The attribute, which may be longer than that of the header at hand.
union Attr {
  bpf_attr fields;
  uint32_t words[kSize / 4];
};

Attr Zeros() {
  Attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

long Bpf(int command, Attr* attr) {
  const long result = syscall(SYS_bpf, command, attr, kSize);
  return result < 0 ? -errno : result;
}

int Map() {
  Attr attr = Zeros();
  attr.fields.map_type = BPF_MAP_TYPE_HASH;
  attr.fields.key_size = 4;
  attr.fields.value_size = 4;
  attr.fields.max_entries = 4;
  return static_cast<int>(Bpf(BPF_MAP_CREATE, &attr));
}

long PinAt(int fd, const std::string& path, uint32_t flags = 0,
           uint32_t directory = 0) {
  Attr attr = Zeros();
  attr.fields.pathname = reinterpret_cast<uintptr_t>(path.c_str());
  attr.fields.bpf_fd = static_cast<uint32_t>(fd);
  attr.fields.file_flags = flags;
  attr.words[4] = directory;
  return Bpf(BPF_OBJ_PIN, &attr);
}

long GetAt(const std::string& path, uint32_t flags = 0,
           uint32_t directory = 0) {
  Attr attr = Zeros();
  attr.fields.pathname = reinterpret_cast<uintptr_t>(path.c_str());
  attr.fields.file_flags = flags;
  attr.words[4] = directory;
  return Bpf(BPF_OBJ_GET, &attr);
}

uint32_t IdOf(int fd) {
  bpf_map_info info = {};
  Attr attr = Zeros();
  attr.fields.info.bpf_fd = static_cast<uint32_t>(fd);
  attr.fields.info.info_len = sizeof info;
  attr.fields.info.info = reinterpret_cast<uintptr_t>(&info);
  return Bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 ? info.id : 0;
}

// 1 if the pin at `path` is of the map of `fd`; 0 if of another; or -errno.
long Is(const std::string& path, int fd) {
  const long pin = GetAt(path);
  if (pin < 0) return pin;
  const long same = IdOf(static_cast<int>(pin)) == IdOf(fd);
  close(static_cast<int>(pin));
  return same;
}

// 0, or -errno where a descriptor was asked for.
long Opened(long fd) {
  if (fd >= 0) close(static_cast<int>(fd));
  return fd < 0 ? fd : 0;
}

// The answer of the C library, as the kernel gives it.
long Error(long result) { return result < 0 ? -errno : result; }

void Say(const std::string& what, long result) {
  std::printf("%s: %ld\n", what.c_str(), result);
}
void Say(const std::string& what, const std::error_code& error) {
  Say(what, -error.value());
}

const std::string kRoot = "/sys/fs/bpf";
const std::string kA = kRoot + "/a";

void Pins(int a, int b) {
  Say("pin", PinAt(a, kA));
  Say("pin another at the same path", PinAt(b, kA));
  Say("pin again", PinAt(a, kRoot + "/a2"));
  Say("pin, plain path", PinAt(a, kRoot + "//./a"));
  Say("pin at a directory", PinAt(a, kRoot));
  Say("pin with / at the end", PinAt(a, kRoot + "/c/"));
  Say("pin at a pin with / at the end", PinAt(a, kA + "/"));
  Say("pin below a pin", PinAt(a, kA + "/c"));
  Say("pin in no directory", PinAt(a, kRoot + "/none/c"));
  Say("pin elsewhere", PinAt(a, "/tmp/bpfmap_no_such_pin"));
  Say("pin at a file elsewhere", PinAt(a, "/etc/passwd"));
  Say("pin, name with a dot", PinAt(a, kRoot + "/a.b"));
  Say("pin, in no directory with a dot", PinAt(a, kRoot + "/no.dir/c"));
  Say("get", Is(kA, a));
  Say("get what is not there", GetAt(kRoot + "/none"));
  Say("get a directory", GetAt(kRoot));
  Say("get a file elsewhere", GetAt("/etc/passwd"));
  Say("get what is not there elsewhere", GetAt("/tmp/bpfmap_no_such_pin"));
  Say("get, name with a dot", GetAt(kRoot + "/a.b"));
}

void Files() {
  struct stat file;
  struct statfs system;
  Say("stat", Error(stat(kA.c_str(), &file)));
  Say("is a regular file", S_ISREG(file.st_mode));
  Say("mode", file.st_mode & 07777);
  Say("links", static_cast<long>(file.st_nlink));
  Say("size", file.st_size);
  Say("lstat", Error(lstat(kA.c_str(), &file)));
  Say("fstatat", Error(fstatat(AT_FDCWD, kA.c_str(), &file, 0)));
  struct statx more;
  Say("statx", Error(statx(AT_FDCWD, kA.c_str(), 0, STATX_NLINK, &more)));
  Say("links by statx", more.stx_nlink);
  Say("stat what is not there", Error(stat((kRoot + "/x").c_str(), &file)));
  Say("stat below a pin", Error(stat((kA + "/x").c_str(), &file)));
  Say("stat, name with a dot", Error(stat((kRoot + "/x.y").c_str(), &file)));
  Say("access", Error(access(kA.c_str(), F_OK)));
  Say("access what is not there", Error(access((kRoot + "/x").c_str(), F_OK)));
  Say("open", Opened(Error(open(kA.c_str(), O_RDONLY | O_CLOEXEC))));
  Say("open for writing", Opened(Error(open(kA.c_str(), O_RDWR | O_TRUNC))));
  Say("open as a path", Opened(Error(open(kA.c_str(), O_PATH | O_CLOEXEC))));
  Say("open what is not there",
      Opened(Error(open((kRoot + "/x").c_str(), O_RDONLY))));
  Say("create", Opened(Error(open((kRoot + "/x").c_str(), O_CREAT, 0600))));
  Say("create what is there",
      Opened(Error(open(kA.c_str(), O_CREAT | O_EXCL, 0600))));
  Say("chmod", Error(chmod(kA.c_str(), 0640)));
  Say("stat", Error(stat(kA.c_str(), &file)));
  Say("mode", file.st_mode & 07777);
  Say("statfs", Error(statfs(kA.c_str(), &system)));
  Say("is of bpffs", system.f_type == BPF_FS_MAGIC);
  Say("statfs what is not there",
      Error(statfs((kRoot + "/x").c_str(), &system)));
}

void Names(int a, int b) {
  const std::string d = kRoot + "/d";
  const auto rename2 = [](const std::string& from, const std::string& to,
                          unsigned flags) {
    return Error(
        renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
  };
  Say("mkdir", Error(mkdir(d.c_str(), 0750)));
  Say("mkdir again", Error(mkdir(d.c_str(), 0750)));
  Say("mkdir, name with a dot", Error(mkdir((kRoot + "/d.e").c_str(), 0700)));
  Say("mkdir of the directory itself", Error(mkdir(kRoot.c_str(), 0700)));
  Say("pin below", PinAt(b, d + "/b"));
  Say("rmdir of what is not empty", Error(rmdir(d.c_str())));
  Say("rmdir of a pin", Error(rmdir(kA.c_str())));
  Say("unlink of a directory", Error(unlink(d.c_str())));
  Say("rename over a pin, not to", rename2(d + "/b", kA, RENAME_NOREPLACE));
  Say("exchange", rename2(d + "/b", kA, RENAME_EXCHANGE));
  Say("now it is", Is(kA, b));
  Say("exchange again", rename2(d + "/b", kA, RENAME_EXCHANGE));
  Say("rename over a pin", Error(rename((d + "/b").c_str(), kA.c_str())));
  Say("now it is", Is(kA, b));
  Say("the old path", GetAt(d + "/b"));
  Say("the other pin", Is(kRoot + "/a2", a));
  Say("rename to a name with a dot", rename2(kA, kRoot + "/a.b", 0));
  Say("rename to elsewhere", rename2(kA, "/tmp/bpfmap_no_such_pin", 0));
  Say("rename of what is not there", rename2(kRoot + "/x", kRoot + "/y", 0));
  Say("link", Error(link(kA.c_str(), (d + "/l").c_str())));
  Say("now it is", Is(d + "/l", b));
  Say("unlink", Error(unlink(kA.c_str())));
  Say("the other link", Is(d + "/l", b));
  Say("rename a directory", rename2(d, kRoot + "/e", 0));
  Say("what is below", Is(kRoot + "/e/l", b));
  Say("rename back", rename2(kRoot + "/e/l", kA, 0));
  Say("symlink", Error(symlink("a", (kRoot + "/s").c_str())));
  Say("what it leads to", Is(kRoot + "/s", b));
  Say("remove", Error(remove((kRoot + "/s").c_str())));
  Say("remove a directory", Error(remove((kRoot + "/e").c_str())));
  Say("unlinkat", Error(unlinkat(AT_FDCWD, (kRoot + "/a2").c_str(), 0)));
  Say("unlink of what is not there", Error(unlink((kRoot + "/a2").c_str())));
  Say("unlink, name with a dot", Error(unlink((kRoot + "/a.b").c_str())));
}

void Directories(int a) {
  const int root = open(kRoot.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Say("open the directory", root >= 0);
  struct stat file;
  Say("mkdirat", Error(mkdirat(root, "f", 0700)));
  Say("pin below a descriptor",
      PinAt(a, "f/p", kPathFd, static_cast<uint32_t>(root)));
  Say("fstatat", Error(fstatat(root, "f/p", &file, 0)));
  Say("openat", Opened(Error(openat(root, "f/p", O_RDONLY))));
  Say("get below a descriptor",
      Opened(GetAt("f/p", kPathFd, static_cast<uint32_t>(root))));
  Say("get below no descriptor", GetAt("f/p", kPathFd, 9999));
  Say("renameat", Error(renameat(root, "f/p", root, "q")));
  Say("now it is", Is(kRoot + "/q", a));
  DIR* const names = fdopendir(dup(root));
  std::vector<std::string> sorted;
  while (const dirent* entry = readdir(names)) {
    // The kernel has some of its own, with a '.'.
    if (std::strchr(entry->d_name, '.') == nullptr)
      sorted.push_back(entry->d_name);
  }
  closedir(names);
  std::sort(sorted.begin(), sorted.end());
  for (const std::string& name : sorted) Say("there is " + name, 0);
  Say("unlinkat", Error(unlinkat(root, "q", 0)));
  Say("get what is not there", GetAt(kRoot + "/q"));
  Say("unlinkat of a directory", Error(unlinkat(root, "f", AT_REMOVEDIR)));
  close(root);
}

void StandardLibrary(int a) {
  std::error_code error;
  const fs::path deep = kRoot + "/x/y/z";
  Say("create_directories", fs::create_directories(deep, error));
  Say("its error", error);
  Say("pin", PinAt(a, deep / "pin"));
  Say("exists", fs::exists(deep / "pin", error));
  Say("is_regular_file", fs::is_regular_file(deep / "pin", error));
  Say("is_directory", fs::is_directory(deep, error));
  Say("is_empty", fs::is_empty(deep / "pin", error));
  Say("hard_link_count",
      static_cast<long>(fs::hard_link_count(deep / "pin", error)));
  fs::permissions(deep / "pin", fs::perms::owner_read, error);
  Say("permissions", error);
  Say("read back", static_cast<long>(fs::status(deep / "pin").permissions()));
  fs::rename(deep / "pin", deep / "moved", error);
  Say("rename", error);
  Say("equivalent", fs::equivalent(deep, deep / "../z", error));
  Say("canonical " + fs::canonical(deep / "../z/moved", error).string(), error);
  std::vector<std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot, error)) {
    // The kernel has some of its own, with a '.'.
    if (entry.path().extension().empty()) all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  for (const std::string& path : all) Say("there is " + path, 0);
  Say("remove of what is not empty", fs::remove(deep, error));
  Say("its error", error);
  Say("remove", fs::remove(deep / "moved", error));
  Say("get what is not there", GetAt(deep / "moved"));
  Say("pin", PinAt(a, deep / "one"));
  Say("pin", PinAt(a, deep / "two"));
  Say("remove_all", static_cast<long>(fs::remove_all(kRoot + "/x", error)));
  Say("its error", error);
  Say("get what is not there", GetAt(deep / "one"));
}

// As a user who is not root.
void Rights(int a) {
  Say("pin", PinAt(a, kA));
  if (geteuid() == 0) {
    if (chown(kA.c_str(), 65534, 65534) != 0 || seteuid(65534) != 0) return;
  }
  const auto get_all = [] {
    Say("get to read", Opened(GetAt(kA, BPF_F_RDONLY)));
    Say("get to write", Opened(GetAt(kA, BPF_F_WRONLY)));
    Say("get for both", Opened(GetAt(kA)));
  };
  for (int mode : {0600, 0400, 0200, 0077}) {
    Say("chmod " + std::to_string(mode), Error(chmod(kA.c_str(), mode)));
    Say("access to read", Error(eaccess(kA.c_str(), R_OK)));
    get_all();
  }
  Say("unlink", Error(unlink(kA.c_str())));
}

}  // namespace

int main() {
  umask(0);
  // For this process, and with nothing in it.
  if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0) {
    mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    mount("bpf", kRoot.c_str(), "bpf", 0, nullptr);
  }
  struct statfs system;
  if (statfs(kRoot.c_str(), &system) != 0 || system.f_type != BPF_FS_MAGIC) {
    std::perror("no bpffs");
    return 1;
  }
  const int a = Map();
  const int b = Map();
  if (a < 0 || b < 0) return 1;
  Pins(a, b);
  Files();
  Names(a, b);
  Directories(a);
  Say("unlink", Error(unlink(kA.c_str())));
  StandardLibrary(a);
  Rights(a);
  return 0;
}
