// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/system_world.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/cgroup.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

clockid_t ClockId(World::Clock clock) {
  switch (clock) {
    case World::Clock::kBoot:
      return CLOCK_BOOTTIME;
    case World::Clock::kCoarse:
      return CLOCK_MONOTONIC_COARSE;
    case World::Clock::kTai:
      return CLOCK_TAI;
    case World::Clock::kReal:
      return CLOCK_REALTIME;
    case World::Clock::kMonotonic:
      break;
  }
  return CLOCK_MONOTONIC;
}

// As large as that of most programs is.
constexpr std::size_t kPacketMemory = 128 << 10;

// The packet that this thread freed last, of kPacketMemory bytes: to map one
// takes longer than most programs run.
struct KeptPacket {
  void* start = nullptr;

  ~KeptPacket() {
    if (start != nullptr) munmap(start, kPacketMemory);
  }
};
thread_local KeptPacket kept_packet;

}  // namespace

uint64_t SystemWorld::Now(Clock clock) {
  struct timespec now;
  clock_gettime(ClockId(clock), &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(now.tv_nsec);
}

Task SystemWorld::CurrentTask() {
  if (Caller* const caller = Caller::Other()) return caller->CurrentTask();
  Task current;
  current.pid = static_cast<uint32_t>(::syscall(SYS_gettid));
  current.tgid = static_cast<uint32_t>(getpid());
  current.uid = getuid();
  current.gid = getgid();
  prctl(PR_GET_NAME, current.comm);
  return current;
}

// Handlers of this process run while a program does.
bool SystemWorld::Interrupted() {
  Caller* const caller = Caller::Other();
  return caller != nullptr && caller->Interrupted();
}

uint32_t SystemWorld::Random() {
  uint32_t number = 0;
  if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) {
    return World::Random();
  }
  return number;
}

// The function has no caller whom an errno could tell.
void SystemWorld::TimerFaulted(const std::string& sentence) {
  std::fprintf(stderr, "bpfmap: a timer: %s\n", sentence.c_str());
}

void SystemWorld::Print(std::string_view line) {
  const char* const path = std::getenv("BPFMAP_TRACE");
  if (path == nullptr || *path == 0) return;
  const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return;
  std::string text(line);
  if (text.empty() || text.back() != '\n') text.push_back('\n');
  // In one piece, so that lines of several threads do not mix.
  [[maybe_unused]] const ssize_t written = write(fd, text.data(), text.size());
  close(fd);
}

bool SystemWorld::UnderCgroup(uint32_t cgroup) {
  return IsUnderCgroup(static_cast<pid_t>(CurrentTask().tgid), cgroup);
}

Errno SystemWorld::ReadKernel(uint64_t address, void* to, std::size_t size) {
  return CopyFromUser(to, address, size) ? Errno::kOk : Errno::kFault;
}

Errno SystemWorld::ReadUser(uint64_t address, void* to, std::size_t size) {
  return CopyFromUser(to, address, size) ? Errno::kOk : Errno::kFault;
}

Errno SystemWorld::WriteUser(uint64_t address, const void* from,
                             std::size_t size) {
  return CopyToUser(address, from, size) ? Errno::kOk : Errno::kFault;
}

void* SystemWorld::AllocatePacket(std::size_t size) {
  if (size <= kPacketMemory && kept_packet.start != nullptr) {
    return std::exchange(kept_packet.start, nullptr);
  }
#ifdef MAP_32BIT
  void* const packet =
      mmap(nullptr, std::max(size, kPacketMemory), PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  return packet == MAP_FAILED ? nullptr : packet;
#else
  return nullptr;
#endif
}

void SystemWorld::FreePacket(void* packet, std::size_t size) {
  if (size <= kPacketMemory && kept_packet.start == nullptr) {
    kept_packet.start = packet;
  } else {
    munmap(packet, std::max(size, kPacketMemory));
  }
}

}  // namespace bpfmap
