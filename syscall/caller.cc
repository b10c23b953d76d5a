// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/caller.h"

#include <utility>

namespace bpfmap {
namespace {

constinit thread_local Caller* other = nullptr;

}  // namespace

Caller* Caller::Other() { return other; }

ScopedCaller::ScopedCaller(Caller* caller)
    : previous_(std::exchange(other, caller)) {}

ScopedCaller::~ScopedCaller() { other = previous_; }

}  // namespace bpfmap
