// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/world.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "bpfmap/programs/misuse.h"

namespace bpfmap {
namespace {

thread_local World* current = nullptr;

}  // namespace

// A test that reads the clock while it runs gets what has passed until then.
uint64_t WorldClock::now() const {
  if (!runs_) return now_ns_;
  const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::steady_clock::now() - started_);
  return now_ns_ + static_cast<uint64_t>(passed.count());
}

// A function that starts its timer for now each time it fires would keep the
// clock where it is.
constexpr int kMostFirings = 1'000'000;

void WorldClock::MoveTo(uint64_t time) {
  now_ns_ = now();
  const bool ran = std::exchange(runs_, false);
  Timers& timers = world_.timers();
  for (int fired = 0; timers.any() && timers.NextTime() <= time; ++fired) {
    if (fired == kMostFirings) {
      world_.TimerFaulted(
          "timers fired 1000000 times while the clock was moved once");
      break;
    }
    now_ns_ = std::max(now_ns_, timers.NextTime());
    if (!timers.FireNext(world_, time)) break;
  }
  now_ns_ = time;
  runs_ = ran;
  started_ = std::chrono::steady_clock::now();
}

void WorldClock::Run() {
  now_ns_ = now();
  started_ = std::chrono::steady_clock::now();
  runs_ = true;
}

World::World() : is_current_(true), previous_(current) { current = this; }

// Worlds need not end in the order in which they began.
World::~World() {
  if (!is_current_) return;
  World** at = &current;
  while (*at != nullptr && *at != this) at = &(*at)->previous_;
  if (*at == this) *at = previous_;
}

World* World::Current() { return current; }

void World::FireTimers() {
  if (!timers().any()) return;
  // Those that are started while these fire wait for the next time.
  const uint64_t order = timers().order();
  while (timers().FireNext(*this, Now(Clock::kMonotonic), order)) {
  }
}

void World::TimerFaulted(const std::string& sentence) {
  timer_faults.push_back(sentence);
  Misuse(sentence);
}

void World::OnHelper(uint32_t number, HelperFunction function) {
  has_own_helpers_ = true;
  functions_[number] = std::move(function);
}

void World::OnKernelFunction(std::string name, HelperFunction function) {
  has_own_helpers_ = true;
  kernel_functions_[std::move(name)] = std::move(function);
}

bool World::CallOwnFunction(const std::string& name, HelperCall& call,
                            uint64_t* result) {
  if (helpers_of_ != nullptr) {
    return helpers_of_->CallOwnFunction(name, call, result);
  }
  const auto own = kernel_functions_.find(name);
  if (own == kernel_functions_.end()) return false;
  *result = own->second(call);
  return true;
}

bool World::FindMemory(uint64_t address, uint64_t* base, uint64_t* size) const {
  for (const Range& range : memory_) {
    if (address - range.address >= range.size) continue;
    *base = range.address;
    *size = range.size;
    return true;
  }
  return false;
}

void World::Fail(uint32_t number, int nth, Errno error, std::string map) {
  has_own_helpers_ = true;
  failures_.push_back({number, nth, error, std::move(map)});
}

uint64_t World::AddBytes(std::span<const uint8_t> bytes) {
  copies_.emplace_back(bytes.begin(), bytes.end());
  AddMemory(copies_.back().data(), bytes.size());
  return reinterpret_cast<uintptr_t>(copies_.back().data());
}

uint64_t World::AddText(std::string_view text) {
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.push_back(0);
  return AddBytes(bytes);
}

Errno World::Path(uint64_t address, std::string* path) {
  const auto found = paths_.find(address);
  if (found == paths_.end()) return Errno::kFault;
  *path = found->second;
  return Errno::kOk;
}

void* World::RunStorage(const void* map, int cpu, uint32_t size) {
  std::vector<uint64_t>& words = storage_[{map, cpu}];
  const std::size_t needed = (std::size_t{size} + 7) / 8;
  // Another map may have had the address.
  if (words.size() != needed) words.assign(needed, 0);
  return words.data();
}

void World::Redirected(uint32_t index, uint64_t flags,
                       std::span<const uint8_t> packet) {
  redirected.push_back({index, flags, {packet.begin(), packet.end()}});
}

void World::Cloned(uint32_t index, uint64_t flags,
                   std::span<const uint8_t> packet) {
  cloned.push_back({index, flags, {packet.begin(), packet.end()}});
}

// Marsaglia, "Xorshift RNGs" (2003).
uint32_t World::Random() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return static_cast<uint32_t>(random_state >> 32);
}

Errno World::ReadKernel(uint64_t address, void* to, std::size_t size) {
  for (const Range& range : memory_) {
    const uint64_t offset = address - range.address;
    if (offset > range.size || size > range.size - offset) continue;
    std::memcpy(to,
                reinterpret_cast<const void*>(static_cast<uintptr_t>(address)),
                size);
    return Errno::kOk;
  }
  return Errno::kFault;
}

Errno World::ReadUser(uint64_t address, void* to, std::size_t size) {
  return ReadKernel(address, to, size);
}

Errno World::WriteUser(uint64_t, const void*, std::size_t) {
  return Errno::kFault;
}

}  // namespace bpfmap
