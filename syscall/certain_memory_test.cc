// SPDX-License-Identifier: Apache-2.0

// Bad addresses are EFAULT, and good ones cost one system call, wherever they
// are and whatever the program does with its memory.

#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <thread>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/bpf_call.h"
#include "gtest/gtest.h"

namespace bpfmap {
namespace {

constexpr std::size_t kPage = 4096;
constexpr uint32_t kKey = 1;
constexpr uint64_t kValue = 10;

// Pages of the executable.
alignas(kPage) char pages[4 * kPage] = {1};
uint64_t global_value;
const uint64_t constant_value = kValue;

class CertainMemoryTest : public testing::Test {
 public:
  CertainMemoryTest() : fd_(CreateFd(kHash)) { Update(fd_, &kKey, &kValue); }
  ~CertainMemoryTest() override { close(fd_); }

  // The attribute is in the caller's stack; the value at `value`.
  long LookupTo(void* value) const { return Lookup(fd_, &kKey, value); }
  long UpdateFrom(const void* value) const { return Update(fd_, &kKey, value); }

  const int fd_;
};

// Runs `test` in a child, whose memory is its own. It returns whether all is
// well.
template <typename Test>
void ExpectInChild(Test test) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(test() ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// From now on any system call but lseek(2) ends the process.
bool AllowSeeksOnly() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_lseek, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof code / sizeof code[0], code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(CertainMemoryTest, CommandOnElementIsOneSystemCall) {
  const auto heap = std::make_unique<uint64_t>(kValue);
  const int mapped = CreateFd(kMapped);
  ExpectInChild([&] {
    uint64_t stack = 0;
    LookupTo(&stack);  // from here on the stack is known
    if (!AllowSeeksOnly()) return false;
    for (uint64_t* const value : {&stack, heap.get(), &global_value}) {
      *value = 0;
      if (LookupTo(value) != 0 || *value != kValue) return false;
      if (UpdateFrom(value) != 0) return false;
      if (Lookup(mapped, &kKey, value) != 0) return false;
    }
    uint32_t next;
    bpf_attr attr = ZeroedAttr();
    attr.map_fd = static_cast<uint32_t>(fd_);
    attr.next_key = Address(&next);
    return UpdateFrom(&constant_value) == 0 &&
           Call(BPF_MAP_GET_NEXT_KEY, &attr) == 0 && next == kKey &&
           Delete(fd_, &kKey) == 0;
  });
  close(mapped);
}

TEST_F(CertainMemoryTest, ConstantsAreRead) {
  EXPECT_EQ(UpdateFrom(&constant_value), 0);
  EXPECT_EQ(LookupTo(const_cast<uint64_t*>(&constant_value)), -EFAULT);
}

TEST_F(CertainMemoryTest, ProtectedPageIsFault) {
  ExpectInChild([this] {
    return LookupTo(pages) == 0 && mprotect(pages, kPage, PROT_READ) == 0 &&
           LookupTo(pages) == -EFAULT && UpdateFrom(pages) == 0 &&
           mprotect(pages, kPage, PROT_NONE) == 0 &&
           UpdateFrom(pages) == -EFAULT &&
           LookupTo(pages + kPage - 4) == -EFAULT &&
           LookupTo(pages + kPage) == 0;
  });
}

TEST_F(CertainMemoryTest, CallsByNumberTakeMemoryAwayToo) {
  ExpectInChild([this] {
    return LookupTo(pages) == 0 && syscall(SYS_munmap, pages, kPage) == 0 &&
           LookupTo(pages) == -EFAULT && LookupTo(pages + kPage) == 0;
  });
}

TEST_F(CertainMemoryTest, UnmappedPageIsFault) {
  ExpectInChild([this] {
    return munmap(pages, kPage) == 0 && LookupTo(pages) == -EFAULT;
  });
}

TEST_F(CertainMemoryTest, ReplacedPageIsFault) {
  ExpectInChild([this] {
    return mmap(pages + kPage, kPage, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED &&
           LookupTo(pages + kPage) == -EFAULT;
  });
}

TEST_F(CertainMemoryTest, MovedPageIsFault) {
  ExpectInChild([this] {
    void* const moved = mremap(pages, kPage, 2 * kPage, MREMAP_MAYMOVE);
    return moved != MAP_FAILED && moved != pages &&
           LookupTo(pages) == -EFAULT && LookupTo(moved) == 0;
  });
}

TEST_F(CertainMemoryTest, PageThatChildDoesNotGetIsFault) {
  ExpectInChild([this] {
    if (madvise(pages, kPage, MADV_DONTFORK) != 0) return false;
    const pid_t child = fork();
    if (child == 0) _exit(LookupTo(pages) == -EFAULT ? 0 : 1);
    int status = -1;
    return waitpid(child, &status, 0) == child && status == 0 &&
           LookupTo(pages) == 0;
  });
}

TEST_F(CertainMemoryTest, ProtectedPartOfStackIsFault) {
  ExpectInChild([this] {
    alignas(kPage) char on_stack[3 * kPage];
    char* const page = on_stack + kPage;
    return LookupTo(page) == 0 && mprotect(page, kPage, PROT_NONE) == 0 &&
           LookupTo(page) == -EFAULT &&
           mprotect(page, kPage, PROT_READ | PROT_WRITE) == 0 &&
           LookupTo(page) == 0;
  });
}

TEST_F(CertainMemoryTest, EndOfBreakIsFault) {
  ExpectInChild([this] {
    auto* const end = static_cast<char*>(sbrk(0));
    if (LookupTo(end) != -EFAULT || LookupTo(end - 4) != -EFAULT) return false;
    if (LookupTo(end - 8) != 0) return false;
    if (sbrk(kPage) != end || LookupTo(end) != 0) return false;
    if (sbrk(-static_cast<intptr_t>(kPage)) != end + kPage) return false;
    return LookupTo(end) == -EFAULT;
  });
}

TEST_F(CertainMemoryTest, ThreadsUseTheirStacks) {
  std::thread([this] {
    uint64_t value = 0;
    EXPECT_EQ(LookupTo(&value), 0);
    EXPECT_EQ(value, kValue);
    uint64_t of_another = 0;
    std::thread([&] { EXPECT_EQ(LookupTo(&of_another), 0); }).join();
    EXPECT_EQ(of_another, kValue);
  }).join();
}

TEST_F(CertainMemoryTest, GuardOfThreadsStackIsFault) {
  std::thread([this] {
    pthread_attr_t attr;
    ASSERT_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    void* start = nullptr;
    std::size_t size = 0;
    std::size_t guard = 0;
    ASSERT_EQ(pthread_attr_getstack(&attr, &start, &size), 0);
    ASSERT_EQ(pthread_attr_getguardsize(&attr, &guard), 0);
    pthread_attr_destroy(&attr);
    uint64_t value;
    EXPECT_EQ(LookupTo(&value), 0);
    // Its end: some say that it lies in the stack, and others below.
    EXPECT_EQ(LookupTo(static_cast<char*>(start) - 8), -EFAULT);
  }).join();
}

TEST_F(CertainMemoryTest, MemoryOfThreadThatEndedIsFault) {
  void* stack = mmap(nullptr, 16 * kPage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(stack, MAP_FAILED);
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  ASSERT_EQ(pthread_attr_setstack(&attr, stack, 16 * kPage), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, &attr,
                [](void* self) -> void* {
                  uint64_t value;
                  static_cast<CertainMemoryTest*>(self)->LookupTo(&value);
                  return nullptr;
                },
                this),
            0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attr);
  munmap(stack, 16 * kPage);
  EXPECT_EQ(LookupTo(stack), -EFAULT);
}

// A stack of the program's own making.
ucontext_t of_main, of_context;
bool context_did_well = false;

TEST_F(CertainMemoryTest, ContextsHaveOtherStacks) {
  auto* const stack =
      static_cast<char*>(mmap(nullptr, 32 * kPage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(stack, MAP_FAILED);
  ASSERT_EQ(munmap(stack + 31 * kPage, kPage), 0);
  ASSERT_EQ(getcontext(&of_context), 0);
  of_context.uc_stack.ss_sp = stack;
  of_context.uc_stack.ss_size = 31 * kPage;
  of_context.uc_link = &of_main;
  static char* end;
  end = stack + 31 * kPage;
  static const CertainMemoryTest* test;
  test = this;
  static bool (*run)() = [] {
    uint64_t value = 0;
    return test->LookupTo(&value) == 0 && value == kValue &&
           test->LookupTo(end) == -EFAULT && test->LookupTo(end - 4) == -EFAULT;
  };
  makecontext(
      &of_context, [] { context_did_well = run(); }, 0);
  ASSERT_EQ(swapcontext(&of_main, &of_context), 0);
  EXPECT_TRUE(context_did_well);
  munmap(stack, 31 * kPage);
}

TEST_F(CertainMemoryTest, SignalHandlersMayCall) {
  alignas(16) static char alternate[64 * 1024];
  stack_t stack = {};
  stack.ss_sp = alternate;
  stack.ss_size = sizeof alternate;
  ASSERT_EQ(sigaltstack(&stack, nullptr), 0);
  static const CertainMemoryTest* test;
  static uint64_t found;
  static long bad;
  test = this;
  struct sigaction action = {};
  action.sa_flags = SA_ONSTACK;
  action.sa_handler = [](int) {
    uint64_t value = 0;
    test->LookupTo(&value);
    found = value;
    bad = test->LookupTo(nullptr);
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  raise(SIGUSR1);
  EXPECT_EQ(found, kValue);
  EXPECT_EQ(bad, -EFAULT);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
}

// Calls deep in the stack.
long LookupAtDepth(int fd, int depth) {
  volatile char frame[8 * kPage];
  frame[0] = 0;
  if (depth > 0) return LookupAtDepth(fd, depth - 1) + frame[0];
  uint64_t value = 0;
  const long error = Lookup(fd, &kKey, &value);
  return value == kValue ? error : -1;
}

TEST_F(CertainMemoryTest, StackMayGrowAndItsLimitShrink) {
  ExpectInChild([this] {
    if (LookupAtDepth(fd_, 0) != 0 || LookupAtDepth(fd_, 40) != 0) return false;
    const rlimit limit = {64 * 1024, 64 * 1024};
    uint64_t value = 0;
    return setrlimit(RLIMIT_STACK, &limit) == 0 && LookupTo(&value) == 0 &&
           LookupAtDepth(fd_, 40) == 0;
  });
}

TEST_F(CertainMemoryTest, MemoryOfClosedLibraryIsFault) {
  // A library that nothing else here has use for.
  void* const library = dlopen("libBrokenLocale.so.1", RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  void* const inside = dlsym(library, "__ctype_get_mb_cur_max");
  ASSERT_NE(inside, nullptr);
  EXPECT_EQ(UpdateFrom(inside), 0);
  ASSERT_EQ(dlclose(library), 0);
  EXPECT_EQ(UpdateFrom(inside), -EFAULT);
}

TEST_F(CertainMemoryTest, TakingMemoryAwayWaitsForCopies) {
  const auto test = [this] {
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::atomic<int> calls{0};
    std::thread user([&] {
      while (!stop) {
        const long to = LookupTo(pages);
        const long from = UpdateFrom(pages);
        if (to != 0 && to != -EFAULT) ++wrong;
        if (from != 0 && from != -EFAULT) ++wrong;
        ++calls;
      }
    });
    while (calls < 100) std::this_thread::yield();
    for (int i = 0; i < 10; ++i) {
      mprotect(pages, kPage, PROT_NONE);
      mprotect(pages, kPage, PROT_READ | PROT_WRITE);
    }
    stop = true;
    user.join();
    return wrong == 0;
  };
  // The first time counts: later the page is not certain any more.
  for (int i = 0; i < 20; ++i) ExpectInChild(test);
}

TEST_F(CertainMemoryTest, OtherOpeningsAndNumbersAreTold) {
  const int other = CreateFd(kHash);
  uint64_t value = 0;
  EXPECT_EQ(Lookup(other, &kKey, &value), -ENOENT);
  ASSERT_EQ(dup2(fd_, other), other);
  EXPECT_EQ(Lookup(other, &kKey, &value), 0);
  // A position of the program's own takes nothing but time.
  ASSERT_EQ(lseek(other, 5, SEEK_SET), 5);
  EXPECT_EQ(Lookup(fd_, &kKey, &value), 0);
  ASSERT_GE(dup2(STDIN_FILENO, other), 0);
  EXPECT_EQ(Lookup(other, &kKey, &value), -EINVAL);
  close(other);
  EXPECT_EQ(Lookup(other, &kKey, &value), -EBADF);
  const int read_only = [] {
    MapDef def = kHash;
    def.map_flags = kRdOnly;
    return CreateFd(def);
  }();
  EXPECT_EQ(Lookup(read_only, &kKey, &value), -ENOENT);
  EXPECT_EQ(Update(read_only, &kKey, &value), -EPERM);
  close(read_only);
}

}  // namespace
}  // namespace bpfmap
