// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/world.h"

#include <cstring>
#include <utility>

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
