// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/call_threads.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace bpfmap {
namespace {

// Threads at most: callers whose calls take long, at once.
constexpr std::size_t kMost = 512;
constexpr int kBetweenLooks = 1;  // milliseconds
// Looks after which there is nothing to watch, or a thread too many.
constexpr int kLooksToSleep = 20;
constexpr int kLooksToEndOne = 50;

// Ends a wait for calls. It does nothing else, and is ignored where it comes
// too late.
constexpr int kInterrupt = SIGURG;

void HandleInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(kInterrupt, &action, nullptr);
}

int MostAtWork() {
  return std::max(2, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

CallThreads::CallThreads(std::shared_ptr<Listener> listener, Answer answer)
    : listener_(std::move(listener)),
      answer_(std::move(answer)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

CallThreads::~CallThreads() {
  if (wake_fd_ >= 0) close(wake_fd_);
}

void CallThreads::Run(const std::shared_ptr<Listener>& listener,
                      Answer answer) {
  HandleInterrupts();
  const auto threads =
      std::make_shared<CallThreads>(listener, std::move(answer));
  // Without any other, this one answers, one call after the other.
  if (!threads->Add()) {
    Thread self;
    return threads->Work(&self);
  }
  threads->Watch();
  threads->EndThreads();
}

bool CallThreads::Add() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (threads_.size() >= kMost) return false;
  const auto thread = threads_.emplace(threads_.end());
  try {
    std::thread([self = shared_from_this(), thread] {
      self->Work(&*thread);
      const std::lock_guard<std::mutex> lock(self->mutex_);
      self->threads_.erase(thread);
      self->ended_.notify_all();
    }).detach();
    return true;
  } catch (const std::system_error&) {
    threads_.erase(thread);
    return false;
  }
}

void CallThreads::Work(Thread* self) {
  self->number = static_cast<pid_t>(syscall(SYS_gettid));
  Notification call;
  while (listener_->Receive(&call)) {
    // In this order, which pairs with that of MaySleep().
    ++self->turns;
    if (watch_sleeps_) WakeWatch();
    try {
      answer_(*listener_, call);
    } catch (const std::bad_alloc&) {
      // A caller may ask for more than there is.
      listener_->Answer(call, -ENOMEM);
    }
    ++self->turns;
    if (TakeSurplus()) break;
  }
}

void CallThreads::WakeWatch() {
  if (watch_sleeps_.exchange(false)) eventfd_write(wake_fd_, 1);
}

bool CallThreads::TakeSurplus() {
  int surplus = surplus_.load(std::memory_order_relaxed);
  while (surplus > 0) {
    if (surplus_.compare_exchange_weak(surplus, surplus - 1)) return true;
  }
  return false;
}

void CallThreads::Watch() {
  for (bool sleeps = false; Wait(sleeps ? -1 : kBetweenLooks);) {
    watch_sleeps_ = false;
    LookAfterThreads();
    sleeps = MaySleep();
  }
}

bool CallThreads::Wait(int milliseconds) {
  // poll(2) passes over a descriptor below 0.
  pollfd waits[] = {{listener_->fd(), 0, 0}, {wake_fd_, POLLIN, 0}};
  if (poll(waits, 2, milliseconds) <= 0) return true;
  if (waits[1].revents != 0) {
    eventfd_t count;
    eventfd_read(wake_fd_, &count);
  }
  return waits[0].revents == 0;
}

void CallThreads::LookAfterThreads() {
  const Look look = LookAtThreads();
  looks_without_call_ = look.moved ? 0 : looks_without_call_ + 1;
  if (look.able == 0) {
    Add();
    return;
  }
  pollfd calls = {listener_->fd(), POLLIN, 0};
  const bool has_backlog = look.all_at_work && poll(&calls, 1, 0) > 0 &&
                           (calls.revents & POLLIN) != 0;
  looks_with_backlog_ = has_backlog ? looks_with_backlog_ + 1 : 0;
  looks_without_backlog_ = has_backlog ? 0 : looks_without_backlog_ + 1;
  if (looks_with_backlog_ > 1 && look.able < MostAtWork()) {
    surplus_ = 0;
    Add();
    looks_with_backlog_ = 0;
  } else if (looks_without_backlog_ > kLooksToEndOne && look.able > 1) {
    surplus_ = 1;
    looks_without_backlog_ = 0;
  }
}

CallThreads::Look CallThreads::LookAtThreads() {
  Look look;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Thread& thread : threads_) {
    const uint64_t turns = thread.turns;
    const bool is_at_work = turns % 2 != 0;
    const bool has_moved = turns != std::exchange(thread.seen, turns);
    look.able += !is_at_work || has_moved ? 1 : 0;
    look.all_at_work &= is_at_work;
    look.moved |= has_moved;
  }
  return look;
}

bool CallThreads::MaySleep() {
  if (wake_fd_ < 0 || looks_without_call_ < kLooksToSleep) return false;
  watch_sleeps_ = true;
  // A call that came before that woke nobody: it is seen here.
  const Look look = LookAtThreads();
  if (!look.moved && look.able > 0) return true;
  looks_without_call_ = 0;
  watch_sleeps_ = false;
  return false;
}

// Kernels before 6.11 leave those that wait for calls where they are.
void CallThreads::EndThreads() {
  constexpr int kTries = 100;
  std::unique_lock<std::mutex> lock(mutex_);
  for (int i = 0; i < kTries && !threads_.empty(); ++i) {
    ended_.wait_for(lock, std::chrono::milliseconds(1));
    for (const Thread& thread : threads_) {
      // None has the number of one that has ended: those are not in the list.
      if (const pid_t number = thread.number; number != 0) {
        syscall(SYS_tgkill, getpid(), number, kInterrupt);
      }
    }
  }
}

}  // namespace bpfmap
