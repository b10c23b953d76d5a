#include "syscall/fuzz_input.h"

#include <linux/bpf.h>
#include <linux/btf.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <vector>

#include "maps/map_def.h"
#include "maps/ring_buffer.h"
#include "maps/user_ring_buffer.h"
#include "syscall/bpf_syscall.h"
#include "syscall/mappable.h"
#include "syscall/pins.h"

namespace bpfmap {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kAttrSize = 168;
constexpr uint32_t kRingSize = 4096;
const char* const kPaths[] = {"/sys/fs/bpf/a",   "/sys/fs/bpf/b", "/sys/fs/bpf",
                              "/sys/fs/bpf/a/b", "/tmp/c",        ""};

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

uint64_t Address(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// Types as a compiler would write them, one of each kind.
struct SomeBtf {
  static constexpr uint32_t Info(uint32_t kind, uint32_t length = 0) {
    return kind << 24 | length;
  }

  btf_header header = {.magic = BTF_MAGIC,
                       .version = BTF_VERSION,
                       .flags = 0,
                       .hdr_len = sizeof header,
                       .type_off = 0,
                       .type_len = sizeof types,
                       .str_off = sizeof types,
                       .str_len = sizeof strings};
  // A name, Info(), a size or type, and what follows.
  uint32_t types[69] = {
      1, Info(BTF_KIND_INT),           4,  32,                  // 1
      5, Info(BTF_KIND_STRUCT, 1),     4,  1,  1, 0,            // 2: a lock
      1, Info(BTF_KIND_STRUCT, 2),     8,  1,  2, 0, 1, 1, 32,  // 3
      0, Info(BTF_KIND_ARRAY),         0,  1,  1, 2,            // 4
      1, Info(BTF_KIND_TYPEDEF),       3,                       // 5
      0, Info(BTF_KIND_CONST),         5,                       // 6
      0, Info(BTF_KIND_PTR),           6,                       // 7
      1, Info(BTF_KIND_UNION, 1),      8,  1,  7, 0,            // 8
      1, Info(BTF_KIND_ENUM, 1),       4,  1,  1,               // 9
      0, Info(BTF_KIND_FUNC_PROTO, 1), 1,  1,  1,               // 10
      1, Info(BTF_KIND_FUNC),          10,                      // 11
      1, Info(BTF_KIND_VAR),           3,  0,                   // 12
      1, Info(BTF_KIND_DATASEC, 1),    8,  12, 0, 8,            // 13
      1, Info(BTF_KIND_FLOAT),         8,                       // 14
      1, Info(BTF_KIND_FWD),           0,                       // 15
  };
  char strings[20] = "\0int\0bpf_spin_lock";
};
static_assert(sizeof(SomeBtf) == 24 + 69 * 4 + 20);

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

  // With `data`, again and again.
  void Fill(const uint8_t* data, std::size_t size) {
    size = std::min(size, kSize);
    std::memcpy(bytes_, data, size);
    for (; size != 0 && size < kSize; size *= 2) {
      std::memcpy(bytes_ + size, bytes_, std::min(size, kSize - size));
    }
  }

  const char* bytes() const { return bytes_; }

  // An address that is good for a while, bad, or null.
  uint64_t Choose(uint8_t choice) const {
    if (choice == 0) return 0;
    if (choice == 1) return 8;
    return Address(bytes_) +
           (choice < 32 ? kSize - choice : (choice - 32) * std::size_t{256});
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
    for (const Record& record : records_) Commit(record);
    for (int fd : fds_) close(fd);
    for (const char* path : kPaths) {
      if (*path == 0) continue;
      PinTable::OfProcess().Unlink(path);
      PinTable::OfProcess().RemoveDirectory(path);
    }
  }

  void All() {
    for (int steps = 0; size_ > 8 && steps < 64; ++steps) Step();
  }

 private:
  // What a program has reserved in a ring and not submitted yet.
  struct Record {
    std::shared_ptr<LocalMap> ring;
    char* data;
    std::size_t size;
  };

  uint8_t Take() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  uint64_t TakeLong() {
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | Take();
    return number;
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
  void ZeroFrom(std::size_t offset) {
    std::memset(attr_ + offset, 0, kAttrSize - offset);
  }

  // A key with a small number, or any.
  void SetKey(std::size_t offset) {
    if (attr_[offset + 1] % 2 == 0) return SetAddress(offset);
    std::memset(key_, 0, sizeof key_);
    key_[0] = static_cast<char>(attr_[offset] % 8);
    Set(offset, Address(key_));
  }
  // A value with a descriptor, or any.
  void SetValue(std::size_t offset) {
    if (attr_[offset + 1] % 4 != 0) return SetAddress(offset);
    const uint32_t fd = ChooseFd(attr_[offset]);
    std::memcpy(value_, &fd, sizeof fd);
    Set(offset, Address(value_));
  }

  // The sizes that the type takes.
  void SetSizes() {
    Limit(4, 40);
    Limit(8, 300);
    Limit(12, 64);
    switch (MapType{At<uint32_t>(0)}) {
      case MapType::kArray:
      case MapType::kPerCpuArray:
        return Set(4, uint32_t{4});
      case MapType::kProgArray:
      case MapType::kPerfEventArray:
      case MapType::kArrayOfMaps:
      case MapType::kHashOfMaps:
        Set(4, uint32_t{4});
        return Set(8, uint32_t{4});
      case MapType::kStackTrace:
        Set(4, uint32_t{4});
        return Set(8, At<uint32_t>(8) / 8 * 8);
      case MapType::kLpmTrie:
        return Set(4, 5 + At<uint32_t>(4) % 16);
      case MapType::kQueue:
      case MapType::kStack:
      case MapType::kBloomFilter:
        return Set(4, uint32_t{0});
      case MapType::kRingBuf:
      case MapType::kUserRingBuf:
        Set(4, uint32_t{0});
        Set(8, uint32_t{0});
        return Set(12, kRingSize);
      default:
        return;
    }
  }

  void MakeSenseOfCreate() {
    constexpr uint32_t kTypes[] = {1,  2,  3,  4,  5,  6,  7,  9,  10,
                                   11, 12, 13, 22, 23, 27, 30, 31, 27,
                                   31, 2,  2,  1,  8,  14, 0,  34};
    constexpr uint32_t kFlags[] = {0,         kNoPrealloc, kNoCommonLru,
                                   kRdOnly,   kWrOnly,     kStackBuildId,
                                   kZeroSeed, kRdOnlyProg, kWrOnlyProg,
                                   kMmapable, kInnerMap,   kPreserveElems};
    Set(0, kTypes[attr_[0] % std::size(kTypes)]);
    if (attr_[21] % 16 == 0) {
      Limit(4, 40);
      Limit(8, 300);
      Limit(12, 1 << 12);
    } else {
      SetSizes();
    }
    if (attr_[17] % 16 != 0) {
      const bool always = At<uint32_t>(0) == 11;  // LPM_TRIE
      Set(16, kFlags[attr_[16] % std::size(kFlags)] |
                  kFlags[attr_[18] % 2 * attr_[19] % std::size(kFlags)] |
                  (always ? kNoPrealloc : 0));
    }
    SetFd(20);
    if (attr_[25] % 4 != 0) return ZeroFrom(24);
    if (attr_[26] % 4 != 0) ZeroFrom(64);           // map_extra
    if (attr_[27] % 16 != 0) Set(60, uint32_t{0});  // a kernel's type
    Set(24, uint32_t{attr_[24]} % 2);               // numa_node
    if (attr_[43] % 8 != 0) std::memset(attr_ + 29, 0, 15);
    if (attr_[28] % 8 != 0) attr_[28] = 'n';  // a name
    if (attr_[44] % 4 != 0) {
      Set(4, uint32_t{4});  // as long as the types
      Set(8, uint32_t{8});
    }
    Set(44, uint32_t{0});  // map_ifindex
    if (attr_[48] % 8 != 0) {
      Set(48, btf_fd_);
    } else {
      SetFd(48);
    }
    // btf_key_type_id, btf_value_type_id: of SomeBtf
    Set(52, attr_[52] % 4 != 0 ? 1 : attr_[53] % 17u);
    Set(56, attr_[56] % 4 != 0 ? 3 : attr_[57] % 17u);
  }

  void MakeSenseOfBtf() {
    if (attr_[1] % 4 == 0) {
      SetAddress(0);
      Limit(16, 512);
    } else {
      btf_ = SomeBtf();
      auto* const bytes = reinterpret_cast<unsigned char*>(&btf_);
      for (std::size_t i = 2; i < 8 && attr_[i] % 2 != 0; i += 3) {
        const std::size_t at = attr_[i] / 2 + attr_[i + 1] % 4 * 128u;
        bytes[at % sizeof btf_] = attr_[i + 2];
      }
      Set(0, Address(&btf_));
      Set(16, static_cast<uint32_t>(sizeof btf_));
    }
    Set(20, uint32_t{attr_[20]});  // a log
    Set(24, uint32_t{attr_[24]} % 3);
    if (attr_[9] % 2 == 0) {
      Set(8, uint64_t{0});
      return ZeroFrom(20);
    }
    SetAddress(8);
    ZeroFrom(28);
  }

  void MakeSenseOfProgram() {
    constexpr bpf_insn kReturns0[] = {
        {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
        {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    if (attr_[0] % 2 == 0) {
      SetAddress(8);
      SetAddress(16);
      return Limit(4, 3);
    }
    std::memcpy(value_, kReturns0, sizeof kReturns0);
    Set(4, uint32_t{2});
    Set(8, Address(value_));
    Set(16, Address("GPL"));
    ZeroFrom(24);
  }

  // The first number that is in use is as good as 1.
  void SetId(int next_command) {
    bpf_attr attr = {};
    BpfSyscall(next_command, &attr, sizeof attr);
    Set(0, attr.next_id + attr_[0] % 32 - 1);
    ZeroFrom(4);
  }

  void MakeSense(int command) {
    switch (command) {
      case BPF_MAP_CREATE:
        return MakeSenseOfCreate();
      case BPF_MAP_LOOKUP_ELEM:
      case BPF_MAP_UPDATE_ELEM:
      case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
        SetFd(0);
        SetKey(8);
        SetValue(16);
        Set(24, uint64_t{attr_[24]} % 6);
        return ZeroFrom(32);
      case BPF_MAP_DELETE_ELEM:
        SetFd(0);
        SetKey(8);
        return ZeroFrom(16);
      case BPF_MAP_GET_NEXT_KEY:
        SetFd(0);
        SetKey(8);
        SetAddress(16);
        return ZeroFrom(24);
      case BPF_MAP_FREEZE:
        SetFd(0);
        return ZeroFrom(4);
      case BPF_MAP_LOOKUP_BATCH:
      case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
      case BPF_MAP_UPDATE_BATCH:
      case BPF_MAP_DELETE_BATCH:
        for (std::size_t address : {0, 8, 16, 24}) SetAddress(address);
        if (attr_[35] % 4 != 0) Limit(32, 300);
        SetFd(36);
        Set(40, uint64_t{attr_[40]} % 6);
        Set(48, uint64_t{attr_[48]} % 2);
        return ZeroFrom(56);
      case BPF_OBJ_PIN:
      case BPF_OBJ_GET:
        Set(0, Address(kPaths[attr_[0] % std::size(kPaths)]));
        if (command == BPF_OBJ_PIN) {
          SetFd(8);
          Set(12, uint32_t{0});
        } else {
          Set(8, uint32_t{0});
          Set(12, (attr_[12] % 4u) << 3);
        }
        return ZeroFrom(16);
      case BPF_OBJ_GET_INFO_BY_FD:
        SetFd(0);
        Limit(4, 300);
        if (attr_[9] % 2 != 0) {  // a structure that says nothing
          std::memset(value_, 0, sizeof value_);
          Set(8, Address(value_));
        } else {
          SetAddress(8);
        }
        return ZeroFrom(16);
      case BPF_MAP_GET_NEXT_ID:
      case BPF_MAP_GET_FD_BY_ID:
        return SetId(BPF_MAP_GET_NEXT_ID);
      case BPF_BTF_GET_NEXT_ID:
      case BPF_BTF_GET_FD_BY_ID:
        return SetId(BPF_BTF_GET_NEXT_ID);
      case BPF_BTF_LOAD:
        return MakeSenseOfBtf();
      case BPF_PROG_LOAD:
        return MakeSenseOfProgram();
    }
  }

  // Of the attribute, those that matter.
  static std::size_t BytesOf(int command) {
    switch (command) {
      case BPF_MAP_CREATE:
        return 72;
      case BPF_MAP_LOOKUP_BATCH:
      case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
      case BPF_MAP_UPDATE_BATCH:
      case BPF_MAP_DELETE_BATCH:
        return 56;
      default:
        return 32;
    }
  }

  void Step() {
    constexpr int kCommands = 40;  // and some that do not exist
    constexpr int kOthers = 8;
    const uint8_t choice = Take();
    int command = choice % 64;
    if (command >= kCommands + kOthers || fds_.empty()) {
      command = BPF_MAP_CREATE;
    }
    if (command >= kCommands) return OtherStep(command - kCommands);
    const bool sense = choice < 0xe0;
    unsigned size = Take();
    if (sense || size > kAttrSize) size = kAttrSize;
    ZeroFrom(0);
    std::generate_n(attr_, sense ? BytesOf(command) : kAttrSize,
                    [this] { return Take(); });
    if (sense) {
      MakeSense(command);
    } else if (command == BPF_MAP_CREATE) {
      Limit(4, 40);
      Limit(8, 300);
      Limit(12, 1 << 12);
    } else if (command == BPF_BTF_LOAD) {
      Limit(16, 1 << 16);
    }
    errno = 77;
    const long result =
        BpfSyscall(command, reinterpret_cast<bpf_attr*>(attr_), size);
    if (errno != 77) Fail("errno has changed");
    if (command == BPF_BTF_LOAD && result > 0) {
      btf_fd_ = static_cast<uint32_t>(result);
    }
    if (result > 0) Keep(static_cast<int>(result));
  }

  // What programs do beside bpf(2).
  void OtherStep(int step) {
    const int fd = static_cast<int>(ChooseFd(Take()));
    const std::shared_ptr<LocalMap> map = MapOfDescriptor(fd);
    const char* const path = kPaths[step % std::size(kPaths)];
    switch (step) {
      case 0:
        return Keep(dup(fd));
      case 1:
        PinTable::OfProcess().MakeDirectory(path);
        return;
      case 2:
        PinTable::OfProcess().Unlink(path);
        return;
      case 3:
        EpollDescriptor(fd);
        return RefreshEpoll();
      case 4:
        if (map != nullptr) StoreInMapping(fd);
        return;
      default:
        if (map != nullptr) UseInProgram(map);
    }
  }

  // Few descriptors at a time.
  void Keep(int fd) {
    if (fd < 0) return;
    fds_.push_back(fd);
    if (fds_.size() <= 16) return;
    std::swap(fds_[Take() % fds_.size()], fds_.back());
    close(fds_.back());
    fds_.pop_back();
  }

  // In a page of an array, or one that a ring's user may write to: anything.
  void StoreInMapping(int fd) {
    const auto offset = static_cast<off_t>(Take() % 4 * kPage);
    constexpr int kWrites = PROT_READ | PROT_WRITE;
    if (CheckMmap(kPage, kWrites, MAP_SHARED, fd, offset) != 0) return;
    void* const page = mmap(nullptr, kPage, kWrites, MAP_SHARED, fd, offset);
    if (page == MAP_FAILED) return;
    auto* const words = static_cast<uint64_t*>(page);
    const uint8_t choice = Take();
    if (choice % 2 == 0) {  // a position, or a length, that may well be
      words[0] = choice % 4 == 0 ? Take() * 8u : words[0] + Take() * 8u;
    } else {
      words[Take() % 16] = TakeLong();
    }
    munmap(page, kPage);
  }

  void UseInProgram(const std::shared_ptr<LocalMap>& map) {
    const MapType type = map->def().type;
    if (type == MapType::kRingBuf) return UseRing(map);
    if (type == MapType::kUserRingBuf) return Drain(*map);
    const char* const key = arena_.bytes() + Take();
    const char* const value = arena_.bytes() + Take();
    switch (Take() % 3) {
      case 0:
        map->LookupElem(key);
        return;
      case 1:
        static_cast<void>(map->UpdateElem(key, value, Take() % 4));
        return;
      case 2:
        static_cast<void>(map->DeleteElem(key));
        return;
    }
  }

  // Reserves a record, or submits one, in which nobody else may have written.
  void UseRing(const std::shared_ptr<LocalMap>& map) {
    auto& ring = static_cast<RingBuffer<Mappable>&>(*map);
    const uint8_t choice = Take();
    if (choice % 2 == 0 && !records_.empty()) {
      std::swap(records_[choice / 2 % records_.size()], records_.back());
      Commit(records_.back());
      return records_.pop_back();
    }
    if (choice % 8 == 1) {
      static_cast<void>(ring.Output(arena_.bytes(), Take() * 20u, Take() % 4));
      return;
    }
    const std::size_t size = Take() * 20u;
    void* const data = ring.Reserve(size, 0);
    if (data == nullptr) return;
    std::memset(data, kHeld, size);
    records_.push_back({map, static_cast<char*>(data), size});
  }
  static void Commit(const Record& record) {
    if (!std::all_of(record.data, record.data + record.size,
                     [](char byte) { return byte == kHeld; })) {
      Fail("a record was overwritten while it was its producer's");
    }
    static_cast<RingBuffer<Mappable>&>(*record.ring)
        .Submit(record.data, record.size % 3);
  }

  void Drain(LocalMap& map) {
    auto& ring = static_cast<UserRingBuffer<Mappable>&>(map);
    ring.Drain(
        [](void* data, uint32_t size) {
          if (size > kRingSize) Fail("a record larger than its ring");
          const auto* const bytes = static_cast<const char*>(data);
          return std::count(bytes, bytes + size, 1) % 2;
        },
        Take() % 4);
  }

  static constexpr char kHeld = 0x5a;

  Arena& arena_;
  const uint8_t* data_;
  std::size_t size_;
  alignas(8) unsigned char attr_[kAttrSize] = {};
  alignas(8) char key_[512] = {};
  alignas(8) char value_[1024] = {};
  SomeBtf btf_;
  uint32_t btf_fd_ = 0;  // the last that was loaded
  std::vector<int> fds_;
  std::vector<Record> records_;
};

// The lowest number that is free.
int LowestFree() {
  const int fd = dup(STDERR_FILENO);
  close(fd);
  return fd;
}

// Whether nothing of a kind has an id.
bool NoneHasAnId(int next_command) {
  bpf_attr attr = {};
  return BpfSyscall(next_command, &attr, sizeof attr) == -ENOENT;
}

}  // namespace

void RunFuzzInput(const uint8_t* data, std::size_t size) {
  static Arena arena;
  const int lowest_free = LowestFree();
  Run(arena, data, size).All();
  if (LowestFree() != lowest_free) Fail("a descriptor is left");
  // Whoever looks through /proc, maybe another process, has a file for a
  // moment, too.
  for (int i = 0; i < 100'000; ++i) {
    if (NoneHasAnId(BPF_MAP_GET_NEXT_ID) && NoneHasAnId(BPF_BTF_GET_NEXT_ID)) {
      return;
    }
    sched_yield();
  }
  Fail("a map, or BTF, is left, and nothing refers to it");
}

}  // namespace bpfmap
