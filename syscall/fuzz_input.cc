#include "syscall/fuzz_input.h"

#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "syscall/bpf_syscall.h"
#include "syscall/pins.h"

namespace bpfmap {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kAttrSize = 168;
const char* const kPaths[] = {"/sys/fs/bpf/a",   "/sys/fs/bpf/b", "/sys/fs/bpf",
                              "/sys/fs/bpf/a/b", "/tmp/c",        ""};

// Memory that commands are given: some pages, and behind them one that cannot
// be touched.
class Arena {
 public:
  static constexpr std::size_t kSize = 16 * kPage;

  Arena()
      : bytes_(static_cast<char*>(mmap(nullptr, kSize + kPage,
                                       PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    mprotect(bytes_ + kSize, kPage, PROT_NONE);
  }

  void Fill(const uint8_t* data, std::size_t size) {
    for (std::size_t at = 0; at < kSize && size != 0; at += size) {
      std::memcpy(bytes_ + at, data, std::min(size, kSize - at));
    }
  }

  // An address that is good for a while, bad, or null.
  uint64_t Choose(uint8_t choice) const {
    if (choice == 0) return 0;
    if (choice == 1) return 8;
    const auto start = reinterpret_cast<uintptr_t>(bytes_);
    return choice < 32 ? start + kSize - choice
                       : start + (choice - 32) * std::size_t{256};
  }

 private:
  char* bytes_;
};

class Run {
 public:
  Run(Arena& arena, const uint8_t* data, std::size_t size)
      : arena_(arena), data_(data), size_(size) {
    arena_.Fill(data, size);
  }
  ~Run() {
    for (int fd : fds_) close(fd);
    for (const char* path : kPaths) {
      if (*path != 0) PinTable::OfProcess().Unlink(path);
    }
  }

  void All() {
    for (int steps = 0; size_ > 8 && steps < 64; ++steps) Step();
  }

 private:
  uint8_t Take() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

  uint32_t ChooseFd(uint8_t choice) const {
    if (fds_.empty() || choice > 0xf0) return choice;
    return static_cast<uint32_t>(fds_[choice % fds_.size()]);
  }

  template <typename T>
  void Set(std::size_t offset, T value) {
    std::memcpy(attr_ + offset, &value, sizeof value);
  }
  template <typename T>
  T At(std::size_t offset) const {
    T value;
    std::memcpy(&value, attr_ + offset, sizeof value);
    return value;
  }
  void SetFd(std::size_t offset) { Set(offset, ChooseFd(attr_[offset])); }
  void SetAddress(std::size_t offset) {
    Set(offset, arena_.Choose(attr_[offset]));
  }
  // At most `most`, whatever was there: there is not that much memory.
  void Limit(std::size_t offset, uint32_t most) {
    Set(offset, At<uint32_t>(offset) % (most + 1));
  }

  void MakeSense(int command) {
    switch (command) {
      case BPF_MAP_CREATE:
        Limit(0, 34);
        Limit(4, 40);
        Limit(8, 300);
        Limit(12, 1 << 12);
        if (attr_[16] % 2 == 0) Set(12, uint32_t{4096});  // a ring's size
        SetFd(20);
        SetFd(offsetof(bpf_attr, btf_fd));
        if (attr_[17] % 4 != 0) {  // no map_extra, names, BTF, ...
          std::memset(attr_ + 24, 0, kAttrSize - 24);
        }
        break;
      case BPF_MAP_LOOKUP_ELEM:
      case BPF_MAP_UPDATE_ELEM:
      case BPF_MAP_DELETE_ELEM:
      case BPF_MAP_GET_NEXT_KEY:
      case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
      case BPF_MAP_FREEZE: {
        SetFd(0);
        SetAddress(8);
        SetAddress(16);
        const std::size_t end = command == BPF_MAP_DELETE_ELEM    ? 16
                                : command == BPF_MAP_GET_NEXT_KEY ? 24
                                : command == BPF_MAP_FREEZE       ? 4
                                                                  : 32;
        if (end == 32) Set(24, uint64_t{attr_[24]} % 6);
        std::memset(attr_ + end, 0, kAttrSize - end);
        break;
      }
      case BPF_MAP_LOOKUP_BATCH:
      case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
      case BPF_MAP_UPDATE_BATCH:
      case BPF_MAP_DELETE_BATCH:
        for (std::size_t address : {0, 8, 16, 24}) SetAddress(address);
        SetFd(36);
        Set(40, uint64_t{attr_[40]} % 6);
        Set(48, uint64_t{attr_[48]} % 2);
        std::memset(attr_ + 56, 0, kAttrSize - 56);
        break;
      case BPF_OBJ_PIN:
      case BPF_OBJ_GET:
        Set(0, reinterpret_cast<uintptr_t>(kPaths[attr_[0] % 6]));
        if (command == BPF_OBJ_PIN) {
          SetFd(8);
        } else {
          Set(8, uint32_t{0});
        }
        Set(12, (attr_[12] % 4u) << 3);
        std::memset(attr_ + 16, 0, kAttrSize - 16);
        break;
      case BPF_OBJ_GET_INFO_BY_FD:
        SetFd(0);
        Limit(4, 300);
        SetAddress(8);
        std::memset(attr_ + 16, 0, kAttrSize - 16);
        break;
      case BPF_MAP_GET_NEXT_ID:
      case BPF_BTF_GET_NEXT_ID:
      case BPF_MAP_GET_FD_BY_ID:
      case BPF_BTF_GET_FD_BY_ID:
        Limit(0, 255);
        std::memset(attr_ + 4, 0, kAttrSize - 4);
        break;
      case BPF_BTF_LOAD:
        SetAddress(0);
        Set(8, uint64_t{0});
        Limit(16, 512);
        std::memset(attr_ + 20, 0, kAttrSize - 20);
        break;
      case BPF_PROG_LOAD:
        SetAddress(8);
        SetAddress(16);
        Limit(4, 3);
        break;
    }
  }

  void Step() {
    const uint8_t choice = Take();
    const int command = choice % 40;
    const bool sense = choice < 0xe0;
    unsigned size = Take();
    if (sense || size > kAttrSize) size = kAttrSize;
    // No command that makes sense has more than this.
    const std::size_t given = sense ? 64 : kAttrSize;
    std::memset(attr_, 0, kAttrSize);
    std::generate_n(attr_, given, [this] { return Take(); });
    if (sense || command == BPF_MAP_CREATE) MakeSense(command);
    if (command == BPF_BTF_LOAD) Limit(16, 1 << 16);
    const long result =
        BpfSyscall(command, reinterpret_cast<bpf_attr*>(attr_), size);
    if (IsDescriptor(command) && result >= 0) {
      Use(static_cast<int>(result), choice);
    }
  }

  static bool IsDescriptor(int command) {
    return command == BPF_MAP_CREATE || command == BPF_OBJ_GET ||
           command == BPF_MAP_GET_FD_BY_ID || command == BPF_BTF_GET_FD_BY_ID ||
           command == BPF_BTF_LOAD || command == BPF_PROG_LOAD;
  }

  // A mapping for a moment; and few descriptors at a time.
  void Use(int fd, uint8_t choice) {
    if (CheckMmap(kPage, PROT_READ, MAP_SHARED, fd, 0) == 0) {
      void* const memory = mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0);
      if (memory != MAP_FAILED) munmap(memory, kPage);
    }
    fds_.push_back(fd);
    if (fds_.size() > 16) {
      std::swap(fds_[choice % fds_.size()], fds_.back());
      close(fds_.back());
      fds_.pop_back();
    }
  }

  Arena& arena_;
  const uint8_t* data_;
  std::size_t size_;
  alignas(8) unsigned char attr_[kAttrSize] = {};
  std::vector<int> fds_;
};

}  // namespace

void RunFuzzInput(const uint8_t* data, std::size_t size) {
  static Arena arena;
  Run(arena, data, size).All();
  // Whoever looks through /proc, maybe another process, has a file for a
  // moment, too.
  for (int i = 0; i < 100'000; ++i) {
    alignas(8) unsigned char attr[kAttrSize] = {};
    if (BpfSyscall(BPF_MAP_GET_NEXT_ID, reinterpret_cast<bpf_attr*>(attr),
                   sizeof attr) == -ENOENT) {
      return;
    }
    sched_yield();
  }
  std::fputs("a map is left, and nothing refers to it\n", stderr);
  std::abort();
}

}  // namespace bpfmap
