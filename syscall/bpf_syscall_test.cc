// SPDX-License-Identifier: Apache-2.0

// BpfSyscall: descriptors, memory of the caller, mappings, pins, ids.
//
// kernel_probe_test has the answer of each command to each argument.

#include "bpfmap/syscall/bpf_syscall.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "bpfmap/syscall/attributes.h"
#include "bpfmap/syscall/bpf_call.h"
#include "bpfmap/syscall/pins.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

uint64_t ValueOf(int fd, uint32_t key) {
  uint64_t value = 0;
  EXPECT_EQ(Lookup(fd, &key, &value), 0);
  return value;
}

long Put(int fd, uint32_t key, uint64_t value) {
  return Update(fd, &key, &value);
}

// A page that cannot be touched after one that can.
class Cliff {
 public:
  Cliff()
      : pages_(static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    mprotect(pages_ + 4096, 4096, PROT_NONE);
  }
  ~Cliff() { munmap(pages_, 8192); }
  Cliff(const Cliff&) = delete;
  Cliff& operator=(const Cliff&) = delete;

  // The last `size` bytes that can be touched.
  char* edge(std::size_t size) { return pages_ + 4096 - size; }

 private:
  char* pages_;
};

TEST(BpfSyscallTest, MapIsCreatedFilledAndRead) {
  const int fd = CreateFd(kHash);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(Put(fd, 1, 10), 0);
  EXPECT_EQ(ValueOf(fd, 1), 10u);
  uint32_t key = 1;
  EXPECT_EQ(Delete(fd, &key), 0);
  EXPECT_EQ(Delete(fd, &key), -ENOENT);
  EXPECT_EQ(close(fd), 0);
}

TEST(BpfSyscallTest, ErrnoStaysAsItIs) {
  errno = 77;
  EXPECT_EQ(Put(12345, 1, 1), -EBADF);
  EXPECT_EQ(errno, 77);
}

TEST(BpfSyscallTest, OtherDescriptorsAreRefused) {
  const int fd = open("/dev/null", O_RDWR);
  EXPECT_EQ(Put(fd, 1, 1), -EINVAL);
  close(fd);
  const int memfd = memfd_create("another", 0);
  EXPECT_EQ(Put(memfd, 1, 1), -EINVAL);
  close(memfd);
  EXPECT_EQ(Put(-1, 1, 1), -EBADF);
}

TEST(BpfSyscallTest, NumberThatAnotherFileGotIsNoMap) {
  const int fd = CreateFd(kHash);
  close(fd);
  const int other = open("/dev/null", O_RDWR);
  ASSERT_EQ(other, fd);
  EXPECT_EQ(Put(fd, 1, 1), -EINVAL);
  close(other);
  // Nor is one that another map got the old map.
  const int first = CreateFd(kHash);
  Put(first, 1, 1);
  close(first);
  const int second = CreateFd(kHash);
  ASSERT_EQ(second, first);
  uint32_t key = 1;
  uint64_t value;
  EXPECT_EQ(Lookup(second, &key, &value), -ENOENT);
  close(second);
}

TEST(BpfSyscallTest, DuplicateKeepsMap) {
  const int fd = CreateFd(kHash);
  Put(fd, 1, 10);
  const uint32_t id = IdOf(fd);
  const int copy = dup(fd);
  close(fd);
  EXPECT_EQ(ValueOf(copy, 1), 10u);
  EXPECT_EQ(NextId(id - 1), static_cast<long>(id));
  close(copy);
  EXPECT_TRUE(IsLetGo(id));
}

TEST(BpfSyscallTest, DescriptorOnItsWayThroughSocketKeepsMap) {
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets), 0);
  int fd = CreateFd(kHash);
  Put(fd, 1, 10);
  const uint32_t id = IdOf(fd);

  char byte = 0;
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  ASSERT_EQ(sendmsg(sockets[0], &message, 0), 1);
  close(fd);
  EXPECT_EQ(NextId(id - 1), static_cast<long>(id));  // looks for what is gone
  ASSERT_EQ(recvmsg(sockets[1], &message, 0), 1);
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  EXPECT_EQ(ValueOf(fd, 1), 10u);
  close(fd);
  close(sockets[0]);
  close(sockets[1]);
  EXPECT_TRUE(IsLetGo(id));
}

TEST(BpfSyscallTest, DescriptorsAreLowestFreeAndCloseOnExec) {
  const int lowest = dup(0);
  close(lowest);
  for (const MapDef& def : {kHash, kMapped}) {
    const int fd = CreateFd(def);
    EXPECT_EQ(fd, lowest);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    close(fd);
  }
}

TEST(BpfSyscallTest, DescriptorsRunOut) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const int some = CreateFd(kHash);  // what is opened once is open by now
  rlimit few = limit;
  few.rlim_cur = 40;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<int> fds;
  int fd;
  while ((fd = CreateFd(kHash)) >= 0) fds.push_back(fd);
  EXPECT_EQ(fd, -EMFILE);
  EXPECT_EQ(CreateFd(kMapped), -EMFILE);
  EXPECT_EQ(Put(fds.back(), 1, 1), 0);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  for (int each : fds) close(each);
  close(some);
}

TEST(BpfSyscallTest, MapsThatAreClosedInOneGoAreAllLetGo) {
  // A queue that is full with other news (FileWatch), which differ in turns.
  int queue_length = 0;
  FILE* const file = std::fopen("/proc/sys/fs/inotify/max_queued_events", "re");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(std::fscanf(file, "%d", &queue_length), 1);
  std::fclose(file);
  const int busy[] = {CreateFd(kHash), CreateFd(kMapped)};
  std::vector<int> fds;
  for (int i = 0; i < 100; ++i)
    fds.push_back(CreateFd(i % 2 ? kHash : kMapped));
  std::vector<uint32_t> ids;
  for (int fd : fds) ids.push_back(IdOf(fd));
  void* const mapping = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fds[0], 0);
  ASSERT_NE(mapping, MAP_FAILED);
  for (int i = 0; i < queue_length + 1; ++i) {
    const std::string path = "/proc/self/fd/" + std::to_string(busy[i % 2]);
    close(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }

  for (int fd : fds) close(fd);
  for (std::size_t i = 1; i < ids.size(); ++i) EXPECT_TRUE(IsLetGo(ids[i]));
  EXPECT_EQ(NextId(ids[0] - 1), static_cast<long>(ids[0]));
  munmap(mapping, 4096);
  EXPECT_TRUE(IsLetGo(ids[0]));
  for (int fd : busy) {
    EXPECT_EQ(Put(fd, 1, 1), 0);
    close(fd);
  }
}

TEST(BpfSyscallTest, BadAddressesAreFault) {
  Cliff cliff;
  const int fd = CreateFd(kHash);
  uint32_t key = 1;
  uint64_t value = 5;
  EXPECT_EQ(Put(fd, 1, 10), 0);
  EXPECT_EQ(Lookup(fd, cliff.edge(3), &value), -EFAULT);
  EXPECT_EQ(Lookup(fd, &key, cliff.edge(7)), -EFAULT);
  EXPECT_EQ(Update(fd, &key, cliff.edge(7)), -EFAULT);
  EXPECT_EQ(Lookup(fd, &key, cliff.edge(8)), 0);
  std::memcpy(cliff.edge(4), &key, 4);
  EXPECT_EQ(Lookup(fd, cliff.edge(4), &value), 0);
  EXPECT_EQ(value, 10u);
  // The attribute itself.
  EXPECT_EQ(BpfSyscall(BPF_MAP_LOOKUP_ELEM,
                       reinterpret_cast<bpf_attr*>(cliff.edge(16)), 32),
            -EFAULT);
  EXPECT_EQ(BpfSyscall(BPF_MAP_LOOKUP_ELEM, nullptr, 32), -EFAULT);
  close(fd);
}

TEST(BpfSyscallTest, BatchStopsWhereItsMemoryDoes) {
  Cliff cliff;
  const int fd = CreateFd({.type = MapType::kHash,
                           .key_size = 4,
                           .value_size = 8,
                           .max_entries = 1000});
  auto* const keys = reinterpret_cast<uint32_t*>(cliff.edge(150 * 4));
  for (uint32_t i = 0; i < 150; ++i) keys[i] = i;
  const std::vector<uint64_t> values(1000, 7);
  bpf_attr attr = ZeroedAttr();
  attr.batch.map_fd = static_cast<uint32_t>(fd);
  attr.batch.keys = Address(keys);
  attr.batch.values = Address(values.data());
  attr.batch.count = 1000;
  EXPECT_EQ(Call(BPF_MAP_UPDATE_BATCH, &attr), -EFAULT);
  EXPECT_EQ(attr.batch.count, 150u);
  EXPECT_EQ(ValueOf(fd, 149), 7u);
  close(fd);
}

TEST(BpfSyscallTest, BatchLargerThanOnePartIsWhole) {
  constexpr uint32_t kSize = 1000;
  for (const MapType type : {MapType::kHash, MapType::kArray}) {
    const int fd = CreateFd(
        {.type = type, .key_size = 4, .value_size = 8, .max_entries = kSize});
    std::vector<uint32_t> keys(kSize);
    std::vector<uint64_t> values(kSize);
    for (uint32_t i = 0; i < kSize; ++i) values[i] = 3 * (keys[i] = i);
    bpf_attr attr = ZeroedAttr();
    attr.batch.map_fd = static_cast<uint32_t>(fd);
    attr.batch.keys = Address(keys.data());
    attr.batch.values = Address(values.data());
    attr.batch.count = kSize;
    ASSERT_EQ(Call(BPF_MAP_UPDATE_BATCH, &attr), 0);
    ASSERT_EQ(attr.batch.count, kSize);

    // In pieces of 333, and all at once.
    for (const uint32_t piece : {333u, 2 * kSize}) {
      std::vector<bool> seen(kSize);
      std::vector<uint32_t> got_keys(piece);
      std::vector<uint64_t> got_values(piece);
      uint64_t position = 0;
      attr = ZeroedAttr();
      attr.batch.map_fd = static_cast<uint32_t>(fd);
      attr.batch.out_batch = Address(&position);
      attr.batch.keys = Address(got_keys.data());
      attr.batch.values = Address(got_values.data());
      for (long result = 0; result == 0;
           attr.batch.in_batch = Address(&position)) {
        attr.batch.count = piece;
        result = Call(BPF_MAP_LOOKUP_BATCH, &attr);
        ASSERT_TRUE(result == 0 || result == -ENOENT) << result;
        for (uint32_t i = 0; i < attr.batch.count; ++i) {
          ASSERT_LT(got_keys[i], kSize);
          EXPECT_FALSE(seen[got_keys[i]]) << got_keys[i];
          EXPECT_EQ(got_values[i], 3 * got_keys[i]);
          seen[got_keys[i]] = true;
        }
      }
      EXPECT_EQ(std::count(seen.begin(), seen.end(), true), kSize);
    }
    close(fd);
  }
}

TEST(BpfSyscallTest, MappingAndMapAreOneMemory) {
  const int fd = CreateFd(kMapped);
  auto* const values = static_cast<uint64_t*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  ASSERT_NE(values, MAP_FAILED);
  EXPECT_EQ(Put(fd, 3, 33), 0);
  EXPECT_EQ(values[3], 33u);
  values[4] = 44;
  EXPECT_EQ(ValueOf(fd, 4), 44u);

  // It keeps the map, which has an id as long.
  const uint32_t id = IdOf(fd);
  close(fd);
  const int again = static_cast<int>(FdById(id));
  ASSERT_GE(again, 0);
  EXPECT_EQ(ValueOf(again, 4), 44u);
  values[5] = 55;
  EXPECT_EQ(ValueOf(again, 5), 55u);
  EXPECT_EQ(Freeze(again), -EBUSY);
  munmap(values, 4096);
  EXPECT_EQ(Freeze(again), 0);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
  close(again);
  EXPECT_TRUE(IsLetGo(id));
}

TEST(BpfSyscallTest, OwnerOfMappedFileCannotShrinkIt) {
  const int fd = CreateFd(kMapped);
  EXPECT_EQ(ftruncate(fd, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(Put(fd, 1, 1), 0);
  close(fd);
}

TEST(BpfSyscallTest, RingIsMappedAsOnLinux) {
  const int fd = CreateFd({.type = MapType::kRingBuf, .max_entries = 4096});
  auto* const consumer = static_cast<uint64_t*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  auto* const producer = static_cast<char*>(
      mmap(nullptr, 4096 + 2 * 4096, PROT_READ, MAP_SHARED, fd, 4096));
  ASSERT_NE(consumer, MAP_FAILED);
  ASSERT_NE(producer, MAP_FAILED);
  const auto map = MapOfFd(fd);
  RingProducer* const ring = AsRingProducer(map);
  ASSERT_NE(ring, nullptr);
  // Twice round, so that a record passes the end.
  uint64_t position = 0;
  for (uint64_t i = 0; i < 2 * 4096 / 64; ++i) {
    const std::string text(48 + i % 7, static_cast<char>('a' + i % 26));
    ASSERT_EQ(ring->Output(text.data(), text.size()), Errno::kOk);
    uint64_t end;
    std::memcpy(&end, producer, sizeof end);
    ASSERT_EQ(end - position, (text.size() + 15) / 8 * 8);
    const char* const record = producer + 4096 + position % 4096;
    uint32_t length;
    std::memcpy(&length, record, sizeof length);
    ASSERT_EQ(std::string(record + 8, length), text);
    position = end;
    __atomic_store_n(consumer, position, __ATOMIC_SEQ_CST);
  }
  munmap(consumer, 4096);
  munmap(producer, 3 * 4096);
  close(fd);
}

TEST(BpfSyscallTest, InnerMapsLiveAsLongAsOuterHasThem) {
  const int inner = CreateFd(kHash);
  const uint32_t id = IdOf(inner);
  const int outer = CreateFd({.type = MapType::kArrayOfMaps,
                              .key_size = 4,
                              .value_size = 4,
                              .max_entries = 2,
                              .inner_map_fd = static_cast<uint32_t>(inner)});
  ASSERT_GE(outer, 0);
  Put(inner, 1, 10);
  uint32_t index = 0;
  EXPECT_EQ(Update(outer, &index, &inner), 0);
  close(inner);
  uint32_t shown = 0;
  EXPECT_EQ(Lookup(outer, &index, &shown), 0);
  EXPECT_EQ(shown, id);
  const int again = static_cast<int>(FdById(id));
  ASSERT_GE(again, 0);
  EXPECT_EQ(ValueOf(again, 1), 10u);
  close(again);
  EXPECT_EQ(Delete(outer, &index), 0);
  EXPECT_TRUE(IsLetGo(id));
  close(outer);
}

TEST(BpfSyscallTest, PinKeepsMapAndDescriptorsOfItHaveTheirRights) {
  int fd = CreateFd(kHash);
  const uint32_t id = IdOf(fd);
  Put(fd, 1, 10);
  EXPECT_EQ(Pin(fd, "/sys/fs/bpf/test_pin"), 0);
  EXPECT_EQ(Pin(fd, "/sys/fs/bpf//./test_pin"), -EEXIST);
  close(fd);
  fd = static_cast<int>(Get("/sys/fs/bpf/test_pin", kRdOnly));
  ASSERT_GE(fd, 0);
  EXPECT_EQ(IdOf(fd), id);
  EXPECT_EQ(ValueOf(fd, 1), 10u);
  EXPECT_EQ(Put(fd, 1, 11), -EPERM);
  EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  close(fd);
}

TEST(BpfSyscallTest, NamesOfPinsHaveNoDots) {
  const int fd = CreateFd(kHash);
  EXPECT_EQ(Pin(fd, "/sys/fs/bpf/test_dots"), 0);
  EXPECT_EQ(Pin(fd, "/sys/fs/bpf/test.dots"), -EPERM);
  EXPECT_EQ(Pin(fd, "/sys/fs/bpf/no.place/pin"), -EPERM);
  EXPECT_EQ(Pin(fd, "/sys/fs/bpf/no_place/p.in"), -ENOENT);
  EXPECT_EQ(Pin(fd, "/sys/fs/bpf/test_dots/pin"), -ENOTDIR);
  EXPECT_EQ(Get("/sys/fs/bpf/test.dots"), -EPERM);
  EXPECT_EQ(Get("/sys/fs/bpf/no.place/pin"), -EPERM);
  EXPECT_EQ(Get("/sys/fs/bpf/no_place/p.in"), -ENOENT);
  EXPECT_EQ(Get("/sys/fs/bpf/test_dots/p.in"), -ENOTDIR);
  ProcessPins& pins = ProcessPins::Global();
  EXPECT_EQ(pins.Unlink("/sys/fs/bpf/test.dots"), -EPERM);
  EXPECT_EQ(pins.MakeDirectory("/sys/fs/bpf/no.place/pins"), -EPERM);
  EXPECT_EQ(pins.Unlink("/sys/fs/bpf/test_dots"), 0);
  close(fd);
}

TEST(BpfSyscallTest, ChildHasCopy) {
  const int fd = CreateFd(kHash);
  Put(fd, 1, 10);
  const uint32_t id = IdOf(fd);
  const pid_t child = fork();
  if (child == 0) {
    bool good = ValueOf(fd, 1) == 10 && Put(fd, 1, 11) == 0;
    const int mine = CreateFd(kHash);
    good = good && mine >= 0 && IdOf(fd) == id;
    const uint32_t mine_id = IdOf(mine);
    close(mine);
    good = good && IsLetGo(mine_id);
    _exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ValueOf(fd, 1), 10u);
  close(fd);
  EXPECT_TRUE(IsLetGo(id));
}

TEST(BpfSyscallTest, ProgramMayCloseAllDescriptors) {
  close(CreateFd(kHash));
  const pid_t child = fork();
  if (child == 0) {
    // In there are some of this library.
    const int before = CreateFd(kHash);
    syscall(SYS_close_range, 3, ~0U, 0);
    bool good = before >= 0 && Put(before, 1, 1) == -EBADF;
    for (const MapDef& def : {kHash, kMapped}) {
      const int fd = CreateFd(def);
      good = good && fd >= 0 && Put(fd, 1, 10) == 0 && ValueOf(fd, 1) == 10;
      const uint32_t id = IdOf(fd);
      close(fd);
      good = good && IsLetGo(id);
    }
    _exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

bool HasKey(int fd, uint32_t key) {
  uint64_t value;
  return Lookup(fd, &key, &value) == 0;
}

ino_t InodeOf(int fd) {
  struct stat status;
  EXPECT_EQ(fstat(fd, &status), 0);
  return status.st_ino;
}

int OpenAgain(int fd, int flags) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return open(path.c_str(), flags | O_CLOEXEC);
}

// Creates maps and closes them, so that files of maps are used again.
void CreateAndCloseMany() {
  for (int i = 0; i < 20; ++i) {
    const int fd = CreateFd(kHash);
    EXPECT_FALSE(HasKey(fd, 1));
    EXPECT_EQ(Put(fd, 1, 99), 0);
    close(fd);
  }
}

TEST(BpfSyscallTest, FilesOfClosedMapsAreUsedAgain) {
  std::set<ino_t> inodes;
  for (int i = 0; i < 50; ++i) {
    const int fd = CreateFd(kHash);
    const uint32_t id = IdOf(fd);
    inodes.insert(InodeOf(fd));
    EXPECT_FALSE(HasKey(fd, 1));
    EXPECT_EQ(Put(fd, 1, 99), 0);
    close(fd);
    EXPECT_TRUE(IsLetGo(id));
  }
  EXPECT_LT(inodes.size(), 10u);
}

TEST(BpfSyscallTest, OpeningThatIsClosedLeavesOthersTheirMap) {
  for (const int flags : {O_RDONLY, O_RDWR}) {
    const int fd = CreateFd(kHash);
    ASSERT_EQ(Put(fd, 1, 10), 0);
    const int copy = dup(fd);
    close(fd);
    close(OpenAgain(copy, flags));
    CreateAndCloseMany();
    EXPECT_EQ(ValueOf(copy, 1), 10u);
    const uint32_t id = IdOf(copy);
    close(copy);
    EXPECT_TRUE(IsLetGo(id));
  }
}

TEST(BpfSyscallTest, OpeningMadeByProgramKeepsMap) {
  for (const int flags : {O_RDONLY, O_RDWR}) {
    const int fd = CreateFd(kHash);
    ASSERT_EQ(Put(fd, 1, 10), 0);
    const int again = OpenAgain(fd, flags);
    ASSERT_GE(again, 0);
    close(fd);
    CreateAndCloseMany();
    EXPECT_EQ(ValueOf(again, 1), 10u);
    const uint32_t id = IdOf(again);
    close(again);
    EXPECT_TRUE(IsLetGo(id));
  }
}

// It would take a descriptor that the parent sends it for its own copy's.
TEST(BpfSyscallTest, FileThatChildKnowsIsNotUsedAgain) {
  CreateAndCloseMany();
  const int fd = CreateFd(kHash);
  const uint32_t id = IdOf(fd);
  const ino_t inode = InodeOf(fd);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  close(fd);
  EXPECT_TRUE(IsLetGo(id));
  for (int i = 0; i < 20; ++i) {
    const int later = CreateFd(kHash);
    EXPECT_NE(InodeOf(later), inode);
    close(later);
  }
}

TEST(BpfSyscallTest, ChildKeepsNoFileThatParentMayUseAgain) {
  const int fd = CreateFd(kHash);
  const uint32_t id = IdOf(fd);
  int done[2];
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(fd);
    close(done[1]);
    char byte;
    _exit(static_cast<int>(read(done[0], &byte, 1)));
  }
  close(done[0]);
  close(fd);
  // The child closes its copy of the descriptor at any time.
  for (int i = 0; i < 10'000 && !IsLetGo(id); ++i) sched_yield();
  EXPECT_TRUE(IsLetGo(id));
  close(done[1]);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// As Linux says where no such descriptor is a token's.
TEST(BpfSyscallTest, DescriptorThatIsNoTokenIsRefused) {
  const int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int path = open("/dev/null", O_PATH | O_CLOEXEC);
  const std::pair<int, long> answers[] = {
      {other, -EINVAL}, {path, -EBADF}, {9999, -EBADF}};
  for (const auto& [fd, answer] : answers) {
    bpf_attr attr = CreateAttr(kHash);
    attr.map_flags = ToNumber(kTokenFd);
    std::memcpy(reinterpret_cast<char*>(&attr) + kTokenFdAt, &fd, sizeof fd);
    EXPECT_EQ(BpfSyscall(BPF_MAP_CREATE, &attr, sizeof attr), answer);
    attr = ZeroedAttr();
    attr.btf_id = 1;
    attr.open_flags = ToNumber(kTokenFd);
    std::memcpy(reinterpret_cast<char*>(&attr) + kBtfByIdTokenAt, &fd,
                sizeof fd);
    EXPECT_EQ(BpfSyscall(BPF_BTF_GET_FD_BY_ID, &attr, sizeof attr), answer);
  }
  close(other);
  close(path);
}

TEST(BpfSyscallTest, ThereAreNoLinks) {
  bpf_attr attr = ZeroedAttr();
  EXPECT_EQ(Call(BPF_LINK_GET_NEXT_ID, &attr), -ENOENT);
  attr.start_id = 0x7fffffff;
  EXPECT_EQ(Call(BPF_LINK_GET_NEXT_ID, &attr), -EINVAL);
  attr = ZeroedAttr();
  attr.link_id = 1;
  EXPECT_EQ(Call(BPF_LINK_GET_FD_BY_ID, &attr), -ENOENT);
  attr.next_id = 1;
  EXPECT_EQ(Call(BPF_LINK_GET_FD_BY_ID, &attr), -EINVAL);
}

}  // namespace
}  // namespace bpfmap
