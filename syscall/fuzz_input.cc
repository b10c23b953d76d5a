// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/fuzz_input.h"

#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <vector>

#include "bpfmap/maps/map_cast.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "bpfmap/maps/user_ring_buffer.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/bpf_syscall.h"
#include "bpfmap/syscall/fuzz_attribute.h"
#include "bpfmap/syscall/mappable.h"
#include "bpfmap/syscall/pins.h"

namespace bpfmap {
namespace {

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

class Run {
 public:
  Run(FuzzArena& arena, const uint8_t* data, std::size_t size)
      : arena_(arena), data_(data), size_(size) {
    arena_.Fill(data, size);
  }
  ~Run() {
    for (const Record& record : records_) Commit(record);
    for (int fd : fds_) close(fd);
    for (const char* path : kFuzzPaths) {
      if (*path == 0) continue;
      ProcessPins::Global().Unlink(path);
      ProcessPins::Global().RemoveDirectory(path);
    }
  }

  void All() {
    for (int steps = 0; size_ > 8 && steps < 64; ++steps) Step();
  }

 private:
  // A record that a program has reserved in a ring and not submitted yet.
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
    constexpr auto kSize = static_cast<unsigned>(FuzzAttribute::kSize);
    if (sense || size > kSize) size = kSize;
    attribute_.Clear();
    std::generate_n(attribute_.bytes(),
                    sense ? FuzzAttribute::BytesOf(command) : kSize,
                    [this] { return Take(); });
    if (sense) {
      attribute_.MakeSense(command);
    } else {
      attribute_.KeepSmall(command);
    }
    errno = 77;
    const long result = BpfSyscall(
        command, reinterpret_cast<bpf_attr*>(attribute_.bytes()), size);
    if (errno != 77) Fail("errno has changed");
    if (command == BPF_BTF_LOAD && result > 0) {
      attribute_.set_btf_fd(static_cast<int>(result));
    }
    if (result > 0) Keep(static_cast<int>(result));
  }

  // Steps of programs besides bpf(2).
  void OtherStep(int step) {
    const int fd = static_cast<int>(attribute_.ChooseFd(Take()));
    const std::shared_ptr<LocalMap> map = MapOfFd(fd);
    const char* const path = kFuzzPaths[Take() % std::size(kFuzzPaths)];
    switch (step) {
      case 0:
        return Keep(dup(fd));
      case 1:
        ProcessPins::Global().MakeDirectory(path);
        return;
      case 2:
        ProcessPins::Global().Unlink(path);
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
    const auto offset = static_cast<off_t>(Take() % 4 * FuzzArena::kPage);
    constexpr int kWrites = PROT_READ | PROT_WRITE;
    if (CheckMmap(FuzzArena::kPage, kWrites, MAP_SHARED, fd, offset) != 0)
      return;
    void* const page =
        mmap(nullptr, FuzzArena::kPage, kWrites, MAP_SHARED, fd, offset);
    if (page == MAP_FAILED) return;
    auto* const words = static_cast<uint64_t*>(page);
    const uint8_t choice = Take();
    if (choice % 2 == 0) {  // a position, or a length, that may well be
      words[0] = choice % 4 == 0 ? Take() * 8u : words[0] + Take() * 8u;
    } else {
      words[Take() % 16] = TakeLong();
    }
    munmap(page, FuzzArena::kPage);
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
        static_cast<void>(map->UpdateElem(key, value, ElemFlags{Take() % 4u}));
        return;
      case 2:
        static_cast<void>(map->DeleteElem(key));
        return;
    }
  }

  // Reserves a record, or submits one, in which nobody else may have written.
  void UseRing(const std::shared_ptr<LocalMap>& map) {
    RingProducer& ring = *AsRingProducer(map);
    const uint8_t choice = Take();
    if (choice % 2 == 0 && !records_.empty()) {
      std::swap(records_[choice / 2 % records_.size()], records_.back());
      Commit(records_.back());
      return records_.pop_back();
    }
    if (choice % 8 == 1) {
      static_cast<void>(
          ring.Output(arena_.bytes(), Take() * 20u, RingFlags{Take() % 4u}));
      return;
    }
    const std::size_t size = Take() * 20u;
    void* const data = ring.Reserve(size);
    if (data == nullptr) return;
    std::memset(data, kHeld, size);
    records_.push_back({map, static_cast<char*>(data), size});
  }
  static void Commit(const Record& record) {
    if (!std::all_of(record.data, record.data + record.size,
                     [](char byte) { return byte == kHeld; })) {
      Fail("a record was overwritten while it was its producer's");
    }
    AsRingProducer(record.ring)
        ->Submit(record.data, RingFlags{record.size % 3});
  }

  void Drain(LocalMap& map) {
    auto& ring = *MapCast<UserRingBuffer<Mappable>>(map);
    const uint32_t ring_size = map.def().max_entries;
    ring.Drain(
        [ring_size](void* data, uint32_t size) {
          if (size > ring_size) Fail("a record larger than its ring");
          const auto* const bytes = static_cast<const char*>(data);
          return std::count(bytes, bytes + size, 1) % 2;
        },
        RingFlags{Take() % 4u});
  }

  static constexpr char kHeld = 0x5a;

  FuzzArena& arena_;
  const uint8_t* data_;
  std::size_t size_;
  std::vector<int> fds_;
  FuzzAttribute attribute_{arena_, fds_};
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
  bpf_attr attr = ZeroedAttr();
  return Call(next_command, &attr) == -ENOENT;
}

}  // namespace

void RunFuzzInput(const uint8_t* data, std::size_t size) {
  static FuzzArena arena;
  const int lowest_free = LowestFree();
  Run(arena, data, size).All();
  if (LowestFree() != lowest_free) Fail("a descriptor is left");
  // A thread that looks through /proc, maybe of another process, has a file for
  // a moment, too.
  for (int i = 0; i < 100'000; ++i) {
    if (NoneHasAnId(BPF_MAP_GET_NEXT_ID) && NoneHasAnId(BPF_BTF_GET_NEXT_ID)) {
      return;
    }
    sched_yield();
  }
  Fail("a map, or BTF, is left, and nothing refers to it");
}

}  // namespace bpfmap
